//! How a signal reaches whom it is for: the group at once, and everybody else one by one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Job, LOOKS};
use crate::policy::Target;
use crate::procfs::Pid;
use crate::procfs::stat::{Identity, Stat};
use crate::procfs::tree::Seen;
use crate::record::{Recipient, Sent};
use crate::signal::Signal;
use crate::sys::spawn::Leader;
use crate::sys::{
    self, Errno,
    process::{self, PidFd},
    wait,
};

/// A step of the ladder that has been taken. Those that it was for and that could not be seen just
/// then, since their parents were dying, get its signals when they are found.
#[derive(Debug)]
pub struct TakenStep {
    signals: Vec<Signal>,
    /// When it was taken, on the clock of process start times.
    at: Duration,
    /// Whether the leader's group has got the signals.
    to_group: bool,
    /// Who has got them one by one.
    reached: HashSet<Identity>,
}

impl TakenStep {
    /// The step of these signals, which is about to be taken.
    fn new(signals: Vec<Signal>) -> Self {
        let at = process::time_since_boot();
        Self { signals, at, to_group: false, reached: HashSet::new() }
    }

    /// Whether a process was there for certain when it was taken, by a tick of the clock at least.
    fn came_after(&self, stat: &Stat) -> bool {
        process::since_boot(stat.start + 1) <= self.at
    }

    /// Whether it is the last one.
    pub fn kills(&self) -> bool {
        self.signals.contains(&Signal::KILL)
    }
}

/// Why a number is still the process that was seen.
#[derive(Debug)]
enum Proof {
    /// It is our child.
    Child,
    /// It was there when this had been opened.
    PidFd(PidFd),
    /// It was there a moment ago.
    Number,
    /// It is not: it has ended.
    Gone,
    /// There is none to be had in time.
    None,
}

/// How many pidfds are open at a time.
const AT_ONCE: usize = 64;

/// How many descriptors a look needs.
const ROOM: usize = 4;

/// How long the look before a signal may take.
const BEFORE: Duration = Duration::from_millis(100);

/// For how long the look of a snapshot is as good.
const FRESH: Duration = Duration::from_millis(300);

/// How long the command may take to die of its group's signal before anybody else is looked for.
const OBEYING: Duration = Duration::from_micros(300);

impl Job {
    /// Sends a signal, and SIGCONT after it if wanted, as for all that asks the job to end. In haste the
    /// group has it before anybody is looked for.
    pub fn signal(&mut self, target: Target, signal: Signal, and_continue: bool, in_haste: bool) {
        let signals = [Some(signal), and_continue.then_some(Signal::CONT)];
        let signals = signals.into_iter().flatten().filter(|signal| *signal != Signal::NULL);
        let signals: Vec<Signal> = signals.collect();
        let kills = signal == Signal::KILL;
        let is_step = and_continue || kills;
        let seen = if is_step && !kills { self.look_before(target, in_haste) } else { None };
        if is_step {
            let misses = !matches!(target, Target::Leader | Target::Group);
            self.step = misses.then(|| TakenStep::new(signals.clone()));
        }
        match target {
            Target::Leader => self.signal_leader(&signals),
            Target::Group => drop(self.signal_group(&signals)),
            Target::Job | Target::Tree => {
                let reached = self.signal_group(&signals);
                match seen {
                    Some(seen) => {
                        // Nobody is looked for before that one has gone.
                        if let Some(youngest) = self.signal_seen(target, &seen, &signals) {
                            self.watch(Instant::now(), target, youngest);
                        }
                    }
                    None if kills => self.kill(target, reached),
                    None => {
                        if is_step {
                            self.give_leader_time();
                        }
                        self.signal_descendants(target, &signals);
                    }
                }
            }
            Target::Lingering if kills => {
                self.kill_children(target);
                self.signal_descendants(target, &signals);
            }
            Target::Lingering => self.signal_descendants(target, &signals),
        }
    }

    /// Who is there before a signal that may be handled: what its handler starts is to do its work, and
    /// could hardly be told from the others afterwards.
    fn look_before(&mut self, target: Target, in_haste: bool) -> Option<Seen> {
        let snapshot = self.last_look.take().filter(|(at, _)| at.elapsed() < FRESH);
        match target {
            Target::Job | Target::Tree => match snapshot {
                Some((_, seen)) => Some(seen),
                None if in_haste => None,
                None => self.census.look(Instant::now() + BEFORE, |_, _| ()).map(|(seen, ())| seen),
            },
            Target::Leader | Target::Group | Target::Lingering => None,
        }
    }

    /// Kills who has not been reached with the leader's group.
    fn kill(&mut self, target: Target, reached: bool) {
        self.give_leader_time();
        let goes_on = self.until != Target::Leader;
        if goes_on && reached && self.was_all_in_group {
            // Who has left the group since then is found when that is gone.
            return self.expect_death_of_group();
        }
        self.kill_children(target);
        // Where nobody looks again later, whoever loses its parent by this very signal must not be
        // missed.
        let looks = if goes_on { 1 } else { LOOKS };
        (0..looks).for_each(|_| self.signal_descendants(target, &[Signal::KILL]));
    }

    /// Continues the leader's group, or the leader where it has none of its own.
    pub fn continue_group(&mut self) {
        let _ = self.signal_group(&[Signal::CONT]);
    }

    /// What has been sent since this was asked before, in order.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Whom we were not permitted to signal.
    pub fn take_denied(&mut self) -> HashSet<Pid> {
        std::mem::take(&mut self.denied)
    }

    /// `at` is before the call: to signal thousands takes its time, and the first have it at once.
    fn note(
        &mut self,
        at: Instant,
        signal: Signal,
        to: Recipient,
        pid: Pid,
        result: Result<(), Errno>,
    ) {
        if result == Err(Errno::EPERM) {
            self.denied.insert(pid);
        }
        let error = result.err().map(sys::reason);
        self.sent.push(Sent { at, signal, to, pid, error });
    }

    fn signal_leader(&mut self, signals: &[Signal]) {
        for signal in signals {
            let Some(leader) = &self.leader else { return };
            let at = Instant::now();
            let (pid, result) = (leader.pid(), leader.signal(*signal));
            self.note(at, *signal, Recipient::Leader, pid, result);
        }
    }

    /// Signals the leader's group, and the leader where it has left that. Returns whether somebody in
    /// the group was reached.
    fn signal_group(&mut self, signals: &[Signal]) -> bool {
        let mut reached = false;
        for signal in signals {
            let Some(leader) = &self.leader else { return false };
            let at = Instant::now();
            let (pid, result) = (leader.pid(), leader.signal_group(*signal));
            reached = result.is_ok();
            self.note(at, *signal, Recipient::Group, pid, result);
        }
        if let Some(step) = self.step.as_mut().filter(|step| step.signals == signals) {
            step.to_group = true;
        }
        if self.leader.as_ref().is_some_and(Leader::has_left_group) {
            self.signal_leader(signals);
        }
        reached
    }

    /// Waits a moment for a command that obeys at once: mostly nobody is left then to be looked for,
    /// which takes longer.
    fn give_leader_time(&self) {
        if let Some(leader) = &self.leader
            && let Ok(pidfd) = PidFd::open(leader.pid())
        {
            pidfd.wait(OBEYING);
        }
    }

    /// Whether the leader's group, as long as it can be signalled, has this one.
    fn is_in_group(&self, stat: &Stat) -> bool {
        let group = self.leader.as_ref().map(Leader::pid);
        Some(stat.pgid) == group || Some(stat.pid) == group
    }

    /// Signals those of the target that are not in the leader's group; and of what lingers the
    /// group too, unless somebody in it is allowed to.
    fn signal_descendants(&mut self, target: Target, signals: &[Signal]) {
        // Zombies would only be in the way: a storm of short-lived children leaves thousands.
        self.reap_orphans();
        if !wait::has_live_child() {
            // The group's signal has been enough.
            return;
        }
        let Some(mut seen) = self.census.descendants() else {
            if target == Target::Lingering && self.census.allows_nobody() {
                self.signal_group(signals);
            }
            return;
        };
        if let Some(step) =
            self.step.as_ref().filter(|step| !step.kills() && step.signals == signals)
        {
            seen.stats.retain(|stat| step.came_after(stat));
        }
        self.signal_seen(target, &seen, signals);
    }

    /// The same for those who have been seen, as they were then. Returns the youngest of the target.
    fn signal_seen(&mut self, target: Target, seen: &Seen, signals: &[Signal]) -> Option<Stat> {
        let stats = &seen.stats;
        self.was_all_in_group = seen.is_complete && stats.iter().all(|stat| self.is_in_group(stat));
        if target == Target::Tree {
            // Before command lines are read, which takes its time.
            let of_job = self.census.select(Target::Job, stats).members;
            self.signal_outside(&of_job, signals);
        }
        let mut members = self.census.select(target, stats).members;
        let youngest = members.last().map(|stat| (*stat).clone());
        if target == Target::Tree {
            members.retain(|stat| !self.census.is_of_job(stat));
        }
        if target != Target::Lingering {
            self.signal_outside(&members, signals);
            return youngest;
        }
        let live = stats.iter().filter(|stat| stat.is_alive() && self.is_in_group(stat)).count();
        match members.iter().filter(|stat| self.is_in_group(stat)).count() {
            0 => self.signal_outside(&members, signals),
            // One signal to all of them at once is proof against their forking.
            all if all == live => {
                self.signal_group(signals);
                self.signal_outside(&members, signals);
            }
            _ => self.signal_each(&members, signals),
        }
        youngest
    }

    /// Kills those of our own children that are of the target, by system calls alone: whoever forks and
    /// exits without end leaves its next one to us, and that is gone before a look at all comes back.
    /// Where somebody may be allowed to stay that is not enough to go by.
    pub(super) fn kill_children(&mut self, target: Target) {
        let children = self.census.proc().and_then(|proc| proc.children(process::own_pid()));
        // The youngest come last, and the others are mostly dead.
        for pid in children.unwrap_or_default().into_iter().rev() {
            let place = (process::group_of(pid), process::session_of(pid));
            let (Ok(group), Ok(session)) = place else { continue };
            if self.is_kept(pid) || !self.census.is_ours(pid, group) {
                continue;
            }
            match wait::peek(pid) {
                // It is our child, and not reaped: nobody else has its number.
                Ok(None) if self.census.includes(target, group, session) => {
                    let at = Instant::now();
                    let result = process::signal_process(pid, Signal::KILL);
                    self.note(at, Signal::KILL, Recipient::Process, pid, result);
                }
                Ok(Some(_)) => self.reap(pid),
                _ => {}
            }
        }
    }

    fn signal_outside(&mut self, members: &[&Stat], signals: &[Signal]) {
        let mut outside = members.to_vec();
        outside.retain(|member| !self.is_in_group(member));
        self.signal_each(&outside, signals);
    }

    /// Signals these, which were seen just now: our children by their numbers, since nobody but us can
    /// reap them, which we have not done since; and others through pidfds.
    fn signal_each(&mut self, members: &[&Stat], signals: &[Signal]) {
        for members in members.chunks(AT_ONCE) {
            if self.census.is_late() {
                // The next step does not wait, and is for all of them.
                return;
            }
            let is_child = |member: &Stat| member.ppid == process::own_pid();
            let mut others = members.to_vec();
            others.retain(|member| !is_child(member));
            let mut proven = self.prove(&others).into_iter();
            for member in members {
                let proof = if is_child(member) {
                    Proof::Child
                } else {
                    proven.next().unwrap_or(Proof::Gone)
                };
                self.signal_one(member, &proof, signals);
            }
        }
    }

    /// What shows that these are still the processes that were seen.
    fn prove(&self, members: &[&Stat]) -> Vec<Proof> {
        if members.is_empty() {
            return vec![];
        }
        let mut pidfds: Vec<_> = members.iter().map(|member| PidFd::open(member.pid)).collect();
        if pidfds.iter().any(|pidfd| matches!(pidfd, Err(Errno::EMFILE | Errno::ENFILE))) {
            // Who looks needs some descriptors, too.
            let opened = pidfds.iter_mut().rev().filter(|pidfd| pidfd.is_ok());
            opened.take(ROOM).for_each(|pidfd| *pidfd = Err(Errno::EMFILE));
        }
        // What has the same number and start time now was there all the time, so it is the process
        // that the pidfd stands for. Without a pidfd this is the nearest to a proof there is.
        let there = self.census.are_there(members).into_iter().chain(std::iter::repeat(None));
        let proof = |((member, pidfd), is_there): ((&&Stat, _), _)| match (pidfd, is_there) {
            (Err(Errno::ESRCH), _) | (_, Some(false)) => Proof::Gone,
            (Ok(pidfd), Some(true)) => Proof::PidFd(pidfd),
            (Err(_), Some(true)) if member.start > 0 => Proof::Number,
            _ => Proof::None,
        };
        members.iter().zip(pidfds).zip(there).map(proof).collect()
    }

    fn signal_one(&mut self, member: &Stat, proof: &Proof, signals: &[Signal]) {
        let is_new = match &mut self.step {
            Some(step) if step.signals == signals => step.reached.insert(member.identity()),
            _ => true,
        };
        for signal in signals {
            let at = Instant::now();
            let result = match proof {
                Proof::Child | Proof::Number => process::signal_process(member.pid, *signal),
                Proof::PidFd(pidfd) => pidfd.signal(*signal),
                Proof::None => Err(Errno::ETIME),
                // That it has ended meanwhile is as good.
                Proof::Gone => Err(Errno::ESRCH),
            };
            if is_new && result != Err(Errno::ESRCH) {
                self.note(at, *signal, Recipient::Process, member.pid, result);
            }
        }
    }

    /// Signals those whom the last step has missed; and after KILL whoever is there, again and
    /// again, since a process may fork while it is looked at.
    ///
    /// Who was there when the step was taken, by a tick of the clock at least, has been missed, unless its parent was reached and
    /// lives: what the handler of a signal starts is to do its work.
    pub(super) fn signal_missed(&mut self, members: &[&Stat], seen: &[Stat]) {
        let Some(step) = &self.step else { return };
        let (signals, kills) = (step.signals.clone(), step.kills());
        let to_group = step.to_group;
        let is_in_group = |stat: &Stat| to_group && self.is_in_group(stat);
        let has_got_it = |stat: &&Stat| {
            stat.is_alive() && (is_in_group(stat) || step.reached.contains(&stat.identity()))
        };
        let reached: HashSet<Pid> = seen.iter().filter(has_got_it).map(|stat| stat.pid).collect();
        let is_missed = |stat: &&Stat| {
            !reached.contains(&stat.pid) && !reached.contains(&stat.ppid) && step.came_after(stat)
        };
        let missed = members.iter().copied();
        let missed = missed.filter(|stat| !is_in_group(stat) && (kills || is_missed(stat)));
        let missed: Vec<_> = missed.collect();
        self.signal_each(&missed, &signals);
    }
}
