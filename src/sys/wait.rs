//! Waiting for children with waitid(2): a look that leaves the zombie, and the reaping.
//!
//! nix's waits fail with `EINVAL` for a child that a real-time signal has killed, and have reaped
//! it by then, so they are not used.

use std::time::Duration;

use libc::{c_int, id_t, idtype_t, pid_t};
use nix::errno::Errno;

use super::retry;
use crate::signal::Signal;
use crate::status::Usage;
use crate::status::WaitStatus;

/// What there is to know about children without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Children {
    /// We have none.
    None,
    /// All are alive.
    Alive,
    /// This one is a zombie; there may be more.
    Ended(pid_t),
}

/// Looks for a child that has ended, without reaping it.
pub fn peek_any() -> Result<Children, Errno> {
    match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOWAIT) {
        Ok(Some(ended)) => Ok(Children::Ended(ended.pid)),
        Ok(None) => Ok(Children::Alive),
        Err(Errno::ECHILD) => Ok(Children::None),
        Err(error) => Err(error),
    }
}

/// Whether a child of ours in this process group is alive, see [`has_live_child`].
pub fn has_live_child_in(group: pid_t) -> bool {
    wait(libc::P_PGID, group, libc::WSTOPPED | libc::WNOWAIT) != Err(Errno::ECHILD)
}

/// Whether a child of ours is alive. Zombies do not count, so it can be asked while the leader is
/// unreaped: the kernel says `ECHILD` where nobody is left who could still stop.
pub fn has_live_child() -> bool {
    wait(libc::P_ALL, 0, libc::WSTOPPED | libc::WNOWAIT) != Err(Errno::ECHILD)
}

/// By which signal this child has been stopped since this was asked before, if it has.
pub fn stop_of(child: pid_t) -> Option<Signal> {
    // SAFETY: zero bytes are a valid siginfo_t; waitid leaves si_pid 0 where nobody was stopped.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WNOHANG;
    // SAFETY: the pointer is to a siginfo_t of ours.
    retry(|| unsafe { libc::waitid(libc::P_PID, child as id_t, &raw mut info, flags) }).ok()?;
    // SAFETY: waitid has filled in the fields of a child's siginfo_t, or left them zero.
    let (pid, signal) = unsafe { (info.si_pid(), info.si_status()) };
    (pid == child).then(|| Signal::from_number(signal))?
}

/// Looks whether this child has ended, without reaping it: its number stays its own.
pub fn peek(child: pid_t) -> Result<Option<WaitStatus>, Errno> {
    Ok(wait(libc::P_PID, child, libc::WEXITED | libc::WNOWAIT)?.map(|ended| ended.status))
}

/// Reaps this child if it has ended. From then on its number may become another process's.
/// Returns what it and those that it has reaped have used.
pub fn reap(child: pid_t) -> Result<Option<Usage>, Errno> {
    Ok(wait(libc::P_PID, child, libc::WEXITED)?.map(|ended| ended.usage))
}

/// Reaps a child of the kind that ends without a signal, see clone(2), if it has ended. The others here
/// do not see those.
pub fn reap_helper(child: pid_t) -> Result<Option<Usage>, Errno> {
    Ok(wait(libc::P_PID, child, libc::WEXITED | libc::__WALL)?.map(|ended| ended.usage))
}

/// Reaps any child that has ended, where none of them is kept. Returns what it has used; `None` where
/// none has ended.
pub fn reap_any() -> Option<Usage> {
    Some(wait(libc::P_ALL, 0, libc::WEXITED).ok()??.usage)
}

/// A child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    pid: pid_t,
    status: WaitStatus,
    usage: Usage,
}

/// waitid(2) as the kernel has it: the C library leaves out what the child has used.
fn wait(kind: idtype_t, id: pid_t, flags: c_int) -> Result<Option<Ended>, Errno> {
    // SAFETY: zero bytes are valid values of both; waitid leaves si_pid 0 where nobody has ended.
    let (mut info, mut usage): (libc::siginfo_t, libc::rusage) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let (info_at, usage_at) = (&raw mut info, &raw mut usage);
    let flags = libc::WNOHANG | flags;
    // SAFETY: the pointers are to values of ours.
    retry(|| unsafe {
        libc::syscall(libc::SYS_waitid, kind, id as id_t, info_at, flags, usage_at) as c_int
    })?;
    // SAFETY: waitid has filled in the fields of a child's siginfo_t, or left them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let status = match info.si_code {
        libc::CLD_EXITED => WaitStatus::Exited(status as u8),
        code => WaitStatus::Signaled {
            // The kernel tells no number that is not a signal's.
            signal: Signal::from_number(status).unwrap_or(Signal::KILL),
            core_dumped: code == libc::CLD_DUMPED,
        },
    };
    let duration = |time: libc::timeval| {
        Duration::new(time.tv_sec as u64, (time.tv_usec as u32).saturating_mul(1000))
    };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss_kib: usage.ru_maxrss,
    };
    Ok(Some(Ended { pid, status, usage }))
}
