//! `--die-with-parent`: the job is taken down when our parent is gone, and only then.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::harness::{
    PROGRAM, Running, fixture, grpkill_timeout, has_program, is_alive, run, signal_process, start,
    wait_gone,
};

/// Says which signals come, and ends by none of them but KILL.
const DEAF_BUT_TELLING: &str = "for s in TERM USR1; do trap \"echo got $s\" $s; done; \
                                echo ours $PPID; echo command $$; echo ready; \
                                while :; do sleep 0.02; done";

/// A parent with one of us as its child, which runs `DEAF_BUT_TELLING`.
fn parent_that(then: &str, options: &str) -> (Running, i32) {
    let script = format!("{PROGRAM} --die-with-parent {options} 100 bash -c \"$0\" & {then}");
    let mut parent = start(Command::new("bash").args(["-c", &script, DEAF_BUT_TELLING]));
    let command = parent.wait_pid("command");
    parent.wait_ready();
    (parent, command)
}

#[test]
fn a_killed_parent_takes_the_job_down_by_the_ladder() {
    let (mut parent, command) = parent_that("wait", "-k 0.3");
    parent.signal(libc::SIGKILL);
    parent.wait_for("got TERM");
    let finished = parent.finish();
    assert_eq!(finished.signal, Some(libc::SIGKILL));
    assert!(finished.stderr.contains("interrupted by TERM"), "{finished:?}");
    wait_gone(command);
}

#[test]
fn a_parent_that_ends_takes_the_job_down() {
    let (mut parent, command) = parent_that("read line; exit 3", "-k 0.1");
    parent.say("end\n");
    parent.wait_for("got TERM");
    assert_eq!(parent.finish().code, 3);
    wait_gone(command);
}

/// The control: without the option the job does not notice.
#[test]
fn without_the_option_the_job_outlives_our_parent() {
    let script = format!("{PROGRAM} 100 bash -c \"$0\" & wait");
    let mut parent = start(Command::new("bash").args(["-c", &script, DEAF_BUT_TELLING]));
    let ours = parent.wait_pid("ours");
    let command = parent.wait_pid("command");
    parent.wait_ready();
    parent.signal(libc::SIGKILL);
    parent.wait_exit();
    signal_process(ours, libc::SIGUSR1);
    parent.wait_for("got USR1");
    signal_process(ours, libc::SIGTERM);
    // What its parent has left is the first signal that it gets.
    assert_eq!(parent.wait_for("got"), "TERM");
    signal_process(command, libc::SIGKILL);
    parent.finish();
    wait_gone(command);
}

#[test]
fn nothing_is_started_where_the_parent_has_gone_already() {
    let directory = tempfile::tempdir().expect("a directory");
    let started = directory.path().join("started");
    // The parent of the inner one ends, and who adopts it is in another session.
    let script = "me=$$
        ( until read -r _ _ _ parent _ </proc/$BASHPID/stat && [ $parent != $me ]; do :; done
          \"$0\" --die-with-parent 100 touch \"$1\"; echo status $?; ) & exit 0";
    // One level more, since the shell inside stays our parent: it is the shell that must be gone.
    let script =
        script.replace("\"$0\" --die", "exec \"$0\" --die").replace("; echo status $?;", "");
    let mut command = Command::new("bash");
    command.args(["-c", &script, PROGRAM]).arg(&started);
    // SAFETY: the call takes nothing.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
    let finished = run(&mut command);
    assert!(finished.stderr.contains("it has gone"), "{finished:?}");
    assert!(!started.exists());
}

/// A shell that leads a session may be started by somebody of another one; so may we.
#[test]
fn a_parent_in_another_session_is_no_parent_that_has_gone() {
    if !has_program("setsid") {
        return;
    }
    let script = format!("setsid {PROGRAM} --die-with-parent 100 echo started; :");
    let finished = run(Command::new("bash").args(["-c", &script]));
    assert_eq!((finished.code, finished.stdout.as_str()), (0, "started\n"));
}

#[test]
fn the_thread_that_started_us_may_end() {
    let mut parent = start(Command::new(fixture()).args([
        "thread-starts",
        PROGRAM,
        "--die-with-parent",
        "-k",
        "0.1",
        "100",
        "bash",
        "-c",
        DEAF_BUT_TELLING,
    ]));
    let ours = parent.wait_pid("ours");
    let command = parent.wait_pid("command");
    parent.wait_ready();
    parent.say("end\n");
    parent.wait_for("thread ended");
    // The first may come before what the kernel has sent; when it is answered, that has been seen.
    for _ in 0..2 {
        signal_process(ours, libc::SIGUSR1);
        assert_eq!(parent.wait_for("got"), "USR1");
    }
    assert!(is_alive(command));
    parent.signal(libc::SIGKILL);
    parent.wait_for("got TERM");
    parent.finish();
    wait_gone(command);
}

/// Whoever has said `command PID` is gone when the shell has been killed that runs this with us as its
/// child; returns what was said on standard error.
fn dies_with_parent(ours: &str) -> String {
    let mut parent = start(Command::new("bash").args(["-c", &format!("{ours} & wait")]));
    let command = parent.wait_pid("command");
    parent.wait_ready();
    parent.signal(libc::SIGKILL);
    let finished = parent.finish();
    wait_gone(command);
    finished.stderr
}

/// A command that obeys.
const OBEDIENT: &str = "sh -c 'echo command $$; echo ready; exec sleep 1000'";

#[test]
fn what_obeys_is_gone_at_once() {
    assert_eq!(dies_with_parent(&format!("{PROGRAM} --die-with-parent 100 {OBEDIENT}")), "");
}

#[test]
fn term_ignored_on_entry_changes_nothing() {
    let ours = format!("{PROGRAM} --die-with-parent -k 0.2 100 {OBEDIENT}");
    dies_with_parent(&format!("trap '' TERM; {ours}"));
}

#[test]
fn everything_ignored_on_entry_changes_nothing() {
    let ours = format!("{PROGRAM} --die-with-parent -k 0.2 100 {OBEDIENT}");
    dies_with_parent(&format!("{} ignore all {ours}", fixture()));
}

/// It is one of those that the parent's death does not reach by itself.
#[test]
fn a_member_of_the_job_in_another_group_is_taken_too() {
    let script = "'set -m; sleep 1000 & echo command $!; echo ready; wait'";
    dies_with_parent(&format!("{PROGRAM} --die-with-parent -k 0.2 100 bash -c {script}"));
}

#[test]
fn with_foreground_the_command_is_taken_too() {
    dies_with_parent(&format!("{PROGRAM} --die-with-parent -f -k 0.2 100 {OBEDIENT}"));
}

#[test]
fn what_ends_in_time_ends_as_ever() {
    let finished = run(grpkill_timeout().args(["--die-with-parent", "100", "sh", "-c", "exit 3"]));
    assert_eq!((finished.code, finished.stderr.as_str()), (3, ""));
}

/// The limit has passed and the command takes its time; the parent's death does not add to it.
#[test]
fn a_parent_that_dies_during_the_ladder_does_not_hold_it_up() {
    let (mut parent, command) = parent_that("wait", "-k 0.5");
    let ours = crate::harness::children(parent.pid())[0];
    signal_process(ours, libc::SIGALRM);
    parent.wait_for("got TERM");
    parent.signal(libc::SIGKILL);
    parent.finish();
    wait_gone(command);
}
