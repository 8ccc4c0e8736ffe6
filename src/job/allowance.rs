//! Who may linger: `--allow`, and what those have started.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::allow::Allow;
use crate::procfs::Proc;
use crate::procfs::stat::{Identity, Stat};
use crate::survey::{self, Patience, Reading};

/// How long one look may read command lines: a signal may be waiting for the answer.
const PATIENCE: Patience =
    Patience { each: Duration::from_millis(40), all: Duration::from_millis(200) };

/// For how long the command line of a process may be too slow to be read, or not there, before it counts
/// as not allowed. On a busy machine a daemon must not die because its name took long to read; and
/// one that never can be read must not live for that.
const DOUBT: Duration = Duration::from_secs(2);

/// Whether a process may linger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not.
    NotAllowed,
    /// Its command line could not be read yet. It is not signalled, and not taken for gone.
    Undecided,
}

/// The globs, and what has been found out with them.
#[derive(Debug, Default)]
pub struct Allowance {
    allow: Allow,
    /// Who was allowed once remains so, and so do the children of those.
    allowed: RefCell<HashSet<Identity>>,
    /// Since when a command line could not be read.
    unread: RefCell<HashMap<Identity, Instant>>,
}

impl Allowance {
    /// An allowance for those that the globs name.
    pub fn new(allow: Allow) -> Self {
        Self { allow, ..Self::default() }
    }

    /// Whether nobody is allowed.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty()
    }

    /// Whether this one was found to be allowed before.
    pub fn is_known(&self, stat: &Stat) -> bool {
        self.allowed.borrow().contains(&stat.identity())
    }

    /// Whether a process without a command line is named by what it is shown as.
    fn allows_name(&self, stat: &Stat) -> bool {
        self.allow.matches(&[stat.bracketed_name()])
    }

    /// Judges live processes, parents before children. Those that are not allowed are read anew each
    /// time: a process is its parent's copy first, and then becomes what is allowed.
    pub fn judge(&self, proc: &Proc, candidates: &[&Stat]) -> Vec<Verdict> {
        if self.is_empty() {
            return vec![Verdict::NotAllowed; candidates.len()];
        }
        let mut allowed = self.allowed.borrow_mut();
        let mut unread = self.unread.borrow_mut();
        let now = Instant::now();
        let mut to_ask: Vec<&Stat> = candidates.to_vec();
        to_ask.retain(|stat| !allowed.contains(&stat.identity()));
        // Those that were slow come last, so that they hold up nobody else.
        let since = |stat: &&Stat| unread.get(&stat.identity()).copied();
        to_ask.retain(|stat| since(stat).is_none_or(|since| now - since < DOUBT));
        to_ask.sort_unstable_by_key(since);
        let readings = survey::read(proc, &to_ask, PATIENCE, |stat: &Stat| {
            // In the midst of an execve(2) a process has none.
            let command = proc.command(stat).filter(|command| !command.is_empty())?;
            let is_blank = command.iter().all(String::is_empty);
            Some(if is_blank { self.allows_name(stat) } else { self.allow.matches(&command) })
        });
        let mut undecided = HashSet::new();
        for (stat, reading) in to_ask.into_iter().zip(readings) {
            match reading {
                Reading::Done(Some(true)) => {
                    allowed.insert(stat.identity());
                }
                Reading::Done(Some(false)) => {
                    unread.remove(&stat.identity());
                }
                Reading::Done(None) | Reading::TooLong => {
                    let since = *unread.entry(stat.identity()).or_insert(now);
                    if now - since < DOUBT {
                        undecided.insert(stat.identity());
                    } else if self.allows_name(stat) {
                        // It has no command line, and is called by what it is shown as.
                        allowed.insert(stat.identity());
                    }
                }
                Reading::NotTried => {
                    undecided.insert(stat.identity());
                }
            }
        }
        let mut allowed_here = HashSet::new();
        let mut verdict = |stat: &&Stat| {
            if allowed.contains(&stat.identity()) || allowed_here.contains(&stat.ppid) {
                allowed.insert(stat.identity());
                allowed_here.insert(stat.pid);
                Verdict::Allowed
            } else if undecided.contains(&stat.identity()) {
                Verdict::Undecided
            } else {
                Verdict::NotAllowed
            }
        };
        candidates.iter().map(&mut verdict).collect()
    }
}
