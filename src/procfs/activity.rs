//! What processes are doing, told from two looks at them.
//!
//! A send or receive on a socket is not in `/proc/PID/io`, a read or write is; what cannot be read
//! there, since the process is another user's, counts by its CPU time alone.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stat::{Identity, Stat};
use super::{Pid, Proc, status_field};

/// What processes had done by one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Vec<(Identity, Work)>", from = "Vec<(Identity, Work)>")]
pub struct Sample(HashMap<Identity, Work>);

impl From<Sample> for Vec<(Identity, Work)> {
    fn from(sample: Sample) -> Self {
        sample.0.into_iter().collect()
    }
}

impl From<Vec<(Identity, Work)>> for Sample {
    fn from(work: Vec<(Identity, Work)>) -> Self {
        Self(work.into_iter().collect())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    /// Bytes read and written.
    io: Option<u64>,
    /// Grows with each child that was waited for, however short its life.
    child_faults: u64,
    cpu: Duration,
    /// Whether it was running, or was about to as soon as there is a processor for it.
    runs: bool,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whether a byte was read or written, a process has started or ended, or one is running.
    pub active: bool,
    /// The time that those have run who are there in both.
    pub cpu: Duration,
}

impl Sample {
    /// What has happened since an earlier sample.
    pub fn since(&self, earlier: &Self) -> Difference {
        let mut difference =
            Difference { active: self.0.len() != earlier.0.len(), cpu: Duration::ZERO };
        for (process, now) in &self.0 {
            let Some(then) = earlier.0.get(process) else {
                difference.active = true;
                continue;
            };
            difference.active |= (now.io, now.child_faults) != (then.io, then.child_faults);
            difference.active |= now.runs;
            // Threads that have ended take their time with them.
            difference.cpu += now.cpu.saturating_sub(then.cpu);
        }
        difference
    }
}

impl Proc {
    /// What these processes, those of them that are alive, have done by now. `tick` is the unit of
    /// [`Stat::cpu_ticks`].
    pub fn sample(&self, processes: &[Stat], tick: Duration) -> Sample {
        // One of us further down reads all the time to see whether others do.
        let own_name = self.stat_at("self").map(|stat| stat.name);
        let alive = processes.iter().filter(|stat| stat.is_alive());
        let work = |stat: &Stat| {
            let reads = own_name.as_ref() != Some(&stat.name);
            (stat.identity(), self.work(stat, tick, reads))
        };
        Sample(alive.map(work).collect())
    }

    fn work(&self, stat: &Stat, tick: Duration, reads: bool) -> Work {
        let ticks = Duration::from_nanos((tick.as_nanos() as u64).saturating_mul(stat.cpu_ticks));
        Work {
            io: reads.then(|| self.bytes_moved(stat.pid)).flatten(),
            child_faults: stat.child_faults,
            cpu: self.time_run(stat).unwrap_or(ticks),
            // One of us that looks when we do would run each time.
            runs: reads && stat.state == 'R',
        }
    }

    fn bytes_moved(&self, pid: Pid) -> Option<u64> {
        let io = self.may_ask(pid).then(|| self.read(&format!("{pid}/io")))?.ok()?;
        let number = |key| std::str::from_utf8(status_field(&io, key)?).ok()?.parse::<u64>().ok();
        Some(number(b"rchar:")?.wrapping_add(number(b"wchar:")?))
    }

    /// The time that the threads of a process have run, to a nanosecond; `None` where the kernel
    /// does not count it.
    fn time_run(&self, stat: &Stat) -> Option<Duration> {
        if stat.threads == 1 {
            return self.time_of_thread(&format!("{}/schedstat", stat.pid));
        }
        let tasks = format!("{}/task", stat.pid);
        let threads = fs::read_dir(self.root.join(&tasks)).ok()?.flatten();
        let times = threads.filter_map(|thread| {
            self.time_of_thread(&format!("{tasks}/{}/schedstat", thread.file_name().to_str()?))
        });
        times.reduce(|sum, time| sum + time)
    }

    fn time_of_thread(&self, path: &str) -> Option<Duration> {
        let line = self.read(path).ok()?;
        let nanoseconds = std::str::from_utf8(&line).ok()?.split_ascii_whitespace().next()?;
        Some(Duration::from_nanos(nanoseconds.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::FakeProc;
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    fn stat(pid: Pid, state: char, threads: u32, child_faults: u64) -> Stat {
        let line = format!(
            "{pid} (p) {state} 1 1 1 0 0 0 0 {child_faults} 0 0 3 4 0 0 0 0 {threads} 0 {pid} 0"
        );
        Stat::parse(line.as_bytes()).unwrap()
    }

    fn machine(bytes: u64, nanoseconds: u64) -> FakeProc {
        FakeProc::new()
            .with("7/io", format!("rchar: {bytes}\nwchar: 5\nsyscr: 1\n").as_bytes())
            .with("7/schedstat", format!("{nanoseconds} 12 3\n").as_bytes())
            .with("8/task/8/schedstat", format!("{nanoseconds} 12 3\n").as_bytes())
            .with("8/task/9/schedstat", b"100 12 3\n")
    }

    fn sample(proc: &FakeProc, stats: &[Stat]) -> Sample {
        proc.open().sample(stats, TICK)
    }

    #[test]
    fn nothing_is_no_activity() {
        let stats = [stat(7, 'S', 1, 0), stat(8, 'S', 2, 0)];
        let (before, after) = (machine(10, 1000), machine(10, 1500));
        let difference = sample(&after, &stats).since(&sample(&before, &stats));
        assert_eq!(difference, Difference { active: false, cpu: Duration::from_micros(1) });
    }

    #[test]
    fn a_byte_a_start_and_an_end_are_activity() {
        let (seven, eight) = (stat(7, 'S', 1, 0), stat(8, 'S', 1, 0));
        let alone = [seven.clone()];
        let both = [seven.clone(), eight.clone()];
        let (quiet, moved) = (machine(10, 0), machine(11, 0));
        let before = sample(&quiet, &alone);
        assert!(sample(&moved, &alone).since(&before).active);
        assert!(sample(&quiet, &both).since(&before).active);
        assert!(before.since(&sample(&quiet, &both)).active);
        let replaced = Stat { start: 99, ..seven.clone() };
        assert!(sample(&quiet, &[replaced]).since(&before).active);
        // A child that came and went between the samples.
        assert!(
            sample(&quiet, &[Stat { child_faults: 30, ..seven.clone() }]).since(&before).active
        );
        // One that waits for a processor is not idle, though it gets none.
        assert!(sample(&quiet, &[Stat { state: 'R', ..seven.clone() }]).since(&before).active);
        // One that has become a zombie has ended.
        assert!(sample(&quiet, &[Stat { state: 'Z', ..seven }]).since(&before).active);
    }

    #[test]
    fn one_of_us_may_read_as_much_as_it_likes() {
        let stats = [stat(7, 'S', 1, 0)];
        let line = |name: &str| format!("1 ({name}) S 0 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 1 0");
        let own = |name: &str, bytes| machine(bytes, 0).with("self/stat", line(name).as_bytes());
        for (name, active) in [("p", false), ("q", true)] {
            let (before, after) = (own(name, 10), own(name, 11));
            let difference = sample(&after, &stats).since(&sample(&before, &stats));
            assert_eq!(difference.active, active);
        }
    }

    #[test]
    fn what_cannot_be_read_counts_by_its_time() {
        let none = FakeProc::new();
        let (before, after) = (stat(7, 'S', 1, 0), stat(7, 'S', 1, 0));
        let after = Stat { cpu_ticks: after.cpu_ticks + 2, ..after };
        let difference = sample(&none, &[after]).since(&sample(&none, &[before]));
        assert_eq!(difference, Difference { active: false, cpu: 2 * TICK });
    }
}
