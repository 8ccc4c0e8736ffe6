//! The job as the terminal sees it: which groups are its own, and who of it is stopped.

use std::time::Instant;

use super::Job;
use super::views::SAMPLING;
use crate::procfs::stat::Stat;
use crate::procfs::{Pid, Proc};
use crate::signal::Signal;
use crate::sys::spawn::Leader;
use crate::sys::{process, wait};

impl Job {
    /// By which signal the leader has been stopped, told once.
    pub fn leader_stop(&self) -> Option<Signal> {
        wait::stop_of(self.leader.as_ref()?.pid())
    }

    /// Whether the leader is stopped now.
    pub fn leader_is_stopped(&self) -> bool {
        let (leader, until) = (self.leader_pid, Instant::now() + SAMPLING);
        let is_stopped = |proc: &Proc| proc.stat(leader).is_some_and(|stat| stat.state == 'T');
        self.census.ask(until, is_stopped).unwrap_or(false)
    }

    /// Whether somebody in the command's group has been stopped for want of the terminal, besides the
    /// leader, whose stop tells that itself. Where it may not be known, whoever is stopped has been.
    pub fn wants_terminal(&self) -> bool {
        let (group, leader) = (self.group(), self.leader_pid);
        let wants = |proc: &Proc, stat: &Stat| {
            stat.pgid == group
                && stat.pid != leader
                && matches!(stat.state, 'T' | 't')
                && proc.wants_terminal(stat.pid).unwrap_or(true)
        };
        let until = Instant::now() + SAMPLING;
        let wanted = |proc: &Proc, seen: &[Stat]| seen.iter().any(|stat| wants(proc, stat));
        let look = self.census.look(until, wanted).map(|(_, wanted)| wanted);
        look.unwrap_or(false)
    }

    /// Whether the terminal does not stop the leader when its group wants it.
    pub fn leader_is_deaf_to_terminal(&self) -> bool {
        let (leader, until) = (self.leader_pid, Instant::now() + SAMPLING);
        let is_deaf = |proc: &Proc, signal: Signal| proc.is_deaf_to(leader, signal.number());
        let is_deaf = |proc: &Proc| {
            [Signal::TTIN, Signal::TTOU].iter().any(|signal| is_deaf(proc, *signal) == Some(true))
        };
        self.census.ask(until, is_deaf).unwrap_or(false)
    }

    /// Whether a process is another one of us.
    pub fn is_one_of_us(&self, pid: Pid) -> bool {
        let until = Instant::now() + SAMPLING;
        self.census.ask(until, |proc| proc.runs_our_program(pid)).unwrap_or(false)
    }

    /// Whether a process group is one of the job's, or nobody's.
    pub fn has_group(&self, group: Pid) -> bool {
        if group <= 1 {
            // That of a shell which is process 1, or of somebody outside our pid namespace.
            return false;
        }
        let until = Instant::now() + SAMPLING;
        let has = |_: &Proc, seen: &[Stat]| seen.iter().any(|stat| stat.pgid == group);
        group == self.group()
            || !process::has_members(group)
            || self.census.look(until, has).is_some_and(|(_, has)| has)
    }

    /// The leader's process group now, which it may have changed.
    pub fn leader_group(&self) -> Pid {
        let leader = self.leader.as_ref().map(Leader::pid);
        leader.and_then(|leader| process::group_of(leader).ok()).unwrap_or(self.group())
    }
}
