//! A forked child of ours that does what may hang, so that we do not.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use libc::pid_t;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;

use super::{process, wait};
use crate::signal::Signal;

/// How long a helper that has been killed may take to die.
const DEATH: Duration = Duration::from_millis(20);

/// How long to rest where the kernel cannot wake us at its end.
const SHORTLY: Duration = Duration::from_micros(100);

/// A helper at work. It dies with this value, and with us.
#[derive(Debug)]
pub struct Helper {
    /// `None` once it has been reaped, or been given up.
    pid: Option<pid_t>,
    output: OwnedFd,
}

impl Helper {
    /// Forks a child that does `work` and ends. What it writes can be read from the helper.
    ///
    /// All signals that can be are blocked in it, as they are in us. It may allocate and use all
    /// of the library, since we have one thread only and so nobody holds a lock.
    pub fn start(work: impl FnOnce(File)) -> Result<Self, Errno> {
        let (output, input) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let parent = process::own_pid();
        // SAFETY: we have one thread, see above.
        let pid = Errno::result(unsafe { libc::fork() })?;
        if pid == 0 {
            drop(output);
            // SAFETY: the calls take and return numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            if process::parent() == parent {
                work(File::from(input));
            }
            // Nothing of ours must run in the child: no destructor, no exit handler.
            super::exit(0);
        }
        Ok(Self { pid: Some(pid), output })
    }

    /// Its process id, as long as it is our child.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }

    /// Reads what the helper has written, some of it; nothing at its end. `ETIME` where nothing
    /// comes until then.
    pub fn read(&self, buffer: &mut [u8], until: Instant) -> Result<usize, Errno> {
        loop {
            let timeout = until.saturating_duration_since(Instant::now());
            let mut ready = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            match nix::poll::ppoll(&mut ready, Some(TimeSpec::from(timeout)), None) {
                Ok(0) => return Err(Errno::ETIME),
                Ok(_) => return nix::unistd::read(&self.output, buffer),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the helper. Returns its process id where it does not die: it hangs in the kernel, and is
    /// a child of ours that has to be reaped some time.
    pub fn end(mut self) -> Option<pid_t> {
        self.put_down()
    }

    fn put_down(&mut self) -> Option<pid_t> {
        // It is our child, and is reaped here and nowhere else.
        let pid = self.pid.take()?;
        let _ = process::signal_process(pid, Signal::KILL);
        let until = Instant::now() + DEATH;
        let end = process::PidFd::open(pid).ok();
        while matches!(wait::reap(pid), Ok(None)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(pid);
            }
            match &end {
                Some(end) => end.wait(left),
                None => std::thread::sleep(SHORTLY),
            }
        }
        None
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.put_down();
    }
}
