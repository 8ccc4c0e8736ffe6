//! The policy on a clock that is arithmetic: scenarios that read like the manual here, and what must
//! hold always in the module below.

use std::time::Instant;

use super::machine::{Machine, State};
use super::*;

mod every_sequence;
mod job_control;
mod lingering;
mod signals;
mod time_up;

const USR1: &str = "USR1";

fn signal(name: &str) -> Signal {
    name.parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `grpkill-timeout --escalate=LADDER 30s`.
fn policy(ladder: &str) -> Policy {
    Policy {
        limit: Some(seconds(30)),
        idle: None,
        ladder: Ladder::parse(ladder).unwrap(),
        target: Target::Job,
        kill_target: Target::Job,
        until: Target::Job,
        lingering: Lingering::Ignore,
        preserve_status: false,
        lingering_status: None,
        kill_shows: false,
    }
}

/// The same with `--foreground`.
fn in_the_foreground() -> Policy {
    let leader = Target::Leader;
    Policy { target: leader, kill_target: leader, until: leader, ..policy("TERM/10s/KILL") }
}

/// A machine and its clock.
#[derive(Clone)]
struct Run<'a> {
    machine: Machine<'a>,
    now: Instant,
}

impl<'a> Run<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self::with(policy, Extras::default())
    }

    /// Who is left is looked for in any case, unless nobody minds.
    fn with(policy: &'a Policy, extras: Extras) -> Self {
        let survey = extras.survey || policy.lingering != Lingering::Ignore;
        let now = Instant::now();
        Self { machine: Machine::new(policy, Extras { survey, ..extras }, now), now }
    }

    /// Lets time pass, to the moment and not beyond; what happens on the way does.
    fn after(&mut self, duration: Duration) -> Vec<String> {
        let until = self.now + duration;
        let mut shown = Vec::new();
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            let actions = self.machine.handle_timeout(self.now);
            shown.extend(self.perform(&actions));
        }
        self.now = until;
        let actions = self.machine.handle_timeout(self.now);
        shown.extend(self.perform(&actions));
        shown
    }

    fn event(&mut self, event: Event) -> Vec<String> {
        let actions = self.machine.handle_event(self.now, event);
        self.perform(&actions)
    }

    /// Shows the actions, and what comes of them: who looks has looked.
    fn perform(&mut self, actions: &[Action]) -> Vec<String> {
        let mut shown = show(actions);
        if matches!(self.machine.state, State::Looking { .. }) {
            shown.extend(self.event(Event::Looked));
        }
        shown
    }

    fn receive(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Received(signal(name), Origin::Process))
    }

    fn leader_exits(&mut self, code: u8) -> Vec<String> {
        self.event(Event::LeaderExited(WaitStatus::Exited(code)))
    }

    fn leader_dies(&mut self, name: &str) -> Vec<String> {
        let status = WaitStatus::Signaled { signal: signal(name), core_dumped: false };
        self.event(Event::LeaderExited(status))
    }

    fn nobody_is_left(&mut self) -> Vec<String> {
        self.event(Event::NobodyLeft)
    }

    fn exit_status(&self) -> ExitStatus {
        self.machine.outcome().exit_status(self.machine.policy, false)
    }

    fn preserved_status(&self) -> ExitStatus {
        let policy = Policy { preserve_status: true, ..self.machine.policy.clone() };
        self.machine.outcome().exit_status(&policy, false)
    }
}

/// `TERM+CONT` is a signal to the job that continues it, `TERM*` one to the group alone, `TERM!` one
/// to the leader alone, `TERM#` one to the tree, `TERM~` one to what lingers.
fn show(actions: &[Action]) -> Vec<String> {
    let show_one = |action: &Action| match action {
        Action::Snapshot => "snapshot".to_owned(),
        Action::RunHook(_) => "run hook".to_owned(),
        Action::KillHook => "kill hook".to_owned(),
        Action::NoteLingering => "note lingering".to_owned(),
        Action::NoteLeft(_) => "note left".to_owned(),
        Action::Finish => "finish".to_owned(),
        Action::Signal { target, signal, and_continue } => {
            let target = match target {
                Target::Job => "",
                Target::Group => "*",
                Target::Leader => "!",
                Target::Tree => "#",
                Target::Lingering => "~",
            };
            let and_continue = if *and_continue { "+CONT" } else { "" };
            format!("{signal}{target}{and_continue}")
        }
    };
    actions.iter().map(show_one).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_command_that_ends_in_time_gives_its_status() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(29)), NOTHING);
    assert_eq!(run.leader_exits(3), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(3));
}

#[test]
fn a_death_in_time_becomes_ours() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.leader_dies("KILL"), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Signal(Signal::KILL));
}

#[test]
fn the_limit_starts_the_ladder_and_the_ladder_ends_with_the_job() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.leader_dies("TERM"), NOTHING, "a member may be left");
    assert_eq!(run.machine.awaited(), Awaited::All(Target::Job));
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
    assert_eq!(run.preserved_status(), ExitStatus::Code(143));
}

#[test]
fn a_leader_that_exits_0_after_the_limit_has_timed_out() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.leader_exits(0), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
    assert_eq!(run.preserved_status(), ExitStatus::Code(0));
}

#[test]
fn a_leader_that_obeys_does_not_save_a_member_that_does_not() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.leader_dies("TERM"), NOTHING);
    assert_eq!(run.after(seconds(10)), ["KILL"]);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT, "it was not the leader that took KILL");
}

#[test]
fn a_leader_that_takes_kill_makes_it_137() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(40)), ["TERM+CONT", "KILL"]);
    assert_eq!(run.leader_dies("KILL"), NOTHING);
    assert_eq!(run.nobody_is_left(), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::Code(137));
}

#[test]
fn what_the_kernel_does_not_let_die_is_given_up() {
    let policy = policy("TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(44)), ["TERM+CONT", "KILL"]);
    assert_eq!(run.after(seconds(1)), ["note left", "finish"]);
    assert!(run.machine.outcome().gave_up);
    assert_eq!(run.exit_status(), ExitStatus::Code(137));
    assert_eq!(run.preserved_status(), ExitStatus::Code(137));
}

#[test]
fn every_step_of_a_long_ladder_has_its_grace() {
    let policy = policy("QUIT/2s/TERM/10s/KILL");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["QUIT+CONT"]);
    assert_eq!(run.after(seconds(1)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["TERM+CONT"]);
    assert_eq!(run.after(seconds(9)), NOTHING);
    assert_eq!(run.after(seconds(1)), ["KILL"]);
}

#[test]
fn a_ladder_without_kill_waits_as_long_as_it_takes() {
    let policy = policy("TERM");
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.machine.poll_timeout(), None);
    assert_eq!(run.after(seconds(100_000)), NOTHING);
}

#[test]
fn in_the_foreground_the_leader_is_all() {
    let policy = in_the_foreground();
    let mut run = Run::new(&policy);
    let interrupt = Event::Received(Signal::INT, Origin::Kernel);
    assert_eq!(run.event(interrupt), NOTHING, "the terminal has told the leader itself");
    assert_eq!(run.after(seconds(20)), NOTHING, "and it may go on");
    assert_eq!(run.receive(USR1), ["USR1!"]);
    assert_eq!(run.receive("TERM"), ["TERM!"]);
    assert_eq!(run.after(seconds(10)), ["KILL!"]);
    assert_eq!(run.leader_dies("KILL"), ["finish"]);
}

#[test]
fn as_timeout_only_kill_leaves_the_group() {
    let policy = Policy { target: Target::Group, ..policy("TERM/10s/KILL") };
    let mut run = Run::new(&policy);
    assert_eq!(run.receive(USR1), ["USR1*"]);
    assert_eq!(run.after(seconds(40)), ["TERM*+CONT", "KILL"]);
}

#[test]
fn as_timeout_without_a_grace_the_leaders_end_is_the_end() {
    let policy = Policy { until: Target::Leader, ..policy("TERM") };
    let mut run = Run::new(&policy);
    assert_eq!(run.after(seconds(30)), ["TERM+CONT"]);
    assert_eq!(run.machine.awaited(), Awaited::Nobody);
    assert_eq!(run.leader_dies("TERM"), ["finish"]);
    assert_eq!(run.exit_status(), ExitStatus::TIMED_OUT);
}

#[test]
fn a_limit_beyond_the_end_of_time_is_none() {
    let policy = Policy { limit: Some(Duration::MAX), ..policy("TERM/10s/KILL") };
    assert_eq!(Run::new(&policy).machine.poll_timeout(), None);
}
