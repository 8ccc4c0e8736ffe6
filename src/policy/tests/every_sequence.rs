//! Every sequence of events to a depth, and what must hold after each.

use super::*;

/// What can happen next in an enumerated run.
#[derive(Clone, Copy, Debug)]
enum Next {
    Event(Event),
    Wait(Duration),
    UntilTimeout,
}

const ALPHABET: [Next; 13] = [
    Next::Event(Event::LeaderExited(WaitStatus::Exited(0))),
    Next::Event(Event::NobodyLeft),
    Next::Event(Event::Received(Signal::INT, Origin::Kernel)),
    Next::Event(Event::Received(Signal::TERM, Origin::Process)),
    Next::Event(Event::Received(Signal::CONT, Origin::Process)),
    Next::Event(Event::Received(Signal::ALRM, Origin::Process)),
    Next::Event(Event::Idle),
    Next::Event(Event::Looked),
    Next::Event(Event::HookEnded),
    Next::Wait(Duration::from_millis(150)),
    Next::Wait(Duration::from_secs(3)),
    Next::Wait(Duration::from_secs(29)),
    Next::UntilTimeout,
];

/// What must hold after each step, and what is known of the run so far.
#[derive(Clone)]
struct Checked<'a> {
    run: Run<'a>,
    requests: usize,
    ladder_began: Option<Instant>,
    finished: bool,
    leader_exited: bool,
    hook_runs: bool,
}

impl Checked<'_> {
    fn step(&mut self, next: Next, path: &[usize]) {
        let actions = match next {
            Next::Event(event) => {
                self.requests += usize::from(matches!(event, Event::Received(..)));
                if matches!(event, Event::LeaderExited(_)) {
                    if self.leader_exited {
                        return;
                    }
                    self.leader_exited = true;
                }
                if event == Event::HookEnded && !std::mem::take(&mut self.hook_runs) {
                    return;
                }
                let actions = self.run.machine.handle_event(self.run.now, event);
                self.check_actions(&actions, path);
                return self.check_state(path);
            }
            Next::Wait(duration) => self.wait(self.run.now + duration, path),
            Next::UntilTimeout => match self.run.machine.poll_timeout() {
                Some(at) => self.wait(at, path),
                None => return,
            },
        };
        self.check_actions(&actions, path);
        self.check_state(path);
    }

    fn wait(&mut self, until: Instant, path: &[usize]) -> Vec<Action> {
        while let Some(at) = self.run.machine.poll_timeout().filter(|at| *at < until) {
            // A spurious wake-up just before the time changes nothing.
            let before = self.run.machine.clone();
            let early = at.checked_sub(Duration::from_nanos(1)).unwrap().max(self.run.now);
            if early < at {
                assert_eq!(self.run.machine.handle_timeout(early), [], "{path:?}");
                assert!(self.run.machine == before, "a spurious wake-up has changed {path:?}");
            }
            self.run.now = at.max(self.run.now);
            let actions = self.run.machine.handle_timeout(self.run.now);
            self.check_actions(&actions, path);
        }
        self.run.now = until;
        self.run.machine.handle_timeout(until)
    }

    fn check_actions(&mut self, actions: &[Action], path: &[usize]) {
        assert!(!self.finished || actions.is_empty(), "something after the end: {path:?}");
        if matches!(self.run.machine.state, State::Escalating { .. } | State::Draining { .. }) {
            self.ladder_began.get_or_insert(self.run.now);
        }
        for action in actions {
            match action {
                Action::Finish => self.finished = true,
                Action::Signal { signal: Signal::KILL, .. } => {
                    let policy = self.run.machine.policy;
                    let grace = policy.ladder.first().grace;
                    let in_time = policy.ladder.first().signal == Signal::KILL
                        || self.ladder_began.is_some_and(|began| self.run.now >= began + grace);
                    assert!(in_time || self.requests >= 2, "KILL before its time: {path:?}");
                }
                Action::Signal { target, .. } => {
                    let policy = self.run.machine.policy;
                    let in_foreground = policy.until == Target::Leader;
                    assert!(*target != Target::Lingering || !in_foreground, "{path:?}");
                }
                Action::RunHook(_) => self.hook_runs = true,
                Action::KillHook => {
                    assert!(self.hook_runs, "no hook to be killed: {path:?}");
                    self.hook_runs = false;
                }
                Action::Snapshot | Action::NoteLingering | Action::NoteLeft(_) => {}
            }
        }
    }

    fn check_state(&self, path: &[usize]) {
        let machine = &self.run.machine;
        let hooking = matches!(machine.state, State::Hooking { .. });
        assert_eq!(self.hook_runs, hooking, "a hook outlives its state: {path:?}");
        assert_eq!(self.finished, matches!(machine.state, State::Done { .. }), "{path:?}");
        if self.finished {
            assert_eq!(machine.poll_timeout(), None, "{path:?}");
            assert!(machine.awaited() == Awaited::Nobody, "{path:?}");
            assert!(machine.outcome().gave_up || machine.outcome().leader.is_some(), "{path:?}");
        }
        let _ = self.run.exit_status();
    }

    /// With a leader that never ends, or with descendants that never end after it, whatever came
    /// before, the ladder goes to its end; but a command that has ended in time may leave some.
    fn the_immortal_are_given_up(&self, path: &[usize]) {
        if self.finished {
            return;
        }
        let mut run = self.run.clone();
        let mut killed = run.machine.has_killed();
        for _ in 0..8 {
            let _ = run.event(Event::Looked);
            let Some(at) = run.machine.poll_timeout() else { break };
            run.now = at.max(run.now);
            let actions = run.machine.handle_timeout(run.now);
            let is_kill =
                |action: &Action| matches!(action, Action::Signal { signal: Signal::KILL, .. });
            killed |= actions.iter().any(is_kill);
        }
        let outcome = run.machine.outcome();
        let policy = run.machine.policy;
        let can_kill = policy.ladder.signals().any(|signal| signal == Signal::KILL);
        if !can_kill && outcome.cause != Some(Cause::LeaderExit) {
            // The user wants to wait as long as it takes.
            return;
        }
        assert!(matches!(run.machine.state, State::Done { .. }), "it waits for ever: {path:?}");
        let may_leave = run.machine.deserted
            || outcome.leader.is_some() && policy.until == Target::Leader
            || outcome.cause.is_none() && policy.lingering == Lingering::Report;
        assert!(killed || may_leave || !can_kill, "KILL never came: {path:?}");
        assert!(outcome.gave_up || may_leave, "{path:?}");
    }
}

fn enumerate(checked: &Checked<'_>, depth: usize, path: &mut Vec<usize>, count: &mut usize) {
    *count += 1;
    checked.the_immortal_are_given_up(path);
    // One step after the end shows that nothing follows it.
    let depth = if checked.finished { depth.min(1) } else { depth };
    if depth == 0 {
        return;
    }
    for (index, next) in ALPHABET.iter().enumerate() {
        path.push(index);
        let mut checked = checked.clone();
        checked.step(*next, path);
        enumerate(&checked, depth - 1, path, count);
        path.pop();
    }
}

#[test]
fn whatever_happens_the_rules_hold() {
    let foreground = in_the_foreground();
    let stand_in = Policy { until: Target::Leader, ..policy("TERM/10s/KILL") };
    let lingering = |lingering| Policy { lingering, ..policy("TERM/10s/KILL") };
    let waiting_in_the_foreground = Policy { lingering: Lingering::Wait, ..in_the_foreground() };
    let never_kill = Ladder::parse("TERM").unwrap();
    let killing_without_kill = Policy { ladder: never_kill, ..lingering(Lingering::Kill) };
    let nothing = Extras::default();
    let hook = Extras { hook: true, ..nothing };
    let snapshot_and_hook = Extras { snapshot: true, ..hook };
    for (policy, extras, depth) in [
        (policy("TERM/10s/KILL"), nothing, 5),
        (policy("KILL"), nothing, 4),
        (policy("INT/1s/TERM/2s/KILL"), nothing, 4),
        (foreground, nothing, 4),
        (stand_in, nothing, 4),
        (lingering(Lingering::Report), nothing, 4),
        (lingering(Lingering::Kill), nothing, 5),
        (lingering(Lingering::Wait), nothing, 4),
        (killing_without_kill, nothing, 4),
        (waiting_in_the_foreground, nothing, 4),
        (policy("TERM/10s/KILL"), snapshot_and_hook, 5),
        (in_the_foreground(), hook, 4),
    ] {
        let checked = Checked {
            run: Run::with(&policy, extras),
            requests: 0,
            ladder_began: None,
            finished: false,
            leader_exited: false,
            hook_runs: false,
        };
        let mut count = 0;
        enumerate(&checked, depth, &mut Vec::new(), &mut count);
        assert!(count > 1_000, "only {count} sequences");
    }
}
