//! The state machine of a run. Events go in, actions come out.
//!
//! | state | the leader exits | nobody is left | a signal that ends | another signal | time is up |
//! | --- | --- | --- | --- | --- | --- |
//! | Running | Settling; with `ignore` Done | – | send it; Escalating | pass it on | first step; Escalating |
//! | Settling | – | Done | as in Running | pass it on | `report`: Done; `kill`: first step; `wait`: Waiting |
//! | Waiting | – | Done | as in Running | pass it on | first step; Escalating |
//! | Looking | – | – | send it; Escalating | pass it on | – |
//! | Hooking | – | noted; Done when the hook has ended | kill the hook; send it; Escalating | pass it on | kill the hook; first step; Escalating |
//! | Escalating | Done, if only the leader is waited for | Done, if the leader has exited | next step at once | pass it on | next step; after KILL Draining |
//! | Draining | as above | as above | – | – | give up; Done |
//! | Done | – | – | – | – | – |
//!
//! The leader has ended in time in Settling, where what it has left gets [`SETTLE`] to go by
//! itself, and in Waiting, where `--lingering=wait` waits for the rest of it. A ladder that begins
//! there, or by `--lingering=kill`, is for what lingers. Before the end of a run that may leave
//! somebody, the policy asks for a survey of who is left.
//!
//! The limit, and the limit on doing nothing, begin with a snapshot of what is running, in Looking, and
//! with the hook, if there is one, in Hooking; when it has ended the first step is taken, and the time
//! of the looking is nobody's grace.
//!
//! *A signal that ends* is HUP, INT, QUIT, TERM or the ladder's own first one. It takes the place
//! of the ladder's first step. While the ladder runs, the first such signal after a limit, and one
//! that differs from another just before it, are passed on only; the same one again within
//! [`SAME_REQUEST`] is the same request, heard twice. ALRM means that the limit passes now. The
//! limit goes on counting while a signal's ladder runs; it does not put off the ladder's next step.
#![forbid(unsafe_code)]

use std::time::Instant;

use super::{
    AFTER_KILL, Action, Awaited, Cause, Event, Extras, HOOK, Lingering, Outcome, Policy,
    SAME_REQUEST, SETTLE, Target,
};
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Settling { until: Instant },
    Waiting,
    Looking { cause: Cause },
    Hooking { cause: Cause, until: Instant },
    Escalating { cause: Cause, step: usize, next_at: Option<Instant> },
    Draining { cause: Cause, until: Instant },
    Done { cause: Option<Cause>, gave_up: bool },
}

/// The state machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine<'a> {
    pub(super) policy: &'a Policy,
    extras: Extras,
    pub(super) state: State,
    limit_at: Option<Instant>,
    leader: Option<WaitStatus>,
    last_request: Option<(Signal, Instant)>,
    after_exit: bool,
    /// Nobody is left, and only the hook goes on.
    pub(super) deserted: bool,
    killed: bool,
}

impl<'a> Machine<'a> {
    /// A run whose command has started at `now`.
    pub fn new(policy: &'a Policy, extras: Extras, now: Instant) -> Self {
        // A limit past the end of time is none.
        let limit_at = policy.limit.and_then(|limit| now.checked_add(limit));
        Self {
            policy,
            extras,
            state: State::Running,
            limit_at,
            leader: None,
            last_request: None,
            after_exit: false,
            deserted: false,
            killed: false,
        }
    }

    /// Takes an event.
    #[must_use]
    pub fn handle_event(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match (self.state, event) {
            (State::Done { .. }, _) | (State::Draining { .. }, Event::Received(..)) => vec![],
            (_, Event::LeaderExited(status)) => self.leader_exited(now, status),
            (State::Settling { .. } | State::Waiting, Event::NobodyLeft) => self.done(None, false),
            (State::Escalating { .. } | State::Draining { .. }, Event::NobodyLeft)
                if self.leader.is_some() =>
            {
                self.finish(false)
            }
            (State::Running | State::Waiting, Event::Idle) => self.time_is_up(now, Cause::Idle),
            (State::Looking { cause }, Event::Looked) => self.has_looked(now, cause),
            (State::Hooking { .. }, Event::NobodyLeft) if self.leader.is_some() => {
                self.deserted = true;
                vec![]
            }
            (State::Hooking { .. }, Event::HookEnded) if self.deserted => self.finish(false),
            (State::Hooking { cause, .. }, Event::HookEnded) => self.take_step(now, cause, 0),
            // Too late; or a mistake of the caller: the leader is one of those who are awaited.
            (_, Event::NobodyLeft | Event::Idle | Event::Looked | Event::HookEnded) => vec![],
            (_, Event::Received(Signal::ALRM, _)) => self.limit_passed(now),
            // The terminal has told the whole group, and with it a leader that is in ours: what it
            // makes of Ctrl-C is its own business, as without us.
            (_, Event::Received(_, Origin::Kernel))
                if self.policy.target == Target::Leader && self.leader.is_none() =>
            {
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
            _ if self.limit_at.is_some_and(|at| at <= now) => self.limit_passed(now),
            State::Settling { until } if until <= now => self.settled(),
            State::Hooking { cause, until } if until <= now => {
                let mut actions = vec![Action::KillHook];
                if self.deserted {
                    actions.extend(self.finish(false));
                } else {
                    actions.extend(self.take_step(now, cause, 0));
                }
                actions
            }
            _ => vec![],
        }
    }

    /// When [`Machine::handle_timeout`] has something to do; `None` is never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Running | State::Waiting => self.limit_at,
            State::Settling { until } => self.limit_at.into_iter().chain([until]).min(),
            State::Escalating { next_at, .. } => next_at.into_iter().chain(self.limit_at).min(),
            State::Hooking { until, .. } | State::Draining { until, .. } => Some(until),
            State::Looking { .. } | State::Done { .. } => None,
        }
    }

    /// When the limit passes, if it is still to come.
    pub fn limit_at(&self) -> Option<Instant> {
        self.limit_at
    }

    /// Whose end would be worth [`Event::NobodyLeft`].
    pub fn awaited(&self) -> Awaited {
        match self.state {
            State::Settling { .. } => Awaited::LastChild,
            State::Waiting => Awaited::All(Target::Lingering),
            State::Running | State::Looking { .. } | State::Done { .. } => Awaited::Nobody,
            State::Hooking { .. } if self.leader.is_none() || self.deserted => Awaited::Nobody,
            _ if self.until() == Target::Leader => Awaited::Nobody,
            State::Hooking { .. } | State::Escalating { .. } | State::Draining { .. } => {
                Awaited::All(self.until())
            }
        }
    }

    /// Whether the job may stop, and we with it: not when it is being ended.
    pub fn may_be_stopped(&self) -> bool {
        matches!(self.state, State::Running | State::Settling { .. } | State::Waiting)
    }

    /// Whether [`Event::Idle`] would mean something.
    pub fn may_be_idle(&self) -> bool {
        matches!(self.state, State::Running | State::Waiting)
    }

    /// Whether the job has been sent KILL, after which whatever still appears in it may be killed
    /// on sight and the group itself will not be signalled again.
    pub fn has_killed(&self) -> bool {
        self.killed
    }

    /// How the run stands, or ended.
    pub fn outcome(&self) -> Outcome {
        let (cause, gave_up) = match self.state {
            State::Running | State::Settling { .. } | State::Waiting => (None, false),
            State::Looking { cause }
            | State::Hooking { cause, .. }
            | State::Escalating { cause, .. }
            | State::Draining { cause, .. } => (Some(cause), false),
            State::Done { cause, gave_up } => (cause, gave_up),
        };
        let Self { leader, after_exit, killed, .. } = *self;
        Outcome { cause, leader, gave_up, after_exit, killed }
    }

    fn leader_exited(&mut self, now: Instant, status: WaitStatus) -> Vec<Action> {
        self.leader = Some(status);
        match (self.state, self.policy.lingering) {
            (State::Running, Lingering::Ignore) => self.finish(false),
            (State::Running, lingering) => {
                if lingering != Lingering::Wait {
                    self.limit_at = None;
                }
                self.state = State::Settling { until: now + SETTLE };
                vec![]
            }
            // The hook may want to look at what is left.
            (State::Looking { .. } | State::Hooking { .. }, _) => vec![],
            _ if self.until() == Target::Leader => self.finish(false),
            _ => vec![],
        }
    }

    /// What was to go by itself has had its time.
    fn settled(&mut self) -> Vec<Action> {
        match self.policy.lingering {
            Lingering::Report | Lingering::Ignore => self.finish(false),
            Lingering::Kill => {
                self.after_exit = true;
                self.state = State::Looking { cause: Cause::LeaderExit };
                vec![Action::NoteLingering]
            }
            Lingering::Wait => {
                self.state = State::Waiting;
                vec![]
            }
        }
    }

    fn limit_passed(&mut self, now: Instant) -> Vec<Action> {
        self.limit_at = None;
        match (self.state, self.policy.lingering) {
            // The command has ended in time, or its time was up before.
            (State::Settling { .. }, Lingering::Report | Lingering::Kill)
            | (State::Looking { .. } | State::Hooking { .. }, _) => vec![],
            (State::Escalating { cause, .. }, _) if !matches!(cause, Cause::Received(_)) => vec![],
            _ => self.time_is_up(now, Cause::Limit),
        }
    }

    /// Looks at what is running, and then begins the ladder. One that a signal has begun goes on as
    /// it would have, but the first signal is caught up on.
    fn time_is_up(&mut self, now: Instant, cause: Cause) -> Vec<Action> {
        self.limit_at = None;
        self.after_exit |= matches!(self.state, State::Settling { .. } | State::Waiting);
        let mut actions: Vec<Action> =
            self.extras.snapshot.then_some(Action::Snapshot).into_iter().collect();
        let first = self.policy.ladder.first().signal;
        match self.state {
            State::Escalating { cause: Cause::Received(received), step, next_at }
                if first != Signal::KILL =>
            {
                self.state = State::Escalating { cause, step, next_at };
                if step == 0 && received != first {
                    actions.push(self.send(first));
                }
            }
            State::Escalating { .. } => actions.extend(self.take_step(now, cause, 0)),
            _ if self.extras.snapshot => self.state = State::Looking { cause },
            _ => actions.extend(self.has_looked(now, cause)),
        }
        actions
    }

    /// Runs the hook, if time is up and there is one; else begins the ladder.
    fn has_looked(&mut self, now: Instant, cause: Cause) -> Vec<Action> {
        if self.extras.hook && cause != Cause::LeaderExit {
            self.state = State::Hooking { cause, until: now + HOOK };
            return vec![Action::RunHook(cause)];
        }
        self.take_step(now, cause, 0)
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
            // The first one in this ladder; a script must stop at it, though the command had ended
            // in time.
            (State::Escalating { cause: Cause::LeaderExit, step, next_at }, _) => {
                let cause = Cause::Received(signal);
                self.state = State::Escalating { cause, step, next_at };
                vec![self.send(signal)]
            }
            (State::Escalating { cause, step, .. }, None)
                if before.is_some() && self.policy.ladder.step(step + 1).is_some() =>
            {
                self.take_step(now, cause, step + 1)
            }
            (State::Running, _) => self.begin(now, signal, Cause::Received(signal), 0),
            (State::Settling { .. } | State::Waiting, _) => {
                self.after_exit = true;
                self.begin(now, signal, Cause::Received(signal), 0)
            }
            (State::Looking { cause }, _) => self.begin(now, signal, cause, 0),
            (State::Hooking { cause, .. }, _) => {
                let mut actions = vec![Action::KillHook];
                actions.extend(self.begin(now, signal, cause, 0));
                actions
            }
            _ => vec![self.send(signal)],
        }
    }

    /// Sends a step's signal and starts its grace.
    fn take_step(&mut self, now: Instant, cause: Cause, index: usize) -> Vec<Action> {
        match self.policy.ladder.step(index) {
            Some(step) => self.begin(now, step.signal, cause, index),
            None => vec![],
        }
    }

    /// Sends a signal in the place of a step, and starts the step's grace.
    fn begin(&mut self, now: Instant, signal: Signal, cause: Cause, step: usize) -> Vec<Action> {
        let (this, next) = (self.policy.ladder.step(step), self.policy.ladder.step(step + 1));
        let grace = next.and(this).map(|step| step.grace);
        let next_at = grace.and_then(|grace| now.checked_add(grace));
        self.state = State::Escalating { cause, step, next_at };
        if signal == Signal::KILL && this.is_some_and(|step| step.signal == signal) {
            self.killed = true;
            self.limit_at = None;
            self.state = State::Draining { cause, until: now + AFTER_KILL };
        } else if cause == Cause::LeaderExit && next.is_none() {
            // No limit ends a ladder without KILL here, and the command's status is known.
            self.state = State::Draining { cause, until: now + AFTER_KILL };
        }
        let leader_is_gone = self.leader.is_some() && self.until() == Target::Leader;
        let mut actions = vec![];
        if !leader_is_gone || self.policy.target != Target::Leader {
            actions.push(self.send(signal));
        }
        if leader_is_gone {
            actions.extend(self.finish(false));
        }
        actions
    }

    /// Whether a ladder is for what the command has left, and reaches all of that.
    fn is_for_lingering(&self) -> bool {
        self.after_exit
            && self.policy.until != Target::Leader
            && matches!(self.policy.lingering, Lingering::Kill | Lingering::Wait)
    }

    fn until(&self) -> Target {
        if self.is_for_lingering() { Target::Lingering } else { self.policy.until }
    }

    /// What asks the job to end must not find it stopped. With `--foreground` the leader may be
    /// stopped by the user's wish, in a shell that waits for it, and as timeout(1) has it stays so.
    fn send(&self, signal: Signal) -> Action {
        let pointless = [Signal::NULL, Signal::KILL, Signal::STOP, Signal::CONT].contains(&signal);
        let ends = self.policy.is_of_ladder(signal);
        let target = match (signal, self.policy.target) {
            // A daemon has not asked for what is passed on, and might die of it.
            (_, Target::Tree) if !ends => Target::Job,
            _ if self.is_for_lingering() => Target::Lingering,
            (Signal::KILL, _) => self.policy.kill_target,
            (_, target) => target,
        };
        let and_continue = target != Target::Leader && !pointless && ends;
        Action::Signal { target, signal, and_continue }
    }

    /// The end of a run that may leave somebody.
    fn finish(&mut self, gave_up: bool) -> Vec<Action> {
        let cause = self.outcome().cause;
        let mut actions = vec![];
        if self.extras.survey || gave_up {
            let in_time = cause.is_none() || self.after_exit || self.policy.until == Target::Leader;
            let left = if in_time { Target::Lingering } else { Target::Tree };
            actions.push(Action::NoteLeft(left));
        }
        actions.extend(self.done(cause, gave_up));
        actions
    }

    fn done(&mut self, cause: Option<Cause>, gave_up: bool) -> Vec<Action> {
        self.limit_at = None;
        self.state = State::Done { cause, gave_up };
        vec![Action::Finish]
    }
}
