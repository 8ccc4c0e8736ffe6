//! The command that is run when time is up, before the first signal: `--on-timeout`.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use crate::policy::Cause;
use crate::procfs::Pid;
use crate::record::HookRecord;
use crate::signal::Signal;
use crate::status::{WaitStatus, code_of};
use crate::sys::signals::Inherited;
use crate::sys::spawn::{Leader, Spawn, SpawnError, Stdio};
use crate::sys::wait;

/// How long a killed hook may take to die, and how often we look meanwhile.
const DYING: Duration = Duration::from_secs(1);
const SHORTLY: Duration = Duration::from_millis(1);

/// How long the list of process ids may be that the hook is told, in bytes: a variable of the
/// environment has 128 KiB.
const ROOM_FOR_PIDS: usize = 120 * 1024;

/// A hook that runs. Its group is killed when it is dropped.
#[derive(Debug)]
pub struct Hook {
    shell: Leader,
    started: Instant,
}

impl Hook {
    /// Starts it with `sh -c`, in a group of its own. It is told the command's group, where that is
    /// not ours: who signals it shall not hit us.
    pub fn start(
        command: &OsStr,
        cause: Cause,
        leader: Pid,
        group: Option<Pid>,
        job: &[Pid],
        inherited: &Inherited,
    ) -> Result<Self, SpawnError> {
        let mut pids = String::new();
        for pid in job.iter().map(Pid::to_string) {
            if pids.len() + pid.len() >= ROOM_FOR_PIDS {
                break;
            }
            if !pids.is_empty() {
                pids.push(' ');
            }
            pids.push_str(&pid);
        }
        let outcome = if cause == Cause::Idle { "idle" } else { "timed-out" };
        let variables = [
            ("GRPKILL_PID", leader.to_string()),
            ("GRPKILL_PGID", group.map_or_else(String::new, |group| group.to_string())),
            ("GRPKILL_PIDS", pids),
            ("GRPKILL_OUTCOME", outcome.to_owned()),
        ];
        let shell = Spawn {
            command: &["sh".into(), "-c".into(), command.to_owned()],
            own_group: true,
            freed_signals: &[Signal::TERM],
            parent_death_signal: Signal::KILL,
            variables: &variables,
            stdio: Stdio::Telling,
        }
        .start(inherited)?;
        Ok(Self { shell, started: Instant::now() })
    }

    /// The process id of its shell, which is its group's too.
    pub fn pid(&self) -> Pid {
        self.shell.pid()
    }

    /// Waits until nobody in its group is alive any more, after it has been killed; for a moment only,
    /// for the kernel may not let one die.
    pub fn bury(self) {
        let until = Instant::now() + DYING;
        while !self.has_gone() && Instant::now() < until {
            std::thread::sleep(SHORTLY);
        }
    }

    /// Whether nobody in its group is alive.
    pub fn has_gone(&self) -> bool {
        !wait::has_live_child_in(self.pid())
    }

    /// How it ended; gives it back where it has not. What it has left in its group is of the job
    /// from then on.
    pub fn exit(self) -> Result<HookRecord, Self> {
        let status = match self.shell.peek() {
            Ok(None) => return Err(self),
            Ok(Some(status)) => status,
            Err(_) => WaitStatus::Lost,
        };
        let Self { shell, started } = self;
        // It has ended, and is reaped; or somebody else has reaped it, and its number is not ours.
        drop(shell.reap());
        Ok(HookRecord { status: Some(status.code()), elapsed: started.elapsed(), timed_out: false })
    }

    /// Kills it with its group. As long as it is kept, and not reaped, its number stays its own.
    pub fn kill(&self) -> HookRecord {
        let _ = self.shell.signal_group(Signal::KILL);
        let status = Some(code_of(Signal::KILL));
        HookRecord { status, elapsed: self.started.elapsed(), timed_out: true }
    }
}
