//! Why there was no run.

use std::ffi::OsString;
use std::fmt;

use crate::report::words::show_word;
use crate::status::ExitStatus;
use crate::sys;
use crate::sys::spawn::{ExecError, SpawnError, StartError};

/// Why there was no run.
#[derive(Debug)]
pub enum RunError {
    /// Nothing could be started.
    Start {
        /// What could not be done.
        doing: &'static str,
        /// Why.
        cause: std::io::Error,
    },
    /// The command could not be executed.
    Exec(OsString, ExecError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { doing, cause } => {
                write!(f, "cannot {doing}: {}", sys::io_reason(cause))
            }
            Self::Exec(command, error) => {
                write!(f, "cannot run {}: {}", show_word(command), error.cause())
            }
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    /// Why this command was not started.
    pub fn new(command: &[OsString], error: StartError) -> Self {
        match error {
            StartError::Setup(error) => error.into(),
            StartError::Exec(error) => Self::Exec(command[0].clone(), error),
        }
    }

    /// What we return.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Start { .. } => ExitStatus::FAILED,
            Self::Exec(_, error) => error.exit_status(),
        }
    }
}

impl From<SpawnError> for RunError {
    fn from(SpawnError { doing, cause }: SpawnError) -> Self {
        Self::Start { doing, cause }
    }
}
