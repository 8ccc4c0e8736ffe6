//! A timer of the kernel's that sends us a signal, see `timer_create(2)`.

use std::time::Duration;

use libc::{c_int, c_long};
use nix::errno::Errno;

use crate::signal::Signal;

/// Sends us a signal once, unless it is dropped before.
///
/// By the system calls: the C library's `timer_create` can start threads, and brings all that they
/// need into a static program, 80 KB.
#[derive(Debug)]
pub struct Timer(c_int);

impl Timer {
    /// A timer that is not set, for this signal, on the clock that nobody sets and that stands while
    /// the machine sleeps. `EAGAIN` where too many signals are queued, see `RLIMIT_SIGPENDING`.
    pub fn new(signal: Signal) -> Result<Self, Errno> {
        // SAFETY: for the structure all zeros are a value.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal.number();
        let mut id: c_int = 0;
        // SAFETY: both pointers are to values that live longer than the call.
        Errno::result(unsafe {
            let (event, id) = (&raw mut event, &raw mut id);
            libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, event, id)
        })?;
        Ok(Self(id))
    }

    /// Has the signal come after this time, 1 ns at least.
    pub fn set(&self, time: Duration) {
        // Zero would be never.
        let time = time.max(Duration::from_nanos(1));
        let seconds = c_long::try_from(time.as_secs()).unwrap_or(c_long::MAX);
        // What the kernel has for an itimerspec: the interval, then the time.
        let once: [[c_long; 2]; 2] =
            [[0, 0], [seconds, c_long::from(time.subsec_nanos() as c_int)]];
        let previous = std::ptr::null_mut::<[[c_long; 2]; 2]>();
        // SAFETY: the timer is ours, and the times live longer than the call, which leaves null alone.
        // It fails for a bad timer or time only.
        unsafe { libc::syscall(libc::SYS_timer_settime, self.0, 0, &raw const once, previous) };
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the call takes the number of a timer that is ours.
        unsafe { libc::syscall(libc::SYS_timer_delete, self.0) };
    }
}
