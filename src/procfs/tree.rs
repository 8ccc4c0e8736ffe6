//! Who descends from whom.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::stat::Stat;
use super::{Pid, Proc};

/// What one look at a tree has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The processes, parents before their children.
    pub stats: Vec<Stat>,
    /// Whether nobody was there that could not be read, for want of descriptors, memory or time. Whom
    /// we may not see is not there for us.
    pub is_complete: bool,
}

impl Proc {
    /// The processes below `ancestor`, itself left out. A child of `ancestor` for which `is_ours` is
    /// false is left out with all below it.
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
    ) -> Option<Seen> {
        if let Some(children) = self.children(ancestor) {
            return Some(self.walk(children, |parent| self.children_of(parent), is_ours, goes_on));
        }
        let (by_parent, is_complete) = self.children_by_parent(&goes_on)?;
        let children_of = |pid: Pid| by_parent.get(&pid).cloned().unwrap_or_default();
        let seen =
            self.walk(children_of(ancestor), |parent| children_of(parent.pid), is_ours, goes_on);
        Some(Seen { is_complete: seen.is_complete && is_complete, ..seen })
    }

    fn walk(
        &self,
        children: Vec<Pid>,
        children_of: impl Fn(&Stat) -> Vec<Pid>,
        is_ours: impl Fn(&Stat) -> bool,
        goes_on: impl Fn() -> bool,
    ) -> Seen {
        let is_complete = Cell::new(true);
        let incomplete = || {
            is_complete.set(false);
            false
        };
        let stats = |pids: Vec<Pid>| {
            let going_on = pids.into_iter().take_while(|_| goes_on() || incomplete());
            going_on.filter_map(|pid| self.stat_or_else(pid, incomplete))
        };
        let mut found: Vec<Stat> = stats(children).filter(|stat| is_ours(stat)).collect();
        // A process that is adopted by one further down the walk would be met twice.
        let mut met: HashSet<Pid> = found.iter().map(|stat| stat.pid).collect();
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            if !goes_on() {
                incomplete();
                break;
            }
            // Only what lives can have children.
            if parent.is_alive() {
                let mut children = children_of(parent);
                children.retain(|pid| met.insert(*pid));
                found.extend(stats(children));
            }
            next += 1;
        }
        Seen { stats: found, is_complete: is_complete.get() }
    }

    /// A process, if there is one that we may see. Says where that is not known.
    fn stat_or_else<T>(&self, pid: Pid, unread: impl Fn() -> T) -> Option<Stat> {
        match self.try_stat(pid) {
            Ok(stat) => stat,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
            Err(_) => {
                unread();
                None
            }
        }
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

    /// The same for all processes, and whether all could be read.
    fn children_by_parent(
        &self,
        goes_on: impl Fn() -> bool,
    ) -> Option<(HashMap<Pid, Vec<Pid>>, bool)> {
        let mut by_parent: HashMap<Pid, Vec<Pid>> = HashMap::new();
        let is_complete = Cell::new(true);
        let incomplete = || is_complete.replace(false);
        for entry in fs::read_dir(&self.root).ok()?.flatten() {
            if !goes_on() {
                incomplete();
                break;
            }
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let stat = pid.and_then(|pid| self.stat_or_else(pid, incomplete));
            if let Some(stat) = stat {
                by_parent.entry(stat.ppid).or_default().push(stat.pid);
            }
        }
        (!by_parent.is_empty()).then_some((by_parent, is_complete.get()))
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

    fn pids(seen: Option<Seen>) -> Vec<Pid> {
        let seen = seen.unwrap();
        assert!(seen.is_complete, "{seen:?}");
        let mut pids: Vec<Pid> = seen.stats.iter().map(|stat| stat.pid).collect();
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
    fn who_cannot_be_read_makes_a_look_incomplete() {
        // As the kernel answers where there is no memory: an error, and not that nobody is there.
        let proc = machine(MACHINE, true).with("12/stat", b"nonsense");
        let seen = proc.open().descendants(10, |_| true, || true).unwrap();
        assert!(!seen.is_complete);
        assert_eq!(seen.stats.iter().map(|stat| stat.pid).collect::<Vec<_>>(), [11, 13, 14]);
    }

    #[test]
    fn a_walk_can_be_broken_off() {
        let chain: Vec<_> = (1..=50).map(|pid| (pid, pid - 1, 'S')).collect();
        for with_lists in [true, false] {
            let proc = machine(&chain, with_lists);
            let asked = std::cell::Cell::new(0);
            let goes_on = |most: u32| {
                asked.set(asked.get() + 1);
                asked.get() <= most
            };
            let all = proc.open().descendants(1, |_| true, || goes_on(u32::MAX)).unwrap();
            assert!(all.is_complete && all.stats.len() == 49, "{all:?}");
            let whole = asked.replace(0);
            let part = proc.open().descendants(1, |_| true, || goes_on(whole - 20)).unwrap();
            assert!(!part.is_complete, "{part:?}");
            assert_eq!(part.stats[..], all.stats[..part.stats.len()]);
            assert!((1..49).contains(&part.stats.len()), "{part:?}");
            // Who says that it does not go on is not asked again for each of the rest.
            assert!(asked.get() <= whole - 18, "{} of {whole}", asked.get());
        }
    }
}
