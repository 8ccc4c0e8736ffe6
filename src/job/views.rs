//! What is looked at to be told, and not to be ended.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::census::{Selection, TO_TELL};
use super::{Job, LOOKS};
use crate::policy::Target;
use crate::procfs::Pid;
use crate::procfs::activity::Sample;
use crate::procfs::stat::{Identity, Stat, UNKNOWN_STATE};
use crate::procfs::tree::Seen;
use crate::record::{Process, Snapshot};
use crate::survey::Patience;
use crate::sys::process;

/// How long a sample of what the tree does may take.
pub(super) const SAMPLING: Duration = Duration::from_millis(200);

/// How long a snapshot may take: it stands between the limit and the first signal.
const LOOKING: Duration = Duration::from_millis(200);

/// What the tree has done by now, as far as it could be seen.
#[derive(Debug)]
pub enum Sampled {
    /// This.
    Done(Sample),
    /// It could not be seen in time, this time.
    Late,
    /// It cannot be seen.
    Hidden,
}

impl Job {
    /// The processes of the job that are alive.
    pub fn pids(&self) -> Vec<Pid> {
        let seen = self.census.descendants().unwrap_or_default().stats;
        self.census.select(Target::Job, &seen).members.iter().map(|stat| stat.pid).collect()
    }

    /// The whole tree as it is now. It takes little more than [`LOOKING`], whatever the tree does.
    pub fn snapshot(&mut self) -> Snapshot {
        let begun = Instant::now();
        let (until_found, until) = (begun + LOOKING * 2 / 3, begun + LOOKING);
        let (seen, ()) = self.census.look(until_found, |_, _| ()).unwrap_or_default();
        let alive: Vec<&Stat> = seen.stats.iter().filter(|stat| stat.is_alive()).collect();
        let left = until.saturating_duration_since(Instant::now());
        let patience = Patience { each: left.min(LOOKING / 2), all: left };
        let (processes, complete) = self.census.describe(&alive, patience);
        let complete = complete && seen.is_complete && self.shows_leader(&seen);
        self.last_look = Some((begun, seen));
        Snapshot { processes, complete }
    }

    /// Whether a look has shown the command, unless that has ended: where not, it has not shown much.
    fn shows_leader(&self, seen: &Seen) -> bool {
        let is_leader = |stat: &Stat| stat.pid == self.leader_pid && stat.state != UNKNOWN_STATE;
        self.leader_status.is_some() || seen.stats.iter().any(is_leader)
    }

    /// What the tree has done by now.
    pub fn sample(&self) -> Sampled {
        let tick = process::clock_tick();
        let until = Instant::now() + SAMPLING;
        match self.census.look(until, |proc, seen| proc.sample(seen, tick)) {
            Some((seen, sample)) if self.shows_leader(&seen) => Sampled::Done(sample),
            Some(_) => Sampled::Hidden,
            None if self.is_blind() => Sampled::Hidden,
            None => Sampled::Late,
        }
    }

    /// Those of the target that are alive, and all about them; `None` where somebody is there and
    /// cannot be seen.
    pub fn survey(&self, target: Target) -> Option<Vec<Process>> {
        for _ in 0..LOOKS {
            if self.has_no_live_child() {
                return Some(vec![]);
            }
            let seen = self.census.descendants()?.stats;
            let Selection { mut members, undecided } = self.census.select(target, &seen);
            members.extend(undecided);
            if !members.is_empty() || !self.census.takes_all(target) {
                return Some(self.census.describe(&members, TO_TELL).0);
            }
        }
        // They come and go faster than we can look.
        None
    }

    /// Leaves out those that live and were found to be allowed to.
    pub fn without_spared(&self, mut processes: Vec<Process>) -> Vec<Process> {
        let is_allowed = |process: &&Process| self.census.is_allowed(&process.stat);
        let allowed: Vec<&Stat> =
            processes.iter().filter(is_allowed).map(|process| &process.stat).collect();
        if allowed.is_empty() {
            return processes;
        }
        let there = self.census.are_there(&allowed);
        let spared = allowed.into_iter().zip(there).filter(|(_, there)| *there != Some(false));
        let spared: HashSet<Identity> = spared.map(|(stat, _)| stat.identity()).collect();
        processes.retain(|process| !spared.contains(&process.stat.identity()));
        processes
    }
}
