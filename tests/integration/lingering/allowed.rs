//! Who turns out to be allowed, or cannot be asked: nobody is ended by mistake, and nobody who is alive
//! is called ended.

use super::{Stray, leader, until_told};
use crate::harness::{assert_gone, fixture, start};
use crate::report::Reports;
use crate::starved::Nobody;

/// A daemon, alone, that does this at TERM.
fn at_term(then: &str) -> String {
    let waits = "exec 9<> <(:); wait; echo left $$; while :; do read -t 1000 -u 9; done";
    format!("{} detach 1 bash -c 'trap \"{then}\" TERM; {waits}'", fixture())
}

/// One is not allowed when it is looked at first, and is when it has got its signal. The control becomes
/// something else.
#[test]
fn who_is_found_to_be_allowed_is_not_called_ended() {
    for (command, grace, is_allowed) in [("sleep 1234", "100", true), ("sleep 1000", "0.5", false)]
    {
        let reports = Reports::new();
        let report = format!("--report={}", reports.path().display());
        let kill = ["--lingering=kill", "--allow=sleep 1234", "--lingering-status=77"];
        let options = [&kill[..], &["-k", grace, &report]].concat();
        let mut run = leader(&options, &at_term(&format!("echo term; exec {command}")));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        run.wait_for("term");
        let status = run.wait_exit();
        assert_eq!(stray.is_alive(), is_allowed, "{command}");
        drop(stray);
        let finished = run.finish();
        let report = reports.only();
        assert_eq!(status.code(), Some(if is_allowed { 0 } else { 77 }), "{finished:?}");
        assert_eq!(report.lingering().is_empty(), is_allowed, "{report:?}");
        assert_eq!(finished.stderr.is_empty(), is_allowed, "{finished:?}");
        let ended = finished.stderr.contains("; ended by TERM, KILL in ");
        assert_eq!(ended, !is_allowed, "{finished:?}");
    }
}

/// One that changes its name all the time is ended or allowed, as it is met. Who is told is gone, and who
/// lives is not told; one may get its signal and be met as an allowed one before it dies of it.
#[test]
fn what_is_told_of_who_changes_its_name_is_true() {
    for _ in 0..20 {
        let reports = Reports::new();
        let report = format!("--report={}", reports.path().display());
        let kill = ["--lingering=kill", "--allow=allowed", "--lingering-status=77"];
        let options = [&kill[..], &["-k", "100", &report]].concat();
        let script = format!("{0} detach 1 {0} flips allowed other", fixture());
        let mut run = leader(&options, &script);
        let stray = Stray::of(&mut run);
        run.say("0\n");
        let status = run.wait_exit();
        let survives = stray.is_alive();
        drop(stray);
        let finished = run.finish();
        let report = reports.only();
        let is_told = !finished.stderr.is_empty();
        assert!(!(survives && is_told), "{finished:?}");
        assert_eq!(finished.stderr.contains("; ended by TERM in "), is_told, "{finished:?}");
        assert_eq!(report.lingering().is_empty(), !is_told, "{report:?}");
        assert_eq!(status.code(), Some(if is_told { 77 } else { 0 }), "{finished:?}");
    }
}

/// Who cannot be asked for its name is neither signalled nor called ended; it is what we could not see to.
#[test]
fn who_cannot_be_asked_is_left_and_named() {
    for can_fork in [true, false] {
        let Some(nobody) = Nobody::new() else { return };
        let mut command = nobody.program();
        command.args(["--lingering=kill", "--allow=sleep 1234", "--lingering-status=77"]);
        let left = "sh -c 'echo left $$; exec sleep 1234' &";
        command.args(["-k", "0.1", "0", "bash", "-c", &until_told(left)]);
        let mut run = start(&mut command);
        let stray = Stray::of(&mut run);
        stray.wait_asleep();
        if !can_fork {
            Nobody::forbid_forks(run.pid());
        }
        run.say("0\n");
        let status = run.wait_exit();
        assert!(stray.is_alive(), "it was killed, and may have been allowed");
        let pid = stray.pid;
        drop(stray);
        let finished = run.finish();
        let report = nobody.report();
        assert!(report.signals_sent.is_empty(), "{report:?}");
        assert!(!finished.stderr.contains("ended by"), "{finished:?}");
        assert_eq!(report.lingering().is_empty(), can_fork, "{report:?} {finished:?}");
        assert_eq!(status.code(), Some(if can_fork { 0 } else { 77 }), "{finished:?}");
        let named = finished.stderr.contains(&format!("still there: process {pid} 'sleep'"));
        assert_eq!(named, !can_fork, "{finished:?}");
    }
}

/// A signal comes to us while what the command has left is being ended.
#[test]
fn what_is_ended_and_the_signal_to_us_are_one_line() {
    let mut run = leader(&["--lingering=kill", "-k", "100"], &at_term("echo term"));
    let stray = Stray::of(&mut run);
    run.say("0\n");
    run.wait_for("term");
    run.signal(libc::SIGTERM);
    run.wait_for("term");
    // Sooner it would be the same request.
    std::thread::sleep(std::time::Duration::from_millis(250));
    run.signal(libc::SIGTERM);
    let finished = run.finish();
    assert_gone(stray.pid);
    assert_eq!(finished.signal, Some(libc::SIGTERM), "a script stops at it");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    let (left, end) = finished.stderr.split_once("; interrupted by TERM; ").expect("it is told");
    assert!(left.contains(&format!("left process {} 'bash -c ", stray.pid)), "{finished:?}");
    assert!(end.starts_with("ended by TERM, KILL in "), "{finished:?}");
}

/// A process whose only argument is empty is called by its name, as kernel threads are.
#[test]
fn a_blank_command_line_is_allowed_by_what_is_shown() {
    for (allow, survives) in [
        (&["--allow=*"][..], true),
        (&["--allow=[[]exe]"], true),
        (&["--allow=x"], false),
        (&[], false),
    ] {
        let options = [&["--lingering=kill", "-k", "100"], allow].concat();
        let mut run = leader(&options, &format!("{0} detach 1 {0} called blank", fixture()));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0));
        assert_eq!(stray.is_alive(), survives, "{allow:?}");
        drop(stray);
        let stderr = run.finish().stderr;
        assert_eq!(stderr.is_empty(), survives, "{allow:?}: {stderr}");
        assert_eq!(stderr.contains("'[exe]', state S"), !survives, "{allow:?}: {stderr}");
    }
}
