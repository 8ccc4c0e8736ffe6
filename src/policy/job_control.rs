//! Who has the terminal, and who is stopped: what a shell does for its jobs, done for the command.
//!
//! The command is in a process group of its own, and so in the background of its terminal. We lend it
//! the terminal when it asks, which is when it is stopped by TTIN or TTOU while our own group has the
//! terminal; and a command that is stopped otherwise stops us with it, so that the shell sees the
//! whole job stopped.
//!
//! | the command is stopped | by TTIN, TTOU | by TSTP | by another signal |
//! | --- | --- | --- | --- |
//! | our group was told to stop | stop | stop | stop |
//! | our group has the terminal | lend it | stop, with our group | – |
//! | the job has it | lend it again | take it back, stop with our group | take it back, stop with our group |
//! | another group has it | Wanted | stop, with our group | – |
//! | one of us may lend it to our group | ask for it: stop, with our group | stop, with our group | – |
//! | there is none | – | – | – |
//!
//! *Our group was told to stop* by a key or by another process, and so was the command. It may have
//! something to do before it stops, or may not stop at all, and we stop only after it. In Wanted it is
//! stopped already, and when it has ended there is nobody to wait for: then we stop at once.
//!
//! Continued, we lend the terminal again to who had it or wanted it, if our group has it; if not, the
//! command goes on without.
#![forbid(unsafe_code)]

use crate::signal::{Origin, Signal};
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
    /// Stop our own group by this signal, and ourselves until somebody continues us.
    StopGroup(Signal),
    /// Stop ourselves by a signal that our group has had, until somebody continues us.
    Stop(Signal),
    /// Continue the command's group.
    Continue,
    /// Send this signal to whom the signals to us are passed on.
    PassOn(Signal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// The command waits for a terminal that is not ours to lend.
    Wanted,
    /// We have stopped.
    Stopped {
        /// It had the terminal, or wanted it.
        wants: bool,
        /// We passed the signal on by which it was stopped, to all of the job.
        told: bool,
    },
    /// The command has ended.
    Ended,
}

/// Our place, as seen from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Our group has the terminal.
    Front,
    /// The job has it, or had it last: we have lent it.
    Lent,
    /// Another group has.
    Back,
    /// Another one has, and ours is the command of one of us, who lends it the terminal when we ask.
    BackOfOurOwn,
    /// There is no terminal.
    Nowhere,
}

/// The terminal has been lent, and not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loan {
    /// Somebody else in our group has been stopped meanwhile.
    group_waits: bool,
}

/// The job control of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobControl {
    /// The command is in our own group: what the terminal does to it, it does to us.
    shares_group: bool,
    state: State,
    lent: Option<Loan>,
    /// Our whole group has been told to stop by this signal, and the command has not stopped yet.
    told: Option<Signal>,
    /// We have continued a command that shares our group, which may have undone a later stop.
    has_continued: bool,
}

impl JobControl {
    /// For a command that is in our own group, or in one of its own.
    pub fn new(shares_group: bool) -> Self {
        Self { shares_group, state: State::Running, lent: None, told: None, has_continued: false }
    }

    /// Whether the terminal has been lent, and has not been taken back.
    pub fn has_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Whether our place is to be looked at now and then: a shell sends no CONT to a job that it
    /// brings to the front and believes running.
    pub fn waits_for_terminal(&self) -> bool {
        self.state == State::Wanted
    }

    /// Our group has been told to stop, by the terminal or by who has it. `command_is_stopped` tells
    /// whether the command need not be waited for.
    #[must_use]
    pub fn told_to_stop(
        &mut self,
        signal: Signal,
        origin: Origin,
        place: Place,
        command_is_stopped: impl Fn() -> bool,
    ) -> Vec<Control> {
        if place == Place::Lent && asks(signal) {
            // Somebody else in our group wants the terminal, and has to wait for it.
            self.lent = Some(Loan { group_waits: true });
            return vec![];
        }
        match self.state {
            State::Running if command_is_stopped() => self.pass_on_and_stop(place, false, signal),
            State::Running => {
                self.told = Some(signal);
                let knows = self.shares_group && origin == Origin::Kernel;
                let undone = std::mem::take(&mut self.has_continued);
                if knows && !undone { vec![] } else { vec![Control::PassOn(signal)] }
            }
            State::Wanted => self.pass_on_and_stop(place, true, signal),
            State::Ended | State::Stopped { .. } => {
                vec![Control::PassOn(signal), Control::Stop(signal)]
            }
        }
    }

    /// The command has been stopped by this signal. `may_stop` tells whether we may stop with it,
    /// and do not have to end the job.
    #[must_use]
    pub fn stopped(&mut self, signal: Signal, place: Place, may_stop: bool) -> Vec<Control> {
        let told = self.told.take();
        let asks = asks(signal);
        if self.shares_group {
            let by_terminal = asks || signal == Signal::TSTP;
            let stops = may_stop && (told.is_some() || by_terminal);
            return if stops { self.stop(place, false, told, signal) } else { vec![] };
        }
        match (place, told) {
            (Place::Nowhere, _) => vec![],
            // To end in order, too.
            (Place::Front | Place::Lent, None) if asks => self.lend(),
            (Place::Back, None) if asks => {
                self.state = State::Wanted;
                self.lent = None;
                vec![]
            }
            _ if !may_stop => vec![],
            (Place::Lent, _) => self.stop(place, true, told, Signal::TSTP),
            // What we have passed on is no wish of its own.
            (_, Some(by)) => self.stop(place, asks && by != signal, told, signal),
            (Place::BackOfOurOwn, None) if asks => self.stop(place, true, told, signal),
            (_, None) if signal == Signal::TSTP => self.stop(place, false, told, signal),
            // Somebody stops the command and not us: that is between them.
            (_, None) => vec![],
        }
    }

    /// We have stopped, and go on. `command_is_stopped` is asked where the command shares our group,
    /// and who continued us has mostly continued it too.
    #[must_use]
    pub fn continued(
        &mut self,
        place: Place,
        command_is_stopped: impl Fn() -> bool,
    ) -> Vec<Control> {
        self.told = None;
        let State::Stopped { wants, told } = self.state else {
            return vec![Control::PassOn(Signal::CONT)];
        };
        self.state = State::Running;
        if self.shares_group {
            self.has_continued = command_is_stopped();
            return if self.has_continued { vec![Control::PassOn(Signal::CONT)] } else { vec![] };
        }
        let mut controls = if wants && place == Place::Front { self.lend() } else { vec![] };
        if told {
            controls.push(Control::PassOn(Signal::CONT));
        } else if controls.is_empty() {
            controls.push(Control::Continue);
        }
        controls
    }

    /// We have stopped, and go on to end the job: the limit has passed.
    pub fn woken(&mut self) {
        self.told = None;
        if self.state != State::Ended {
            self.state = State::Running;
        }
    }

    /// A CONT has come while we ran.
    #[must_use]
    pub fn told_to_continue(&mut self, place: Place) -> Vec<Control> {
        self.told = None;
        self.has_continued = self.shares_group;
        let mut controls = self.looked(place);
        controls.push(Control::PassOn(Signal::CONT));
        controls
    }

    /// The command has asked for the terminal, and is to wait until our place is looked at.
    pub fn wait(&mut self) {
        self.state = State::Wanted;
    }

    /// Our place has been looked at.
    #[must_use]
    pub fn looked(&mut self, place: Place) -> Vec<Control> {
        match (self.state, place) {
            (State::Wanted, Place::Front | Place::Lent) => self.lend(),
            _ => vec![],
        }
    }

    /// The command has ended, or has been given up. `by_us` tells whether we have sent it the signal
    /// that killed it.
    #[must_use]
    pub fn ended(&mut self, status: Option<WaitStatus>, by_us: bool, place: Place) -> Vec<Control> {
        self.state = State::Ended;
        let mut controls = vec![];
        // Somebody else may have taken the terminal, and needs it.
        let is_ours = matches!(place, Place::Lent | Place::Front);
        let Some(loan) = self.lent.take().filter(|_| is_ours) else { return controls };
        if place == Place::Lent {
            controls.push(Control::TakeBack);
        }
        if let Some(WaitStatus::Signaled { signal, .. }) = status {
            // It had no chance to clean up after itself.
            controls.push(Control::RestoreModes);
            if place == Place::Lent && !by_us && [Signal::INT, Signal::QUIT].contains(&signal) {
                // A key; without us all of the job would have had it.
                controls.push(Control::TellGroup(signal));
            }
        }
        if loan.group_waits {
            controls.push(Control::TellGroup(Signal::CONT));
        }
        controls
    }

    fn lend(&mut self) -> Vec<Control> {
        self.state = State::Running;
        self.lent = self.lent.or(Some(Loan { group_waits: false }));
        vec![Control::Lend]
    }

    fn pass_on_and_stop(&mut self, place: Place, wants: bool, signal: Signal) -> Vec<Control> {
        let stop = self.stop(place, wants || place == Place::Lent, Some(signal), signal);
        [Control::PassOn(signal)].into_iter().chain(stop).collect()
    }

    fn stop(
        &mut self,
        place: Place,
        wants: bool,
        told: Option<Signal>,
        signal: Signal,
    ) -> Vec<Control> {
        self.state = State::Stopped { wants, told: told.is_some() };
        self.lent = None;
        let take_back = (place == Place::Lent).then_some(Control::TakeBack);
        // A group that we share has been told by who has told the command.
        let stop = match told.or(self.shares_group.then_some(signal)) {
            Some(signal) => Control::Stop(signal),
            None => Control::StopGroup(signal),
        };
        take_back.into_iter().chain([stop]).collect()
    }
}

/// Whether this is how the terminal stops who wants it.
pub fn asks(signal: Signal) -> bool {
    [Signal::TTIN, Signal::TTOU].contains(&signal)
}
