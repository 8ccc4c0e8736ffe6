//! What happens between the end of the time and the first signal.

use super::*;

const SNAPSHOT: Extras = Extras { survey: false, snapshot: true, hook: false };

const HOOK_TOO: Extras = Extras { hook: true, ..SNAPSHOT };

#[test]
fn the_first_signal_of_a_limit_comes_after_a_snapshot() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, SNAPSHOT);
    assert_eq!(run.after(seconds(30)), ["snapshot", "TERM+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
}

#[test]
fn a_signal_to_us_needs_no_snapshot_but_a_limit_that_passes_then_does() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, SNAPSHOT);
    assert_eq!(run.after(seconds(25)), NOTHING);
    assert_eq!(run.receive("TERM"), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(5)), ["snapshot"]);
    assert_eq!(run.after(seconds(5)), ["KILL"], "the grace is the signal's");
}

#[test]
fn a_limit_catches_up_on_the_first_signal() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(25)), NOTHING);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(5)), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(5)), ["KILL"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(137));
}

#[test]
fn a_limit_that_means_kill_waits_for_no_grace() {
    let policy = policy("KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(25)), NOTHING);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(5)), ["KILL"]);
}

#[test]
fn doing_nothing_is_a_limit_too() {
    let policy = Policy { idle: Some(seconds(1)), ..policy("TERM/10s/KILL") };
    let mut run = Run::with(&policy, SNAPSHOT);
    assert!(run.machine.may_be_idle());
    assert_eq!(run.event(Event::Idle), ["snapshot", "TERM+CONT"]);
    assert!(!run.machine.may_be_idle());
    assert_eq!(run.event(Event::Idle), NOTHING);
    assert_eq!(run.leader_dies("TERM"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.machine.outcome().cause, Some(Cause::Idle));
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
    assert_eq!(run.preserved_status(), ExitStatus::Code(143));
}

#[test]
fn the_limit_is_none_when_the_job_is_being_ended_for_doing_nothing() {
    let policy = Policy { idle: Some(seconds(1)), ..policy("TERM/10s/KILL") };
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(25)), NOTHING);
    assert_eq!(run.event(Event::Idle), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["KILL"]);
}

#[test]
fn the_hook_runs_before_the_first_signal() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(30)), ["snapshot", "run hook"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.event(Event::HookEnded), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
}

#[test]
fn a_hook_that_does_not_end_is_ended() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(30)), ["snapshot", "run hook"]);
    assert_eq!(run.after(HOOK), ["kill hook", "TERM+CONT"]);
    assert_eq!(run.event(Event::HookEnded), NOTHING);
}

#[test]
fn a_request_to_end_does_not_wait_for_the_hook() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(30)), ["snapshot", "run hook"]);
    assert_eq!(run.receive("ALRM"), NOTHING);
    assert_eq!(run.receive(USR1), [USR1]);
    assert_eq!(run.receive("INT"), ["kill hook", "INT+CONT"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(137), "the limit came first");
}

#[test]
fn a_command_that_ends_under_its_hook_has_timed_out() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(30)), ["snapshot", "run hook"]);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.machine.awaited(), Awaited::All(Target::Job));
    assert_eq!(run.event(Event::HookEnded), ["TERM+CONT"]);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn nobody_is_signalled_where_nobody_is_left_when_the_hook_ends() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(30)), ["snapshot", "run hook"]);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.nobody_is_left(), NOTHING);
    assert_eq!(run.machine.awaited(), Awaited::Nobody);
    assert_eq!(run.event(Event::HookEnded), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn in_the_foreground_the_end_of_the_command_is_the_end_of_the_hook_at_the_latest() {
    let policy = in_the_foreground();
    let mut run = Run::with(&policy, Extras { hook: true, ..Extras::default() });
    assert_eq!(run.after(seconds(30)), ["run hook"]);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.event(Event::HookEnded), ["finish"]);
}

#[test]
fn no_hook_holds_up_a_ladder_that_has_begun() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, HOOK_TOO);
    assert_eq!(run.after(seconds(25)), NOTHING);
    assert_eq!(run.receive("TERM"), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(5)), ["snapshot"]);
}

#[test]
fn the_time_of_looking_is_nobodys_grace() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::with(&policy, SNAPSHOT);
    run.now += seconds(30);
    assert_eq!(show(&run.machine.handle_timeout(run.now)), ["snapshot"]);
    run.now += seconds(1);
    assert_eq!(run.event(Event::Looked), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["KILL"]);
}
