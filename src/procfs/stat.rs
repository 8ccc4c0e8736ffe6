//! `/proc/PID/stat`, see proc(5).
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Pid, status_field};

/// One process, as the kernel saw it at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The process id.
    pub pid: Pid,
    /// The file name of the executable, cut to 15 bytes; a process can make it anything.
    pub name: String,
    /// One letter: R, S, D, T, t, Z, X, I…, or [`UNKNOWN_STATE`].
    pub state: char,
    /// The parent.
    pub ppid: Pid,
    /// The process group.
    pub pgid: Pid,
    /// The session.
    pub session: Pid,
    /// The number of threads.
    pub threads: u32,
    /// Page faults of the children that it has waited for: a number that grows with each of them.
    pub child_faults: u64,
    /// The time that all its threads have run, in clock ticks.
    pub cpu_ticks: u64,
    /// When it started, in clock ticks since boot: with the process id it names one process. 0 where
    /// that is not known.
    pub start: u64,
}

/// The state of a process of which `/proc` tells nothing: its name and its threads are not known either.
pub const UNKNOWN_STATE: char = '?';

/// A process and no other: its id, and when it started. Ids are used again.
pub type Identity = (Pid, u64);

/// The fields that we use, counted from the one after the name, which is the state.
const PPID: usize = 1;
const PGRP: usize = 2;
const SESSION: usize = 3;
const CHILD_MINOR_FAULTS: usize = 8;
const CHILD_MAJOR_FAULTS: usize = 10;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const NUM_THREADS: usize = 17;
const START_TIME: usize = 19;

impl Stat {
    /// Its name as ps(1) shows it where there is no command line.
    pub fn bracketed_name(&self) -> String {
        format!("[{}]", self.name)
    }

    /// Reads the one line of the file; `None` where it is something else, or cut off.
    pub fn parse(line: &[u8]) -> Option<Self> {
        // The name may hold anything, closing parentheses and newlines among it; no later field
        // holds a parenthesis.
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let name = line.get(open + 1..close)?;
        let pid = std::str::from_utf8(&line[..open]).ok()?.trim_end().parse().ok()?;
        let rest = std::str::from_utf8(&line[close + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let mut state = fields.first()?.chars();
        let state = state.next().filter(|_| state.next().is_none())?;
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid,
            name: String::from_utf8_lossy(name).into_owned(),
            state,
            ppid: fields.get(PPID)?.parse().ok()?,
            pgid: fields.get(PGRP)?.parse().ok()?,
            session: fields.get(SESSION)?.parse().ok()?,
            threads: fields.get(NUM_THREADS)?.parse().ok()?,
            child_faults: number(CHILD_MINOR_FAULTS)?.wrapping_add(number(CHILD_MAJOR_FAULTS)?),
            cpu_ticks: number(USER_TIME)?.wrapping_add(number(SYSTEM_TIME)?),
            start: number(START_TIME)?,
        })
    }

    /// Reads `/proc/PID/status` instead, which always answers, and where the times are not to be
    /// found; `None` where it is something else.
    pub fn of_status(pid: Pid, status: &[u8]) -> Option<Self> {
        let text = |key| std::str::from_utf8(status_field(status, key)?).ok();
        // Of the numbers in several namespaces the first is the mount's.
        let number = |key| text(key)?.split_ascii_whitespace().next()?.parse::<Pid>().ok();
        Some(Self {
            pid,
            name: String::from_utf8_lossy(status_field(status, b"Name:")?).into_owned(),
            state: text(b"State:")?.chars().next()?,
            ppid: number(b"PPid:")?,
            pgid: number(b"NSpgid:")?,
            session: number(b"NSsid:")?,
            threads: u32::try_from(number(b"Threads:")?).ok()?,
            child_faults: 0,
            cpu_ticks: 0,
            start: 0,
        })
    }

    /// Whether this is the process that was seen before with the same number. Where it is not known
    /// when they started, by where they are.
    pub fn is_same_as(&self, before: &Self) -> bool {
        let place = |stat: &Self| (stat.pid, stat.ppid, stat.pgid, stat.session);
        match (self.start, before.start) {
            (0, _) | (_, 0) => place(self) == place(before),
            _ => self.identity() == before.identity(),
        }
    }

    /// What names the process for ever.
    pub fn identity(&self) -> Identity {
        (self.pid, self.start)
    }

    /// Whether anything of the process still runs. One whose main thread has ended is shown as a
    /// zombie although its other threads go on.
    pub fn is_alive(&self) -> bool {
        self.has_main_thread() || self.threads > 1
    }

    /// Whether the main thread, or the thread that this is, has not ended.
    pub fn has_main_thread(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(name: &[u8], state: &str, threads: u32) -> Vec<u8> {
        let rest = format!(
            ") {state} 41 42 43 34816 42 4194304 120 70 0 7 1 2 0 0 20 0 {threads} 0 987654 2789376 \
             191 18446744073709551615 1 1 0 0 0 0 0 4096 81922 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        [b"4242 (", name, rest.as_bytes()].concat()
    }

    #[test]
    fn a_plain_line_is_read() {
        let stat = Stat::parse(&line(b"sleep", "S", 1)).unwrap();
        let expected = Stat {
            pid: 4242,
            name: "sleep".to_owned(),
            state: 'S',
            ppid: 41,
            pgid: 42,
            session: 43,
            threads: 1,
            child_faults: 77,
            cpu_ticks: 3,
            start: 987_654,
        };
        assert_eq!(stat, expected);
    }

    #[test]
    fn no_name_deceives() {
        for name in [&b"a) R 1 (b"[..], b")", b"(", b"", b"a\nb", b") Z 0 0 0 (", b"\xff\xfe"] {
            let stat = Stat::parse(&line(name, "S", 1)).unwrap();
            assert_eq!((stat.pid, stat.state, stat.ppid), (4242, 'S', 41), "{name:?}");
            assert_eq!(stat.name, String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn a_kernel_thread_is_read() {
        let stat = Stat::parse(
            b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0 18446744073709551615 \
              0 0 0 0 0 0 0 2147483647 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        );
        assert_eq!(stat.map(|stat| (stat.pgid, stat.session)), Some((0, 0)));
    }

    #[test]
    fn a_zombie_with_threads_is_alive() {
        assert!(Stat::parse(&line(b"x", "S", 1)).unwrap().is_alive());
        assert!(Stat::parse(&line(b"x", "T", 1)).unwrap().is_alive());
        assert!(!Stat::parse(&line(b"x", "Z", 1)).unwrap().is_alive());
        assert!(Stat::parse(&line(b"x", "Z", 2)).unwrap().is_alive());
    }

    #[test]
    fn a_truncated_line_is_no_process() {
        let whole = line(b"x", "S", 1);
        let start_time = whole.windows(6).position(|bytes| bytes == b"987654").unwrap();
        for length in 0..start_time {
            assert_eq!(Stat::parse(&whole[..length]), None, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stat::parse(&bytes);
        }

        #[test]
        fn no_name_panics_or_deceives(name in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Stat::parse(&line(&name, "R", 3)).map(|stat| stat.ppid), Some(41));
        }
    }
}
