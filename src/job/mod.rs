//! The job as the kernel has it: whom a signal must reach, who is left, what is to be reaped.
//!
//! Nothing here asks a number whether it lives. A signal goes to the leader's group while the
//! leader is unreaped; to a child of ours that we have not reaped; or through a pidfd whose process
//! has been recognised by its start time. See [`Leader`] and [`delivery`].

use std::collections::HashSet;
use std::time::Instant;

use crate::allow::Allow;
use crate::policy::Target;
use crate::procfs::Pid;
use crate::procfs::stat::Stat;
use crate::procfs::tree::Seen;
use crate::record::Sent;
use crate::status::Usage;
use crate::status::WaitStatus;
use crate::sys::spawn::{Leader, StartError};

mod allowance;
mod census;
mod delivery;
mod reaping;
mod strangers;
mod terminal;
mod views;
mod watch;

use census::Census;
pub use census::note_strangers;
use delivery::TakenStep;
use strangers::Strangers;
pub use views::Sampled;
use watch::{Dying, Witness};

/// How often we look for what must be there.
const LOOKS: usize = 3;

/// The processes that a run has started.
#[derive(Debug)]
pub struct Job {
    /// `None` once it is reaped, which is after KILL at the earliest.
    leader: Option<Leader>,
    leader_pid: Pid,
    leader_status: Option<WaitStatus>,
    census: Census,
    /// Whose end ends a ladder.
    until: Target,
    witness: Option<Witness>,
    look_at: Option<Instant>,
    /// Until then we do not look again.
    rest_until: Option<Instant>,
    /// What a snapshot has shown, and when.
    last_look: Option<(Instant, Seen)>,
    /// All of the job were in the leader's group when we looked last.
    was_all_in_group: bool,
    /// Nobody is looked for, since the group has been killed.
    dying: Option<Dying>,
    more_to_reap: bool,
    reap_at: Option<Instant>,
    usage: Usage,
    /// How many have been reaped, and how many had been when this was asked last.
    reaped: u64,
    reaped_before: u64,
    sent: Vec<Sent>,
    denied: HashSet<Pid>,
    step: Option<TakenStep>,
}

impl Job {
    /// The job of a command that has just been started, in this group. A ladder goes on until the
    /// end of `until`.
    pub fn new(
        leader: Leader,
        group: Pid,
        strangers: Strangers,
        allow: Allow,
        until: Target,
    ) -> Self {
        Self {
            until,
            leader_pid: leader.pid(),
            census: Census::new(leader.pid(), group, strangers, allow),
            leader: Some(leader),
            leader_status: None,
            witness: None,
            look_at: None,
            rest_until: None,
            last_look: None,
            was_all_in_group: false,
            dying: None,
            more_to_reap: false,
            reap_at: None,
            usage: Usage::default(),
            reaped: 0,
            reaped_before: 0,
            sent: Vec::new(),
            denied: HashSet::new(),
            step: None,
        }
    }

    /// The process id of the command.
    pub fn leader_pid(&self) -> Pid {
        self.leader_pid
    }

    /// The process group of the command when it started.
    pub fn group(&self) -> Pid {
        self.census.group()
    }

    /// What any process is, but for its times, where it is still there to ask.
    pub fn stat_of(&self, pid: Pid) -> Option<Stat> {
        self.census.proc()?.stat_by_status(pid)
    }

    /// When something else is to be done, for which no look is to be waited.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.census.set_deadline(deadline);
    }

    /// Whether `/proc` was asked and cannot be read: nothing but the group and the leader could be ended.
    pub fn is_blind(&self) -> bool {
        self.census.is_blind()
    }

    /// How the leader has ended, told once.
    pub fn leader_exit(&mut self) -> Option<WaitStatus> {
        if self.leader_status.is_some() {
            return None;
        }
        self.leader_status = match self.leader.as_ref()?.peek() {
            Ok(status) => status,
            // ECHILD: it is not our child any more, and there is nothing left to wait for.
            Err(_) => Some(WaitStatus::Lost),
        };
        self.leader_status
    }

    /// Why the command was not started.
    pub fn start_error(&self) -> Option<StartError> {
        self.leader.as_ref()?.start_error()
    }

    /// Whether something of the tree has ended and been reaped since this was asked before.
    pub fn take_reaped(&mut self) -> bool {
        std::mem::replace(&mut self.reaped_before, self.reaped) != self.reaped
    }

    /// From now on this child of ours, with its group, is not of the job; or nobody is excepted.
    pub fn except_hook(&mut self, hook: Option<Pid>) {
        self.census.set_hook(hook);
    }
}
