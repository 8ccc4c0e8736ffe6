//! Many supervisors at once.

use crate::Extent;
use crate::measure::{Spread, milliseconds};
use crate::process::{Ended, Running, TIMEOUT, ours};
use crate::table::{Bound, Table};

/// Adds the row: the time on processors of so many supervisors, without that of the commands.
pub fn measure(extent: Extent, table: &mut Table) {
    let (count, rounds) = (extent.choose(300, 20), extent.choose(5, 1));
    let commands: [&[&str]; 3] =
        [&["sleep", "1"], &[ours(), "60", "sleep", "1"], &[TIMEOUT, "60", "sleep", "1"]];
    let mut added: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        let [bare, ours, timeout] = commands.map(|command| cpu(count, command));
        added[0].push(ours - bare);
        added[1].push(timeout - bare);
    }
    let [ours, timeout] = added.map(Spread::of);
    Table::heading(&format!("{count} at once over sleep 1"));
    table.add("added time on processors", ours, Some(timeout), Bound::Ratio(1.0));
}

/// The milliseconds on processors of so many runs at once.
fn cpu(count: usize, command: &[&str]) -> f64 {
    let all: Vec<Running> = (0..count).map(|_| Running::start(command)).collect();
    all.into_iter().map(Running::wait).map(|Ended { cpu, .. }| milliseconds(cpu)).sum()
}
