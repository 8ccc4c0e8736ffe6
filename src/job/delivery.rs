//! How a signal reaches whom it is for: the group at once, and everybody else one by one.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::{Job, LOOKS};
use crate::policy::Target;
use crate::procfs::Pid;
use crate::procfs::stat::{Identity, Stat};
use crate::procfs::tree::Seen;
use crate::record::{Recipient, Sent};
use crate::signal::Signal;
use crate::sys::spawn::Leader;
use crate::sys::{
    self,
    process::{self, PidFd},
    wait,
};

/// A step of the ladder that has been taken. Those that it was for and that could not be seen just
/// then, since their parents were dying, get its signals when they are found.
#[derive(Debug)]
pub struct TakenStep {
    signals: Vec<Signal>,
    /// When it had been taken, on the clock of process start times.
    at: Duration,
    /// Who has got the signals one by one.
    reached: HashSet<Identity>,
}

impl TakenStep {
    /// Whether it is the last one.
    pub fn kills(&self) -> bool {
        self.signals.contains(&Signal::KILL)
    }
}

impl Job {
    /// Sends a signal, and SIGCONT after it if wanted, as for all that asks the job to end.
    pub fn signal(&mut self, target: Target, signal: Signal, and_continue: bool) {
        let signals = [Some(signal), and_continue.then_some(Signal::CONT)];
        let signals = signals.into_iter().flatten().filter(|signal| *signal != Signal::NULL);
        let signals: Vec<Signal> = signals.collect();
        let is_step = and_continue || signal == Signal::KILL;
        if is_step {
            let misses = !matches!(target, Target::Leader | Target::Group);
            let (signals, at) = (signals.clone(), Duration::ZERO);
            self.step = misses.then(|| TakenStep { signals, at, reached: HashSet::new() });
        }
        match target {
            Target::Leader => self.signal_leader(&signals),
            Target::Group => drop(self.signal_group(&signals)),
            Target::Job | Target::Tree => {
                let reached = self.signal_group(&signals);
                let goes_on = self.until != Target::Leader;
                if signal == Signal::KILL && goes_on && reached && self.was_all_in_group {
                    // Who has left the group since then is found when that is gone.
                    self.expect_death_of_group();
                } else {
                    // Where nobody looks again later, whoever loses its parent by this very signal
                    // must not be missed.
                    let looks = if signal == Signal::KILL && !goes_on { LOOKS } else { 1 };
                    (0..looks).for_each(|_| self.signal_descendants(target, &signals));
                }
            }
            Target::Lingering => self.signal_descendants(target, &signals),
        }
        if let Some(step) = self.step.as_mut().filter(|_| is_step) {
            step.at = process::time_since_boot();
        }
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
        if self.leader.as_ref().is_some_and(Leader::has_left_group) {
            self.signal_leader(signals);
        }
        reached
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
        let Some(Seen { stats: seen, .. }) = self.census.descendants() else {
            if target == Target::Lingering && self.census.allows_nobody() {
                self.signal_group(signals);
            }
            return;
        };
        self.was_all_in_group = seen.iter().all(|stat| self.is_in_group(stat));
        if target == Target::Tree {
            // Before command lines are read, which takes its time.
            let of_job = self.census.select(Target::Job, &seen).members;
            self.signal_outside(&of_job, signals);
        }
        let mut members = self.census.select(target, &seen).members;
        if target == Target::Tree {
            members.retain(|stat| !self.census.is_of_job(stat));
        }
        if target != Target::Lingering {
            return self.signal_outside(&members, signals);
        }
        let live = seen.iter().filter(|stat| stat.is_alive() && self.is_in_group(stat)).count();
        match members.iter().filter(|stat| self.is_in_group(stat)).count() {
            0 => self.signal_outside(&members, signals),
            // One signal to all of them at once is proof against their forking.
            all if all == live => {
                self.signal_group(signals);
                self.signal_outside(&members, signals);
            }
            _ => members.into_iter().for_each(|member| self.signal_one(member, signals)),
        }
    }

    fn signal_outside(&mut self, members: &[&Stat], signals: &[Signal]) {
        for member in members {
            if !self.is_in_group(member) {
                self.signal_one(member, signals);
            }
        }
    }

    fn signal_one(&mut self, member: &Stat, signals: &[Signal]) {
        let is_new = match &mut self.step {
            Some(step) if step.signals == signals => step.reached.insert(member.identity()),
            _ => true,
        };
        let at = Instant::now();
        let results = self.send(member, signals);
        for (signal, result) in signals.iter().zip(results) {
            // That it has ended meanwhile is as good.
            if is_new && result != Err(Errno::ESRCH) {
                self.note(at, *signal, Recipient::Process, member.pid, result);
            }
        }
    }

    /// Signals those whom the last step has missed; and after KILL whoever is there, again and
    /// again, since a process may fork while it is looked at.
    ///
    /// Who was there when the step was taken has been missed, unless its parent was reached and
    /// lives: what the handler of a signal starts is to do its work.
    pub(super) fn signal_missed(&mut self, members: &[&Stat], seen: &[Stat]) {
        let Some(step) = &self.step else { return };
        let (signals, kills) = (step.signals.clone(), step.kills());
        let has_got_it = |stat: &&Stat| {
            stat.is_alive() && (self.is_in_group(stat) || step.reached.contains(&stat.identity()))
        };
        let reached: HashSet<Pid> = seen.iter().filter(has_got_it).map(|stat| stat.pid).collect();
        let is_missed = |stat: &&Stat| {
            !reached.contains(&stat.pid)
                && !reached.contains(&stat.ppid)
                && process::since_boot(stat.start) <= step.at
        };
        let missed = members.iter().copied();
        let missed = missed.filter(|stat| !self.is_in_group(stat) && (kills || is_missed(stat)));
        for member in missed.collect::<Vec<_>>() {
            self.signal_one(member, &signals);
        }
    }

    /// Sends signals to a process that was seen just now.
    fn send(&self, member: &Stat, signals: &[Signal]) -> Vec<Result<(), Errno>> {
        let by_number = |signal: &Signal| process::signal_process(member.pid, *signal);
        if member.ppid == process::own_pid() {
            // Our child, and nobody but us can reap it, which we have not done since we saw it.
            return signals.iter().map(by_number).collect();
        }
        let pidfd = PidFd::open(member.pid);
        // What has the same number and start time now was there all the time, so it is the process
        // that the pidfd stands for. Without a pidfd this is the nearest to a proof there is.
        match (pidfd, self.is_there(member)) {
            (_, Ok(false)) | (Err(Errno::ESRCH), _) => vec![Err(Errno::ESRCH); signals.len()],
            (Ok(pidfd), Ok(true)) => signals.iter().map(|signal| pidfd.signal(*signal)).collect(),
            (Err(_), Ok(true)) => signals.iter().map(by_number).collect(),
            // The pidfd may have been the last descriptor that we could have.
            (pidfd, Err(_)) => {
                drop(pidfd);
                match self.is_there(member) {
                    Ok(true) => signals.iter().map(by_number).collect(),
                    Ok(false) => vec![Err(Errno::ESRCH); signals.len()],
                    Err(error) => vec![Err(error); signals.len()],
                }
            }
        }
    }

    /// Whether this process is still the one that was seen.
    fn is_there(&self, member: &Stat) -> Result<bool, Errno> {
        let proc = self.census.proc().ok_or(Errno::ENOENT)?;
        let now = proc
            .try_stat(member.pid)
            .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        Ok(now.is_some_and(|now| now.identity() == member.identity()))
    }
}
