//! Job control, done: the terminal is lent and taken back, and we stop with the command.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use nix::sys::termios::Termios;

use super::Supervisor;
use crate::job::Job;
use crate::policy::Target;
use crate::policy::job_control::{Control, JobControl, Place};
use crate::procfs::{Pid, Proc};
use crate::signal::Signal;
use crate::status::WaitStatus;
use crate::sys::process;
use crate::sys::terminal::{self, Terminal};

/// How often we look whether our group has come to the front while the command waits for that.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal as far as the command has anything to do with it.
#[derive(Debug)]
pub(super) struct Tty {
    control: JobControl,
    /// Opened when it is needed first; `None` where there is none.
    terminal: OnceCell<Option<Terminal>>,
    /// The modes before the terminal was lent for the first time.
    modes: Option<Termios>,
    look_at: Option<Instant>,
    /// We were stopped, and have yet to read the CONT that ended it.
    was_continued: bool,
}

impl Tty {
    pub(super) fn new(target: Target) -> Self {
        let control = JobControl::new(target == Target::Leader);
        Self {
            control,
            terminal: OnceCell::new(),
            modes: None,
            look_at: None,
            was_continued: false,
        }
    }

    /// When to look at our place again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    fn terminal(&self) -> Option<&Terminal> {
        self.terminal.get_or_init(|| Terminal::open().ok()).as_ref()
    }

    fn place(&self) -> Place {
        match self.terminal().map(Terminal::foreground_group) {
            Some(Ok(group)) if group == process::own_group() => Place::Front,
            Some(Ok(_)) if is_command_of_ours(process::own_group()) => Place::BackOfOurOwn,
            Some(Ok(_)) => Place::Back,
            Some(Err(_)) | None => Place::Nowhere,
        }
    }

    fn perform(&mut self, control: Control, job: &mut Job) {
        match control {
            Control::Lend => {
                let modes = self.terminal().and_then(|terminal| terminal.modes().ok());
                self.modes = self.modes.take().or(modes);
                // Where it cannot be lent the command stops again, and the limit ends it.
                if let Some(terminal) = self.terminal() {
                    let _ = terminal.set_foreground_group(job.group());
                }
                job.continue_group();
            }
            Control::TakeBack => {
                if let Some(terminal) = self.terminal() {
                    let _ = terminal.set_foreground_group(process::own_group());
                }
            }
            Control::RestoreModes => {
                if let Some(modes) = self.modes.take()
                    && let Some(terminal) = self.terminal()
                {
                    let _ = terminal.set_modes(&modes);
                }
            }
            Control::TellGroup(signal) => terminal::tell_own_group(signal),
            Control::Suspend(signal) => self.was_continued = terminal::stop_by(signal),
            Control::Continue => job.continue_group(),
            Control::ContinueStopped => {
                if job.leader_is_stopped() {
                    job.continue_group();
                }
            }
        }
    }
}

/// Whether a process group is that of a command which one of us has started.
fn is_command_of_ours(group: Pid) -> bool {
    let leader = Proc::new("/proc").stat(group);
    leader.is_some_and(|leader| terminal::is_one_of_us(leader.ppid))
}

impl Supervisor<'_> {
    /// Takes note of a signal that stops or continues us. Returns whether it is one that has done so
    /// and is not to be passed on: the command has been continued as we were, and what stops it since
    /// is not to be undone.
    pub(super) fn note_stop_or_continue(&mut self, signal: Signal) -> bool {
        match signal {
            Signal::CONT => std::mem::take(&mut self.tty.was_continued),
            Signal::TSTP if self.machine.may_be_stopped() => {
                let controls = self.tty.control.told_to_stop();
                let suspends = !controls.is_empty();
                self.suspend_or_not(controls);
                suspends
            }
            _ => false,
        }
    }

    fn suspend_or_not(&mut self, controls: Vec<Control>) {
        let suspends = controls.iter().any(|control| matches!(control, Control::Suspend(_)));
        self.control(controls);
        if suspends {
            if let Some(idle) = &mut self.idle {
                idle.restart(Instant::now());
            }
            self.look_at_place();
        }
    }

    /// Sees whether the command has been stopped, and whether our place has changed meanwhile.
    pub(super) fn look_after_terminal(&mut self) {
        if !self.machine.may_be_stopped() {
            self.tty.look_at = None;
            return;
        }
        if let Some(signal) = self.job.leader_stop() {
            let place = self.tty.place();
            let controls = self.tty.control.stopped(signal, place);
            self.suspend_or_not(controls);
        } else if self.tty.look_at.is_some_and(|at| at <= Instant::now()) {
            self.look_at_place();
        }
        let (waits, now) = (self.tty.control.waits_for_terminal(), Instant::now());
        // What wakes us more often does not put it off.
        let planned = self.tty.look_at.filter(|at| *at > now);
        self.tty.look_at = waits.then(|| planned.unwrap_or(now + LOOK));
    }

    fn look_at_place(&mut self) {
        let place = self.tty.place();
        let controls = self.tty.control.continued(place);
        self.control(controls);
    }

    /// The command has ended, or been given up: the terminal is ours again.
    pub(super) fn take_terminal_back(&mut self, status: Option<WaitStatus>) {
        self.tty.look_at = None;
        // What the ladder or somebody's signal to us did is no key.
        let by_us = |signal| self.ladder.contains(&signal) || self.passed_on.contains(&signal);
        let by_us = matches!(status, Some(WaitStatus::Signaled { signal, .. }) if by_us(signal));
        let controls = self.tty.control.ended(status, by_us);
        self.control(controls);
    }

    fn control(&mut self, controls: Vec<Control>) {
        for control in controls {
            self.tty.perform(control, &mut self.job);
        }
    }
}
