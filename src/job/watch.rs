//! Whether anybody is left who is waited for, without polling: a witness stands for all.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::Job;
use super::delivery::TakenStep;
use crate::policy::Target;
use crate::procfs::stat::{Identity, Stat};
use crate::procfs::tree::Seen;
use crate::sys::process::{self, PidFd};
use crate::sys::wait;

/// How often we look at a job that is being ended without being woken: a process can leave the job
/// by setsid(2), and that wakes nobody.
const LOOK: Duration = Duration::from_secs(1);

/// The same after KILL, when what has forked out of the way meanwhile is to be found, and where the
/// kernel cannot wake us at the end of a process that is not our child.
const LOOK_OFTEN: Duration = Duration::from_millis(100);

/// The same while what lingers is waited for: one of them may become a command that is allowed to.
const LOOK_SELDOM: Duration = Duration::from_secs(10);

/// So many times as long as the walk of a look has taken there is no other: who floods us with children
/// leaves so many dead that it takes longer each time if they are not reaped meanwhile.
const REST: u32 = 4;

/// How long nobody of a killed group may die before others are looked for.
const DYING: Duration = Duration::from_millis(100);

/// How long its members may take to die at all. Ten thousand need half of it.
const MASS_DYING: Duration = Duration::from_secs(1);

/// What is waited for when the group has been killed.
#[derive(Debug)]
pub(super) struct Dying {
    /// How many had been reaped when this was looked at last.
    reaped: u64,
    until: Instant,
    at_most: Instant,
}

/// A process of the job that was alive when we looked: as long as it is, nobody needs to look for
/// others.
#[derive(Debug)]
pub(super) struct Witness {
    stat: Stat,
    /// Wakes us at the end of a process that is not our child; our children's end is a SIGCHLD.
    end: Option<PidFd>,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is over.
    NobodyLeft,
    /// It is not over, and we shall be woken when that may have changed.
    SomebodyLeft,
    /// Somebody may have to be looked for, but not yet.
    Resting,
    /// Somebody has to be looked for.
    Unknown,
}

impl Job {
    /// Whether no child of ours is alive that descends from the command: then nobody does. Where
    /// we had no other children before, that takes one system call.
    pub fn has_no_live_child(&self) -> bool {
        if !wait::has_live_child() {
            return true;
        }
        if self.census.has_no_strangers() {
            return false;
        }
        let is_alive = |seen: Seen| !seen.is_complete || seen.stats.iter().any(Stat::is_alive);
        match self.census.descendants() {
            Some(seen) => !is_alive(seen),
            // Nothing can be done about them either, and they may well be those of before.
            None => self.census.cannot_tell(),
        }
    }

    /// Does what there is to do while the target is waited for: reaps what can be reaped, and signals
    /// those whom the last step of the ladder has missed. Returns whether nothing of it is alive.
    ///
    /// One look, however the job changes under it: the caller has a clock to watch.
    pub fn tend(&mut self, target: Target, killed: bool) -> bool {
        if killed && self.leader_status.is_some() {
            // The group will not be signalled again, and its number need not be kept.
            self.reap_leader();
        }
        self.reap_orphans();
        let standing = self.standing(target, Instant::now());
        let kills = self.step.as_ref().is_some_and(TakenStep::kills);
        if kills && matches!(standing, Standing::Unknown | Standing::Resting) {
            self.kill_children(target);
        }
        match standing {
            Standing::NobodyLeft => true,
            Standing::SomebodyLeft | Standing::Resting => false,
            Standing::Unknown => self.look_again(target),
        }
    }

    /// How things stand, as far as that is known without a look at anybody.
    fn standing(&mut self, target: Target, now: Instant) -> Standing {
        if self.group_is_dying(now) {
            return Standing::SomebodyLeft;
        }
        if !wait::has_live_child() {
            return Standing::NobodyLeft;
        }
        if self.step.is_none() && self.census.takes_all(target) {
            // That child is one of them, and its end will wake us.
            self.look_at = None;
            return Standing::SomebodyLeft;
        }
        let had_witness = self.witness.is_some();
        let is_due = self.look_at.map_or(!had_witness, |at| at <= now);
        if had_witness && !is_due && self.witness_lives(target) {
            return Standing::SomebodyLeft;
        }
        self.witness = None;
        // Without a witness the time for the next look has been set for a reason.
        let planned = self.look_at.filter(|_| !had_witness);
        match self.rest_until.max(planned).filter(|at| *at > now) {
            Some(at) => {
                self.look_at = Some(at);
                Standing::Resting
            }
            None => Standing::Unknown,
        }
    }

    /// Looks at all, and makes the youngest of the target the witness.
    fn look_again(&mut self, target: Target) -> bool {
        let now = Instant::now();
        let seen = self.census.descendants();
        self.rest_until = Some(Instant::now() + LOOK.min(now.elapsed() * REST));
        self.has_seen(now, target, seen)
    }

    /// What a look has shown.
    fn has_seen(&mut self, now: Instant, target: Target, seen: Option<Seen>) -> bool {
        let Some(seen) = seen else {
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
        let Some(again) = self.census.descendants() else {
            self.look_at = Some(now + LOOK_OFTEN);
            return false;
        };
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
    pub(super) fn expect_death_of_group(&mut self) {
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

    /// Makes this one the witness.
    pub(super) fn watch(&mut self, now: Instant, target: Target, stat: Stat) {
        let is_child = stat.ppid == process::own_pid();
        let there = |_: &PidFd| self.census.are_there(&[&stat]) == [Some(true)];
        let end = if is_child { None } else { PidFd::open(stat.pid).ok().filter(there) };
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

    /// Nobody asks [`Job::tend`] for now, and nobody is to be woken for that.
    pub fn stop_looking(&mut self) {
        self.witness = None;
        self.look_at = None;
    }

    /// Whether the witness is alive and of the target, without a look at `/proc`, if that can be.
    fn witness_lives(&self, target: Target) -> bool {
        let Some(Witness { stat, end }) = &self.witness else { return false };
        let is_in_job = || {
            let place = (process::group_of(stat.pid), process::session_of(stat.pid));
            let (Ok(group), Ok(session)) = place else { return false };
            self.census.is_leader(stat.pid) || self.census.includes(Target::Job, group, session)
        };
        if target == Target::Job && !is_in_job() {
            return false;
        }
        match end {
            // What was asked above was asked of this process: it has its number to its end.
            Some(end) => !end.wait(Duration::ZERO),
            None if stat.ppid == process::own_pid() => wait::peek(stat.pid) == Ok(None),
            None => self.census.are_there(&[stat]) == [Some(true)],
        }
    }

    /// What polls as readable when it is time to ask [`Job::tend`] again, beside SIGCHLD.
    pub fn end_of_witness(&self) -> Option<BorrowedFd<'_>> {
        self.witness.as_ref()?.end.as_ref().map(AsFd::as_fd)
    }

    /// When to reap again, or to ask [`Job::tend`], at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let more = self.more_to_reap.then(Instant::now);
        [more, self.reap_at, self.look_at].into_iter().flatten().min()
    }
}
