//! The job as the kernel has it: whom a signal must reach, who is left, what is to be reaped.
//!
//! Nothing here asks a number whether it lives. A signal goes to the leader's group while the
//! leader is unreaped; to a child of ours that we have not reaped; or through a pidfd whose process
//! has been recognised by its start time. See [`Leader`] and [`Job::signal_member`].

use std::cell::OnceCell;
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::policy::Target;
use crate::procfs::stat::Stat;
use crate::procfs::{Pid, Proc};
use crate::record::{Recipient, Sent, Survivor};
use crate::signal::Signal;
use crate::status::WaitStatus;
use crate::sys::spawn::{ExecError, Leader};
use crate::sys::wait::{self, Children};
use crate::sys::{
    self,
    process::{self, PidFd},
};

/// How often we look at a job that is being ended without being woken: a process can leave the job
/// by setsid(2), and that wakes nobody.
const LOOK: Duration = Duration::from_secs(1);

/// The same after KILL, when what has forked out of the way meanwhile is to be found, and where the
/// kernel cannot wake us at the end of a process that is not our child.
const LOOK_OFTEN: Duration = Duration::from_millis(100);

/// How long children that end faster than they can be reaped may keep us from looking at the clock
/// and at our signals.
const TURN: Duration = Duration::from_millis(5);

/// The processes that a run has started.
#[derive(Debug)]
pub struct Job {
    /// `None` once it is reaped, which is after KILL at the earliest.
    leader: Option<Leader>,
    leader_pid: Pid,
    leader_status: Option<WaitStatus>,
    /// Opened when it is needed first, and `None` where there is none that can be trusted.
    proc: OnceCell<Option<Proc>>,
    strangers: Strangers,
    session: Pid,
    witness: Option<Witness>,
    look_at: Option<Instant>,
    more_to_reap: bool,
}

/// A process of the job that was alive when we looked: as long as it is, nobody needs to look for
/// others.
#[derive(Debug)]
struct Witness {
    stat: Stat,
    /// Wakes us at the end of a process that is not our child; our children's end is a SIGCHLD.
    end: Option<PidFd>,
}

/// Children that we had before the command started. They belong to whoever was this process before:
/// a shell's `sleep 9 & exec grpkill-timeout …`, or its `>(tee log)`.
#[derive(Debug)]
pub enum Strangers {
    /// There are none: every child is of the job.
    None,
    /// There are some, and no `/proc` tells which: no child but the leader is ours for certain.
    Unknown,
    /// These.
    Known {
        /// The children.
        pids: HashSet<Pid>,
        /// The process groups of all below them, and our own. An orphan of theirs becomes our
        /// child too, and is told from the job's by its group.
        groups: HashSet<Pid>,
    },
}

impl Strangers {
    /// Those that we have now. Costs one system call where there are none.
    pub fn note() -> Self {
        if wait::peek_any() == Ok(Children::None) {
            return Self::None;
        }
        let own_pid = process::own_pid();
        let Some(all) = trusted_proc().and_then(|proc| proc.descendants(own_pid, |_| true)) else {
            return Self::Unknown;
        };
        let children = all.iter().filter(|stat| stat.ppid == own_pid);
        let groups = all.iter().map(|stat| stat.pgid).chain([process::own_group()]);
        Self::Known { pids: children.map(|stat| stat.pid).collect(), groups: groups.collect() }
    }

    /// Whether this child of ours, which is not the leader, is one of them or an orphan of theirs.
    fn include(&self, child: &Stat) -> bool {
        match self {
            Self::None => false,
            Self::Unknown => true,
            Self::Known { pids, groups } => {
                pids.contains(&child.pid) || groups.contains(&child.pgid)
            }
        }
    }
}

/// The system's `/proc`, unless it numbers processes as another pid namespace does.
fn trusted_proc() -> Option<Proc> {
    let proc = Proc::new("/proc");
    proc.speaks_our_numbers(process::own_pid()).then_some(proc)
}

impl Job {
    /// The job of a command that has just been started.
    pub fn new(leader: Leader, strangers: Strangers) -> Self {
        Self {
            leader_pid: leader.pid(),
            leader: Some(leader),
            leader_status: None,
            proc: OnceCell::new(),
            strangers,
            session: process::own_session(),
            witness: None,
            look_at: None,
            more_to_reap: false,
        }
    }

    /// Whether `/proc` can be read, without which only the group and the leader can be ended.
    pub fn can_see(&self) -> bool {
        self.proc().is_some()
    }

    fn proc(&self) -> Option<&Proc> {
        self.proc.get_or_init(trusted_proc).as_ref()
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

    /// Why the command could not be executed.
    pub fn exec_error(&self) -> Option<ExecError> {
        self.leader.as_ref()?.exec_error()
    }

    /// Sends a signal, and SIGCONT after it if wanted.
    pub fn signal(&mut self, target: Target, signal: Signal, and_continue: bool) -> Vec<Sent> {
        let signals = [Some(signal), and_continue.then_some(Signal::CONT)];
        let signals = || signals.into_iter().flatten().filter(|signal| *signal != Signal::NULL);
        let mut sent = Vec::new();
        if let Some(leader) = &self.leader {
            let alone = target == Target::Leader;
            for signal in signals().filter(|_| !alone) {
                let error = leader.signal_group(signal).err().map(sys::reason);
                sent.push(Sent { signal, to: Recipient::Group, pid: leader.pid(), error });
            }
            for signal in signals().filter(|_| alone || leader.has_left_group()) {
                let error = leader.signal(signal).err().map(sys::reason);
                sent.push(Sent { signal, to: Recipient::Leader, pid: leader.pid(), error });
            }
        }
        if target == Target::Job {
            let group = self.leader.as_ref().map(Leader::pid);
            // Zombies would only be in the way: a storm of short-lived children leaves thousands.
            self.reap_orphans();
            let members = self.members();
            let outside = |member: &&Stat| Some(member.pgid) != group && Some(member.pid) != group;
            for member in members.iter().filter(outside) {
                for signal in signals() {
                    let error = self.signal_member(member, signal).err().map(sys::reason);
                    sent.push(Sent { signal, to: Recipient::Process, pid: member.pid, error });
                }
            }
        }
        sent
    }

    /// Sends a signal to a process that was seen just now.
    fn signal_member(&self, member: &Stat, signal: Signal) -> Result<(), Errno> {
        if member.ppid == process::own_pid() {
            // Our child, and nobody but us can reap it, which we have not done since we saw it.
            return process::signal_process(member.pid, signal);
        }
        let pidfd = PidFd::open(member.pid);
        // What has the same number and start time now was there all the time, so it is the process
        // that the pidfd stands for. Without a pidfd this is the nearest to a proof there is.
        let same = self.proc().and_then(|proc| proc.stat(member.pid));
        if same.is_none_or(|now| now.start != member.start) {
            return Err(Errno::ESRCH);
        }
        match pidfd {
            Ok(pidfd) => pidfd.signal(signal),
            Err(Errno::ESRCH) => Err(Errno::ESRCH),
            Err(_) => process::signal_process(member.pid, signal),
        }
    }

    /// What descends from us and from no stranger. `None` where it cannot be seen.
    fn descendants(&self) -> Option<Vec<Stat>> {
        self.proc()?.descendants(process::own_pid(), |child| self.is_ours(child))
    }

    fn is_ours(&self, child: &Stat) -> bool {
        child.pid == self.leader_pid || !self.strangers.include(child)
    }

    /// The processes of the job that are alive, as far as one look shows them.
    fn members(&self) -> Vec<Stat> {
        let mut members = self.descendants().unwrap_or_default();
        members.retain(|stat| self.is_live_member(stat));
        members
    }

    fn is_live_member(&self, stat: &Stat) -> bool {
        let belongs = stat.pgid == self.leader_pid
            || stat.session == self.session
            || stat.pid == self.leader_pid;
        belongs && stat.is_alive()
    }

    /// Whether nothing of the job is alive. Reaps what can be reaped. After KILL (`killed`) it also
    /// kills again what it finds: a process may have forked while it was being looked at.
    ///
    /// One look, however the job changes under it: the caller has a clock to watch.
    pub fn is_empty(&mut self, killed: bool) -> bool {
        if killed && self.leader_status.is_some() {
            // The group will not be signalled again, and its number need not be kept.
            self.leader = self.leader.take().and_then(|leader| leader.reap().err());
        }
        let now = Instant::now();
        let due = self.look_at.is_none_or(|at| at <= now);
        self.reap_orphans();
        if wait::peek_any() == Ok(Children::None) {
            return true;
        }
        if !due && self.witness_lives() {
            return false;
        }
        self.witness = None;
        let Some(seen) = self.descendants() else {
            // Children are all we know of; whether they are of the job we cannot tell.
            self.look_at = Some(now + LOOK);
            return false;
        };
        let members = || seen.iter().filter(|stat| self.is_live_member(stat));
        if killed {
            for member in members() {
                let _ = self.signal_member(member, Signal::KILL);
            }
        }
        // The youngest is likely to be the last.
        if let Some(last) = members().next_back().cloned() {
            self.watch(now, killed, last);
            return false;
        }
        // What was moving between the lists while we looked shows itself now.
        let identity = |stat: &Stat| (stat.pid, stat.start);
        let again = self.descendants().unwrap_or_default();
        let settled = again.iter().map(identity).eq(seen.iter().map(identity))
            && !again.iter().any(|stat| self.is_live_member(stat));
        self.look_at = Some(now);
        settled
    }

    fn watch(&mut self, now: Instant, killed: bool, stat: Stat) {
        let is_child = stat.ppid == process::own_pid();
        let end = if is_child { None } else { PidFd::open(stat.pid).ok() };
        let wakes_us = is_child || end.is_some();
        let interval = if killed || !wakes_us { LOOK_OFTEN } else { LOOK };
        self.witness = Some(Witness { stat, end });
        self.look_at = Some(now + interval);
    }

    fn witness_lives(&self) -> bool {
        let Some(Witness { stat, .. }) = &self.witness else { return false };
        let now = self.proc().and_then(|proc| proc.stat(stat.pid));
        now.is_some_and(|now| now.start == stat.start && self.is_live_member(&now))
    }

    /// What polls as readable when it is time to ask [`Job::is_empty`] again, beside SIGCHLD.
    pub fn end_of_witness(&self) -> Option<BorrowedFd<'_>> {
        self.witness.as_ref()?.end.as_ref().map(AsFd::as_fd)
    }

    /// When to reap again, or to ask [`Job::is_empty`], at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.more_to_reap { Some(Instant::now()) } else { self.look_at }
    }

    /// Reaps the dead children that are neither the leader nor strangers, for one turn; what is
    /// left then makes [`Job::poll_timeout`] come at once.
    pub fn reap_orphans(&mut self) {
        let no_strangers = matches!(self.strangers, Strangers::None);
        if no_strangers && self.reap_first_ones() {
            return;
        }
        let Some(proc) = self.proc() else { return };
        for pid in proc.children(process::own_pid()).unwrap_or_default() {
            let is_ours = || proc.stat(pid).is_some_and(|child| self.is_ours(&child));
            if pid != self.leader_pid && (no_strangers || is_ours()) {
                let _ = wait::reap(pid);
            }
        }
    }

    /// Reaps whatever the kernel offers first. False where that is not all: the leader's zombie
    /// hides what has ended besides, and a turn may be too short.
    fn reap_first_ones(&mut self) -> bool {
        let turn_ends = Instant::now() + TURN;
        loop {
            match wait::peek_any() {
                Ok(Children::Ended(pid)) if pid != self.leader_pid || self.leader.is_none() => {
                    let _ = wait::reap(pid);
                }
                children => {
                    self.more_to_reap = false;
                    return !matches!(children, Ok(Children::Ended(_)));
                }
            }
            if Instant::now() > turn_ends {
                self.more_to_reap = true;
                return false;
            }
        }
    }

    /// Those of whom a signal went to `target` and that are alive all the same.
    pub fn survivors(&self, target: Target) -> Vec<Survivor> {
        let Some(proc) = self.proc() else { return vec![] };
        self.members()
            .into_iter()
            .filter(|member| target == Target::Job || member.pid == self.leader_pid)
            .map(|stat| Survivor {
                uid: proc.uid(stat.pid),
                wait_channel: proc.wait_channel(stat.pid),
                stat,
            })
            .collect()
    }

    /// The end of the run: reaps the leader and all other dead, so that we leave no zombie to a
    /// parent that may not reap, and leaves whatever lives.
    pub fn leave(mut self) {
        let lost = self.leader_status == Some(WaitStatus::Lost);
        let leader = self.leader.take();
        if lost && self.is_our_child(self.leader_pid) {
            // waitid fails, and still the process is ours: its drop kills the group.
            drop(leader);
        } else if let Some(Err(alive)) = leader.map(Leader::reap) {
            // Only after KILL did not help; the drop sends it once more.
            drop(alive);
        }
        self.reap_orphans();
    }

    fn is_our_child(&self, pid: Pid) -> bool {
        let stat = self.proc().and_then(|proc| proc.stat(pid));
        stat.is_some_and(|stat| stat.ppid == process::own_pid())
    }
}
