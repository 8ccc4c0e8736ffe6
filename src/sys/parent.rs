//! Our parent, as far as we are to end with it: `--die-with-parent`.

use libc::pid_t;
use nix::errno::Errno;

use super::process;
use crate::signal::Signal;

/// The process that has started us.
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    /// 0 where it is outside our pid namespace.
    pid: pid_t,
}

impl Parent {
    /// Has a signal sent to us when our parent dies, see `PR_SET_PDEATHSIG` in prctl(2).
    ///
    /// It is sent too when the thread of the parent that started us ends, and the parent lives; so
    /// who gets it asks [`Parent::has_gone_by`].
    pub fn watch(signal: Signal) -> Result<Self, Errno> {
        let parent = Self { pid: process::parent() };
        // SAFETY: the call takes numbers.
        Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number()) })?;
        Ok(parent)
    }

    /// Whether this process could be it.
    pub fn is(self, pid: pid_t) -> bool {
        self.pid == pid
    }

    /// Whether it has died since we asked to be told: somebody else is our parent then.
    ///
    /// Of a parent outside our pid namespace nothing can be told but that it has sent the signal, as
    /// this sender.
    pub fn has_gone_by(self, sender: pid_t) -> bool {
        if self.pid == 0 { sender == 0 } else { process::parent() != self.pid }
    }

    /// Whether it had died before: who was started in a session has a parent there, unless he leads
    /// it, and who adopts orphans is in another one.
    pub fn was_gone(self) -> bool {
        let own = process::own_session();
        let leads = own == process::own_pid();
        self.pid != process::parent()
            || (self.pid != 0
                && own != 0
                && !leads
                && process::session_of(self.pid).is_ok_and(|session| session != own))
    }
}
