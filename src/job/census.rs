//! Who descends from us: who of them is of the job, who is allowed to linger, and what they are.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::strangers::Strangers;
use crate::allow::Allow;
use crate::policy::Target;
use crate::procfs::detail::{Detail, Observer};
use crate::procfs::stat::Stat;
use crate::procfs::{Pid, Proc};
use crate::record::{Place, Process};
use crate::survey::{self, Patience};
use crate::sys::process;

/// For what is only told: details are not worth waiting for.
pub const TO_TELL: Patience =
    Patience { each: Duration::from_millis(250), all: Duration::from_secs(1) };

/// For what decides who is killed: on a busy machine a daemon that is allowed must not die because
/// its name took too long to read.
const TO_DECIDE: Patience = Patience { each: Duration::from_secs(1), all: Duration::from_secs(4) };

/// Of how many processes that could not be read in time we read at least what answers at once.
const QUICK_LOOKS: usize = 100;

/// The system's `/proc`, unless it numbers processes as another pid namespace does.
pub fn trusted_proc() -> Option<Proc> {
    let proc = Proc::new("/proc");
    proc.speaks_our_numbers(process::own_pid()).then_some(proc)
}

/// What there is to know about our descendants, asked anew each time.
#[derive(Debug)]
pub struct Census {
    /// Opened when it is needed first, and `None` where there is none that can be trusted.
    proc: OnceCell<Option<Proc>>,
    strangers: Strangers,
    /// The hook while it runs, which is our child and yet not of the job.
    hook: Option<Pid>,
    leader: Pid,
    own_session: Pid,
    allow: Allow,
}

impl Census {
    /// The census of what descends from this leader.
    pub fn new(leader: Pid, strangers: Strangers, allow: Allow) -> Self {
        let own_session = process::own_session();
        Self { proc: OnceCell::new(), strangers, hook: None, leader, own_session, allow }
    }

    /// From now on this child of ours, with its group, is none of the command's; or it is again.
    pub fn set_hook(&mut self, hook: Option<Pid>) {
        self.hook = hook;
    }

    /// Whether this is the hook.
    pub fn is_hook(&self, pid: Pid) -> bool {
        self.hook == Some(pid)
    }

    /// `/proc`, where it can be read and believed.
    pub fn proc(&self) -> Option<&Proc> {
        self.proc.get_or_init(trusted_proc).as_ref()
    }

    /// Whether every child of ours is one that has to go, so that nobody needs to be looked at:
    /// there are no strangers, and nobody is allowed to stay.
    pub fn takes_all(&self, target: Target) -> bool {
        target == Target::Lingering && self.allow.is_empty() && self.has_no_strangers()
    }

    /// Whether all children are of the command.
    pub fn has_no_strangers(&self) -> bool {
        matches!(self.strangers, Strangers::None)
    }

    /// What descends from us and from no stranger, dead or alive. `None` where it cannot be seen.
    pub fn descendants(&self) -> Option<Vec<Stat>> {
        self.descendants_until(None)
    }

    /// The same as far as they are found until then.
    pub fn descendants_until(&self, until: Option<Instant>) -> Option<Vec<Stat>> {
        let goes_on = || until.is_none_or(|until| Instant::now() < until);
        self.proc()?.descendants(process::own_pid(), |child| self.is_ours(child), goes_on)
    }

    /// Whether a child of ours is of the command.
    pub fn is_ours(&self, child: &Stat) -> bool {
        let is_of_hook = self.is_hook(child.pid) || self.is_hook(child.pgid);
        child.pid == self.leader || !(is_of_hook || self.strangers.include(child))
    }

    /// Those of the descendants, parents before children, that are alive and belong to `target`.
    pub fn select<'a>(&self, target: Target, descendants: &'a [Stat]) -> Vec<&'a Stat> {
        let mut selected: Vec<&Stat> = descendants.iter().filter(|stat| stat.is_alive()).collect();
        match target {
            Target::Leader => selected.retain(|stat| stat.pid == self.leader),
            Target::Group => selected.retain(|stat| self.place(stat) == Place::Group),
            Target::Job => selected.retain(|stat| self.is_of_job(stat)),
            Target::Tree => {
                let detached: Vec<&Stat> =
                    selected.iter().copied().filter(|stat| !self.is_of_job(stat)).collect();
                let allowed = self.allowed(&detached);
                selected.retain(|stat| !allowed.contains(&stat.pid));
            }
            Target::Lingering => {
                let allowed = self.allowed(&selected);
                selected.retain(|stat| !allowed.contains(&stat.pid));
            }
        }
        selected
    }

    /// Whether this one is of the job, which a limit always ends.
    pub fn is_of_job(&self, stat: &Stat) -> bool {
        self.place(stat) != Place::Session || stat.pid == self.leader
    }

    /// Where a descendant has gone.
    fn place(&self, stat: &Stat) -> Place {
        if stat.pgid == self.leader {
            Place::Group
        } else if stat.session == self.own_session {
            Place::Job
        } else {
            Place::Session
        }
    }

    /// Those that `--allow` names, with all that they have started.
    ///
    /// It is read anew each time: the same process is its parent's copy first, and then becomes
    /// what is allowed.
    fn allowed(&self, candidates: &[&Stat]) -> HashSet<Pid> {
        let mut allowed = HashSet::new();
        let Some(proc) = self.proc().filter(|_| !self.allow.is_empty()) else { return allowed };
        let pids: Vec<Pid> = candidates.iter().map(|stat| stat.pid).collect();
        let named = survey::read(&pids, TO_DECIDE, |pid| {
            proc.command(pid).is_some_and(|command| self.allow.matches(&command))
        });
        for (stat, named) in candidates.iter().zip(named) {
            if named == Some(true) || allowed.contains(&stat.ppid) {
                allowed.insert(stat.pid);
            }
        }
        allowed
    }

    /// All there is to know about these processes, which were seen just now, as far as it can be
    /// read with so much patience; and whether that is all.
    pub fn describe(&self, stats: &[&Stat], patience: Patience) -> (Vec<Process>, bool) {
        let Some(proc) = self.proc() else { return (vec![], false) };
        let pids: Vec<Pid> = stats.iter().map(|stat| stat.pid).collect();
        let observer = Observer::new(proc);
        let details = survey::read(&pids, patience, |pid| observer.detail(pid));
        let is_complete = details.iter().all(Option::is_some);
        let (now, own_user) = (process::time_since_boot(), process::own_user());
        let mut quick_looks = QUICK_LOOKS;
        let mut without_waiting = |pid| {
            quick_looks -= usize::from(quick_looks > 0);
            if quick_looks > 0 { proc.detail_without_waiting(pid) } else { Detail::default() }
        };
        let describe = |(stat, detail): (&&Stat, Option<Detail>)| {
            let detail = detail.unwrap_or_else(|| without_waiting(stat.pid));
            Process {
                age: now.saturating_sub(process::since_boot(stat.start)),
                place: self.place(stat),
                is_foreign: detail.uid.is_some_and(|uid| uid != own_user),
                detail,
                stat: (*stat).clone(),
            }
        };
        (stats.iter().zip(details).map(describe).collect(), is_complete)
    }
}
