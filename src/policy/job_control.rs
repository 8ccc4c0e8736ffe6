//! Who has the terminal, and who is stopped: what a shell does for its jobs, done for the command.
//!
//! The command is in a process group of its own, and so in the background of its terminal. We lend it
//! the terminal when it asks, which is when it is stopped by TTIN or TTOU while our own group has the
//! terminal; and a command that is stopped otherwise stops us with it, so that the shell sees the
//! whole job stopped.
//!
//! | | stopped by TTIN, TTOU | stopped by TSTP | stopped by another | we are told to stop | continued | ended |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | Ours | lend, if we are in front; else Wanted | suspend; Suspended | – | noted | – | – |
//! | Wanted | as in Ours | as in Ours | – | suspend; Suspended | lend, if we are in front | – |
//! | Lent | as in Ours | take back, suspend; Suspended | take back, suspend; Suspended | noted | – | take back |
//! | Suspended | – | – | – | – | lend, if it was lent and we are in front; else continue it | – |
//!
//! Inside another of us, whose command's group we are in, our group asks as a command would: by
//! stopping with TTIN.
#![forbid(unsafe_code)]

use crate::signal::Signal;
use crate::status::WaitStatus;

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Make the command's group the foreground one, and continue it.
    Lend,
    /// Make our own group the foreground one again.
    TakeBack,
    /// Give the terminal the modes that it had before it was lent.
    RestoreModes,
    /// Send this signal to our own group, as the terminal would have done.
    TellGroup(Signal),
    /// Stop ourselves by this signal until somebody continues us.
    Suspend(Signal),
    /// Continue the command's group.
    Continue,
    /// Continue the command if it is still stopped: who continued us may have continued it too.
    ContinueStopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ours,
    /// The command waits for a terminal that is not ours to lend.
    Wanted,
    Lent,
    Suspended {
        was_lent: bool,
    },
}

/// Our place, as seen from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Our group has the terminal.
    Front,
    /// Another one has.
    Back,
    /// Another one has, and ours is the command of one of us, who lends it the terminal when we ask.
    BackOfOurOwn,
    /// There is no terminal.
    Nowhere,
}

/// The job control of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobControl {
    /// The command is in our own group: what the terminal does to it, it does to us.
    shares_group: bool,
    state: State,
    /// Our whole group has been told to stop.
    told_to_stop: bool,
}

impl JobControl {
    /// For a command that is in our own group, or in one of its own.
    pub fn new(shares_group: bool) -> Self {
        Self { shares_group, state: State::Ours, told_to_stop: false }
    }

    /// Our group has been told to stop, by the terminal or by who has it. A command that waits for
    /// the terminal is stopped already, and will not tell us so again.
    #[must_use]
    pub fn told_to_stop(&mut self) -> Vec<Control> {
        if self.state == State::Wanted {
            self.state = State::Suspended { was_lent: true };
            return vec![Control::Suspend(Signal::TSTP)];
        }
        self.told_to_stop = true;
        vec![]
    }

    /// The command has been stopped by this signal.
    #[must_use]
    pub fn stopped(&mut self, signal: Signal, place: Place) -> Vec<Control> {
        let told = std::mem::take(&mut self.told_to_stop);
        let asks = [Signal::TTIN, Signal::TTOU].contains(&signal);
        match (self.state, place) {
            _ if self.shares_group && signal == Signal::TSTP => vec![Control::Suspend(signal)],
            _ if self.shares_group => vec![],
            (_, Place::Nowhere) | (State::Suspended { .. }, _) => vec![],
            (_, Place::Front) if asks => self.lend(),
            (_, Place::BackOfOurOwn) if asks => {
                self.state = State::Suspended { was_lent: true };
                vec![Control::TellGroup(signal), Control::Suspend(signal)]
            }
            // Another of us may have lent it to its own command since.
            _ if asks => {
                self.state = State::Wanted;
                vec![]
            }
            (State::Lent, _) => {
                self.state = State::Suspended { was_lent: true };
                vec![
                    Control::TakeBack,
                    Control::TellGroup(Signal::TSTP),
                    Control::Suspend(Signal::TSTP),
                ]
            }
            _ if signal == Signal::TSTP => {
                self.state = State::Suspended { was_lent: false };
                let tell = (!told).then_some(Control::TellGroup(signal));
                tell.into_iter().chain([Control::Suspend(signal)]).collect()
            }
            // Somebody stops the command and not us: that is between them.
            _ => vec![],
        }
    }

    /// We have been suspended, and are continued.
    #[must_use]
    pub fn continued(&mut self, place: Place) -> Vec<Control> {
        match self.state {
            _ if self.shares_group => vec![Control::ContinueStopped],
            State::Suspended { was_lent: true } | State::Wanted if place == Place::Front => {
                self.lend()
            }
            State::Suspended { .. } => {
                self.state = State::Ours;
                vec![Control::Continue]
            }
            _ => vec![],
        }
    }

    /// Whether our place is to be looked at now and then: a shell sends no CONT to a job that it
    /// brings to the front and believes running.
    pub fn waits_for_terminal(&self) -> bool {
        self.state == State::Wanted
    }

    /// The command has ended, or has been given up.
    #[must_use]
    /// `by_us` tells whether we have sent it the signal that killed it.
    pub fn ended(&mut self, status: Option<WaitStatus>, by_us: bool) -> Vec<Control> {
        let was = std::mem::replace(&mut self.state, State::Ours);
        if was != State::Lent {
            return vec![];
        }
        let mut controls = vec![Control::TakeBack];
        if let Some(WaitStatus::Signaled { signal, .. }) = status {
            // It had no chance to clean up after itself.
            controls.push(Control::RestoreModes);
            if !by_us && [Signal::INT, Signal::QUIT].contains(&signal) {
                // A key; without us all of the job would have had it.
                controls.push(Control::TellGroup(signal));
            }
        }
        controls
    }

    fn lend(&mut self) -> Vec<Control> {
        self.state = State::Lent;
        vec![Control::Lend]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Control::{Continue, ContinueStopped, Lend, RestoreModes, Suspend, TakeBack, TellGroup};

    const KILLED: Option<WaitStatus> =
        Some(WaitStatus::Signaled { signal: Signal::KILL, core_dumped: false });
    const EXITED: Option<WaitStatus> = Some(WaitStatus::Exited(0));

    fn own_group() -> JobControl {
        JobControl::new(false)
    }

    fn lent() -> JobControl {
        let mut control = own_group();
        assert_eq!(control.stopped(Signal::TTIN, Place::Front), [Lend]);
        control
    }

    #[test]
    fn who_asks_in_front_gets_the_terminal_until_the_end() {
        for signal in [Signal::TTIN, Signal::TTOU] {
            let mut control = own_group();
            assert_eq!(control.stopped(signal, Place::Front), [Lend]);
            assert_eq!(control.ended(EXITED, false), [TakeBack]);
            assert_eq!(control.ended(EXITED, false), []);
        }
    }

    #[test]
    fn who_never_asked_has_nothing_to_give_back() {
        assert_eq!(own_group().ended(KILLED, false), []);
    }

    #[test]
    fn the_modes_of_who_was_killed_are_restored() {
        assert_eq!(lent().ended(KILLED, false), [TakeBack, RestoreModes]);
        assert_eq!(lent().ended(None, false), [TakeBack]);
    }

    #[test]
    fn a_key_that_killed_the_command_is_told_to_our_group() {
        let status = WaitStatus::Signaled { signal: Signal::INT, core_dumped: false };
        let told = [TakeBack, RestoreModes, TellGroup(Signal::INT)];
        assert_eq!(lent().ended(Some(status), false), told);
        assert_eq!(lent().ended(Some(status), true), [TakeBack, RestoreModes]);
    }

    #[test]
    fn in_the_background_it_waits_and_is_looked_after() {
        let mut control = own_group();
        assert_eq!(control.stopped(Signal::TTIN, Place::Back), []);
        assert!(control.waits_for_terminal());
        assert_eq!(control.continued(Place::Back), []);
        assert_eq!(control.continued(Place::Front), [Lend]);
        assert!(!control.waits_for_terminal());
    }

    #[test]
    fn who_waits_for_the_terminal_stops_when_told() {
        for (place, then) in [(Place::Front, [Lend]), (Place::Back, [Continue])] {
            let mut control = own_group();
            assert_eq!(control.stopped(Signal::TTIN, Place::Back), []);
            assert_eq!(control.told_to_stop(), [Suspend(Signal::TSTP)]);
            assert!(!control.waits_for_terminal());
            assert_eq!(control.continued(place), then);
        }
    }

    #[test]
    fn under_one_of_us_we_ask_in_turn() {
        let mut control = own_group();
        let asked = [TellGroup(Signal::TTIN), Suspend(Signal::TTIN)];
        assert_eq!(control.stopped(Signal::TTIN, Place::BackOfOurOwn), asked);
        assert_eq!(control.continued(Place::Front), [Lend]);
    }

    #[test]
    fn who_has_lost_the_terminal_to_another_waits_for_it() {
        let mut control = lent();
        assert_eq!(control.stopped(Signal::TTIN, Place::Back), []);
        assert!(control.waits_for_terminal());
        assert_eq!(control.ended(KILLED, false), []);
    }

    #[test]
    fn a_lent_terminal_comes_back_at_a_stop_and_is_lent_again() {
        for signal in [Signal::TSTP, Signal::STOP] {
            let mut control = lent();
            let stop = [TakeBack, TellGroup(Signal::TSTP), Suspend(Signal::TSTP)];
            assert_eq!(control.stopped(signal, Place::Back), stop);
            assert_eq!(control.continued(Place::Front), [Lend]);
            assert_eq!(control.ended(EXITED, false), [TakeBack]);
        }
    }

    #[test]
    fn continued_in_the_background_it_has_to_ask_again() {
        let mut control = lent();
        let _ = control.stopped(Signal::TSTP, Place::Back);
        assert_eq!(control.continued(Place::Back), [Continue]);
        assert_eq!(control.stopped(Signal::TTIN, Place::Back), []);
        assert_eq!(control.continued(Place::Front), [Lend]);
    }

    #[test]
    fn a_key_that_our_group_has_had_is_not_told_again() {
        let mut control = own_group();
        assert_eq!(control.told_to_stop(), []);
        assert_eq!(control.stopped(Signal::TSTP, Place::Front), [Suspend(Signal::TSTP)]);
        assert_eq!(control.continued(Place::Front), [Continue]);
        // The next one is somebody else's.
        let stop = [TellGroup(Signal::TSTP), Suspend(Signal::TSTP)];
        assert_eq!(control.stopped(Signal::TSTP, Place::Front), stop);
    }

    #[test]
    fn without_a_terminal_a_stop_is_somebody_elses_business() {
        for signal in [Signal::TTIN, Signal::TSTP, Signal::STOP] {
            let mut control = own_group();
            assert_eq!(control.stopped(signal, Place::Nowhere), []);
            assert!(!control.waits_for_terminal());
        }
        assert_eq!(own_group().stopped(Signal::STOP, Place::Front), []);
    }

    #[test]
    fn in_our_own_group_only_the_key_that_stops_matters() {
        let mut control = JobControl::new(true);
        assert_eq!(control.stopped(Signal::TSTP, Place::Front), [Suspend(Signal::TSTP)]);
        assert_eq!(control.continued(Place::Front), [ContinueStopped]);
        assert_eq!(control.stopped(Signal::TTIN, Place::Back), []);
        assert_eq!(control.ended(KILLED, false), []);
    }
}
