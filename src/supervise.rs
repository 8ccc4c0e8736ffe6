//! The loop around the policy: it waits, turns what happens into events, and does what the policy
//! answers. One thread, one ppoll(2), and no wake-up while nothing happens.

use std::ffi::OsString;
use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;

use crate::cli::Plan;
use crate::console::Console;
use crate::job::{Job, Strangers};
use crate::policy::machine::Machine;
use crate::policy::{Action, Awaited, Event, Target};
use crate::record::{Place, Process, Received, Record, Sent};
use crate::report::text::{self, Wording};
use crate::report::words::show_word;
use crate::signal::Signal;
use crate::status::{ExitStatus, WaitStatus};
use crate::sys::signals::{Inbox, Inherited};
use crate::sys::spawn::{ExecError, Spawn, SpawnError};
use crate::sys::{self, process};

/// How long to rest when ppoll itself fails, so that we go on without spinning.
const REST: Duration = Duration::from_millis(10);

/// What the user must know where `/proc` is missing, or speaks of another pid namespace.
const BLIND: &str =
    "cannot read /proc: nothing but the process group of the command could be ended";

/// How many signals are taken before we look at the clock again: whoever floods us with them shall
/// not postpone the limit.
const SIGNALS_PER_TURN: usize = 32;

/// How many signals of each kind are kept for the report: a flood of them must not cost memory
/// without end.
const MOST_NOTED: usize = 10_000;

/// Why there was no run.
#[derive(Debug)]
pub enum RunError {
    /// Nothing could be started.
    Start {
        /// What could not be done.
        doing: &'static str,
        /// Why.
        cause: std::io::Error,
    },
    /// The command could not be executed.
    Exec(OsString, ExecError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { doing, cause } => {
                write!(f, "cannot {doing}: {}", sys::io_reason(cause))
            }
            Self::Exec(command, error) => {
                write!(f, "cannot run {}: {}", show_word(command), error.cause())
            }
        }
    }
}

impl std::error::Error for RunError {}

impl RunError {
    /// What we return.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Start { .. } => ExitStatus::FAILED,
            Self::Exec(_, error) => error.exit_status(),
        }
    }
}

impl From<SpawnError> for RunError {
    fn from(SpawnError { doing, cause }: SpawnError) -> Self {
        Self::Start { doing, cause }
    }
}

/// Runs the command of a plan to its end.
pub fn supervise(plan: &Plan, console: &Console) -> Result<Record, RunError> {
    let failed = |doing| move |error: Errno| RunError::Start { doing, cause: error.into() };
    let inherited = Inherited::read().map_err(failed("read the signal mask"))?;
    let inbox = Inbox::open(&inherited, plan.policy.ladder.first().signal)
        .map_err(failed("receive signals"))?;
    sys::become_subreaper().map_err(failed("become a subreaper"))?;
    let job = start(plan, &inherited)?;
    Supervisor::new(plan, console, job, &inbox).run()
}

fn start(plan: &Plan, inherited: &Inherited) -> Result<Job, RunError> {
    let freed_signals: Vec<Signal> = plan.policy.ladder.signals().collect();
    let parent_death_signal = freed_signals.iter().copied().find(|signal| *signal != Signal::NULL);
    let strangers = Strangers::note();
    let leader = Spawn {
        command: &plan.command,
        own_group: plan.policy.target != Target::Leader,
        freed_signals: &freed_signals,
        parent_death_signal: parent_death_signal.unwrap_or(Signal::NULL),
    }
    .start(inherited)?;
    Ok(Job::new(leader, strangers, plan.allow.clone()))
}

struct Supervisor<'a> {
    plan: &'a Plan,
    console: &'a Console,
    inbox: &'a Inbox,
    job: Job,
    machine: Machine<'a>,
    started: Instant,
    ladder: Vec<Signal>,
    first_sent: Option<Instant>,
    sent: Vec<Sent>,
    received: Vec<Received>,
    lingering: Vec<Process>,
    left: Vec<Process>,
    finished: bool,
    /// What `--verbose` has to say, until there is time for it: a reader could keep us waiting.
    details: Vec<String>,
}

impl<'a> Supervisor<'a> {
    fn new(plan: &'a Plan, console: &'a Console, job: Job, inbox: &'a Inbox) -> Self {
        let started = Instant::now();
        Self {
            plan,
            console,
            inbox,
            job,
            machine: Machine::new(&plan.policy, started),
            started,
            ladder: Vec::new(),
            first_sent: None,
            sent: Vec::new(),
            received: Vec::new(),
            lingering: Vec::new(),
            left: Vec::new(),
            finished: false,
            details: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Record, RunError> {
        while !self.finished {
            self.wait();
            let signals = std::iter::from_fn(|| self.inbox.next());
            let signals: Vec<Received> = signals.take(SIGNALS_PER_TURN).collect();
            // The command's end comes first: what ended in time has not timed out.
            if let Some(status) = self.job.leader_exit() {
                if let Some(error) = self.job.exec_error() {
                    self.job.leave();
                    return Err(RunError::Exec(self.plan.command[0].clone(), error));
                }
                if status == WaitStatus::Lost {
                    self.console.error("cannot wait for the command: its status is lost");
                }
                self.happened(Event::LeaderExited(status));
            }
            for received in signals {
                self.received(received);
            }
            let actions = self.machine.handle_timeout(Instant::now());
            self.perform(actions);
            if !self.finished {
                self.look_after_job();
            }
            self.note_sent();
            self.say_details();
        }
        Ok(self.end())
    }

    /// Waits until something may have happened.
    fn wait(&self) {
        let until = self.machine.poll_timeout().into_iter().chain(self.job.poll_timeout()).min();
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let mut ready = vec![PollFd::new(self.inbox.as_fd(), PollFlags::POLLIN)];
        ready.extend(self.job.end_of_witness().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        match nix::poll::ppoll(&mut ready, timeout.map(TimeSpec::from), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            // The deadline holds all the same.
            Err(_) => std::thread::sleep(timeout.map_or(REST, |timeout| timeout.min(REST))),
        }
    }

    fn received(&mut self, received: Received) {
        // A write to a broken pipe sends us SIGPIPE from ourselves: nobody's business but ours.
        if received.signal == Signal::CHLD || received.pid == process::own_pid() {
            return;
        }
        if self.console.is_verbose() && self.plan.wording == Wording::Own {
            let sender = self.job.name_of(received.pid);
            self.details.push(text::received(&received, sender.as_deref()));
        }
        if self.plan.report.is_some() && self.received.len() < MOST_NOTED {
            self.received.push(received);
        }
        self.happened(Event::Received(received.signal, received.origin));
    }

    fn happened(&mut self, event: Event) {
        let actions = self.machine.handle_event(Instant::now(), event);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Signal { target, signal, and_continue } => {
                    self.signal(target, signal, and_continue);
                }
                Action::NoteLingering => self.lingering = self.job.survey(Target::Lingering),
                Action::NoteLeft(target) => self.left = self.job.survey(target),
                Action::Finish => self.finished = true,
            }
        }
    }

    fn signal(&mut self, target: Target, signal: Signal, and_continue: bool) {
        let now = Instant::now();
        self.job.signal(target, signal, and_continue);
        if self.console.is_verbose() && self.plan.wording == Wording::Timeout {
            self.details.push(text::sent_by_timeout(&self.plan.command, signal));
        }
        let ends = self.machine.outcome().cause.is_some()
            && signal != Signal::NULL
            && self.plan.policy.is_of_ladder(signal);
        if ends {
            self.first_sent.get_or_insert(now);
            self.ladder.push(signal);
        }
    }

    /// Takes over what the job has sent, for those who want to know.
    fn note_sent(&mut self) {
        for sent in self.job.take_sent() {
            if self.console.is_verbose() && self.plan.wording == Wording::Own {
                self.details.push(text::sent(&sent));
            }
            if self.plan.report.is_some() && self.sent.len() < MOST_NOTED {
                self.sent.push(sent);
            }
        }
    }

    fn say_details(&mut self) {
        for line in self.details.drain(..) {
            self.console.detail(&line);
        }
    }

    /// Reaps what has ended besides the leader, and sees whether those that are awaited are gone.
    fn look_after_job(&mut self) {
        let nobody_left = match self.machine.awaited() {
            Awaited::Nobody => {
                self.job.reap_orphans();
                false
            }
            Awaited::LastChild => self.job.has_no_live_child(),
            Awaited::All(target) => self.job.is_empty(target, self.machine.has_killed()),
        };
        if nobody_left {
            self.happened(Event::NobodyLeft);
        }
    }

    fn end(self) -> Record {
        let outcome = self.machine.outcome();
        let policy = &self.plan.policy;
        let ending_took = self.first_sent.map_or(Duration::ZERO, |at| at.elapsed());
        let elapsed = self.started.elapsed();
        if policy.until != Target::Leader && outcome.cause.is_some() && !self.job.can_see() {
            self.console.error(BLIND);
        }
        let pid = self.job.leader_pid();
        let to_be_ended = |process: &Process| match policy.kill_target {
            Target::Leader => process.stat.pid == pid,
            Target::Job | Target::Group => process.place != Place::Session,
            Target::Tree | Target::Lingering => true,
        };
        let (survivors, left): (Vec<_>, Vec<_>) =
            self.left.into_iter().partition(|process| outcome.gave_up && to_be_ended(process));
        let mut lingering = self.lingering;
        lingering.extend(left);
        Record {
            outcome,
            pid,
            pgid: if policy.target == Target::Leader { process::own_group() } else { pid },
            started: self.started,
            elapsed,
            ladder: self.ladder,
            ending_took,
            sent: self.sent,
            received: self.received,
            lingering,
            survivors,
            usage: self.job.leave(),
        }
    }
}
