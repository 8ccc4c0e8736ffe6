//! Who descends from whom.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs;

use super::stat::Stat;
use super::{Pid, Proc};

impl Proc {
    /// The processes below `ancestor`, itself left out, parents before their children. A child of
    /// `ancestor` for which `is_ours` is false is left out with all below it.
    ///
    /// Costs a few file reads for each descendant. Where the kernel has no lists of children
    /// (`CONFIG_PROC_CHILDREN`), it reads a file of each process on the machine instead. `None`
    /// means that neither could be read.
    ///
    /// What forks or loses its parent meanwhile can be missed, see [`Proc::settled_descendants`].
    pub fn descendants(&self, ancestor: Pid, is_ours: impl Fn(&Stat) -> bool) -> Option<Vec<Stat>> {
        if let Some(children) = self.children(ancestor) {
            return Some(self.walk(children, |parent| self.children(parent), is_ours));
        }
        let by_parent = self.children_by_parent()?;
        let children_of = |parent| Some(by_parent.get(&parent).cloned().unwrap_or_default());
        Some(self.walk(children_of(ancestor)?, children_of, is_ours))
    }

    /// As [`Proc::descendants`], and looks again until it has seen the same processes twice: then
    /// nothing has moved from a list not yet read to one that was read already.
    pub fn settled_descendants(
        &self,
        ancestor: Pid,
        is_ours: impl Fn(&Stat) -> bool,
    ) -> Option<Vec<Stat>> {
        /// A tree that never settles is alive, which is all that the caller then needs to know.
        const LOOKS: usize = 8;
        let mut seen = self.descendants(ancestor, &is_ours)?;
        for _ in 0..LOOKS {
            let again = self.descendants(ancestor, &is_ours)?;
            let same = again.iter().map(|stat| (stat.pid, stat.start));
            if same.eq(seen.iter().map(|stat| (stat.pid, stat.start))) {
                return Some(again);
            }
            seen = again;
        }
        Some(seen)
    }

    fn walk(
        &self,
        children: Vec<Pid>,
        children_of: impl Fn(Pid) -> Option<Vec<Pid>>,
        is_ours: impl Fn(&Stat) -> bool,
    ) -> Vec<Stat> {
        let stats = children.into_iter().filter_map(|pid| self.stat(pid));
        let mut found: Vec<Stat> = stats.filter(|stat| is_ours(stat)).collect();
        // A process that is adopted by one further down the walk would be met twice.
        let mut seen: HashSet<Pid> = found.iter().map(|stat| stat.pid).collect();
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            // Only what lives can have children.
            if parent.is_alive() {
                let children = children_of(parent.pid).unwrap_or_default();
                let children = children.into_iter().filter(|pid| seen.insert(*pid));
                found.extend(children.filter_map(|pid| self.stat(pid)).collect::<Vec<_>>());
            }
            next += 1;
        }
        found
    }

    /// The children of a process, of all its threads; `None` where the kernel does not list them
    /// or the process is gone.
    pub fn children(&self, parent: Pid) -> Option<Vec<Pid>> {
        let mut children = Vec::new();
        let mut listed = false;
        for thread in fs::read_dir(self.root.join(format!("{parent}/task"))).ok()? {
            let Ok(thread) = thread else { continue };
            let Ok(list) = fs::read_to_string(thread.path().join("children")) else { continue };
            listed = true;
            children
                .extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<Pid>().ok()));
        }
        listed.then_some(children)
    }

    fn children_by_parent(&self) -> Option<HashMap<Pid, Vec<Pid>>> {
        let mut by_parent: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for entry in fs::read_dir(&self.root).ok()?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(stat) = pid.and_then(|pid| self.stat(pid)) {
                by_parent.entry(stat.ppid).or_default().push(stat.pid);
            }
        }
        (!by_parent.is_empty()).then_some(by_parent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::FakeProc;
    use super::*;

    /// Processes as `(pid, parent, state)`, with or without lists of children.
    fn machine(processes: &[(Pid, Pid, char)], with_lists: bool) -> FakeProc {
        let mut proc = FakeProc::new();
        for (pid, ppid, state) in processes {
            let stat =
                format!("{pid} (p{pid}) {state} {ppid} 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 {pid} 0");
            proc = proc.with(&format!("{pid}/stat"), stat.as_bytes());
            proc = proc.with(&format!("{pid}/task/{pid}/stat"), b"");
            if with_lists {
                let children = processes.iter().filter(|(_, parent, _)| parent == pid);
                let list: Vec<String> = children.map(|(child, ..)| child.to_string()).collect();
                let list = list.join(" ");
                proc = proc.with(&format!("{pid}/task/{pid}/children"), list.as_bytes());
            }
        }
        proc
    }

    fn pids(stats: Option<Vec<Stat>>) -> Vec<Pid> {
        let mut pids: Vec<Pid> = stats.unwrap().iter().map(|stat| stat.pid).collect();
        pids.sort_unstable();
        pids
    }

    const MACHINE: &[(Pid, Pid, char)] = &[
        (1, 0, 'S'),
        (10, 1, 'S'),
        (11, 10, 'S'),
        (12, 10, 'Z'),
        (13, 11, 'S'),
        (14, 13, 'T'),
        (20, 1, 'S'),
        (21, 20, 'S'),
    ];

    #[test]
    fn all_generations_are_found_with_and_without_lists() {
        for with_lists in [true, false] {
            let fake = machine(MACHINE, with_lists);
            let proc = fake.open();
            assert_eq!(pids(proc.descendants(10, |_| true)), [11, 12, 13, 14], "{with_lists}");
            assert_eq!(pids(proc.settled_descendants(10, |_| true)), [11, 12, 13, 14]);
            assert_eq!(pids(proc.descendants(14, |_| true)), []);
        }
    }

    #[test]
    fn what_is_not_ours_is_left_out_with_all_below_it() {
        let proc = machine(MACHINE, true);
        assert_eq!(pids(proc.open().descendants(10, |stat| stat.pid != 11)), [12]);
    }

    #[test]
    fn the_children_of_every_thread_are_found() {
        let proc = machine(MACHINE, true).with("11/task/99/children", b"20 ");
        assert_eq!(pids(proc.open().descendants(10, |_| true)), [11, 12, 13, 14, 20, 21]);
    }

    #[test]
    fn a_vanished_process_is_left_out() {
        let proc = machine(MACHINE, true).with("10/task/10/children", b"11 12 4711 ");
        assert_eq!(pids(proc.open().descendants(10, |_| true)), [11, 12, 13, 14]);
    }

    #[test]
    fn an_empty_directory_is_no_procfs() {
        assert_eq!(FakeProc::new().open().descendants(1, |_| true), None);
    }
}
