//! Who among our children is none of our business.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::procfs::stat::Stat;
use crate::procfs::tree::Seen;
use crate::procfs::{Pid, Proc};
use crate::survey;
use crate::sys::process;
use crate::sys::wait::{self, Children};

/// How long to look for them.
const LOOKING: Duration = Duration::from_secs(1);

/// Children that we had before the command started. They belong to whoever was this process before:
/// a shell's `sleep 9 & exec grpkill-timeout …`, or its `>(tee log)`.
#[derive(Debug)]
pub enum Strangers {
    /// There are none: every child is of the job.
    None,
    /// There are some, and no `/proc` tells which: no child but the leader is ours for certain.
    Unknown,
    /// These.
    Known {
        /// The children.
        pids: HashSet<Pid>,
        /// The process groups of all below them, and our own. An orphan of theirs becomes our
        /// child too, and is told from the job's by its group.
        groups: HashSet<Pid>,
    },
}

impl Strangers {
    /// Those that we have now. Costs one system call where there are none, and looks into `/proc`
    /// where there are some.
    pub fn note(proc: impl FnOnce() -> Option<Proc>) -> Self {
        if wait::peek_any() == Ok(Children::None) {
            return Self::None;
        }
        let own_pid = process::own_pid();
        let Some(proc) = proc() else { return Self::Unknown };
        let look = |proc: &Proc| {
            // Who looks is a child of ours, too.
            let helper = proc.reader();
            proc.descendants(own_pid, |child: &Stat| Some(child.pid) != helper, || true)
        };
        let seen = survey::ask(&proc, Instant::now() + LOOKING, look).flatten();
        let children = proc.children(own_pid).unwrap_or_default();
        match seen {
            Some(Seen { stats, is_complete: true }) => {
                let groups = stats.iter().map(|stat| stat.pgid).chain([process::own_group()]);
                let known = stats.iter().filter(|stat| stat.ppid == own_pid).map(|stat| stat.pid);
                Self::Known { pids: known.chain(children).collect(), groups: groups.collect() }
            }
            _ => Self::Unknown,
        }
    }

    /// Whether this child of ours, which is not the leader, is one of them or, by its process group, an
    /// orphan of theirs.
    pub fn include(&self, child: Pid, group: Pid) -> bool {
        match self {
            Self::None => false,
            Self::Unknown => true,
            Self::Known { pids, groups } => pids.contains(&child) || groups.contains(&group),
        }
    }
}
