//! Our own helpers, when somebody else has to do with them: what they were to tell is not known then, and
//! is known again when the next one tells it.

use std::process::Command;

use crate::harness::{PROGRAM, Running, children, has_program, is_alive, start, wait_until};

/// How many helpers come to harm.
const HARMED: usize = 4;

/// Runs us with `--idle` under a strace(1) that holds each helper for long enough to be found.
fn slow_helpers(options: &[&str]) -> (Running, i32, i32) {
    let mut command = Command::new("strace");
    let inject = "inject=prctl:delay_enter=100ms";
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=prctl", "-e", inject, PROGRAM]);
    command.args(options).args(["0", "sh", "-c", "echo leader $$; exec sleep 1000"]);
    let mut run = start(&mut command);
    let leader = run.wait_pid("leader");
    let ours = children(run.pid())[0];
    (run, ours, leader)
}

/// Waits for a helper that is not one of these.
fn next_helper(ours: i32, leader: i32, known: &[i32]) -> i32 {
    let mut helper = None;
    wait_until("no helper comes", || {
        let children = children(ours).into_iter();
        helper = children.filter(|pid| *pid != leader && !known.contains(pid)).max();
        helper.is_some()
    });
    helper.unwrap()
}

/// Control, too: as long as they come to harm nobody can tell that the command is idle.
#[test]
fn helpers_that_are_killed_or_stopped_do_not_blind_idle_for_ever() {
    if !has_program("strace") {
        return;
    }
    for signal in [libc::SIGKILL, libc::SIGSTOP] {
        let (mut run, ours, leader) = slow_helpers(&["--idle=1s"]);
        let mut harmed = Vec::new();
        while harmed.len() < HARMED {
            let helper = next_helper(ours, leader, &harmed);
            harmed.push(helper);
            // It may have ended just now.
            // SAFETY: the call takes numbers; nobody else has had this one for so short a time.
            unsafe { libc::kill(helper, signal) };
            wait_until("it goes on", || !children(ours).contains(&helper));
        }
        assert!(is_alive(leader), "it was called idle, and nobody could tell");
        run.wait_exit();
        let finished = run.finish();
        assert_eq!(finished.code, 124, "{finished:?}");
        assert!(finished.stderr.contains("timed out, idle for 1s\n"), "{finished:?}");
        assert!(!finished.stderr.contains("cannot read /proc"), "{finished:?}");
    }
}
