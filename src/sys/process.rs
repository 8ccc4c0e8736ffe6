//! Processes by number: who we are, and signals to those whose number is proven.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libc::{c_int, pid_t};
use nix::errno::Errno;
use nix::time::ClockId;
use nix::unistd::SysconfVar;

use super::{poll, retry};
use crate::signal::Signal;

/// Our own process id.
pub fn own_pid() -> pid_t {
    nix::unistd::getpid().as_raw()
}

/// Our parent's process id; 0 where it is outside our pid namespace.
pub fn parent() -> pid_t {
    nix::unistd::getppid().as_raw()
}

/// Whether a process that forked us is our parent still. One outside our pid namespace has no number
/// here, and is believed to live.
pub fn is_child_of(pid: pid_t) -> bool {
    [pid, 0].contains(&parent())
}

/// Our own process group id.
pub fn own_group() -> pid_t {
    nix::unistd::getpgrp().as_raw()
}

/// Our own real user id.
pub fn own_user() -> u32 {
    nix::unistd::getuid().as_raw()
}

/// The unit of CPU times and start times in `/proc/PID/stat`, see `_SC_CLK_TCK` in sysconf(3);
/// commonly 10 ms.
pub fn clock_tick() -> Duration {
    let per_second = nix::unistd::sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second.and_then(|ticks| u32::try_from(ticks).ok());
    Duration::from_secs(1) / per_second.filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Our own session id; 0 where its leader is outside our pid namespace.
pub fn own_session() -> pid_t {
    // SAFETY: the call takes and returns numbers, and cannot fail for ourselves.
    unsafe { libc::getsid(0) }
}

/// The time since the machine was started, on the clock that `/proc/PID/stat` uses.
pub fn time_since_boot() -> Duration {
    let now = nix::time::clock_gettime(ClockId::CLOCK_BOOTTIME);
    now.map_or(Duration::ZERO, Duration::from)
}

/// A start time in clock ticks, as `/proc/PID/stat` has it, on that clock.
pub fn since_boot(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(clock_tick().as_nanos() as u64))
}

/// The process group of a child of ours that has not been reaped.
pub fn group_of(child: pid_t) -> Result<pid_t, Errno> {
    // SAFETY: the call takes and returns numbers.
    retry(|| unsafe { libc::getpgid(child) })
}

/// The session of a process that is known to be there: our parent, or a child of ours that has not
/// been reaped.
pub fn session_of(pid: pid_t) -> Result<pid_t, Errno> {
    // SAFETY: the call takes and returns numbers.
    retry(|| unsafe { libc::getsid(pid) })
}

/// Sends a signal to a process by number. The caller shows that the number cannot have been
/// reused: it is that of a child of ours that we have not reaped.
pub fn signal_process(child: pid_t, signal: Signal) -> Result<(), Errno> {
    assert_is_one_process(child);
    // SAFETY: the call takes numbers.
    retry(|| unsafe { libc::kill(child, signal.number()) }).map(drop)
}

/// Sends a signal to each member of a process group; no error if at least one could be signalled.
/// The caller shows that the number cannot have been reused: an unreaped process has it as its
/// process or group id.
pub fn signal_group(group: pid_t, signal: Signal) -> Result<(), Errno> {
    assert_is_one_process(group);
    // SAFETY: the call takes numbers.
    retry(|| unsafe { libc::kill(-group, signal.number()) }).map(drop)
}

/// Whether there is a process group of this number, more than 1, if only of zombies: not whether
/// anybody in it lives.
pub fn has_members(group: pid_t) -> bool {
    // SAFETY: the call takes numbers, and sends nothing.
    retry(|| unsafe { libc::kill(-group, 0) }) != Err(Errno::ESRCH)
}

/// 0, 1 and negative numbers mean our own group, init, or everybody: never what we want, and a
/// mistake that a machine does not survive.
fn assert_is_one_process(pid: pid_t) {
    assert!(pid > 1, "{pid} is not a process that can be signalled");
}

/// A descriptor that stands for one process and never for another, see `pidfd_open(2)`. It polls as
/// readable when the process has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has this number now. Fails with `ESRCH` where there is none, and
    /// with `ENOSYS` before Linux 5.3.
    pub fn open(pid: pid_t) -> Result<Self, Errno> {
        // SAFETY: the call takes numbers. The descriptor is closed on exec by definition.
        let fd = retry(|| unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) as c_int })?;
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and a null info means what kill(2) would send.
        retry(|| unsafe {
            let fd = self.0.as_raw_fd();
            libc::syscall(libc::SYS_pidfd_send_signal, fd, signal.number(), info, 0) as c_int
        })
        .map(drop)
    }

    /// Waits until the process has ended, or for so long; perhaps less. Returns whether it has.
    pub fn wait(&self, patience: Duration) -> bool {
        poll::readable(&[self.0.as_fd()], Some(patience)) == Ok(true)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
