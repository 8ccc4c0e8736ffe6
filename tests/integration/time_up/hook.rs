//! `--on-timeout`: what the hook finds, when it runs, and that nothing it does spoils the end.

use std::process::Command;

use crate::harness::{
    Finished, PROGRAM, Running, assert_gone, children, find_program, grpkill_timeout, has_program,
    is_alive, run, signal_process, start, wait_gone,
};
use crate::report::{CommandStatus, Report, Reported, killed_by};

/// A command that says that it is there, and what signals come.
const TELLS: &str = "trap 'echo got TERM >&2; exit 0' TERM; trap 'echo got USR1' USR1; echo ready; \
                     while :; do sleep 0.05; done";

/// Where the hook can speak to the test: its own output is our standard error.
const TO_TEST: &str = ">/proc/$GRPKILL_PID/fd/1";

/// Starts a command with a hook, and lets its limit pass when it is there.
fn start_hooked(hook: &str, options: &[&str], script: &str) -> Reported {
    let hook = format!("--on-timeout={hook}");
    let arguments = [&[&*hook], options, &["0", "bash", "-c", script]].concat();
    let mut reported = Reported::start(&arguments);
    reported.run.wait_ready();
    reported.run.limit_passes();
    reported
}

fn hooked(hook: &str) -> (Finished, Report) {
    start_hooked(hook, &[], TELLS).finish()
}

fn status(report: &Report) -> Option<i32> {
    report.hook.as_ref().expect("there was a hook").status
}

#[test]
fn the_hook_knows_the_job() {
    let script = "sleep 1000 & echo child $!; echo ready; wait";
    let hook =
        "echo \"<$GRPKILL_PID $GRPKILL_PGID $GRPKILL_OUTCOME>\"; echo \"pids:$GRPKILL_PIDS\"";
    let hook = format!("--on-timeout={hook}");
    for (limits, outcome) in [(["--idle=60", "0"], "timed-out"), (["--idle=0.2", "0"], "idle")] {
        let arguments = [&[&*hook], &limits[..], &["sh", "-c", script]].concat();
        let mut reported = Reported::start(&arguments);
        let child = reported.run.wait_pid("child");
        reported.run.wait_ready();
        if outcome == "timed-out" {
            reported.run.limit_passes();
        }
        let (finished, report) = reported.finish();
        let leader = report.pid();
        for said in [format!("<{leader} {leader} {outcome}>\n"), format!("pids:{leader} {child}\n")]
        {
            assert!(finished.stderr.contains(&said), "{said} is not in {finished:?}");
        }
        assert_eq!((&*report.outcome, status(&report)), (outcome, Some(0)));
    }
}

#[test]
fn the_hook_has_an_empty_input_and_our_standard_error_and_a_group() {
    let hook = "read -r line || echo nothing to read; \
                read -r pid comm state parent group rest </proc/$$/stat; \
                [ $pid = $group ] && echo own group; echo an error >&2";
    let (finished, report) = hooked(hook);
    // Line by line: ours may come between them.
    for said in ["nothing to read\n", "own group\n", "an error\n"] {
        assert!(finished.stderr.contains(said), "{finished:?}");
    }
    assert_eq!(finished.stdout, "ready\n");
    assert_eq!(status(&report), Some(0));
}

#[test]
fn the_hook_comes_after_the_snapshot_and_before_the_first_signal() {
    // The command would say so first if it had been signalled.
    let (finished, report) = hooked(
        "sleep 0.2; kill -0 $GRPKILL_PID && read -r line </proc/$GRPKILL_PID/stat && \
                echo \"hook: $line\"",
    );
    let [hook, got] = ["hook: ", "\ngot TERM"].map(|said| finished.stderr.find(said));
    assert!(hook.is_some() && hook < got, "{finished:?}");
    let line = &finished.stderr[hook.unwrap()..];
    assert!([" S ", " R "].iter().any(|state| line.contains(state)), "{finished:?}");
    let elapsed = report.hook.as_ref().unwrap().elapsed_ms;
    assert!(elapsed >= 200 && report.signals_sent[0].at_ms >= elapsed, "{report:?}");
    assert_eq!(report.snapshot[0].pid, report.pid());
}

#[test]
fn a_hook_that_fails_is_told_and_changes_nothing() {
    for (hook, code, said) in [
        ("exit 3", 3, "--on-timeout='exit 3': exit status 3"),
        ("kill -HUP $$", 129, "--on-timeout='kill -HUP $$': exit status 129"),
        ("no-such-program 2>/dev/null", 127, "exit status 127"),
    ] {
        let (finished, report) = hooked(hook);
        assert_eq!(status(&report), Some(code), "{finished:?}");
        assert!(finished.stderr.contains(said), "{said} is not in {finished:?}");
        assert!(finished.stderr.contains("got TERM"), "{finished:?}");
        assert_eq!((finished.code, &*report.outcome), (124, "timed-out"));
    }
    // Control: one that succeeds says nothing.
    assert!(!hooked("true").0.stderr.contains("--on-timeout"));
}

#[test]
fn a_hook_that_cannot_be_started_is_told_and_changes_nothing() {
    let sleep = find_program("sleep").unwrap();
    let mut command = grpkill_timeout();
    command.args(["--on-timeout=true", "0.1"]).arg(&sleep).arg("1000");
    let finished = run(command.env("PATH", "/nonexistent"));
    assert_eq!(finished.code, 124);
    let said = "--on-timeout='true': exit status 127";
    assert!(finished.stderr.contains(said), "{finished:?}");
    if !has_program("strace") {
        return;
    }
    // The command's fork and the snapshot's succeed.
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "inject=clone:error=EAGAIN:when=3+", PROGRAM]);
    let finished = run(command.args(["--on-timeout=true", "0.1", "sleep", "1000"]));
    assert_eq!(finished.code, 124);
    let said = "cannot fork: Resource temporarily unavailable";
    assert!(finished.stderr.contains(said), "{finished:?}");
}

#[test]
fn a_hook_may_end_the_command_itself() {
    let (finished, report) = hooked("kill -TERM $GRPKILL_PID");
    assert_eq!((finished.code, &*report.outcome), (124, "timed-out"), "{finished:?}");
    assert_eq!(report.command_status, Some(CommandStatus::Exited { code: 0 }));
    let (finished, report) = hooked("kill -KILL $GRPKILL_PID");
    assert_eq!((finished.code, &*report.outcome), (137, "timed-out"), "{finished:?}");
    assert_eq!(report.command_status, Some(killed_by("KILL")));
}

#[test]
fn what_a_hook_leaves_in_its_group_is_ended_with_the_job() {
    let hook = format!("(trap '' HUP; exec sleep 1000) & echo daemon $! {TO_TEST}");
    let mut reported = start_hooked(&hook, &[], TELLS);
    let daemon = reported.run.wait_pid("daemon");
    let (finished, report) = reported.finish();
    assert_gone(daemon);
    assert_eq!((finished.code, status(&report)), (124, Some(0)));
    assert!(report.lingering().is_empty(), "{report:?}");
}

/// Ends a process that a run has left alone, and that its parent will reap.
fn end(pid: i32) {
    signal_process(pid, libc::SIGKILL);
    wait_gone(pid);
}

/// A deliberate daemon is treated as any other.
#[test]
fn what_a_hook_leaves_in_a_session_of_its_own_lingers() {
    if !has_program("setsid") {
        return;
    }
    let hook = "exec 9<>/proc/$GRPKILL_PID/fd/1; setsid sh -c 'echo daemon $$ >&9; \
                exec sleep 1000 9>&-' & until read -r pid comm state parent group rest \
                </proc/$!/stat && [ \"$comm $group\" = \"(sleep) $!\" ]; do :; done";
    for (policy, survives) in [("report", true), ("kill", false)] {
        let policy = format!("--lingering={policy}");
        let mut reported = start_hooked(hook, &[&policy], TELLS);
        let daemon = reported.run.wait_pid("daemon");
        let status = reported.run.wait_exit();
        assert_eq!(status.code(), Some(124));
        if survives {
            assert!(is_alive(daemon));
            end(daemon);
        } else {
            assert_gone(daemon);
        }
        let (finished, report) = reported.finish();
        let named = report.lingering().iter().any(|process| process.pid == daemon);
        assert_eq!(named, survives, "{policy}: {finished:?}");
    }
}

/// The one test that takes the whole time that a hook has.
#[test]
fn a_hook_that_never_ends_is_killed_with_its_group() {
    let hook = format!("sleep 1000 & echo member $! {TO_TEST}; trap '' TERM; sleep 1000");
    let mut reported = start_hooked(&hook, &[], TELLS);
    let member = reported.run.wait_pid("member");
    let (finished, report) = reported.finish();
    assert_gone(member);
    let elapsed = report.hook.as_ref().unwrap().elapsed_ms;
    assert_eq!(status(&report), Some(137));
    // Its own time begins when it has been started, which is a part of the ten seconds.
    assert!(elapsed >= 9_000 && report.signals_sent[0].at_ms >= 10_000, "{report:?}");
    assert!(finished.stderr.contains(": killed after "), "{finished:?}");
    assert!(finished.stderr.contains("its group too"), "{finished:?}");
    assert!(finished.stderr.contains("got TERM"), "{finished:?}");
    assert_eq!((finished.code, &*report.outcome), (124, "timed-out"));
}

/// A hook that goes on until it is killed, with its pid.
fn start_endless(options: &[&str]) -> (Reported, i32) {
    let hook = format!("echo hook $$ {TO_TEST}; exec sleep 1000");
    let mut reported = start_hooked(&hook, options, TELLS);
    let hook = reported.run.wait_pid("hook");
    (reported, hook)
}

#[test]
fn a_signal_to_us_ends_the_hook_at_once() {
    let (mut reported, hook) = start_endless(&[]);
    reported.run.signal(libc::SIGTERM);
    reported.run.wait_exit();
    assert_gone(hook);
    let (finished, report) = reported.finish();
    assert!(finished.stderr.contains("got TERM"), "{finished:?}");
    assert_eq!(status(&report), Some(137));
    assert!(report.hook.as_ref().unwrap().elapsed_ms < 10_000, "{report:?}");
    assert_eq!((finished.code, &*report.outcome), (124, "timed-out"));
}

/// USR1 would be its end.
#[test]
fn the_hook_is_no_member_of_the_job() {
    let (mut reported, hook) = start_endless(&["--lingering=kill"]);
    reported.run.signal(libc::SIGUSR1);
    reported.run.wait_for("got USR1");
    assert!(is_alive(hook) && is_child(&reported.run, hook));
    reported.run.signal(libc::SIGTERM);
    reported.run.wait_exit();
    let (_, report) = reported.finish();
    let passed_on = report.signals_sent.iter().filter(|sent| sent.signal == "USR1");
    assert!(passed_on.clone().count() > 0, "{report:?}");
    assert!(passed_on.clone().all(|sent| sent.pid != hook), "{report:?}");
    assert!(report.lingering().iter().all(|process| process.pid != hook), "{report:?}");
}

fn is_child(run: &Running, pid: i32) -> bool {
    children(run.pid()).contains(&pid)
}

#[test]
fn there_is_no_hook_without_a_limit_that_passes() {
    let hook = "--on-timeout=echo hooked";
    for (script, signal) in [("echo ready; exit 0", None), (TELLS, Some(libc::SIGTERM))] {
        let mut reported = Reported::start(&[hook, "60", "bash", "-c", script]);
        reported.run.wait_ready();
        if let Some(signal) = signal {
            reported.run.signal(signal);
        }
        let (finished, report) = reported.finish();
        assert!(report.hook.is_none(), "{report:?}");
        assert!(!finished.stderr.contains("hooked"), "{finished:?}");
    }
    // Control: the same with a limit that does.
    let mut run = start(grpkill_timeout().args([hook, "0", "bash", "-c", TELLS]));
    run.wait_ready();
    run.limit_passes();
    assert!(run.finish().stderr.contains("hooked"));
}
