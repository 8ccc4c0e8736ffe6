//! What it costs to wait.

use std::thread;
use std::time::Duration;

use crate::Extent;
use crate::measure::Spread;
use crate::process::{Running, TIMEOUT, ours};
use crate::table::{Bound, Table};

/// A row: what, the file and the key of a process that tell it, and how far it may go.
const ROWS: [(&str, &str, &str, Bound); 2] = [
    ("resident at most, KiB", "status", "VmHWM:", Bound::Ratio(1.0)),
    ("private dirty, KiB", "smaps_rollup", "Private_Dirty:", Bound::Value(200.0)),
];

/// Adds the rows.
pub fn measure(extent: Extent, table: &mut Table) {
    let mut numbers: [[Vec<f64>; 2]; 2] = Default::default();
    for _ in 0..extent.choose(15, 2) {
        for (program, name) in [ours(), TIMEOUT].into_iter().enumerate() {
            let running = start(name);
            for (row, (_, file, key, _)) in ROWS.into_iter().enumerate() {
                numbers[row][program].push(running.field(file, key));
            }
            running.signal(libc::SIGTERM);
            running.wait();
        }
    }
    Table::heading("while it waits for sleep");
    for ((what, _, _, bound), [ours, timeout]) in ROWS.into_iter().zip(numbers) {
        table.add(what, Spread::of(ours), Some(Spread::of(timeout)), bound);
    }
    let seconds = extent.choose(5, 1);
    let both = [ours(), TIMEOUT].map(start);
    let before = both.each_ref().map(wake_ups);
    thread::sleep(Duration::from_secs(seconds as u64));
    let [ours, timeout] = [0, 1].map(|program| wake_ups(&both[program]) - before[program]);
    for running in both {
        running.signal(libc::SIGTERM);
        running.wait();
    }
    let one = |number| Spread::of(vec![number]);
    table.add(
        &format!("wake-ups in {seconds} s"),
        one(ours),
        Some(one(timeout)),
        Bound::Value(0.0),
    );
}

fn start(program: &str) -> Running {
    let running = Running::start(&[program, "600", "sleep", "600"]);
    running.until_waiting("sleep");
    running
}

fn wake_ups(running: &Running) -> f64 {
    running.field("status", "voluntary_ctxt_switches:")
        + running.field("status", "nonvoluntary_ctxt_switches:")
}
