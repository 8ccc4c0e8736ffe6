//! A pre-forking server's corrupted child: a fork that is taken while another thread has a lock
//! leaves a child that waits for the lock for ever, and a parent that waits for the child.

use std::fs;
use std::process::Command;

use crate::harness::{
    assert_gone, has_program, run, signal_process, start, state, wait_gone, wait_until,
};
use crate::snapshot::{Reported, script};

/// The server, which forks while the lock is `held` or `free`.
fn server(lock: &str) -> Command {
    let mut command = Command::new("python3");
    // Newer ones warn of just this trouble.
    command.args(["-W", "ignore", &script("prefork.py"), lock]);
    command
}

/// Whether a process waits on a futex, by the kernel's name for it or by the system call.
pub fn waits_on_futex(pid: i32) -> bool {
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let call = format!("{} ", libc::SYS_futex);
    state(pid) == Some('S')
        && (read("wchan").contains("futex") || read("syscall").starts_with(&call))
}

#[test]
fn idle_ends_a_child_that_waits_for_a_lost_lock() {
    if !has_program("python3") {
        return;
    }
    let script = script("prefork.py");
    let arguments = ["--idle=1s", "0", "python3", "-W", "ignore", &script, "held"];
    let mut reported = Reported::start(&arguments, |command| command);
    let parent = reported.run.wait_pid("parent");
    let child = reported.run.wait_pid("child");
    let ended = reported.finish();
    for pid in [parent, child] {
        assert_gone(pid);
    }
    ended.assert_idle("1s");
    ended.assert_text(child, "waits in futex");
    let process = ended.process(child);
    let wait = process["wait"].as_str();
    assert!(wait.is_some_and(|wait| wait.contains("futex")), "{ended:?}");
    assert_eq!((&process["state"], &process["ppid"]), (&"S".into(), &parent.into()), "{ended:?}");
    assert_eq!((&process["threads"], &process["in_group"]), (&1.into(), &true.into()), "{ended:?}");
    // The innocent one waits for its child and for nothing else.
    ended.assert_text(parent, "waits in wait");
}

/// Control: the child outlives its parent, and waits on.
#[test]
fn killing_the_parent_alone_leaves_the_child_waiting() {
    if !has_program("python3") {
        return;
    }
    let mut run = start(&mut server("held"));
    let parent = run.wait_pid("parent");
    let child = run.wait_pid("child");
    wait_until("the trouble is gone: the child does not wait", || waits_on_futex(child));
    signal_process(parent, libc::SIGKILL);
    run.wait_exit();
    wait_gone(parent);
    let still_waits = waits_on_futex(child);
    signal_process(child, libc::SIGKILL);
    wait_gone(child);
    assert!(still_waits, "the trouble is gone: the child of a dead parent does not wait");
}

/// Control: it is the lock, and nothing else, that the child waits for.
#[test]
fn a_fork_with_the_lock_free_is_well() {
    if !has_program("python3") {
        return;
    }
    let finished = run(&mut server("free"));
    assert_eq!(finished.code, 0, "{finished:?}");
}
