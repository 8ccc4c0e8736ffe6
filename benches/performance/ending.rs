//! From the limit to the end of a command that obeys.

use std::time::{Duration, Instant};

use crate::Extent;
use crate::measure::Spread;
use crate::process::{Running, TIMEOUT, ours};
use crate::table::{Bound, Table};

/// A limit that passes by itself.
const LIMIT: Duration = Duration::from_millis(50);

/// Adds the rows. SIGALRM says to either program that the limit has passed now, so that the time
/// can be taken without the start of the run.
pub fn measure(extent: Extent, table: &mut Table) {
    let rounds = extent.choose(100, 4);
    let quiet: &[&str] = &[ours(), "-q", "600", "sleep", "600"];
    let telling: &[&str] = &[ours(), "600", "sleep", "600"];
    let theirs: &[&str] = &[TIMEOUT, "600", "sleep", "600"];
    let [quiet, telling, theirs] = in_turn(rounds, [quiet, telling, theirs], from_alarm);
    Table::heading("from the limit to our exit");
    table.add("sleep, with -q", quiet, Some(theirs), Bound::Ratio(1.1));
    table.add("sleep, with a snapshot", telling, Some(theirs), Bound::None);
    let quiet: &[&str] = &[ours(), "-q", ".05", "sleep", "600"];
    let theirs: &[&str] = &[TIMEOUT, ".05", "sleep", "600"];
    let [quiet, theirs] = in_turn(rounds, [quiet, theirs], past_limit);
    table.add("a whole run past 50 ms, -q", quiet, Some(theirs), Bound::None);
}

fn in_turn<const N: usize>(
    rounds: usize,
    commands: [&[&str]; N],
    measure: fn(&[&str]) -> Duration,
) -> [Spread; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (times, command) in times.iter_mut().zip(commands) {
            times.push(measure(command));
        }
    }
    times.map(Spread::of_times)
}

/// From the alarm to the end.
fn from_alarm(command: &[&str]) -> Duration {
    let running = Running::start(command);
    running.until_waiting("sleep");
    let begun = Instant::now();
    running.signal(libc::SIGALRM);
    running.wait().at - begun
}

/// What a run has taken beyond its limit.
fn past_limit(command: &[&str]) -> Duration {
    let begun = Instant::now();
    (Running::start(command).wait().at - begun).saturating_sub(LIMIT)
}
