//! What outlives the command: who is ended, who is left, who is waited for, and what is said.

mod allowed;
mod cost;
mod holds;
mod hostile;
mod kill;
mod policies;
mod report;

use std::fs;
use std::time::Duration;

use crate::harness::{
    Running, children, fixture, grpkill_timeout, is_alive, signal_process, start, state,
    wait_at_rest, wait_until,
};

/// A command that lingers where it is told to.
const LEFT: &str = "sh -c 'echo left $$; exec sleep 1000'";

/// The same for one that has left our session.
fn detached() -> String {
    format!("{} detach 1 {LEFT}", fixture())
}

/// Runs a shell that does something, and then waits to be told its exit status.
fn leader(options: &[&str], script: &str) -> Running {
    start(grpkill_timeout().args(options).args(["0", "bash", "-c", &until_told(script)]))
}

fn until_told(script: &str) -> String {
    format!("{script}\nread code; exit $code")
}

/// The command has ended, and the program waits for longer than who lingers has to go by itself. It
/// is woken by that end, so it does not rest before it has heard of it.
fn assert_waits(run: &Running, case: &str) {
    let waits = format!("{case}: it does not wait");
    let is_zombie = |child| state(child) == Some('Z');
    wait_until(&waits, || children(run.pid()).into_iter().any(is_zombie) || !is_alive(run.pid()));
    wait_at_rest(run.pid(), Duration::from_millis(200), &waits);
}

/// A process that may outlive the program. It is ended with this value.
struct Stray {
    pid: i32,
}

impl Stray {
    /// The one that has said `left PID`.
    fn of(run: &mut Running) -> Self {
        Self::named(run, "left")
    }

    fn named(run: &mut Running, name: &str) -> Self {
        Self { pid: run.wait_pid(name) }
    }

    fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }

    /// Waits until it has become what it is to be: a process has no command line for a moment then.
    fn wait_asleep(&self) {
        wait_until(&format!("process {} never becomes sleep", self.pid), || {
            fs::read_to_string(format!("/proc/{}/comm", self.pid)).is_ok_and(|n| n == "sleep\n")
                && fs::read(format!("/proc/{}/cmdline", self.pid)).is_ok_and(|c| !c.is_empty())
        });
    }

    /// Ends it, where it has to be there.
    fn end(&self) {
        signal_process(self.pid, libc::SIGKILL);
        self.wait_end();
    }

    /// Waits for its end. Its zombie may stay until the machine's init sees to it.
    fn wait_end(&self) {
        wait_until(&format!("process {} does not end", self.pid), || !self.is_alive());
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        if self.is_alive() {
            // SAFETY: the call takes numbers. The process was there a moment ago.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
    }
}
