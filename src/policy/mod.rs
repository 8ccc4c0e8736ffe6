//! What to do when: the vocabulary of the policy here, its state machine in [`machine`]. It has no
//! clock, makes no system call and knows no process.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::ladder::Ladder;
use crate::signal::{Origin, Signal};
use crate::status::{ExitStatus, WaitStatus, code_of};

pub mod job_control;
pub mod machine;
#[cfg(test)]
mod tests;

/// How long we wait after KILL for what the kernel does not let die.
pub const AFTER_KILL: Duration = Duration::from_secs(5);

/// Within this time the same signal counts once: a group and its parent often deliver both.
pub const SAME_REQUEST: Duration = Duration::from_millis(200);

/// How long the hook may take.
pub const HOOK: Duration = Duration::from_secs(10);

/// How long what a command leaves behind may take to go by itself.
pub const SETTLE: Duration = Duration::from_millis(100);

/// What the user has asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The limit, from the start of the command; `None` is no limit.
    pub limit: Option<Duration>,
    /// The limit on doing nothing; `None` is no limit.
    pub idle: Option<Duration>,
    /// The escalation.
    pub ladder: Ladder,
    /// Who gets the signals that can be handled.
    pub target: Target,
    /// Who gets KILL.
    pub kill_target: Target,
    /// Whose end ends a ladder that has begun.
    pub until: Target,
    /// What becomes of descendants that the command leaves.
    pub lingering: Lingering,
    /// Whether the command's status is ours even when time was up.
    pub preserve_status: bool,
    /// Our status where the command has succeeded but left somebody.
    pub lingering_status: Option<u8>,
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

/// What is done in a run besides ending the job, for those who want it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// To note who is left at the end.
    pub survey: bool,
    /// To note what was running when time was up.
    pub snapshot: bool,
    /// To run the hook then.
    pub hook: bool,
}

/// What becomes of descendants that are alive when we would return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lingering {
    /// They are named and left.
    Report,
    /// They are ended, however detached.
    Kill,
    /// They are waited for until the limit, which ends them.
    Wait,
    /// They are left.
    Ignore,
}

/// To whom a signal goes, or on whom we wait. What `--allow` names is *allowed* to linger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The group, and each descendant outside of it that is still in our session.
    Job,
    /// The group alone: what is in another one hears of it from its own supervisor, if at all.
    Group,
    /// The command's own process alone.
    Leader,
    /// The job, and each detached descendant that is not allowed.
    Tree,
    /// What the command has left: each descendant that is not allowed, wherever it is.
    Lingering,
}

/// Whose end would be worth [`Event::NobodyLeft`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Nobody's.
    Nobody,
    /// That of our last child, allowed or not.
    LastChild,
    /// That of all of these.
    All(Target),
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command's own process has ended.
    LeaderExited(WaitStatus),
    /// None of those that are awaited is alive.
    NobodyLeft,
    /// A signal to us, not SIGCHLD.
    Received(Signal, Origin),
    /// The whole tree has done nothing for the time that it may.
    Idle,
    /// It has been noted what is running, or what lingers.
    Looked,
    /// The hook has ended, or could not be started.
    HookEnded,
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
    /// Note what is running, before it is ended for want of time.
    Snapshot,
    /// Start the hook.
    RunHook(Cause),
    /// End the hook, with its group.
    KillHook,
    /// Note what the command has left, before it is ended.
    NoteLingering,
    /// Note which of these are there at the end.
    NoteLeft(Target),
    /// The run is over: reap and return.
    Finish,
}

/// Why the job is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The limit has passed.
    Limit,
    /// The limit on doing nothing has passed.
    Idle,
    /// This signal came to us.
    Received(Signal),
    /// The command has ended in time, and what it has left is not to linger.
    LeaderExit,
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
    /// Whether the leader had ended in time, and it was what it had left that was ended.
    pub after_exit: bool,
    killed: bool,
}

impl Outcome {
    /// What we return. `has_left` tells whether somebody lingers who is not allowed to.
    pub fn exit_status(&self, policy: &Policy, has_left: bool) -> ExitStatus {
        let killed =
            !self.after_exit && self.leader.is_none_or(|status| status.was_killed_by(Signal::KILL));
        match (self.cause, self.leader) {
            (None | Some(Cause::LeaderExit), Some(WaitStatus::Exited(0))) if has_left => {
                ExitStatus::Code(policy.lingering_status.unwrap_or(0))
            }
            (None | Some(Cause::LeaderExit), Some(status)) => status.into(),
            (None | Some(Cause::LeaderExit), None) => ExitStatus::FAILED,
            (Some(Cause::Limit | Cause::Idle), Some(status)) if policy.preserve_status => {
                ExitStatus::Code(status.code())
            }
            (Some(Cause::Limit | Cause::Idle), _) if killed => {
                ExitStatus::Code(code_of(Signal::KILL))
            }
            (Some(Cause::Limit | Cause::Idle), _) => ExitStatus::TIMED_OUT,
            // The command knew nothing of the signal, and a script must stop at it all the same.
            (Some(Cause::Received(signal)), _) if self.after_exit => ExitStatus::Signal(signal),
            (Some(Cause::Received(_)), Some(status)) if !(self.killed && killed) => status.into(),
            (Some(Cause::Received(_)), _) if policy.kill_shows => {
                ExitStatus::Code(code_of(Signal::KILL))
            }
            (Some(Cause::Received(signal)), _) => ExitStatus::Signal(signal),
        }
    }
}
