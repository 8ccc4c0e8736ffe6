//! The job as the kernel has it: whom a signal must reach, who is left, what is to be reaped.
//!
//! Nothing here asks a number whether it lives. A signal goes to the leader's group while the
//! leader is unreaped; to a child of ours that we have not reaped; or through a pidfd whose process
//! has been recognised by its start time. See [`Leader`] and [`delivery`].

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::allow::Allow;
use crate::policy::Target;
use crate::procfs::Pid;
use crate::procfs::activity::Sample;
use crate::procfs::stat::{Identity, Stat};
use crate::procfs::tree::Seen;
use crate::record::{Process, Sent, Snapshot, Usage};
use crate::status::WaitStatus;
use crate::survey::Patience;
use crate::sys::process::{self, PidFd};
use crate::sys::spawn::{Leader, StartError};
use crate::sys::wait;

mod allowance;
mod census;
mod delivery;
mod reaping;
mod strangers;
mod terminal;

pub use census::note_strangers;
use census::{Census, Selection, TO_TELL};
use delivery::TakenStep;
use strangers::Strangers;

/// How often we look at a job that is being ended without being woken: a process can leave the job
/// by setsid(2), and that wakes nobody.
const LOOK: Duration = Duration::from_secs(1);

/// The same after KILL, when what has forked out of the way meanwhile is to be found, and where the
/// kernel cannot wake us at the end of a process that is not our child.
const LOOK_OFTEN: Duration = Duration::from_millis(100);

/// The same while what lingers is waited for: one of them may become a command that is allowed to.
const LOOK_SELDOM: Duration = Duration::from_secs(10);

/// How long a sample of what the tree does may take.
const SAMPLING: Duration = Duration::from_millis(200);

/// How long nobody of a killed group may die before others are looked for.
const DYING: Duration = Duration::from_millis(100);

/// How long its members may take to die at all. Ten thousand need half of it.
const MASS_DYING: Duration = Duration::from_secs(1);

/// How often we look for what must be there.
const LOOKS: usize = 3;

/// How long a snapshot may take: it stands between the limit and the first signal.
const LOOKING: Duration = Duration::from_millis(200);

/// The processes that a run has started.
#[derive(Debug)]
pub struct Job {
    /// `None` once it is reaped, which is after KILL at the earliest.
    leader: Option<Leader>,
    leader_pid: Pid,
    leader_status: Option<WaitStatus>,
    census: Census,
    /// Whose end ends a ladder.
    until: Target,
    witness: Option<Witness>,
    look_at: Option<Instant>,
    /// All of the job were in the leader's group when we looked last.
    was_all_in_group: bool,
    /// Nobody is looked for, since the group has been killed.
    dying: Option<Dying>,
    more_to_reap: bool,
    reap_at: Option<Instant>,
    usage: Usage,
    /// How many have been reaped, and how many had been when this was asked last.
    reaped: u64,
    reaped_before: u64,
    sent: Vec<Sent>,
    denied: HashSet<Pid>,
    step: Option<TakenStep>,
}

/// What is waited for when the group has been killed.
#[derive(Debug)]
struct Dying {
    /// How many had been reaped when this was looked at last.
    reaped: u64,
    until: Instant,
    at_most: Instant,
}

/// A process of the job that was alive when we looked: as long as it is, nobody needs to look for
/// others.
#[derive(Debug)]
struct Witness {
    stat: Stat,
    /// Wakes us at the end of a process that is not our child; our children's end is a SIGCHLD.
    end: Option<PidFd>,
}

impl Job {
    /// The job of a command that has just been started, in this group. A ladder goes on until the
    /// end of `until`.
    pub fn new(
        leader: Leader,
        group: Pid,
        strangers: Strangers,
        allow: Allow,
        until: Target,
    ) -> Self {
        Self {
            until,
            leader_pid: leader.pid(),
            census: Census::new(leader.pid(), group, strangers, allow),
            leader: Some(leader),
            leader_status: None,
            witness: None,
            look_at: None,
            was_all_in_group: false,
            dying: None,
            more_to_reap: false,
            reap_at: None,
            usage: Usage::default(),
            reaped: 0,
            reaped_before: 0,
            sent: Vec::new(),
            denied: HashSet::new(),
            step: None,
        }
    }

    /// The process id of the command.
    pub fn leader_pid(&self) -> Pid {
        self.leader_pid
    }

    /// The process group of the command when it started.
    pub fn group(&self) -> Pid {
        self.census.group()
    }

    /// What there is to know of any process, where it is still there to ask.
    pub fn stat_of(&self, pid: Pid) -> Option<Stat> {
        self.census.proc()?.stat(pid)
    }

    /// Whether `/proc` can be read, without which only the group and the leader can be ended.
    pub fn can_see(&self) -> bool {
        self.census.proc().is_some()
    }

    /// How the leader has ended, told once.
    pub fn leader_exit(&mut self) -> Option<WaitStatus> {
        if self.leader_status.is_some() {
            return None;
        }
        self.leader_status = match self.leader.as_ref()?.peek() {
            Ok(status) => status,
            // ECHILD: it is not our child any more, and there is nothing left to wait for.
            Err(_) => Some(WaitStatus::Lost),
        };
        self.leader_status
    }

    /// Why the command was not started.
    pub fn start_error(&self) -> Option<StartError> {
        self.leader.as_ref()?.start_error()
    }

    /// Whether no child of ours is alive that descends from the command: then nobody does. Where
    /// we had no other children before, that takes one system call.
    pub fn has_no_live_child(&self) -> bool {
        if !wait::has_live_child() {
            return true;
        }
        let is_alive = |seen: Seen| !seen.is_complete || seen.stats.iter().any(Stat::is_alive);
        // Where they cannot be seen, nothing can be done about them either.
        !self.census.has_no_strangers() && !self.census.descendants().is_some_and(is_alive)
    }

    /// Whether nothing of the target is alive. Reaps what can be reaped, and signals those whom the
    /// last step of the ladder has missed.
    ///
    /// One look, however the job changes under it: the caller has a clock to watch.
    pub fn is_empty(&mut self, target: Target, killed: bool) -> bool {
        if killed && self.leader_status.is_some() {
            // The group will not be signalled again, and its number need not be kept.
            self.reap_leader();
        }
        let now = Instant::now();
        let due = match (&self.witness, self.look_at) {
            (Some(_), None) => false,
            (_, at) => at.is_none_or(|at| at <= now),
        };
        self.reap_orphans();
        if self.group_is_dying(now) {
            return false;
        }
        if !wait::has_live_child() {
            return true;
        }
        if self.step.is_none() && self.census.takes_all(target) {
            // That child is one of them, and its end will wake us.
            self.look_at = None;
            return false;
        }
        if !due && self.witness_lives(target) {
            return false;
        }
        self.witness = None;
        let Some(seen) = self.census.descendants() else {
            // Children are all we know of; whether they are of the job we cannot tell. If there are
            // strangers, they may well be those, who are not waited for by choice.
            self.look_at = Some(now + LOOK);
            return self.step.is_none() && !self.census.has_no_strangers();
        };
        let selection = self.census.select(target, &seen.stats);
        self.signal_missed(&selection.members, &seen.stats);
        // The youngest is likely to be the last.
        if let Some(last) = selection.members.last() {
            self.watch(now, target, (*last).clone());
            return false;
        }
        if !selection.is_empty() || !seen.is_complete {
            self.look_at = Some(now + LOOK_OFTEN);
            return false;
        }
        // What was moving between the lists while we looked shows itself now.
        let again = self.census.descendants().unwrap_or_default();
        let nobody = again.is_complete && self.census.select(target, &again.stats).is_empty();
        let settled = nobody && {
            let moves = |stat: &&Stat| self.census.concerns(target, stat);
            let identities = |all: &[Stat]| -> Vec<Identity> {
                all.iter().filter(moves).map(Stat::identity).collect()
            };
            identities(&again.stats) == identities(&seen.stats)
        };
        self.look_at = Some(now);
        settled
    }

    /// KILL has been sent to the leader's group, and its members are on their way: whom they leave
    /// comes to us, and to look at thousands of them would only take the processor from their dying.
    fn expect_death_of_group(&mut self) {
        self.stop_looking();
        let now = Instant::now();
        self.dying =
            Some(Dying { reaped: self.reaped, until: now + DYING, at_most: now + MASS_DYING });
        self.look_at = Some(now + DYING);
    }

    /// Whether that goes on: as long as somebody dies of it, and no longer than [`MASS_DYING`].
    fn group_is_dying(&mut self, now: Instant) -> bool {
        let (group, reaped) = (self.census.group(), self.reaped);
        self.dying = self.dying.take().and_then(|mut dying| {
            if dying.reaped != reaped {
                (dying.reaped, dying.until) = (reaped, dying.at_most.min(now + DYING));
            }
            (dying.until > now && wait::has_live_child_in(group)).then_some(dying)
        });
        if let Some(dying) = &self.dying {
            self.look_at = Some(dying.until);
        }
        self.dying.is_some()
    }

    fn watch(&mut self, now: Instant, target: Target, stat: Stat) {
        let is_child = stat.ppid == process::own_pid();
        let end = if is_child { None } else { PidFd::open(stat.pid).ok() };
        let wakes_us = is_child || end.is_some();
        let interval = match &self.step {
            _ if !wakes_us => Some(LOOK_OFTEN),
            Some(step) if step.kills() => Some(LOOK_OFTEN),
            Some(_) => Some(LOOK),
            // Nobody leaves those that linger, unless by becoming one that is allowed.
            None if target == Target::Lingering && self.census.allows_nobody() => None,
            None => Some(LOOK_SELDOM),
        };
        self.witness = Some(Witness { stat, end });
        self.look_at = interval.map(|interval| now + interval);
    }

    /// Nobody asks [`Job::is_empty`] for now, and nobody is to be woken for that.
    pub fn stop_looking(&mut self) {
        self.witness = None;
        self.look_at = None;
    }

    fn witness_lives(&self, target: Target) -> bool {
        let Some(Witness { stat, .. }) = &self.witness else { return false };
        let now = self.census.proc().and_then(|proc| proc.stat(stat.pid));
        now.is_some_and(|now| {
            let belongs = target != Target::Job || self.census.is_of_job(&now);
            now.start == stat.start && now.is_alive() && belongs
        })
    }

    /// The processes of the job that are alive.
    pub fn pids(&self) -> Vec<Pid> {
        let seen = self.census.descendants().unwrap_or_default().stats;
        self.census.select(Target::Job, &seen).members.iter().map(|stat| stat.pid).collect()
    }

    /// The whole tree as it is now. It takes little more than [`LOOKING`], whatever the tree does.
    pub fn snapshot(&self) -> Snapshot {
        let begun = Instant::now();
        let (until_found, until) = (begun + LOOKING / 3, begun + LOOKING);
        let seen = self.census.look_from_afar(until_found, |_, seen| seen).unwrap_or_default();
        let alive: Vec<&Stat> = seen.stats.iter().filter(|stat| stat.is_alive()).collect();
        let left = until.saturating_duration_since(Instant::now());
        let patience = Patience { each: left.min(LOOKING / 2), all: left };
        let (processes, complete) = self.census.describe(&alive, patience);
        Snapshot { processes, complete: complete && seen.is_complete && self.can_see() }
    }

    /// What the tree has done by now; `None` where that cannot be told.
    pub fn sample(&self) -> Option<Sample> {
        // Where even the command is not to be seen, the look has failed.
        let leader = self.leader_status.is_none().then_some(self.leader_pid);
        let is_whole = |seen: &Seen| {
            leader.is_none_or(|leader| seen.stats.iter().any(|stat| stat.pid == leader))
        };
        self.census.look_from_afar(Instant::now() + SAMPLING, |proc, seen| {
            is_whole(&seen).then(|| proc.sample(&seen.stats, process::clock_tick()))
        })?
    }

    /// Whether something of the tree has ended and been reaped since this was asked before.
    pub fn take_reaped(&mut self) -> bool {
        std::mem::replace(&mut self.reaped_before, self.reaped) != self.reaped
    }

    /// From now on this child of ours, with its group, is not of the job; or nobody is excepted.
    pub fn except_hook(&mut self, hook: Option<Pid>) {
        self.census.set_hook(hook);
    }

    /// Whether this one was found to be allowed to linger.
    pub fn is_allowed(&self, stat: &Stat) -> bool {
        self.census.is_allowed(stat)
    }

    /// What polls as readable when it is time to ask [`Job::is_empty`] again, beside SIGCHLD.
    pub fn end_of_witness(&self) -> Option<BorrowedFd<'_>> {
        self.witness.as_ref()?.end.as_ref().map(AsFd::as_fd)
    }

    /// When to reap again, or to ask [`Job::is_empty`], at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let more = self.more_to_reap.then(Instant::now);
        [more, self.reap_at, self.look_at].into_iter().flatten().min()
    }

    /// Those of the target that are alive, and all about them; `None` where somebody is there and
    /// cannot be seen.
    pub fn survey(&self, target: Target) -> Option<Vec<Process>> {
        for _ in 0..LOOKS {
            if self.has_no_live_child() {
                return Some(vec![]);
            }
            let seen = self.census.descendants()?.stats;
            let Selection { mut members, undecided } = self.census.select(target, &seen);
            members.extend(undecided);
            if !members.is_empty() || !self.census.takes_all(target) {
                return Some(self.census.describe(&members, TO_TELL).0);
            }
        }
        // They come and go faster than we can look.
        None
    }
}
