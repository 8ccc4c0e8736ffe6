//! What happened in a run, as plain data: filled in by those who do things, read by the report.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::policy::Outcome;
use crate::procfs::Pid;
use crate::procfs::stat::Stat;
use crate::signal::{Origin, Signal};

/// A signal that came to us, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The signal.
    pub signal: Signal,
    /// The kernel or a process.
    pub origin: Origin,
    /// The sender's process id; 0 where it is the kernel or a process outside our pid namespace.
    pub pid: Pid,
    /// The sender's real user id.
    pub uid: u32,
}

/// A signal that was sent, or that could not be.
#[derive(Clone, Debug)]
pub struct Sent {
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
    /// Another process of the job.
    Process,
}

/// A process that is still there after KILL.
#[derive(Clone, Debug)]
pub struct Survivor {
    /// What it is.
    pub stat: Stat,
    /// Its real user id.
    pub uid: Option<u32>,
    /// The kernel function that it waits in.
    pub wait_channel: Option<String>,
}

/// What the children that we have reaped, and those that they have reaped, have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// The resident memory of the largest of them, in KiB.
    pub max_rss_kib: i64,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the policy made of it.
    pub outcome: Outcome,
    /// The signals by which the job was asked or made to end, in order.
    pub ladder: Vec<Signal>,
    /// From the first of these to the end.
    pub ending_took: Duration,
    /// From the start of the command to the end.
    pub elapsed: Duration,
    /// What KILL did not end.
    pub survivors: Vec<Survivor>,
    /// What the run has cost.
    pub usage: Option<Usage>,
}
