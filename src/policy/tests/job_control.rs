//! Who has the terminal, and who is stopped.

use crate::policy::job_control::{
    Control,
    Control::{Continue, Lend, PassOn, RestoreModes, Stop, StopGroup, TakeBack, TellGroup},
    JobControl, Place,
};
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;

const KILLED: Option<WaitStatus> =
    Some(WaitStatus::Signaled { signal: Signal::KILL, core_dumped: false });
const EXITED: Option<WaitStatus> = Some(WaitStatus::Exited(0));

fn own_group() -> JobControl {
    JobControl::new(false)
}

fn lent() -> JobControl {
    let mut control = own_group();
    assert_eq!(control.stopped(Signal::TTIN, Place::Front, true), [Lend]);
    assert!(control.has_lent());
    control
}

fn wanted() -> JobControl {
    let mut control = own_group();
    assert_eq!(control.stopped(Signal::TTIN, Place::Back, true), []);
    assert!(control.waits_for_terminal());
    control
}

fn goes_on(control: &mut JobControl, place: Place) -> Vec<Control> {
    control.continued(place, || unreachable!("it is in a group of its own"))
}

fn told_by_key(control: &mut JobControl, place: Place) -> Vec<Control> {
    control.told_to_stop(Signal::TSTP, Origin::Kernel, place, || false)
}

#[test]
fn who_asks_in_front_gets_the_terminal_until_the_end() {
    for signal in [Signal::TTIN, Signal::TTOU] {
        let mut control = own_group();
        assert_eq!(control.stopped(signal, Place::Front, true), [Lend]);
        assert_eq!(control.ended(EXITED, false, Place::Lent), [TakeBack]);
        assert_eq!(control.ended(EXITED, false, Place::Lent), []);
    }
}

/// Another one of the command's group was about to stop it when the terminal was lent.
#[test]
fn who_asks_for_what_it_has_is_continued() {
    assert_eq!(lent().stopped(Signal::TTIN, Place::Lent, true), [Lend]);
}

#[test]
fn who_is_being_ended_may_ask_but_not_stop() {
    let mut control = own_group();
    assert_eq!(control.stopped(Signal::TTOU, Place::Front, false), [Lend]);
    assert_eq!(control.stopped(Signal::TSTP, Place::Lent, false), []);
    assert_eq!(own_group().stopped(Signal::TSTP, Place::Front, false), []);
    let mut shared = JobControl::new(true);
    assert_eq!(shared.stopped(Signal::TSTP, Place::Front, false), []);
}

#[test]
fn who_never_asked_has_nothing_to_give_back() {
    assert_eq!(own_group().ended(KILLED, false, Place::Front), []);
}

#[test]
fn a_terminal_that_somebody_has_taken_is_left_to_him() {
    assert_eq!(lent().ended(KILLED, false, Place::Back), []);
    let mut control = lent();
    assert_eq!(control.stopped(Signal::TSTP, Place::Back, true), [StopGroup(Signal::TSTP)]);
}

#[test]
fn the_modes_of_who_was_killed_are_restored() {
    assert_eq!(lent().ended(KILLED, false, Place::Lent), [TakeBack, RestoreModes]);
    assert_eq!(lent().ended(KILLED, false, Place::Front), [RestoreModes]);
    assert_eq!(lent().ended(None, false, Place::Lent), [TakeBack]);
}

#[test]
fn a_key_that_killed_the_command_is_told_to_our_group() {
    let status = Some(WaitStatus::Signaled { signal: Signal::INT, core_dumped: false });
    let told = [TakeBack, RestoreModes, TellGroup(Signal::INT)];
    assert_eq!(lent().ended(status, false, Place::Lent), told);
    assert_eq!(lent().ended(status, true, Place::Lent), [TakeBack, RestoreModes]);
}

#[test]
fn another_of_our_group_gets_the_terminal_after_the_command() {
    let mut control = lent();
    assert_eq!(control.told_to_stop(Signal::TTIN, Origin::Kernel, Place::Lent, || false), []);
    let told = [TakeBack, TellGroup(Signal::CONT)];
    assert_eq!(control.ended(EXITED, false, Place::Lent), told);
}

#[test]
fn in_the_background_it_waits_and_is_looked_after() {
    let mut control = wanted();
    assert_eq!(control.looked(Place::Back), []);
    assert_eq!(control.looked(Place::Front), [Lend]);
    assert!(!control.waits_for_terminal());
    let mut control = wanted();
    assert_eq!(control.told_to_continue(Place::Front), [Lend, PassOn(Signal::CONT)]);
}

#[test]
fn who_waits_for_the_terminal_stops_when_told() {
    let again = [Lend, PassOn(Signal::CONT)];
    for (place, then) in [(Place::Front, &again[..]), (Place::Back, &again[1..])] {
        let mut control = wanted();
        let stop = [PassOn(Signal::TSTP), Stop(Signal::TSTP)];
        assert_eq!(told_by_key(&mut control, place), stop);
        assert!(!control.waits_for_terminal());
        assert_eq!(goes_on(&mut control, place), then);
    }
}

#[test]
fn under_one_of_us_we_ask_in_turn() {
    let mut control = own_group();
    let asked = [StopGroup(Signal::TTIN)];
    assert_eq!(control.stopped(Signal::TTIN, Place::BackOfOurOwn, true), asked);
    assert_eq!(goes_on(&mut control, Place::Front), [Lend]);
}

#[test]
fn who_has_lost_the_terminal_to_another_waits_for_it() {
    let mut control = lent();
    assert_eq!(control.stopped(Signal::TTIN, Place::Back, true), []);
    assert!(control.waits_for_terminal());
    assert_eq!(control.ended(KILLED, false, Place::Back), []);
}

#[test]
fn a_lent_terminal_comes_back_at_a_stop_and_is_lent_again() {
    for signal in [Signal::TSTP, Signal::STOP] {
        let mut control = lent();
        let stop = [TakeBack, StopGroup(Signal::TSTP)];
        assert_eq!(control.stopped(signal, Place::Lent, true), stop);
        assert_eq!(goes_on(&mut control, Place::Front), [Lend]);
        assert_eq!(control.ended(EXITED, false, Place::Lent), [TakeBack]);
    }
}

#[test]
fn continued_in_the_background_it_has_to_ask_again() {
    let mut control = lent();
    let _ = control.stopped(Signal::TSTP, Place::Lent, true);
    assert_eq!(goes_on(&mut control, Place::Back), [Continue]);
    assert_eq!(control.stopped(Signal::TTIN, Place::Back, true), []);
    assert_eq!(control.looked(Place::Front), [Lend]);
}

#[test]
fn what_our_group_was_told_is_passed_on_and_not_told_again() {
    for signal in [Signal::TSTP, Signal::TTIN] {
        let mut control = own_group();
        let told = control.told_to_stop(signal, Origin::Kernel, Place::Back, || false);
        assert_eq!(told, [PassOn(signal)]);
        // Some programs stop by another signal when they have cleaned up.
        assert_eq!(control.stopped(Signal::STOP, Place::Back, true), [Stop(signal)]);
        assert_eq!(goes_on(&mut control, Place::Front), [PassOn(Signal::CONT)]);
    }
    // The next one is somebody else's.
    let mut control = own_group();
    let stop = [StopGroup(Signal::TSTP)];
    assert_eq!(control.stopped(Signal::TSTP, Place::Front, true), stop);
}

#[test]
fn a_key_beats_who_asks_at_the_same_time() {
    let mut control = own_group();
    assert_eq!(told_by_key(&mut control, Place::Front), [PassOn(Signal::TSTP)]);
    assert_eq!(control.stopped(Signal::TTIN, Place::Front, true), [Stop(Signal::TSTP)]);
    assert_eq!(goes_on(&mut control, Place::Front), [Lend, PassOn(Signal::CONT)]);
}

#[test]
fn a_key_that_the_command_did_not_heed_is_forgotten_when_continued() {
    let mut control = own_group();
    assert_eq!(told_by_key(&mut control, Place::Front), [PassOn(Signal::TSTP)]);
    assert_eq!(control.told_to_continue(Place::Front), [PassOn(Signal::CONT)]);
    assert_eq!(control.stopped(Signal::TTIN, Place::Front, true), [Lend]);
}

#[test]
fn when_the_command_has_ended_nobody_is_waited_for() {
    let mut control = own_group();
    assert_eq!(control.ended(EXITED, false, Place::Front), []);
    let stop = [PassOn(Signal::TSTP), Stop(Signal::TSTP)];
    assert_eq!(told_by_key(&mut control, Place::Front), stop);
    assert_eq!(goes_on(&mut control, Place::Front), [PassOn(Signal::CONT)]);
    assert_eq!(told_by_key(&mut control, Place::Front), stop);
}

#[test]
fn without_a_terminal_a_stop_is_somebody_elses_business() {
    for signal in [Signal::TTIN, Signal::TSTP, Signal::STOP] {
        let mut control = own_group();
        assert_eq!(control.stopped(signal, Place::Nowhere, true), []);
        assert!(!control.waits_for_terminal());
    }
    assert_eq!(own_group().stopped(Signal::STOP, Place::Front, true), []);
}

#[test]
fn in_our_own_group_what_the_terminal_does_stops_us_too() {
    for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let mut control = JobControl::new(true);
        assert_eq!(control.stopped(signal, Place::Front, true), [Stop(signal)]);
        assert_eq!(control.continued(Place::Front, || false), []);
    }
    let mut control = JobControl::new(true);
    assert_eq!(control.stopped(Signal::STOP, Place::Front, true), []);
    assert_eq!(told_by_key(&mut control, Place::Front), []);
    assert_eq!(control.stopped(Signal::STOP, Place::Front, true), [Stop(Signal::TSTP)]);
}

#[test]
fn a_key_that_we_may_have_undone_in_our_own_group_is_passed_on() {
    let mut control = JobControl::new(true);
    assert_eq!(control.stopped(Signal::TSTP, Place::Front, true), [Stop(Signal::TSTP)]);
    assert_eq!(control.continued(Place::Front, || true), [PassOn(Signal::CONT)]);
    assert_eq!(told_by_key(&mut control, Place::Front), [PassOn(Signal::TSTP)]);
    assert_eq!(told_by_key(&mut control, Place::Front), []);
}

#[test]
fn a_key_stops_us_where_the_command_is_stopped_already() {
    for shares_group in [false, true] {
        let mut control = JobControl::new(shares_group);
        assert_eq!(control.stopped(Signal::STOP, Place::Front, true), []);
        let told = control.told_to_stop(Signal::TSTP, Origin::Kernel, Place::Front, || true);
        assert_eq!(told, [PassOn(Signal::TSTP), Stop(Signal::TSTP)]);
    }
}
