//! Waiting for descriptors, see ppoll(2).

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;

/// Waits until one of these can be read from, is at its end or broken, or so much time has passed; for
/// ever without a time. Returns whether one is; false may come early, where a signal interrupts.
pub fn readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<bool, Errno> {
    wait(fds, PollFlags::POLLIN, timeout)
}

/// The same until one can be written to.
pub fn writable(fd: BorrowedFd<'_>, timeout: Duration) -> Result<bool, Errno> {
    wait(&[fd], PollFlags::POLLOUT, Some(timeout))
}

fn wait(
    fds: &[BorrowedFd<'_>],
    flags: PollFlags,
    timeout: Option<Duration>,
) -> Result<bool, Errno> {
    let mut ready: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, flags)).collect();
    match nix::poll::ppoll(&mut ready, timeout.map(TimeSpec::from), None) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error),
    }
}
