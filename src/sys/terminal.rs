//! The controlling terminal: whose it is, its modes, and being stopped by it. See tty(4), tcsetpgrp(3)
//! and termios(3).

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use libc::{pid_t, sigset_t};
use nix::errno::Errno;
use nix::sys::termios::{self, SetArg, Termios};
use nix::unistd::Pid;

use crate::signal::Signal;

/// The controlling terminal of our session.
#[derive(Debug)]
pub struct Terminal(File);

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

    /// The modes: echo, lines or single keys, and so on.
    pub fn modes(&self) -> Result<Termios, Errno> {
        termios::tcgetattr(&self.0)
    }

    /// Sets the modes at once: what was written may never be shown, on a line that is held up.
    pub fn set_modes(&self, modes: &Termios) -> Result<(), Errno> {
        termios::tcsetattr(&self.0, SetArg::TCSANOW, modes)
    }
}

/// Whether a process runs the same program as we do.
pub fn is_one_of_us(pid: pid_t) -> bool {
    let identity = |path: &str| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.dev(), file.ino()))
    };
    let theirs = identity(&format!("/proc/{pid}/exe"));
    theirs.is_some() && theirs == identity("/proc/self/exe")
}

/// Sends a signal to our own process group, to us too.
pub fn tell_own_group(signal: Signal) {
    // SAFETY: the call takes numbers; 0 is our own group, which is there as long as we are.
    unsafe { libc::kill(0, signal.number()) };
}

/// Stops ourselves by a signal that stops, and returns when we have been continued. Where nobody in
/// our session could continue us, in an orphaned process group, the kernel does not stop us; and
/// neither does a signal that was ignored when we were started.
///
/// Returns whether somebody continues us: the CONT of that is still to be read. One that has come
/// before we stop means that we need not: to stop would discard it.
pub fn stop_by(signal: Signal) -> bool {
    if is_pending(Signal::CONT) {
        return true;
    }
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the set is initialised by sigemptyset; there is no other thread. The signal is pending
    // when it is unblocked, and acts before that call returns.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal.number());
        let mut before = MaybeUninit::<sigset_t>::uninit();
        libc::raise(signal.number());
        libc::sigprocmask(libc::SIG_UNBLOCK, set.as_ptr(), before.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
    }
    is_pending(Signal::CONT)
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
