//! What is done when time is up, and how it is found out that it is: the snapshot of what is running,
//! the limit on doing nothing, and the command that is run before the first signal.

use crate::report::{Process, Report};

mod hang;
mod hook;
mod idle;
mod leaks;
mod snapshot;

impl Report {
    /// What the snapshot has of a process.
    fn seen(&self, pid: i32) -> &Process {
        let seen = self.snapshot.iter().find(|process| process.pid == pid);
        seen.unwrap_or_else(|| panic!("process {pid} is not in {self:?}"))
    }

    fn has_seen(&self, pid: i32) -> bool {
        self.snapshot.iter().any(|process| process.pid == pid)
    }
}
