//! The controlling terminal: whose it is, its modes, and being stopped by it. See tty(4), tcsetpgrp(3)
//! and termios(3).

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use libc::{pid_t, sigset_t};
use nix::errno::Errno;
use nix::sys::termios::{self, SetArg, Termios};
use nix::unistd::Pid;

use super::signals::only;
use super::timer::Timer;
use crate::signal::Signal;

/// The controlling terminal of our session.
#[derive(Debug)]
pub struct Terminal(File);

/// How a terminal works: echo, lines or single keys, and so on.
#[derive(Clone, Debug)]
pub struct Modes(Termios);

impl Terminal {
    /// Opens it; fails where there is none.
    pub fn open() -> io::Result<Self> {
        // Whoever has hung up does not make us wait.
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        Ok(Self(OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")?))
    }

    /// The foreground process group. A number that may be nobody's any more.
    pub fn foreground_group(&self) -> Result<pid_t, Errno> {
        nix::unistd::tcgetpgrp(&self.0).map(Pid::as_raw)
    }

    /// Makes a process group of our session the foreground one. TTOU, by which the terminal stops
    /// who does so from the background, is blocked or ignored in us.
    pub fn set_foreground_group(&self, group: pid_t) -> Result<(), Errno> {
        nix::unistd::tcsetpgrp(&self.0, Pid::from_raw(group))
    }

    /// The modes that it has now.
    pub fn modes(&self) -> Result<Modes, Errno> {
        termios::tcgetattr(&self.0).map(Modes)
    }

    /// Sets the modes at once: what was written may never be shown, on a line that is held up.
    pub fn set_modes(&self, modes: &Modes) -> Result<(), Errno> {
        termios::tcsetattr(&self.0, SetArg::TCSANOW, &modes.0)
    }
}

/// Sends a signal to our own process group, to us too.
pub fn tell_own_group(signal: Signal) {
    // SAFETY: the call takes numbers; 0 is our own group, which is there as long as we are.
    unsafe { libc::kill(0, signal.number()) };
}

/// Who is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Our whole group, with us.
    Group,
    /// We alone: our group has had the signal.
    Ourselves,
}

/// Stops ourselves by a signal that stops, and returns when we have been continued, or after this
/// time. Where nobody in our session could continue us, in an orphaned process group, the kernel does
/// not stop us; and neither does a signal that was ignored when we were started.
///
/// A CONT that comes before we stop means that we need not, as the kernel has it: it takes back a stop
/// that waits. One that has ended the stop waits to be read.
///
/// Fails, and stops nobody, where the kernel has no timer that would continue us.
pub fn stop_by(signal: Signal, who: Stopped, at_most: Option<Duration>) -> Result<(), Errno> {
    let timer = at_most.map(|_| Timer::new(Signal::CONT)).transpose()?;
    match who {
        Stopped::Group => tell_own_group(signal),
        // To raise the signal would take back the CONT.
        Stopped::Ourselves if is_pending(Signal::CONT) => return Ok(()),
        // SAFETY: the call takes a number, and the signal is blocked.
        Stopped::Ourselves => drop(unsafe { libc::raise(signal.number()) }),
    }
    // From now on the signal waits, and whatever continues us takes it back; before, it would have
    // taken back the timer's.
    if let (Some(timer), Some(time)) = (&timer, at_most) {
        timer.set(time);
    }
    let set = only(signal);
    // SAFETY: the set is initialised; there is no other thread. The signal acts before the call returns
    // that unblocks it.
    unsafe {
        let mut before = MaybeUninit::<sigset_t>::uninit();
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, before.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
    }
    Ok(())
}

/// Whether a signal that we block has come and not been read.
fn is_pending(signal: Signal) -> bool {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the set is filled in by sigpending, which fails for a bad pointer only.
    unsafe {
        libc::sigpending(set.as_mut_ptr()) == 0
            && libc::sigismember(set.as_ptr(), signal.number()) == 1
    }
}
