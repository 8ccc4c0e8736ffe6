//! What to do when: the state machine of a run. Events go in, actions come out; it has no clock,
//! makes no system call and knows no process.
//!
//! | state | the leader exits | the job is empty | a signal that ends | another signal | time is up |
//! | --- | --- | --- | --- | --- | --- |
//! | Running | Done | – | send it; Escalating | pass it on | first step; Escalating |
//! | Escalating | Done, if only the leader is waited for | Done, if the leader has exited | next step at once | pass it on | next step; after KILL Draining |
//! | Draining | as above | as above | – | – | give up; Done |
//! | Done | – | – | – | – | – |
//!
//! *A signal that ends* is HUP, INT, QUIT, TERM or the ladder's own first one. It takes the place
//! of the ladder's first step. While the ladder runs, the first such signal after a limit, and one
//! that differs from another just before it, are passed on only; the same one again within
//! [`SAME_REQUEST`] is the same request, heard twice. ALRM means that the limit passes now. The
//! limit goes on counting while a signal's ladder runs, and starts the ladder anew.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::ladder::Ladder;
use crate::signal::{Origin, Signal};
use crate::status::{ExitStatus, WaitStatus, code_of};

#[cfg(test)]
mod tests;

/// How long we wait after KILL for what the kernel does not let die.
pub const AFTER_KILL: Duration = Duration::from_secs(5);

/// Within this time the same signal counts once: a group and its parent often deliver both.
pub const SAME_REQUEST: Duration = Duration::from_millis(200);

/// What the user has asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The limit, from the start of the command; `None` is no limit.
    pub limit: Option<Duration>,
    /// The escalation.
    pub ladder: Ladder,
    /// Who gets the signals that can be handled.
    pub target: Target,
    /// Who gets KILL.
    pub kill_target: Target,
    /// Whose end ends a ladder that has begun.
    pub until: Target,
    /// A leader that KILL had to end after a signal to us makes the status 137, as timeout(1)
    /// has it, and not a death by the signal that we had received.
    pub kill_shows: bool,
}

impl Policy {
    /// Whether this signal, sent to us, asks for the end of the job.
    fn is_request_to_end(&self, signal: Signal) -> bool {
        [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM].contains(&signal)
            || signal == self.ladder.first().signal
    }

    /// Whether this signal, sent by us, means to end the job.
    pub fn is_of_ladder(&self, signal: Signal) -> bool {
        self.is_request_to_end(signal) || self.ladder.signals().any(|step| step == signal)
    }
}

/// To whom a signal goes, or on whom we wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The group, and each descendant outside of it that is still in our session.
    Job,
    /// The group alone: what is in another one hears of it from its own supervisor, if at all.
    Group,
    /// The command's own process alone.
    Leader,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command's own process has ended.
    LeaderExited(WaitStatus),
    /// No process of the job is alive.
    JobEmpty,
    /// A signal to us, not SIGCHLD.
    Received(Signal, Origin),
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a signal.
    Signal {
        /// To whom.
        target: Target,
        /// Which; the null signal is named and not sent.
        signal: Signal,
        /// Whether SIGCONT follows: a stopped process does not act on a signal.
        and_continue: bool,
    },
    /// The run is over: reap and return.
    Finish,
}

/// Why the job is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The limit has passed.
    Limit,
    /// This signal came to us.
    Received(Signal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Escalating { cause: Cause, step: usize, next_at: Option<Instant> },
    Draining { cause: Cause, until: Instant },
    Done { cause: Option<Cause>, gave_up: bool },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why the job was ended; `None` where it ended by itself.
    pub cause: Option<Cause>,
    /// How the leader ended; `None` where it never did.
    pub leader: Option<WaitStatus>,
    /// Whether processes were still there [`AFTER_KILL`].
    pub gave_up: bool,
    killed: bool,
}

impl Outcome {
    /// What we return. `preserve` is `--preserve-status`.
    pub fn exit_status(&self, policy: &Policy, preserve: bool) -> ExitStatus {
        let killed = self.leader.is_none_or(|status| status.was_killed_by(Signal::KILL));
        match (self.cause, self.leader) {
            (None, Some(status)) => status.into(),
            (None, None) => ExitStatus::FAILED,
            (Some(Cause::Limit), Some(status)) if preserve => ExitStatus::Code(status.code()),
            (Some(Cause::Limit), _) if killed => ExitStatus::Code(code_of(Signal::KILL)),
            (Some(Cause::Limit), _) => ExitStatus::TIMED_OUT,
            (Some(Cause::Received(_)), Some(status)) if !(self.killed && killed) => status.into(),
            (Some(Cause::Received(_)), _) if policy.kill_shows => {
                ExitStatus::Code(code_of(Signal::KILL))
            }
            (Some(Cause::Received(signal)), _) => ExitStatus::Signal(signal),
        }
    }
}

/// The state machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine<'a> {
    policy: &'a Policy,
    state: State,
    limit_at: Option<Instant>,
    leader: Option<WaitStatus>,
    last_request: Option<(Signal, Instant)>,
    killed: bool,
}

impl<'a> Machine<'a> {
    /// A run whose command has started at `now`.
    pub fn new(policy: &'a Policy, now: Instant) -> Self {
        // A limit past the end of time is none.
        let limit_at = policy.limit.and_then(|limit| now.checked_add(limit));
        Self {
            policy,
            state: State::Running,
            limit_at,
            leader: None,
            last_request: None,
            killed: false,
        }
    }

    /// Takes an event.
    #[must_use]
    pub fn handle_event(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match (self.state, event) {
            (State::Done { .. }, _) | (State::Draining { .. }, Event::Received(..)) => vec![],
            (_, Event::LeaderExited(status)) => {
                self.leader = Some(status);
                let over = self.state == State::Running || self.policy.until == Target::Leader;
                if over { self.finish(false) } else { vec![] }
            }
            (State::Escalating { .. } | State::Draining { .. }, Event::JobEmpty)
                if self.leader.is_some() =>
            {
                self.finish(false)
            }
            // The leader belongs to the job, so this is a mistake of the caller; we only wait.
            (_, Event::JobEmpty) => vec![],
            (_, Event::Received(Signal::ALRM, _)) => self.limit_passed(now),
            // The terminal has told the whole group, and with it a leader that is in ours: what it
            // makes of Ctrl-C is its own business, as without us.
            (_, Event::Received(_, Origin::Kernel)) if self.policy.target == Target::Leader => {
                vec![]
            }
            (_, Event::Received(signal, _)) if self.policy.is_request_to_end(signal) => {
                self.asked_to_end(now, signal)
            }
            (_, Event::Received(signal, _)) => vec![self.send(signal)],
        }
    }

    /// Takes the passing of time; does nothing before [`Machine::poll_timeout`].
    #[must_use]
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Action> {
        match self.state {
            State::Draining { until, .. } if until <= now => self.finish(true),
            State::Escalating { cause, step, next_at: Some(at) } if at <= now => {
                self.take_step(now, cause, step + 1)
            }
            State::Running | State::Escalating { .. }
                if self.limit_at.is_some_and(|at| at <= now) =>
            {
                self.limit_passed(now)
            }
            _ => vec![],
        }
    }

    /// When [`Machine::handle_timeout`] has something to do; `None` is never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Running => self.limit_at,
            State::Escalating { next_at, .. } => next_at.into_iter().chain(self.limit_at).min(),
            State::Draining { until, .. } => Some(until),
            State::Done { .. } => None,
        }
    }

    /// Whether [`Event::JobEmpty`] would mean something.
    pub fn awaits_empty_job(&self) -> bool {
        self.leader.is_some()
            && self.policy.until == Target::Job
            && matches!(self.state, State::Escalating { .. } | State::Draining { .. })
    }

    /// Whether the job has been sent KILL, after which whatever still appears in it may be killed
    /// on sight and the group itself will not be signalled again.
    pub fn has_killed(&self) -> bool {
        self.killed
    }

    /// How the run stands, or ended.
    pub fn outcome(&self) -> Outcome {
        let (cause, gave_up) = match self.state {
            State::Running => (None, false),
            State::Escalating { cause, .. } | State::Draining { cause, .. } => (Some(cause), false),
            State::Done { cause, gave_up } => (cause, gave_up),
        };
        Outcome { cause, leader: self.leader, gave_up, killed: self.killed }
    }

    fn limit_passed(&mut self, now: Instant) -> Vec<Action> {
        self.limit_at = None;
        match self.state {
            State::Escalating { cause: Cause::Limit, .. } => vec![],
            _ => self.take_step(now, Cause::Limit, 0),
        }
    }

    fn asked_to_end(&mut self, now: Instant, signal: Signal) -> Vec<Action> {
        let before = self.last_request.replace((signal, now));
        let recent = before.filter(|(_, at)| now.duration_since(*at) < SAME_REQUEST);
        match (self.state, recent) {
            (_, Some((same, at))) if same == signal => {
                // The time is the first one's: a stream of signals is not one request for ever.
                self.last_request = Some((signal, at));
                vec![]
            }
            (State::Escalating { cause, step, .. }, None)
                if before.is_some() && self.policy.ladder.step(step + 1).is_some() =>
            {
                self.take_step(now, cause, step + 1)
            }
            (State::Running, _) => {
                self.enter_step(now, Cause::Received(signal), 0);
                vec![self.send(signal)]
            }
            _ => vec![self.send(signal)],
        }
    }

    /// Sends a step's signal and starts its grace.
    fn take_step(&mut self, now: Instant, cause: Cause, index: usize) -> Vec<Action> {
        let Some(step) = self.policy.ladder.step(index) else {
            return vec![];
        };
        if step.signal == Signal::KILL {
            self.killed = true;
            self.limit_at = None;
            self.state = State::Draining { cause, until: now + AFTER_KILL };
        } else {
            self.enter_step(now, cause, index);
        }
        vec![self.send(step.signal)]
    }

    fn enter_step(&mut self, now: Instant, cause: Cause, step: usize) {
        let ladder = &self.policy.ladder;
        let grace = ladder.step(step + 1).and(ladder.step(step)).map(|step| step.grace);
        let next_at = grace.and_then(|grace| now.checked_add(grace));
        self.state = State::Escalating { cause, step, next_at };
    }

    /// What asks the job to end must not find it stopped. With `--foreground` the leader may be
    /// stopped by the user's wish, in a shell that waits for it, and as timeout(1) has it stays so.
    fn send(&self, signal: Signal) -> Action {
        let pointless = [Signal::NULL, Signal::KILL, Signal::STOP, Signal::CONT].contains(&signal);
        let target = match signal {
            Signal::KILL => self.policy.kill_target,
            _ => self.policy.target,
        };
        let and_continue =
            target != Target::Leader && !pointless && self.policy.is_of_ladder(signal);
        Action::Signal { target, signal, and_continue }
    }

    fn finish(&mut self, gave_up: bool) -> Vec<Action> {
        self.state = State::Done { cause: self.outcome().cause, gave_up };
        vec![Action::Finish]
    }
}
