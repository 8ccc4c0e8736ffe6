//! The loop around the policy: it waits, turns what happens into events, and does what the policy
//! answers. One thread, one ppoll(2), and no wake-up while nothing happens.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::console::Console;
use crate::hook::Hook;
use crate::idle::IdleWatch;
use crate::job::{self, Job};
use crate::plan::Plan;
use crate::policy::machine::Machine;
use crate::policy::{Action, Awaited, Cause, Event, Target};
use crate::progress::Progress;
use crate::record::{HookRecord, Membership, Process, Record, Sent, Snapshot};
use crate::report::text::{self, Wording};
use crate::signal::Received;
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;
use crate::sys::parent::Parent;
use crate::sys::signals::{Inbox, Inherited};
use crate::sys::spawn::{Spawn, Stdio};
use crate::sys::{self, Errno, poll, process, stdio};

mod error;
mod telling;
mod terminal;
mod time_up;

pub use error::RunError;
use telling::Saying;
use terminal::Tty;

/// How many descriptors we need to look at a job and to signal it.
const DESCRIPTORS: usize = 4;

/// How long to rest when ppoll itself fails, so that we go on without spinning.
const REST: Duration = Duration::from_millis(10);

/// What the user must know where `/proc` is missing, or speaks of another pid namespace.
const BLIND: &str =
    "cannot read /proc: nothing but the process group of the command could be ended";

/// How many signals are taken before we look at the clock again: whoever floods us with them shall
/// not postpone the limit.
const SIGNALS_PER_TURN: usize = 32;

/// Runs the command of a plan to its end.
pub fn supervise(plan: &Plan, console: &Console) -> Result<Record, RunError> {
    let failed = |doing| move |error: Errno| RunError::Start { doing, cause: error.into() };
    let inherited = Inherited::read().map_err(failed("read the signal mask"))?;
    let mut wanted = vec![plan.policy.ladder.first().signal];
    wanted.extend(plan.die_with_parent.then(Signal::parent_death));
    let inbox = Inbox::open(&inherited, &wanted).map_err(failed("receive signals"))?;
    stdio::has_room(DESCRIPTORS).map_err(failed("end what would be started"))?;
    let parent = plan.die_with_parent.then(watch_parent).transpose()?;
    sys::become_subreaper().map_err(failed("become a subreaper"))?;
    let (job, started) = start(plan, &inherited)?;
    Supervisor::new(plan, console, job, started, &inherited, &inbox, parent).run()
}

fn watch_parent() -> Result<Parent, RunError> {
    let doing = "die with our parent";
    let failed = |cause| RunError::Start { doing, cause };
    let parent = Parent::watch(Signal::parent_death()).map_err(|error| failed(error.into()))?;
    if parent.was_gone() {
        return Err(failed(std::io::Error::other("it has gone")));
    }
    Ok(parent)
}

fn start(plan: &Plan, inherited: &Inherited) -> Result<(Job, Instant), RunError> {
    let freed_signals: Vec<Signal> = plan.policy.ladder.signals().collect();
    let parent_death_signal = freed_signals.iter().copied().find(|signal| *signal != Signal::NULL);
    let strangers = job::note_strangers();
    let started = Instant::now();
    let in_foreground = plan.policy.target == Target::Leader;
    let leader = Spawn {
        command: &plan.command,
        own_group: !in_foreground,
        freed_signals: &freed_signals,
        parent_death_signal: parent_death_signal.unwrap_or(Signal::NULL),
        variables: &[],
        stdio: Stdio::Inherited,
    }
    .start(inherited)?;
    let group = if in_foreground { process::own_group() } else { leader.pid() };
    let job = Job::new(leader, group, strangers, plan.allow.clone(), plan.policy.until);
    Ok((job, started))
}

fn progress(plan: &Plan, started: Instant) -> Option<Progress> {
    plan.shows_progress.then(|| Progress::new(&plan.command, plan.policy.limit, started))?
}

struct Supervisor<'a> {
    plan: &'a Plan,
    console: &'a Console,
    inherited: &'a Inherited,
    inbox: &'a Inbox,
    parent: Option<Parent>,
    job: Job,
    machine: Machine<'a>,
    started: Instant,
    time_up: Option<Duration>,
    ladder: Vec<Signal>,
    /// Which signals were sent to the job at all.
    passed_on: HashSet<Signal>,
    first_sent: Option<Instant>,
    sent: Vec<Sent>,
    received: Vec<Received>,
    tty: Tty,
    progress: Option<Progress>,
    idle: Option<IdleWatch>,
    snapshot: Option<Snapshot>,
    hook: Option<Hook>,
    killed_hook: Option<Hook>,
    hook_record: Option<HookRecord>,
    lingering: Vec<Process>,
    left: Vec<Process>,
    left_unseen: bool,
    /// It has been said that nobody can be watched.
    blind: bool,
    finished: bool,
    /// What is to be said when there is time for it: a reader could keep us waiting.
    to_say: Vec<Saying>,
}

impl<'a> Supervisor<'a> {
    fn new(
        plan: &'a Plan,
        console: &'a Console,
        job: Job,
        started: Instant,
        inherited: &'a Inherited,
        inbox: &'a Inbox,
        parent: Option<Parent>,
    ) -> Self {
        Self {
            plan,
            console,
            inherited,
            inbox,
            parent,
            job,
            machine: Machine::new(&plan.policy, plan.extras(), started),
            started,
            time_up: None,
            ladder: Vec::new(),
            passed_on: HashSet::new(),
            first_sent: None,
            sent: Vec::new(),
            received: Vec::new(),
            tty: Tty::new(plan.policy.target, started),
            progress: progress(plan, started),
            idle: plan.policy.idle.map(|limit| IdleWatch::new(limit, started)),
            snapshot: None,
            hook: None,
            killed_hook: None,
            hook_record: None,
            lingering: Vec::new(),
            left: Vec::new(),
            left_unseen: false,
            blind: false,
            finished: false,
            to_say: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Record, RunError> {
        while !self.finished {
            self.wait();
            let signals = std::iter::from_fn(|| self.inbox.next());
            let signals: Vec<Received> = signals.take(SIGNALS_PER_TURN).collect();
            // The command's end comes first: what ended in time has not timed out.
            if let Some(status) = self.job.leader_exit() {
                if let Some(error) = self.job.start_error() {
                    self.job.leave();
                    return Err(RunError::new(&self.plan.command, error));
                }
                if status == WaitStatus::Lost {
                    self.console.error("cannot wait for the command: its status is lost");
                }
                self.take_terminal_back(Some(status));
                self.happened(Event::LeaderExited(status));
            }
            for received in signals {
                self.received(received);
            }
            self.look_after_terminal();
            self.look_after_hook();
            self.watch_for_idleness();
            let actions = self.machine.handle_timeout(Instant::now());
            self.perform(actions);
            if !self.finished {
                self.look_after_job();
            }
            self.note_sent();
            self.say();
            self.show_progress();
        }
        Ok(self.end())
    }

    /// Waits until something may have happened.
    fn wait(&self) {
        let sample = self.machine.may_be_idle().then(|| Some(self.idle.as_ref()?.next_at()));
        let (job, tty) = (self.job.poll_timeout(), self.tty.poll_timeout());
        let progress = self.progress.as_ref().map(Progress::next_at);
        let until = [self.machine.poll_timeout(), job, tty, sample.flatten(), progress];
        let until = until.into_iter().flatten().min();
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let ends = [Some(self.inbox.as_fd()), self.job.end_of_witness()];
        let ends: Vec<_> = ends.into_iter().flatten().collect();
        if poll::readable(&ends, timeout).is_err() {
            // The deadline holds all the same.
            std::thread::sleep(timeout.map_or(REST, |timeout| timeout.min(REST)));
        }
    }

    fn received(&mut self, mut received: Received) {
        if received.signal == Signal::parent_death()
            && let Some(parent) = self.parent
        {
            // Where too many signals are queued, the kernel does not tell who has sent this one.
            if parent.has_gone_by(received.pid) {
                received.signal = Signal::TERM;
            } else if parent.is(received.pid) {
                // A thread of it has ended.
                return;
            }
        }
        // A write to a broken pipe sends us SIGPIPE from ourselves: nobody's business but ours. A
        // timer of ours that comes now was late: somebody else had continued us.
        let is_own = received.pid == process::own_pid() || received.origin == Origin::Timer;
        if received.signal == Signal::CHLD || is_own {
            return;
        }
        self.note_received(received);
        match received.signal {
            Signal::CONT | Signal::TSTP | Signal::TTIN | Signal::TTOU => {
                self.told_to_stop_or_continue(received);
            }
            signal => self.happened(Event::Received(signal, received.origin)),
        }
    }

    fn happened(&mut self, event: Event) {
        let actions = self.machine.handle_event(Instant::now(), event);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        if matches!(self.machine.outcome().cause, Some(Cause::Limit | Cause::Idle)) {
            self.time_up.get_or_insert_with(|| self.started.elapsed());
        }
        for action in actions {
            match action {
                Action::Signal { target, signal, and_continue } => {
                    self.signal(target, signal, and_continue);
                }
                Action::Snapshot => {
                    self.take_snapshot();
                    self.happened(Event::Looked);
                }
                Action::RunHook(cause) => self.run_hook(cause),
                Action::KillHook => self.kill_hook(),
                Action::NoteLingering => {
                    self.lingering = self.survey(Target::Lingering);
                    self.happened(Event::Looked);
                }
                Action::NoteLeft(target) => self.left = self.survey(target),
                Action::Finish => self.finished = true,
            }
        }
    }

    fn survey(&mut self, target: Target) -> Vec<Process> {
        self.job.set_deadline(None);
        let seen = self.job.survey(target);
        self.left_unseen |= seen.is_none();
        seen.unwrap_or_default()
    }

    fn signal(&mut self, target: Target, signal: Signal, and_continue: bool) {
        self.passed_on.insert(signal);
        self.job.set_deadline(self.machine.poll_timeout());
        let in_haste = matches!(self.machine.outcome().cause, Some(Cause::Limit | Cause::Idle));
        self.job.signal(target, signal, and_continue, in_haste);
        if self.console.is_verbose() && self.plan.wording == Wording::Timeout {
            let line = text::sent_by_timeout(&self.plan.command, signal);
            self.to_say.push(Saying::Detail(line));
        }
    }

    /// Reaps what has ended besides the leader, and sees whether those that are awaited are gone.
    fn look_after_job(&mut self) {
        self.job.set_deadline(self.machine.poll_timeout());
        let nobody_left = match self.machine.awaited() {
            Awaited::Nobody => {
                self.job.stop_looking();
                self.job.reap_orphans();
                false
            }
            Awaited::LastChild => {
                let nobody_left = self.job.has_no_live_child();
                if !nobody_left {
                    self.job.reap_orphans();
                }
                nobody_left
            }
            Awaited::All(target) => self.job.tend(target, self.machine.has_killed()),
        };
        if nobody_left {
            self.happened(Event::NobodyLeft);
        }
    }

    fn end(mut self) -> Record {
        let outcome = self.machine.outcome();
        self.take_terminal_back(outcome.leader);
        self.bury_hook();
        let policy = &self.plan.policy;
        let ending_took = self.first_sent.map_or(Duration::ZERO, |at| at.elapsed());
        let elapsed = self.started.elapsed();
        if policy.until != Target::Leader && outcome.cause.is_some() && self.job.is_blind() {
            self.console.error(BLIND);
        }
        let (pid, group) = (self.job.leader_pid(), self.job.group());
        let to_be_ended = |process: &Process| match policy.kill_target {
            Target::Leader => process.stat.pid == pid,
            Target::Job | Target::Group => process.membership != Membership::Detached,
            Target::Tree | Target::Lingering => true,
        };
        let (survivors, left): (Vec<_>, Vec<_>) =
            self.left.into_iter().partition(|process| outcome.gave_up && to_be_ended(process));
        // It may not have been known yet that they are nobody's business.
        let mut lingering = self.job.without_spared(self.lingering);
        lingering.extend(left);
        Record {
            outcome,
            pid,
            pgid: group,
            started: self.started,
            elapsed,
            time_up: self.time_up,
            ladder: self.ladder,
            ending_took,
            sent: self.sent,
            received: self.received,
            snapshot: self.snapshot,
            hook: self.hook_record,
            lingering,
            left_unseen: self.left_unseen,
            denied: self.job.take_denied(),
            survivors,
            usage: self.job.leave(),
        }
    }
}
