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
    /// It ends early when `goes_on` says so, and is not complete then.
    ///
    /// Costs two file reads for each descendant. Where the kernel has no lists of children
    /// (`CONFIG_PROC_CHILDREN`), it reads a file of each process on the machine instead. `None`
    /// means that neither could be read.
    ///
    /// This is one look, and what loses its parent meanwhile can be missed: it moves from a list
    /// that is still to be read to one that was. Who needs to be sure looks again until it sees
    /// the same twice.
    pub fn descendants(
        &self,
        ancestor: Pid,
        is_ours: impl Fn(&Stat) -> bool,
        goes_on: impl Fn() -> bool,
    ) -> Option<Vec<Stat>> {
        if let Some(children) = self.children(ancestor) {
            return Some(self.walk(children, |parent| self.children_of(parent), is_ours, goes_on));
        }
        let by_parent = self.children_by_parent(&goes_on)?;
        let children_of = |pid: Pid| by_parent.get(&pid).cloned().unwrap_or_default();
        Some(self.walk(children_of(ancestor), |parent| children_of(parent.pid), is_ours, goes_on))
    }

    fn walk(
        &self,
        children: Vec<Pid>,
        children_of: impl Fn(&Stat) -> Vec<Pid>,
        is_ours: impl Fn(&Stat) -> bool,
        goes_on: impl Fn() -> bool,
    ) -> Vec<Stat> {
        let stats = |pids: Vec<Pid>| {
            pids.into_iter().take_while(|_| goes_on()).filter_map(|pid| self.stat(pid))
        };
        let mut found: Vec<Stat> = stats(children).filter(|stat| is_ours(stat)).collect();
        // A process that is adopted by one further down the walk would be met twice.
        let mut seen: HashSet<Pid> = found.iter().map(|stat| stat.pid).collect();
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            // Only what lives can have children.
            if parent.is_alive() {
                let mut children = children_of(parent);
                children.retain(|pid| seen.insert(*pid));
                found.extend(stats(children));
            }
            next += 1;
        }
        found
    }

    /// The children of a process of one thread; `None` where the kernel does not list them, or the
    /// process is gone.
    pub fn children(&self, parent: Pid) -> Option<Vec<Pid>> {
        self.children_of_thread(&format!("{parent}/task/{parent}"))
    }

    /// The children of all threads of a process.
    fn children_of(&self, parent: &Stat) -> Vec<Pid> {
        if parent.threads == 1 {
            return self.children(parent.pid).unwrap_or_default();
        }
        let tasks = format!("{}/task", parent.pid);
        let threads = fs::read_dir(self.root.join(&tasks)).into_iter().flatten().flatten();
        let lists = threads.filter_map(|thread| {
            self.children_of_thread(&format!("{tasks}/{}", thread.file_name().to_str()?))
        });
        lists.flatten().collect()
    }

    fn children_of_thread(&self, thread: &str) -> Option<Vec<Pid>> {
        let list = self.read(&format!("{thread}/children")).ok()?;
        let numbers = std::str::from_utf8(&list).ok()?.split_ascii_whitespace();
        Some(numbers.filter_map(|number| number.parse().ok()).collect())
    }

    fn children_by_parent(&self, goes_on: impl Fn() -> bool) -> Option<HashMap<Pid, Vec<Pid>>> {
        let mut by_parent: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for entry in fs::read_dir(&self.root).ok()?.flatten().take_while(|_| goes_on()) {
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

    /// Processes as `(pid, parent, state)`, with or without lists of children. 11 has two threads.
    fn machine(processes: &[(Pid, Pid, char)], with_lists: bool) -> FakeProc {
        let mut proc = FakeProc::new();
        for (pid, ppid, state) in processes {
            let threads = if *pid == 11 { 2 } else { 1 };
            let stat = format!(
                "{pid} (p) {state} {ppid} 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 {threads} 0 {pid} 0"
            );
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
            assert_eq!(
                pids(proc.descendants(10, |_| true, || true)),
                [11, 12, 13, 14],
                "{with_lists}"
            );
            assert!(pids(proc.descendants(14, |_| true, || true)).is_empty());
        }
    }

    #[test]
    fn what_is_not_ours_is_left_out_with_all_below_it() {
        let proc = machine(MACHINE, true);
        assert_eq!(pids(proc.open().descendants(10, |stat| stat.pid != 11, || true)), [12]);
    }

    #[test]
    fn the_children_of_every_thread_are_found() {
        let proc = machine(MACHINE, true).with("11/task/99/children", b"20 ");
        assert_eq!(pids(proc.open().descendants(10, |_| true, || true)), [11, 12, 13, 14, 20, 21]);
    }

    #[test]
    fn a_vanished_process_is_left_out() {
        let proc = machine(MACHINE, true).with("10/task/10/children", b"11 12 4711 ");
        assert_eq!(pids(proc.open().descendants(10, |_| true, || true)), [11, 12, 13, 14]);
    }

    #[test]
    fn an_empty_directory_is_no_procfs() {
        assert_eq!(FakeProc::new().open().descendants(1, |_| true, || true), None);
    }

    #[test]
    fn a_walk_can_be_broken_off() {
        for with_lists in [true, false] {
            let proc = machine(MACHINE, with_lists);
            let left = std::cell::Cell::new(2);
            let goes_on = || left.replace(left.get() - 1) > 0;
            let found = proc.open().descendants(10, |_| true, goes_on);
            assert!(found.unwrap_or_default().len() <= 2);
        }
    }
}
