//! Job control, done: the terminal is lent and taken back, and we stop with the command.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use super::{Saying, Supervisor};
use crate::policy::job_control::{Control, JobControl, Place, asks};
use crate::policy::{Event, Target};
use crate::signal::Received;
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;
use crate::sys::terminal::{self, Stopped, Terminal};
use crate::sys::{self, process, signals, stdio};

/// How often we look whether our group has come to the front while the command waits for that.
const LOOK: Duration = Duration::from_millis(100);

/// When and how often we look whether the command is one that the terminal does not stop: it has to
/// become one first. Most are not, and are left alone from then on.
const WATCH: Duration = Duration::from_millis(250);

/// Who asks for the terminal so soon after it was lent has asked before; or to lend it does not help,
/// and then it is not to be tried without a rest.
const AGAIN: Duration = Duration::from_millis(10);

/// The terminal as far as the command has anything to do with it.
#[derive(Debug)]
pub(super) struct Tty {
    control: JobControl,
    /// Opened when it is needed first; `None` where there is none.
    terminal: OnceCell<Option<Terminal>>,
    /// The modes before the terminal was lent for the first time.
    modes: Option<terminal::Modes>,
    /// When it was lent last.
    lent_at: Option<Instant>,
    look_at: Option<Instant>,
    /// When to look whether a command that the terminal does not stop wants it for another.
    watch_at: Option<Instant>,
}

impl Tty {
    pub(super) fn new(target: Target, started: Instant) -> Self {
        let shares_group = target == Target::Leader;
        let watches = !shares_group && stdio::stdin_is_terminal();
        Self {
            control: JobControl::new(shares_group),
            terminal: OnceCell::new(),
            modes: None,
            lent_at: None,
            look_at: None,
            watch_at: watches.then_some(started + WATCH),
        }
    }

    /// When to look at our place, or at the command, again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.look_at, self.watch_at].into_iter().flatten().min()
    }

    pub(super) fn has_lent(&self) -> bool {
        self.control.has_lent()
    }

    fn terminal(&self) -> Option<&Terminal> {
        self.terminal.get_or_init(|| Terminal::open().ok()).as_ref()
    }

    fn note_modes(&mut self) {
        if self.modes.is_none() {
            self.modes = self.terminal().and_then(|terminal| terminal.modes().ok());
        }
    }

    /// Makes a group the foreground one. Where that fails the command stops again when it needs the
    /// terminal, or the shell takes what it needs.
    fn put_in_front(&self, group: i32) {
        if let Some(terminal) = self.terminal() {
            let _ = terminal.set_foreground_group(group);
        }
    }

    fn restore_modes(&mut self) {
        if let Some(modes) = self.modes.take()
            && let Some(terminal) = self.terminal()
        {
            let _ = terminal.set_modes(&modes);
        }
    }
}

impl Supervisor<'_> {
    /// Takes a signal that stops or continues, or would if we let it.
    pub(super) fn told_to_stop_or_continue(&mut self, received: Received) {
        let Received { signal, origin, .. } = received;
        let may_stop = self.machine.may_be_stopped();
        let controls = match signal {
            Signal::CONT => self.tty.control.told_to_continue(self.place()),
            _ if may_stop => {
                let place = self.place();
                let (control, job) = (&mut self.tty.control, &self.job);
                control.told_to_stop(signal, origin, place, || job.leader_is_stopped())
            }
            _ => return self.happened(Event::Received(signal, origin)),
        };
        self.control(controls);
    }

    /// Sees whether the command has been stopped, and whether our place has changed meanwhile.
    pub(super) fn look_after_terminal(&mut self) {
        if let Some(signal) = self.job.leader_stop() {
            // su(1) and its like stop by another signal when their command is stopped.
            let asks_for_another = signal == Signal::STOP && self.job.wants_terminal();
            self.command_stopped(if asks_for_another { Signal::TTIN } else { signal });
        } else if self.tty.watch_at.is_some_and(|at| at <= Instant::now()) {
            self.look_after_deaf_leader();
        } else if self.tty.look_at.is_some_and(|at| at <= Instant::now()) {
            let controls = self.tty.control.looked(self.place());
            self.control(controls);
        }
        let (waits, now) = (self.tty.control.waits_for_terminal(), Instant::now());
        // What wakes us more often does not put it off.
        let planned = self.tty.look_at.filter(|at| *at > now);
        self.tty.look_at = waits.then(|| planned.unwrap_or(now + LOOK));
    }

    fn command_stopped(&mut self, signal: Signal) {
        if asks(signal) && self.tty.lent_at.is_some_and(|at| at.elapsed() < AGAIN) {
            return self.tty.control.wait();
        }
        let (place, may_stop) = (self.place(), self.machine.may_be_stopped());
        let controls = self.tty.control.stopped(signal, place, may_stop);
        self.control(controls);
    }

    /// A command that the terminal does not stop, as timeout(1) with `--foreground` and strace(1),
    /// does not tell us that who it has started is stopped. So we look now and then.
    fn look_after_deaf_leader(&mut self) {
        let is_deaf = !self.tty.has_lent() && self.job.leader_is_deaf_to_terminal();
        if is_deaf && self.place() == Place::Front && self.job.wants_terminal() {
            self.command_stopped(Signal::TTIN);
        }
        self.tty.watch_at = is_deaf.then(|| Instant::now() + WATCH);
    }

    /// The command has ended, or been given up: the terminal is ours again.
    pub(super) fn take_terminal_back(&mut self, status: Option<WaitStatus>) {
        (self.tty.look_at, self.tty.watch_at) = (None, None);
        let place = if self.tty.has_lent() { self.place() } else { Place::Nowhere };
        // What the ladder or somebody's signal to us did is no key.
        let by_us = |signal| self.passed_on.contains(&signal);
        let by_us = matches!(status, Some(WaitStatus::Signaled { signal, .. }) if by_us(signal));
        let controls = self.tty.control.ended(status, by_us, place);
        self.control(controls);
    }

    fn control(&mut self, controls: Vec<Control>) {
        for control in controls {
            match control {
                Control::Lend => {
                    self.tty.note_modes();
                    self.tty.put_in_front(self.job.leader_group());
                    self.tty.lent_at = Some(Instant::now());
                    self.job.continue_group();
                }
                Control::TakeBack => self.tty.put_in_front(process::own_group()),
                Control::RestoreModes => self.tty.restore_modes(),
                Control::TellGroup(signal) => {
                    terminal::tell_own_group(signal);
                    if self.hook.is_some() {
                        // Of our own signals we take no notice, and the hook is to end by this one.
                        self.happened(Event::Received(signal, Origin::Process));
                    }
                }
                Control::StopGroup(signal) => self.stop(signal, Stopped::Group),
                Control::Stop(signal) => self.stop(signal, Stopped::Ourselves),
                Control::Continue => self.job.continue_group(),
                Control::PassOn(signal) => {
                    self.happened(Event::Received(signal, Origin::Process));
                }
            }
        }
    }

    /// Stops, until we are continued or the limit passes.
    fn stop(&mut self, signal: Signal, who: Stopped) {
        let at_most =
            self.machine.limit_at().map(|at| at.saturating_duration_since(Instant::now()));
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if let Err(error) = terminal::stop_by(signal, who, at_most) {
            let reason = sys::reason(error);
            self.to_say.push(Saying::Error(format!("cannot stop, the limit would wait: {reason}")));
        }
        if let Some(idle) = &mut self.idle {
            idle.restart(Instant::now());
        }
        if let Some(by) = signals::take(Signal::CONT).filter(|by| by.origin != Origin::Timer) {
            self.note_received(by);
        }
        if self.machine.limit_at().is_some_and(|at| at <= Instant::now()) {
            return self.tty.control.woken();
        }
        let place = self.place();
        let (control, job) = (&mut self.tty.control, &self.job);
        let controls = control.continued(place, || job.leader_is_stopped());
        self.control(controls);
    }

    pub(super) fn place(&self) -> Place {
        let own = process::own_group();
        if own == 0 {
            // It is outside our pid namespace, as others are, and they look the same from here.
            return Place::Nowhere;
        }
        match self.tty.terminal().map(Terminal::foreground_group) {
            Some(Ok(group)) if group == own => Place::Front,
            Some(Ok(group)) if self.tty.has_lent() && self.job.has_group(group) => Place::Lent,
            Some(Ok(group)) if self.is_command_of_ours(own) && !self.has_sibling_lent(group) => {
                Place::BackOfOurOwn
            }
            Some(Ok(_)) => Place::Back,
            Some(Err(_)) | None => Place::Nowhere,
        }
    }

    /// Whether our process group is that of a command which one of us has started.
    fn is_command_of_ours(&self, own_group: i32) -> bool {
        let leader = self.job.stat_of(own_group);
        leader.is_some_and(|leader| self.job.is_one_of_us(leader.ppid))
    }

    /// Whether the foreground group descends from our own one: another of us in it has lent the
    /// terminal, and will take it back.
    fn has_sibling_lent(&self, foreground: i32) -> bool {
        let own = process::own_group();
        let parent = |pid: &i32| self.job.stat_of(*pid).map(|stat| stat.ppid);
        let mut ancestors =
            std::iter::successors(Some(foreground), parent).take(GENERATIONS).skip(1);
        ancestors.any(|pid| self.job.stat_of(pid).is_some_and(|stat| stat.pgid == own))
    }
}

/// How far up we look for where a process comes from: those above could change meanwhile.
const GENERATIONS: usize = 64;
