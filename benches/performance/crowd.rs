//! A small job beside many processes that are none of ours.

use std::time::{Duration, Instant};

use crate::Extent;
use crate::measure::Spread;
use crate::process::{Running, ours, own_path};
use crate::role::{Crowd, MEMBERS};
use crate::table::{Bound, Table};

/// Adds the rows: from the limit to our exit, in the crowd and without it.
pub fn measure(extent: Extent, table: &mut Table) {
    let (count, rounds) = (extent.choose(10_000, 100), extent.choose(30, 2));
    let mut times: [[Vec<Duration>; 2]; 2] = Default::default();
    // The crowd comes and goes, so that a change of the machine's own hits both.
    for _ in 0..extent.choose(3, 1) {
        for (place, size) in [count, 0].into_iter().enumerate() {
            let _crowd = Crowd::gather(size);
            for _ in 0..rounds {
                times[0][place].push(take_down("--quiet"));
                times[1][place].push(take_down("--color=never"));
            }
        }
    }
    Table::heading(&format!("three processes beside {count} others (reference: alone)"));
    let rows = ["to our exit, with -q", "to our exit, with a snapshot"];
    for (what, [beside, alone]) in rows.into_iter().zip(times) {
        let (beside, alone) = (Spread::of_times(beside), Spread::of_times(alone));
        table.add(what, beside, Some(alone), Bound::More(2.0));
    }
}

/// From the limit to our exit, where the job has three processes.
fn take_down(option: &str) -> Duration {
    let program = own_path();
    let running =
        Running::start_ready(&[ours(), option, "--signal=KILL", "600", &program, MEMBERS, "2"]);
    running.until_quiet();
    let begun = Instant::now();
    running.signal(libc::SIGALRM);
    running.wait().at - begun
}
