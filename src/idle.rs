//! When a tree that does nothing has done so for too long: `--idle`.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::procfs::activity::Sample;

/// How many samples are taken in the time that the tree may do nothing, unless that makes them too
/// many or too few.
const SAMPLES: u32 = 8;

const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// How many intervals a sample may be late before that is a pause of everybody.
const PAUSE: u32 = 4;

/// The part of one core that a tree may use and still do nothing: a hundredth.
const BUSY: u32 = 100;

/// Watches for a whole period in which nothing happened.
#[derive(Debug)]
pub struct IdleWatch {
    limit: Duration,
    interval: Duration,
    next_at: Instant,
    /// When something was last seen to have happened.
    active_at: Instant,
    last: Sample,
    /// The time that the tree has run between two samples, by the time of the later one.
    ran: VecDeque<(Instant, Duration)>,
}

impl IdleWatch {
    /// A watch that begins now.
    pub fn new(limit: Duration, now: Instant) -> Self {
        let interval = (limit / SAMPLES).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        Self {
            limit,
            interval,
            next_at: now + interval,
            active_at: now,
            last: Sample::default(),
            ran: VecDeque::new(),
        }
    }

    /// Begins anew: we have been stopped with the command, and it had no time to do anything.
    pub fn restart(&mut self, now: Instant) {
        *self = Self::new(self.limit, now);
    }

    /// When the next sample is to be taken.
    pub fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Takes a sample, and whether a process has ended unseen since the last one. Returns whether
    /// the tree has done nothing for the whole limit. Where nothing could be seen that is not known.
    pub fn is_idle(&mut self, now: Instant, sample: Option<Sample>, reaped: bool) -> bool {
        let late = now.saturating_duration_since(self.next_at);
        self.next_at = now + self.interval;
        if late > self.interval * PAUSE {
            // We were frozen, and so was the tree: nobody could do anything.
            self.restart(now);
            return false;
        }
        let Some(sample) = sample else {
            self.active_at = now;
            return false;
        };
        let difference = sample.since(&self.last);
        self.last = sample;
        if difference.active || reaped {
            self.active_at = now;
        }
        self.ran.push_back((now, difference.cpu));
        let began = now.checked_sub(self.limit);
        while self.ran.front().is_some_and(|(at, _)| began.is_some_and(|began| *at <= began)) {
            self.ran.pop_front();
        }
        let ran: Duration = self.ran.iter().map(|(_, cpu)| *cpu).sum();
        now.duration_since(self.active_at) >= self.limit && ran.saturating_mul(BUSY) < self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(8);
    const SECOND: Duration = Duration::from_secs(1);

    /// When a tree that does nothing but at these seconds is called idle. Each of them is a process
    /// that ends, since an empty sample has no other way to differ.
    fn idle_after(active: &[u32]) -> u32 {
        let began = Instant::now();
        let mut watch = IdleWatch::new(LIMIT, began);
        (1..100)
            .find(|second| {
                let reaped = active.contains(second);
                watch.is_idle(began + SECOND * *second, Some(Sample::default()), reaped)
            })
            .expect("it ends at some time")
    }

    #[test]
    fn the_whole_limit_must_be_without_activity() {
        assert_eq!(idle_after(&[]), 8);
        assert_eq!(idle_after(&[1]), 9);
        assert_eq!(idle_after(&[1, 8, 15]), 23);
    }

    #[test]
    fn who_was_stopped_has_the_whole_time_again() {
        let began = Instant::now();
        let mut watch = IdleWatch::new(LIMIT, began);
        let mut idle_at =
            |second: u32| watch.is_idle(began + second * SECOND, Some(Sample::default()), false);
        assert!((1..=7).all(|second| !idle_at(second)));
        watch.restart(began + 100 * SECOND);
        let mut idle_at =
            |second: u32| watch.is_idle(began + second * SECOND, Some(Sample::default()), false);
        assert!((101..=107).all(|second| !idle_at(second)));
        assert!(idle_at(108));
    }

    #[test]
    fn what_could_not_be_seen_is_not_idle() {
        let began = Instant::now();
        let mut watch = IdleWatch::new(LIMIT, began);
        assert!((1..50).all(|second| !watch.is_idle(began + second * SECOND, None, false)));
    }

    #[test]
    fn the_shortest_limit_is_one_too() {
        let began = Instant::now();
        let mut watch = IdleWatch::new(Duration::from_nanos(1), began);
        assert!(watch.is_idle(began + SHORTEST_INTERVAL, Some(Sample::default()), false));
    }

    #[test]
    fn a_pause_of_everybody_is_not_idle() {
        let began = Instant::now();
        let mut watch = IdleWatch::new(LIMIT, began);
        assert!(!watch.is_idle(began + SECOND, Some(Sample::default()), false));
        assert!(!watch.is_idle(began + 100 * SECOND, Some(Sample::default()), false));
        let idle = (101..=108)
            .map(|second| watch.is_idle(began + second * SECOND, Some(Sample::default()), false));
        assert_eq!(idle.filter(|idle| *idle).count(), 1);
    }

    #[test]
    fn samples_are_neither_too_many_nor_too_few() {
        let now = Instant::now();
        for (limit, interval) in [
            (Duration::from_secs(8), Duration::from_secs(1)),
            (Duration::from_millis(20), SHORTEST_INTERVAL),
            (Duration::from_hours(5), LONGEST_INTERVAL),
            (Duration::MAX, LONGEST_INTERVAL),
        ] {
            assert_eq!(IdleWatch::new(limit, now).next_at(), now + interval);
        }
    }
}
