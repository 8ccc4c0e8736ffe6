//! The signals that come to us: what we were started with, and a descriptor to read them from.
//!
//! All of them stay blocked and are read through signalfd(2). So no handler ever runs, in us or in
//! a child between fork and exec; queued real-time signals are all seen, with their senders; and
//! the command needs nothing undone but the mask.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use libc::{pid_t, sighandler_t, sigset_t};
use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::signal::Received;
use crate::signal::{Origin, Signal};

/// What was done to signals before we were started: the command is to find the same.
#[derive(Clone, Debug)]
pub struct Inherited {
    mask: sigset_t,
    ignored: Vec<Signal>,
}

impl Inherited {
    /// Looks at our own mask and dispositions.
    pub fn read() -> Result<Self, Errno> {
        let mask = *SigSet::thread_get_mask()?.as_ref();
        let ignored = Signal::all().filter(|signal| disposition(*signal) == Some(libc::SIG_IGN));
        Ok(Self { mask, ignored: ignored.collect() })
    }

    /// Whether the signal was ignored.
    pub fn ignores(&self, signal: Signal) -> bool {
        self.ignored.contains(&signal)
    }

    /// Gives a forked child what we had, but for the `freed` signals, which are unblocked and have
    /// their default action. Async-signal-safe.
    pub fn restore(&self, freed: &[Signal]) {
        let mut mask = self.mask;
        for signal in freed {
            set_disposition(*signal, libc::SIG_DFL);
            // SAFETY: the set is initialised; a number that cannot be blocked is an error.
            unsafe { libc::sigdelset(&raw mut mask, signal.number()) };
        }
        if self.ignores(Signal::CHLD) && !freed.contains(&Signal::CHLD) {
            set_disposition(Signal::CHLD, libc::SIG_IGN);
        }
        // SAFETY: the set is initialised, and there is no other thread.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut()) };
    }
}

/// `None` for what the C library keeps to itself.
fn disposition(signal: Signal) -> Option<sighandler_t> {
    let mut old = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the pointer is to room for a sigaction, which is filled in on success.
    unsafe {
        (libc::sigaction(signal.number(), std::ptr::null(), old.as_mut_ptr()) == 0)
            .then(|| old.assume_init().sa_sigaction)
    }
}

fn set_disposition(signal: Signal, disposition: sighandler_t) {
    // SAFETY: the disposition is SIG_DFL or SIG_IGN: no code of ours runs in a handler. KILL and
    // STOP, which have only one disposition, are an error without effect.
    unsafe { libc::signal(signal.number(), disposition) };
}

/// Sends a signal to ourselves with its default action.
pub(super) fn raise_default(signal: Signal) {
    set_disposition(signal, libc::SIG_DFL);
    let set = only(signal);
    // SAFETY: the set is initialised, and there is no other thread.
    unsafe {
        libc::raise(signal.number());
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Where the signals to us arrive.
#[derive(Debug)]
pub struct Inbox(SignalFd);

impl Inbox {
    /// Blocks every signal but those that were ignored, and opens the descriptor that they are
    /// read from. The `wanted` ones are taken although they may have been ignored, and so is
    /// SIGCHLD, which gets its default action: while it is ignored, no child leaves a status.
    pub fn open(inherited: &Inherited, wanted: &[Signal]) -> Result<Self, Errno> {
        let mut set = *SigSet::all().as_ref();
        for signal in &inherited.ignored {
            if !wanted.contains(signal) && *signal != Signal::CHLD {
                // SAFETY: the set is initialised.
                unsafe { libc::sigdelset(&raw mut set, signal.number()) };
            }
        }
        // SAFETY: the set is initialised. nix asks for care because it may hold signals that its
        // own enum does not name; we never iterate over it.
        let set = unsafe { SigSet::from_sigset_t_unchecked(set) };
        // SAFETY: the set is initialised, and there is no other thread. nix would not notice an
        // error here.
        Errno::result(unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, set.as_ref(), std::ptr::null_mut())
        })?;
        if inherited.ignores(Signal::CHLD) {
            set_disposition(Signal::CHLD, libc::SIG_DFL);
        }
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// The next signal that waits, if any.
    pub fn next(&self) -> Option<Received> {
        loop {
            let info = match self.0.read_signal() {
                Ok(Some(info)) => info,
                Err(Errno::EINTR) => continue,
                // A descriptor that cannot be read now says so again at the next wake-up.
                Ok(None) | Err(_) => return None,
            };
            if let Some(signal) = Signal::from_number(info.ssi_signo as i32) {
                return Some(Received {
                    at: Instant::now(),
                    signal,
                    origin: origin(info.ssi_code),
                    pid: info.ssi_pid as pid_t,
                    uid: info.ssi_uid,
                });
            }
        }
    }
}

/// The set of this signal alone.
pub(super) fn only(signal: Signal) -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is initialised by sigemptyset, which cannot fail.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal.number());
        set.assume_init()
    }
}

/// Takes a signal that we block and that has come before those that wait in the [`Inbox`].
pub fn take(signal: Signal) -> Option<Received> {
    let set = only(signal);
    // SAFETY: zero bytes are valid values of both, and the pointers are to values of ours. Of a signal
    // that a process has sent, the fields are those of a process.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let at_once: libc::timespec = std::mem::zeroed();
        let taken = libc::sigtimedwait(&raw const set, &raw mut info, &raw const at_once);
        (taken == signal.number()).then(|| {
            let origin = origin(info.si_code);
            let (pid, uid) =
                if origin == Origin::Process { (info.si_pid(), info.si_uid()) } else { (0, 0) };
            Received { at: Instant::now(), signal, origin, pid, uid }
        })
    }
}

fn origin(code: i32) -> Origin {
    match code {
        libc::SI_KERNEL => Origin::Kernel,
        libc::SI_TIMER => Origin::Timer,
        _ => Origin::Process,
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
