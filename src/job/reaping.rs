//! Taking in the dead: what has ended is reaped, and what it has used is counted.

use std::time::{Duration, Instant};

use super::Job;
use crate::procfs::Pid;
use crate::status::Usage;
use crate::status::WaitStatus;
use crate::sys::process;
use crate::sys::spawn::Leader;
use crate::sys::wait::{self, Children};

/// How often the dead children are looked for that the leader's zombie hides from waitid(2).
const REAP: Duration = Duration::from_millis(100);

/// How long children that end faster than they can be reaped may keep us from looking at the clock
/// and at our signals.
const TURN: Duration = Duration::from_millis(5);

impl Job {
    /// Reaps the dead children that are neither the leader nor strangers, for one turn; what is
    /// left then makes [`Job::poll_timeout`] come at once. Those that only `/proc` shows are reaped
    /// now and then: each time costs as much as there are children.
    pub fn reap_orphans(&mut self) {
        if self.census.has_no_strangers() && self.reap_first_ones() {
            self.reap_at = None;
            return;
        }
        let now = Instant::now();
        match self.reap_at {
            Some(at) if at > now => {}
            Some(_) => self.reap_at = None,
            None => self.reap_at = Some(now + REAP),
        }
        if self.reap_at.is_none() {
            self.reap_hidden_ones();
        }
    }

    /// Reaps the dead children that `/proc` shows.
    fn reap_hidden_ones(&mut self) {
        let no_strangers = self.census.has_no_strangers();
        let Some(proc) = self.census.proc() else { return };
        let mut ended = vec![];
        for pid in proc.children(process::own_pid()).unwrap_or_default() {
            let is_ours =
                || process::group_of(pid).is_ok_and(|group| self.census.is_ours(pid, group));
            if pid != self.leader_pid && !self.census.is_hook(pid) && (no_strangers || is_ours()) {
                ended.push(pid);
            }
        }
        for pid in ended {
            self.reap(pid);
        }
    }

    pub(super) fn reap(&mut self, pid: Pid) {
        if let Ok(Some(usage)) = wait::reap(pid) {
            self.count(usage);
        }
    }

    fn count(&mut self, usage: Usage) {
        self.usage += usage;
        self.reaped += 1;
    }

    /// Reaps whatever the kernel offers first, where all children are of the command. False where that
    /// is not all: the leader's zombie hides what has ended besides, and a turn may be too short.
    fn reap_first_ones(&mut self) -> bool {
        let turn_ends = Instant::now() + TURN;
        while let Some(usage) = self.reap_first_one() {
            self.count(usage);
            if Instant::now() > turn_ends {
                self.more_to_reap = true;
                return false;
            }
        }
        self.more_to_reap = false;
        self.leader.is_none() || !matches!(wait::peek_any(), Ok(Children::Ended(_)))
    }

    fn reap_first_one(&self) -> Option<Usage> {
        if self.leader.is_none() {
            // Then nobody is kept, and thousands cost one call each.
            return wait::reap_any();
        }
        match wait::peek_any() {
            Ok(Children::Ended(pid)) if !self.is_kept(pid) => wait::reap(pid).ok()?,
            _ => None,
        }
    }

    /// Whether this child is reaped by others only: its number is still wanted.
    pub(super) fn is_kept(&self, pid: Pid) -> bool {
        pid == self.leader_pid && self.leader.is_some() || self.census.is_hook(pid)
    }

    /// Reaps the leader if it has ended; if not, it stays.
    pub(super) fn reap_leader(&mut self) {
        match self.leader.take().map(Leader::reap) {
            Some(Ok(usage)) => {
                self.usage += usage;
                self.census.forget_leader();
            }
            Some(Err(alive)) => self.leader = Some(alive),
            None => {}
        }
    }

    /// The end of the run: reaps the leader and all other dead, so that we leave no zombie to a
    /// parent that may not reap, and leaves whatever lives. Returns what the reaped have used.
    pub fn leave(mut self) -> Usage {
        let lost = self.leader_status == Some(WaitStatus::Lost);
        if lost && self.is_our_child(self.leader_pid) {
            // waitid fails, and still the process is ours: its drop kills the group.
            drop(self.leader.take());
        } else {
            self.reap_leader();
            // What is there now KILL has not helped against; the drop sends it once more.
            drop(self.leader.take());
        }
        if !(self.census.has_no_strangers() && self.reap_first_ones()) {
            self.reap_hidden_ones();
        }
        self.usage
    }

    fn is_our_child(&self, pid: Pid) -> bool {
        self.stat_of(pid).is_some_and(|stat| stat.ppid == process::own_pid())
    }
}
