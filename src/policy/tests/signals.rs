//! Signals that come to us.

use super::*;

#[test]
fn a_signal_takes_the_place_of_the_first_step() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["KILL"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::INT), "the user's signal ended it");
}

#[test]
fn as_timeout_a_kill_after_a_signal_shows() {
    let policy = Policy { kill_shows: true, ..policy("TERM/10s/KILL") };
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.exit_status(), ExitStatus::Code(137));
}

#[test]
fn a_command_that_handles_a_signal_gives_its_status() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.leader_exits(5), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(5));
}

#[test]
fn somebody_elses_kill_is_the_commands_own_death() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::KILL));
}

#[test]
fn a_second_signal_hurries_but_not_the_same_one_twice_delivered() {
    let policy = policy("QUIT/20s/TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(Duration::from_millis(199)), NOTHING);
    assert_eq!(run.receive("INT"), NOTHING, "a group and its parent both delivered it");
    assert_eq!(run.after(Duration::from_millis(1)), NOTHING);
    assert_eq!(run.receive("INT"), ["TERM+CONT"], "the time counts from the first");
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.receive("TERM"), ["KILL"], "another signal hurries as well");
    assert_eq!(run.receive("INT"), NOTHING, "there is nothing beyond KILL");
}

#[test]
fn another_signal_at_once_is_passed_on_and_hurries_nothing() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(Duration::from_millis(50)), NOTHING);
    assert_eq!(run.receive("TERM"), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(1)), NOTHING);
}

#[test]
fn the_first_signal_after_the_limit_is_passed_on_and_the_second_hurries() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.receive("INT"), ["KILL"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.exit_status(), ExitStatus::Code(137));
}

#[test]
fn the_last_step_passes_signals_on() {
    let policy = policy("TERM");
    let mut run = Run::new(&policy);
    for _ in 0..3 {
        assert_eq!(run.receive("INT"), ["INT+CONT"]);
        assert_eq!(run.after(seconds(1)), NOTHING);
    }
}

#[test]
fn the_limit_holds_for_what_ignores_a_signal() {
    let policy = policy("TERM/1h/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.leader_dies("TERM"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn alrm_is_the_limit() {
    let policy = Policy { limit: None, ..policy("TERM/10s/KILL") };
    let mut run = Run::new(&policy);
    assert_eq!(run.receive("ALRM"), ["TERM+CONT"]);
    assert_eq!(run.receive("ALRM"), NOTHING);
    assert_eq!(run.exit_status(), ExitStatus::Code(137), "as long as the leader lives");
    assert_eq!(run.leader_dies("TERM"), NOTHING);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn other_signals_are_passed_on_and_nothing_more() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    for name in [USR1, "USR2", "WINCH", "RTMIN", "CONT", "TSTP", "PIPE", "SEGV"] {
        assert_eq!(run.receive(name), [name]);
        assert_eq!(run.receive(name), [name], "twice is twice");
    }
    assert_eq!(run.after(seconds(29)), NOTHING);
}

#[test]
fn the_ladders_own_first_signal_asks_for_the_end() {
    let policy = policy("USR1/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.receive(USR1), ["USR1+CONT"]);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
}

#[test]
fn nothing_continues_what_stop_has_stopped() {
    for (ladder, first) in
        [("STOP/1s/KILL", "STOP"), ("CONT/1s/KILL", "CONT"), ("0/1s/KILL", "EXIT")]
    {
        let policy = policy(ladder);
        let mut run = Run::new(&policy);
        assert_eq!(run.after(seconds(30)), [first]);
    }
}

#[test]
fn kill_first_still_gives_a_grace_to_a_signal() {
    let policy = policy("KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.clone().after(seconds(30)), ["KILL"]);
    assert_eq!(run.receive("INT"), ["INT+CONT"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["KILL"]);
}
