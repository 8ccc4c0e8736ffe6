//! Where we fail ourselves: no group that we have started outlives a panic.

use std::sync::Mutex;

use libc::pid_t;

use super::process;
use crate::signal::Signal;

/// What we have started and not reaped. A panic does not unwind, and so finds it here.
static STARTED: Mutex<Vec<Started>> = Mutex::new(Vec::new());

/// A child of ours that is not reaped, so that its number is its own.
#[derive(Clone, Copy, Debug)]
struct Started {
    pid: pid_t,
    /// Whether it leads the group of that number.
    own_group: bool,
    /// Whose child it is: after a fork there are two that know of it.
    parent: pid_t,
}

/// Notes a child that a panic is to take down.
pub fn note(pid: pid_t, own_group: bool) {
    if let Ok(mut started) = STARTED.lock() {
        started.push(Started { pid, own_group, parent: process::own_pid() });
    }
}

/// Forgets a child that has just been reaped: the number may be another's from now on.
pub fn forget(pid: pid_t) {
    if let Ok(mut started) = STARTED.lock() {
        started.retain(|child| child.pid != pid);
    }
}

/// Kills all that is noted, with its groups. Safe in a panic wherever it comes from.
pub fn take_down() {
    // Nobody else could hold the lock: there is one thread, and nothing panics that holds it.
    let Ok(started) = STARTED.try_lock() else { return };
    for child in started.iter().filter(|child| child.parent == process::own_pid()) {
        kill(child.pid, child.own_group);
    }
}

/// Kills a child that is not reaped, with its group if it leads one; it may have left that.
pub fn kill(pid: pid_t, own_group: bool) {
    if own_group {
        let _ = process::signal_group(pid, Signal::KILL);
    }
    let _ = process::signal_process(pid, Signal::KILL);
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_noted_is_killed_and_what_is_forgotten_is_not() {
        let mut children: Vec<_> =
            (0..2).map(|_| Command::new("sleep").arg("1000").spawn().unwrap()).collect();
        let pids: Vec<_> = children.iter().map(|child| child.id() as pid_t).collect();
        for pid in &pids {
            note(*pid, false);
        }
        forget(pids[0]);
        take_down();
        assert_eq!(children[1].wait().unwrap().signal(), Some(Signal::KILL.number()));
        forget(pids[1]);
        assert_eq!(children[0].try_wait().unwrap(), None);
        children[0].kill().unwrap();
        children[0].wait().unwrap();
    }

    #[test]
    fn what_another_process_has_noted_is_its_own() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id() as pid_t;
        STARTED.lock().unwrap().push(Started { pid, own_group: false, parent: 1 });
        take_down();
        forget(pid);
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
