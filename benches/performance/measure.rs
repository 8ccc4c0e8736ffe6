//! Numbers that were measured several times.

use std::time::Duration;

/// The middle of many measurements, and how far the middle half of them lies apart.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The first quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The third quartile.
    pub high: f64,
}

impl Spread {
    /// The spread of at least one number.
    pub fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        let at = |part: usize| numbers[(numbers.len() - 1) * part / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }

    /// The spread of times, in milliseconds.
    pub fn of_times(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(times.into_iter().map(milliseconds).collect())
    }
}

/// A time in milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
