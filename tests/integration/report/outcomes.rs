//! How a run ended, what was signalled, and when.

use super::{CommandStatus, Reported, killed_by, ourselves, reported};
use crate::harness::fixture;

/// Is as the test wants it when it says so, and obeys every signal.
const OBEDIENT: [&str; 3] = ["sh", "-c", "echo ready; exec sleep 1000"];

/// Obeys nothing but KILL.
const DEAF: [&str; 3] = ["sh", "-c", "trap '' TERM; echo ready; exec sleep 1000"];

fn start_ready(options: &[&str], command: [&str; 3]) -> Reported {
    let mut reported = Reported::start(&[options, &command].concat());
    reported.run.wait_ready();
    reported
}

#[test]
fn a_command_that_exits() {
    for code in [0, 3, 255] {
        let script = format!("exit {code}");
        let report = reported(&["60", "sh", "-c", &script]);
        assert_eq!(report.outcome, "exited");
        assert_eq!((report.version, report.exit_status), (1, code));
        assert_eq!(report.command_status, Some(CommandStatus::Exited { code }));
        assert_eq!(report.command, ["sh", "-c", &script]);
        assert_eq!(report.limit_ms, Some(60_000));
        assert_eq!(report.pgid, report.pid);
        assert_eq!((report.sent(), report.received()), (vec![], vec![]));
        assert!(report.lingering().is_empty());
        // This version takes none.
        assert!(report.snapshot.is_empty() && report.snapshot_complete);
    }
}

#[test]
fn the_ids_are_those_of_the_command() {
    let mut reported = Reported::start(&["60", "sh", "-c", "echo command $$"]);
    let command = reported.run.wait_pid("command");
    let (_, report) = reported.finish();
    assert_eq!((report.pid, report.pgid), (Some(command), Some(command)));
}

#[test]
fn a_command_that_a_signal_kills() {
    for (signal, number) in [("USR1", libc::SIGUSR1), ("KILL", libc::SIGKILL)] {
        let report = reported(&["60", "sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!((&*report.outcome, report.exit_status), ("signaled", 128 + number));
        assert_eq!(report.command_status, Some(killed_by(signal)));
        assert_eq!((report.sent(), report.received()), (vec![], vec![]));
    }
}

#[test]
fn a_limit_that_passes() {
    let report = reported(&["0.25", "sleep", "1000"]);
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 124));
    assert_eq!(report.command_status, Some(killed_by("TERM")));
    assert_eq!(report.limit_ms, Some(250));
    let pid = report.pid();
    assert_eq!(report.sent(), [("TERM", "group", pid), ("CONT", "group", pid)]);
    assert!(report.signals_sent[0].at_ms >= 250, "{report:?}");
    assert!(report.elapsed_ms >= 250, "{report:?}");
    assert_eq!(report.received(), []);
}

#[test]
fn a_limit_that_takes_kill() {
    let reported = start_ready(&["-k", "0.2", "0"], DEAF);
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 137));
    assert_eq!(report.command_status, Some(killed_by("KILL")));
    let pid = report.pid();
    let expected = [("TERM", "group", pid), ("CONT", "group", pid), ("KILL", "group", pid)];
    assert_eq!(report.sent(), expected);
    let [term, _, kill] = &report.signals_sent[..] else { unreachable!() };
    // Both times are cut to the millisecond.
    assert!(kill.at_ms + 1 >= term.at_ms + 200, "{report:?}");
}

#[test]
fn a_limit_that_somebody_makes_pass() {
    let reported = start_ready(&["0"], OBEDIENT);
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 124));
    let (pid, uid) = ourselves();
    assert_eq!(report.received(), [("ALRM", pid, uid)]);
    assert!(report.signals_received[0].at_ms <= report.signals_sent[0].at_ms, "{report:?}");
}

#[test]
fn a_signal_to_us_that_ends_the_run() {
    for (signal, name) in [(libc::SIGTERM, "TERM"), (libc::SIGINT, "INT")] {
        let reported = start_ready(&["60"], OBEDIENT);
        reported.run.signal(signal);
        let (finished, report) = reported.finish();
        assert_eq!(finished.signal, Some(signal));
        assert_eq!((&*report.outcome, report.exit_status), ("interrupted", 128 + signal));
        assert_eq!(report.command_status, Some(killed_by(name)));
        let ((ourselves, uid), pid) = (ourselves(), report.pid());
        assert_eq!(report.received(), [(name, ourselves, uid)]);
        assert_eq!(report.sent(), [(name, "group", pid), ("CONT", "group", pid)]);
    }
}

#[test]
fn a_signal_to_us_that_takes_kill() {
    let reported = start_ready(&["-k", "0.1", "60"], DEAF);
    reported.run.signal(libc::SIGTERM);
    let (finished, report) = reported.finish();
    assert_eq!(finished.signal, Some(libc::SIGTERM));
    assert_eq!((&*report.outcome, report.exit_status), ("interrupted", 128 + libc::SIGTERM));
    assert_eq!(report.command_status, Some(killed_by("KILL")));
    let pid = report.pid();
    let expected = [("TERM", "group", pid), ("CONT", "group", pid), ("KILL", "group", pid)];
    assert_eq!(report.sent(), expected);
}

#[test]
fn each_step_of_a_ladder_is_a_signal_that_was_sent() {
    for (options, expected) in [
        (&["--escalate=HUP/100ms/INT/100ms/KILL"][..], &["HUP", "CONT", "INT", "CONT", "KILL"][..]),
        (&["-s", "KILL"], &["KILL"]),
        (&["-s", "0", "-k", "0.1"], &["KILL"]),
    ] {
        let script = ["sh", "-c", "trap '' HUP INT; echo ready; exec sleep 1000"];
        let reported = start_ready(&[options, &["0"]].concat(), script);
        reported.run.limit_passes();
        let (_, report) = reported.finish();
        let signals: Vec<&str> = report.sent().into_iter().map(|(signal, ..)| signal).collect();
        assert_eq!(signals, expected, "{options:?}");
    }
}

#[test]
fn a_signal_that_is_only_passed_on() {
    let script = "trap 'exit 5' USR1; echo ready; while :; do sleep 0.02; done";
    let reported = start_ready(&["60"], ["sh", "-c", script]);
    reported.run.signal(libc::SIGUSR1);
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("exited", 5));
    let (ourselves, uid) = ourselves();
    assert_eq!(report.received(), [("USR1", ourselves, uid)]);
    assert_eq!(report.sent(), [("USR1", "group", report.pid())]);
}

#[test]
fn real_time_signals_have_names() {
    let signal = libc::SIGRTMIN() + 3;
    let mut reported = Reported::start(&["0", &fixture(), "count", &signal.to_string()]);
    reported.run.wait_ready();
    reported.run.signal(signal);
    reported.run.wait_for("received 1");
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!(report.received()[0].0, "RTMIN+3");
    assert_eq!(report.sent()[0], ("RTMIN+3", "group", report.pid()));
}

#[test]
fn what_cannot_be_started() {
    for (command, code) in [("no-such-command", 127), ("/", 126), ("/dev/null", 126)] {
        let (finished, report) = Reported::start(&["60", command, "x"]).finish();
        assert!(finished.stderr.contains("cannot run"), "{finished:?}");
        assert_eq!((&*report.outcome, report.exit_status), ("not-started", code));
        assert_eq!(report.command, [command, "x"]);
        assert_eq!((report.pid, report.pgid, report.elapsed_ms), (None, None, 0));
        assert!(report.signals_sent.is_empty() && report.lingering().is_empty());
        assert_eq!((report.command_status, report.usage), (None, None));
        assert_eq!(report.limit_ms, Some(60_000));
    }
}

#[test]
fn a_status_that_is_preserved() {
    let script = "trap 'exit 7' TERM; sleep 1000 & echo ready; wait";
    let reported = start_ready(&["-p", "0"], ["sh", "-c", script]);
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 7));
    assert_eq!(report.command_status, Some(CommandStatus::Exited { code: 7 }));
    let reported = start_ready(&["-p", "-k", "0.1", "0"], DEAF);
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 137));
}

#[test]
fn in_the_foreground_the_command_alone_is_signalled() {
    let mut reported =
        Reported::start(&["-f", "0", "sh", "-c", "echo command $$; exec sleep 1000"]);
    let command = reported.run.wait_pid("command");
    // SAFETY: the call takes a number.
    let group = unsafe { libc::getpgid(reported.run.pid()) };
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 124));
    assert_eq!((report.pid, report.pgid), (Some(command), Some(group)));
    assert_eq!(report.sent(), [("TERM", "leader", command)]);
}

#[test]
fn a_member_outside_the_group_is_signalled_as_a_process() {
    let script = "set -m; sleep 1000 & echo member $!; echo ready; wait";
    let mut reported = Reported::start(&["0", "bash", "-c", script]);
    let member = reported.run.wait_pid("member");
    reported.run.wait_ready();
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    for expected in [("TERM", "group", report.pid()), ("TERM", "process", member)] {
        assert!(report.sent().contains(&expected), "{report:?}");
    }
}

#[test]
fn a_leader_that_has_left_its_group_is_signalled_too() {
    let mut reported = Reported::start(&["0", &fixture(), "leave-group"]);
    reported.run.wait_ready();
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    let pid = report.pid();
    assert_eq!(report.sent(), [("TERM", "leader", pid), ("CONT", "leader", pid)]);
}

#[test]
fn a_limit_is_shown_as_what_it_is() {
    for (limit, expected) in [
        ("0", None),
        ("inf", None),
        ("1.5m", Some(90_000)),
        ("1h30m", Some(5_400_000)),
        ("1e3", Some(1_000_000)),
        ("1000000d", Some(86_400_000_000_000)),
        // More than a reader of JSON may be able to hold.
        ("1e15", Some((1 << 53) - 1)),
    ] {
        assert_eq!(reported(&[limit, "true"]).limit_ms, expected, "{limit}");
    }
    // Too short to be shown, and still a limit.
    assert_eq!(reported(&["1ns", "sleep", "1000"]).limit_ms, Some(1));
}

#[test]
fn every_name_and_verbosity_reports() {
    for options in [&["-q"][..], &["-v"], &["--lingering=ignore"], &["--color=always"]] {
        let report = reported(&[options, &["60", "sh", "-c", "exit 3"]].concat());
        assert_eq!((&*report.outcome, report.exit_status), ("exited", 3), "{options:?}");
    }
    let reports = super::Reports::new();
    let option = format!("--report={}", reports.path().display());
    let arguments = [&*option, "60", "sh", "-c", "exit 3"];
    let finished = crate::harness::run(crate::harness::as_timeout().args(arguments));
    assert_eq!((finished.code, &*finished.stderr), (3, ""));
    assert_eq!(reports.only().exit_status, 3);
}
