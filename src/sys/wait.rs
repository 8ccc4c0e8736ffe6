//! Waiting for children with waitid(2): a look that leaves the zombie, and the reaping.
//!
//! nix's waits fail with `EINVAL` for a child that a real-time signal has killed, and have reaped
//! it by then, so they are not used.

use std::time::Duration;

use libc::{c_int, id_t, idtype_t, pid_t};
use nix::errno::Errno;
use nix::sys::resource::UsageWho;
use nix::sys::time::{TimeVal, TimeValLike};

use super::retry;
use crate::record::Usage;
use crate::signal::Signal;
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
    match wait(libc::P_ALL, 0, libc::WNOWAIT) {
        Ok(Some((pid, _))) => Ok(Children::Ended(pid)),
        Ok(None) => Ok(Children::Alive),
        Err(Errno::ECHILD) => Ok(Children::None),
        Err(error) => Err(error),
    }
}

/// Looks whether this child has ended, without reaping it: its number stays its own.
pub fn peek(child: pid_t) -> Result<Option<WaitStatus>, Errno> {
    Ok(wait(libc::P_PID, child, libc::WNOWAIT)?.map(|(_, status)| status))
}

/// Reaps this child if it has ended. From then on its number may become another process's.
pub fn reap(child: pid_t) -> Result<Option<WaitStatus>, Errno> {
    Ok(wait(libc::P_PID, child, 0)?.map(|(_, status)| status))
}

fn wait(kind: idtype_t, id: pid_t, flags: c_int) -> Result<Option<(pid_t, WaitStatus)>, Errno> {
    // SAFETY: zero bytes are a valid siginfo_t; waitid leaves si_pid 0 where nobody has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | flags;
    // SAFETY: the pointer is to a siginfo_t of ours.
    retry(|| unsafe { libc::waitid(kind, id as id_t, &raw mut info, flags) })?;
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
    Ok(Some((pid, status)))
}

/// What the children that we have reaped have used, see getrusage(2).
pub fn usage() -> Option<Usage> {
    let usage = nix::sys::resource::getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let duration = |time: TimeVal| Duration::from_micros(time.num_microseconds() as u64);
    Some(Usage {
        user: duration(usage.user_time()),
        system: duration(usage.system_time()),
        max_rss_kib: usage.max_rss(),
    })
}
