//! A forked child of ours that does what may hang, so that we do not.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicI32;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use libc::pid_t;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::{poll, process, stdio, wait};
use crate::signal::Signal;

/// How long a helper that has been killed may take to die.
const DEATH: Duration = Duration::from_millis(20);

/// How long to rest where the kernel cannot wake us at its end.
const SHORTLY: Duration = Duration::from_micros(100);

/// How many helpers may hang in the kernel before no other is sent.
const MOST_UNDEAD: usize = 4;

/// The helpers that hang in the kernel where no signal reaches them.
static UNDEAD: Mutex<Vec<pid_t>> = Mutex::new(Vec::new());

/// A number that a helper and we see alike: at what it is.
pub fn mark() -> &'static AtomicI32 {
    static MARK: OnceLock<&'static AtomicI32> = OnceLock::new();
    MARK.get_or_init(|| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let size = size_of::<AtomicI32>();
        // SAFETY: the kernel chooses where, and nothing is there yet.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            // Then nobody knows where a helper hangs, and no other is sent.
            return Box::leak(Box::default());
        }
        // SAFETY: a page is large enough and aligned for it, all zeros, and never unmapped.
        unsafe { &*page.cast::<AtomicI32>() }
    })
}

/// What becomes of our standard streams in a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// It has them, as we do.
    Kept,
    /// It has none: whoever reads from us is not to wait for a helper that hangs.
    LetGo,
}

/// A helper at work. It dies with this value, and with us.
#[derive(Debug)]
pub struct Helper {
    pid: pid_t,
    output: OwnedFd,
}

impl Helper {
    /// Forks a child that does `work` and ends. What it writes can be read from the helper.
    ///
    /// All signals that can be are blocked in it, as they are in us. It may allocate and use all
    /// of the library, since we have one thread only and so nobody holds a lock.
    ///
    /// It is a child that ends without a signal, see clone(2): its end does not wake us, and whoever
    /// asks for our children does not meet it.
    pub fn start(streams: Streams, work: impl FnOnce(File)) -> Result<Self, Errno> {
        let (output, input) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let parent = process::own_pid();
        // The C library's fork always asks for SIGCHLD. What it does besides is for threads, and for
        // raise(3), which a helper does not call.
        // SAFETY: we have one thread, see above; no flag is set, so that the child has a copy of all.
        let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) })? as pid_t;
        if pid == 0 {
            drop(output);
            // SAFETY: the calls take and return numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            if streams == Streams::LetGo {
                stdio::let_go();
            }
            if process::is_child_of(parent) {
                work(File::from(input));
            }
            // Nothing of ours must run in the child: no destructor, no exit handler.
            super::exit(0);
        }
        Ok(Self { pid, output })
    }

    /// Its process id. It is our child as long as this value lives.
    pub fn pid(&self) -> pid_t {
        self.pid
    }

    /// Reads what the helper has written, some of it; nothing at its end. `ETIME` where nothing
    /// comes until then.
    pub fn read(&self, buffer: &mut [u8], until: Instant) -> Result<usize, Errno> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if poll::readable(&[self.output.as_fd()], Some(left))? {
                return nix::unistd::read(&self.output, buffer);
            }
            if left.is_zero() {
                return Err(Errno::ETIME);
            }
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It is our child, and is reaped here, or among the undead.
        let _ = process::signal_process(self.pid, Signal::KILL);
        let until = Instant::now() + DEATH;
        let end = process::PidFd::open(self.pid).ok();
        while matches!(wait::reap_helper(self.pid), Ok(None)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return UNDEAD.lock().unwrap_or_else(PoisonError::into_inner).push(self.pid);
            }
            if end.as_ref().is_none_or(|end| !end.wait(left)) {
                std::thread::sleep(SHORTLY);
            }
        }
    }
}

/// Does what may hang in a helper, and tells how it went; `ETIME` where that takes too long. Where
/// there is no helper to be had we do it ourselves.
pub fn attempt(
    streams: Streams,
    patience: Duration,
    work: impl Fn() -> Result<(), Errno>,
) -> Result<(), Errno> {
    let tell = |mut told: File| {
        let number = work().err().map_or(0, |error| error as i32);
        // Who does not hear it takes it for a failure.
        let _ = told.write_all(&number.to_ne_bytes());
    };
    if !may_start() {
        return Err(Errno::EAGAIN);
    }
    let Ok(helper) = Helper::start(streams, tell) else { return work() };
    let mut number = [0; size_of::<i32>()];
    match helper.read(&mut number, Instant::now() + patience)? {
        length if length == number.len() => match i32::from_ne_bytes(number) {
            0 => Ok(()),
            number => Err(Errno::from_raw(number)),
        },
        _ => Err(Errno::EIO),
    }
}

/// Whether another one may be sent: where several hang in the kernel the next one would, too. Reaps
/// those that have come free after all.
pub fn may_start() -> bool {
    let mut undead = UNDEAD.lock().unwrap_or_else(PoisonError::into_inner);
    undead.retain(|pid| matches!(wait::reap_helper(*pid), Ok(None)));
    undead.len() < MOST_UNDEAD
}
