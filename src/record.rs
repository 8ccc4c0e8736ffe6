//! What happened in a run, as plain data: filled in by those who do things, read by the report.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::policy::{Outcome, Policy};
use crate::procfs::Pid;
use crate::procfs::detail::Detail;
use crate::procfs::stat::Stat;
use crate::signal::{Received, Signal};
use crate::status::{ExitStatus, Usage};

/// A signal that was sent, or that could not be.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// The signal.
    pub signal: Signal,
    /// To whom.
    pub to: Recipient,
    /// The process, or the group's id.
    pub pid: Pid,
    /// Why it did not arrive, in words.
    pub error: Option<String>,
}

/// What a signal was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The leader's process group.
    Group,
    /// The leader alone.
    Leader,
    /// Another process.
    Process,
}

/// A process that was there when we looked.
#[derive(Clone, Debug)]
pub struct Process {
    /// What it is.
    pub stat: Stat,
    /// The time since its start, to a clock tick; `None` where `/proc` hides it.
    pub age: Option<Duration>,
    /// Whether it has gone away from the command.
    pub membership: Membership,
    /// Whether it is another user's.
    pub is_foreign: bool,
    /// What it is doing.
    pub detail: Detail,
}

/// What a process still shares with the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In the command's process group.
    Group,
    /// In another group of our session, and so still of the job.
    Job,
    /// In a session of its own, or another's.
    Detached,
}

/// What was running when time was up.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The processes of the tree, parents before their children.
    pub processes: Vec<Process>,
    /// Whether all of them are there, and all that there is to know of each.
    pub complete: bool,
}

/// What became of the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookRecord {
    /// Its exit status, 128+N for signal N; `None` where it could not be started.
    pub status: Option<u8>,
    /// From its start to its end.
    pub elapsed: Duration,
    /// Whether we had to kill it.
    pub timed_out: bool,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the policy made of it.
    pub outcome: Outcome,
    /// The process id of the command.
    pub pid: Pid,
    /// Its process group when it started.
    pub pgid: Pid,
    /// When the command started.
    pub started: Instant,
    /// From the start of the command to the end.
    pub elapsed: Duration,
    /// From the start of the command to the moment when its time was up.
    pub time_up: Option<Duration>,
    /// The signals by which the job was asked or made to end, each once, in order.
    pub ladder: Vec<Signal>,
    /// From the first of these to the end.
    pub ending_took: Duration,
    /// The signals that were sent, where somebody wants to know.
    pub sent: Vec<Sent>,
    /// The signals that came, where somebody wants to know.
    pub received: Vec<Received>,
    /// What was running when time was up, where somebody wants to know.
    pub snapshot: Option<Snapshot>,
    /// What became of the hook, where it was run.
    pub hook: Option<HookRecord>,
    /// Who was alive when we would have returned, and is not allowed to be.
    pub lingering: Vec<Process>,
    /// Whether somebody was there who could not be seen.
    pub left_unseen: bool,
    /// Those whom we were not permitted to signal.
    pub denied: HashSet<Pid>,
    /// Those whom KILL did not end.
    pub survivors: Vec<Process>,
    /// What the run has cost, as far as it is over.
    pub usage: Usage,
}

impl Record {
    /// What we return.
    pub fn exit_status(&self, policy: &Policy) -> ExitStatus {
        self.outcome.exit_status(policy, !self.lingering.is_empty() || self.left_unseen)
    }
}
