//! What becomes of descendants that outlive the command.

use super::*;

fn lingering(lingering: Lingering) -> Policy {
    let target = match lingering {
        Lingering::Kill | Lingering::Wait => Target::Tree,
        Lingering::Report | Lingering::Ignore => Target::Job,
    };
    let ladder = policy("TERM/10s/KILL");
    Policy { lingering, target, kill_target: target, until: target, ..ladder }
}

#[test]
fn who_goes_by_themselves_in_time_are_no_trouble() {
    for policy in [Lingering::Report, Lingering::Kill, Lingering::Wait].map(lingering) {
        let mut run = Run::new(&policy);
        assert_eq!(run.leader_exits(3), NOTHING);
        assert_eq!(run.machine.awaited(), Awaited::LastChild);
        assert_eq!(run.after(SETTLE / 2), NOTHING);
        assert_eq!(run.nobody_is_left(), ["finish"]);
        assert_eq!(run.exit_status(), ExitStatus::Code(3));
    }
}

#[test]
fn report_names_them_and_leaves_them() {
    let policy = lingering(Lingering::Report);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(SETTLE), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::SUCCESS);
    assert_eq!(run.machine.outcome().cause, None);
}

#[test]
fn ignore_does_not_even_look() {
    let policy = lingering(Lingering::Ignore);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), ["finish"]);
}

#[test]
fn kill_ends_them_and_returns_the_commands_status() {
    let policy = lingering(Lingering::Kill);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(3), NOTHING);
    assert_eq!(run.after(SETTLE), ["note lingering", "TERM~+CONT"]);
    assert_eq!(run.machine.awaited(), Awaited::All(Target::Lingering));
    assert_eq!(run.after(seconds(10)), ["KILL~"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(3));
}

#[test]
fn a_limit_that_passes_while_they_are_ended_is_none() {
    let policy = lingering(Lingering::Kill);
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(29)), NOTHING);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(SETTLE), ["note lingering", "TERM~+CONT"]);
    assert_eq!(run.after(seconds(5)), NOTHING);
    assert_eq!(run.receive("ALRM"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::SUCCESS);
}

#[test]
fn who_are_ended_can_be_hurried() {
    let policy = lingering(Lingering::Kill);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(SETTLE), ["note lingering", "TERM~+CONT"]);
    assert_eq!(run.receive("INT"), ["INT~+CONT"]);
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.receive("INT"), ["KILL~"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::INT), "a script stops at Ctrl-C");
}

#[test]
fn a_ladder_without_kill_is_not_waited_for_without_end() {
    let policy = Policy { ladder: Ladder::parse("TERM").unwrap(), ..lingering(Lingering::Kill) };
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(SETTLE), ["note lingering", "TERM~+CONT"]);
    assert_eq!(run.after(AFTER_KILL), ["note left", "finish"]);
    assert!(run.machine.outcome().gave_up);
    assert_eq!(run.exit_status(), ExitStatus::SUCCESS);
}

#[test]
fn a_signal_while_they_settle_ends_the_job() {
    let policy = lingering(Lingering::Report);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::INT));
}

#[test]
fn wait_waits_until_they_are_gone() {
    let policy = lingering(Lingering::Wait);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(seconds(20)), NOTHING);
    assert_eq!(run.machine.awaited(), Awaited::All(Target::Lingering));
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::SUCCESS);
}

#[test]
fn wait_ends_at_the_limit() {
    let policy = lingering(Lingering::Wait);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(7), NOTHING);
    assert_eq!(run.after(seconds(30)), ["TERM~+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL~"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
    assert_eq!(run.preserved_status(), ExitStatus::Code(7));
}

#[test]
fn a_command_that_died_by_kill_in_time_is_no_137_at_the_limit() {
    let policy = lingering(Lingering::Wait);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.receive("ALRM"), ["TERM~+CONT"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn a_signal_ends_the_waiting_and_shows_in_the_status() {
    let policy = lingering(Lingering::Wait);
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.receive(USR1), ["USR1"]);
    assert_eq!(run.receive("INT"), ["INT~+CONT"]);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::INT));
}

#[test]
fn at_the_limit_the_detached_go_with_the_job_or_stay() {
    for (policy, sent) in [
        (Lingering::Report, "TERM+CONT"),
        (Lingering::Ignore, "TERM+CONT"),
        (Lingering::Kill, "TERM#+CONT"),
        (Lingering::Wait, "TERM#+CONT"),
    ] {
        let policy = lingering(policy);
        let mut run = Run::new(&policy);
        assert_eq!(run.after(seconds(30)), [sent]);
        assert_eq!(run.leader_dies("TERM"), NOTHING);
        assert_eq!(run.machine.awaited(), Awaited::All(policy.until));
        let noted = match policy.lingering {
            Lingering::Ignore => &["finish"][..],
            _ => &["note left", "finish"],
        };
        assert_eq!(run.nobody_is_left(), noted);
        assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
    }
}

#[test]
fn in_the_foreground_they_are_at_most_waited_for() {
    let policy = Policy { lingering: Lingering::Wait, ..in_the_foreground() };
    for (event, status) in
        [("ALRM", ExitStatus::TIMED_OUT), ("TERM", ExitStatus::Signal(Signal::TERM))]
    {
        let mut run = Run::new(&policy);
        assert_eq!(run.leader_exits(0), NOTHING);
        assert_eq!(run.after(seconds(1)), NOTHING);
        assert_eq!(run.receive(event), ["note left", "finish"], "the command is gone");
        assert_eq!(run.exit_status(), status);
    }
}

/// The terminal tells the command's group, but the command is gone: then it is for us.
#[test]
fn in_the_foreground_ctrl_c_ends_the_waiting() {
    let policy = Policy { lingering: Lingering::Wait, ..in_the_foreground() };
    let mut run = Run::new(&policy);
    let ctrl_c = Event::Received(Signal::INT, Origin::Kernel);
    assert_eq!(run.event(ctrl_c), NOTHING);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.event(ctrl_c), ["note left", "finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::INT));
}

#[test]
fn who_has_left_somebody_may_have_a_status_of_its_own() {
    for (code, has_left, expected) in [(0, true, 9), (0, false, 0), (3, true, 3)] {
        for how in [Lingering::Report, Lingering::Kill] {
            let policy = Policy { lingering_status: Some(9), ..lingering(how) };
            let mut run = Run::new(&policy);
            assert_eq!(run.leader_exits(code), NOTHING);
            assert_ne!(run.after(SETTLE), NOTHING);
            let status = run.machine.outcome().exit_status(&policy, has_left);
            assert_eq!(status, ExitStatus::Code(expected), "{how:?}");
        }
    }
}

#[test]
fn at_the_limit_nobody_asks_who_was_left() {
    let policy = Policy { lingering_status: Some(9), ..lingering(Lingering::Report) };
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.nobody_is_left(), ["note left", "finish"]);
    assert_eq!(run.machine.outcome().exit_status(&policy, true), ExitStatus::TIMED_OUT);
}
