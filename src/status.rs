//! How a process ended, and how we end.
#![forbid(unsafe_code)]

use std::ops::AddAssign;
use std::time::Duration;

use crate::signal::Signal;

/// How the leader ended, as wait(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// It exited with this status, 0 to 255.
    Exited(u8),
    /// This signal killed it.
    Signaled {
        /// The signal.
        signal: Signal,
        /// Whether it left a core file.
        core_dumped: bool,
    },
    /// Nobody can tell: somebody else has reaped it.
    Lost,
}

impl WaitStatus {
    /// Whether it was this signal that killed the process.
    pub fn was_killed_by(self, by: Signal) -> bool {
        matches!(self, Self::Signaled { signal, .. } if signal == by)
    }

    /// The status as a number, as a shell's `$?` shows it: 128+N for a death by signal N.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled { signal, .. } => code_of(signal),
            Self::Lost => FAILED,
        }
    }
}

/// What we return when it is we who failed.
const FAILED: u8 = 125;

/// 128+N.
pub fn code_of(signal: Signal) -> u8 {
    128_u8.saturating_add(signal.number() as u8)
}

/// How we end ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this status.
    Code(u8),
    /// By this signal, so that a shell sees what it would have seen of the command.
    Signal(Signal),
}

impl ExitStatus {
    /// All is well.
    pub const SUCCESS: Self = Self::Code(0);
    /// The limit has passed.
    pub const TIMED_OUT: Self = Self::Code(124);
    /// We failed: bad input, or no way to start the command or to go on.
    pub const FAILED: Self = Self::Code(FAILED);
    /// The command was found and could not be run.
    pub const CANNOT_RUN: Self = Self::Code(126);
    /// There is no such command.
    pub const NOT_FOUND: Self = Self::Code(127);
}

impl ExitStatus {
    /// The status as a shell's `$?` shows it.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => code_of(signal),
        }
    }
}

impl From<WaitStatus> for ExitStatus {
    /// The command's end becomes ours.
    fn from(status: WaitStatus) -> Self {
        match status {
            WaitStatus::Exited(code) => Self::Code(code),
            WaitStatus::Signaled { signal, .. } => Self::Signal(signal),
            WaitStatus::Lost => Self::FAILED,
        }
    }
}
/// What processes have used that were reaped, with those that they have reaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// The resident memory of the largest of them, in KiB.
    pub max_rss_kib: i64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
    }
}
