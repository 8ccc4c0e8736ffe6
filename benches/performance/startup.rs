//! What a run costs that needs no supervision: `true`.

use std::time::Instant;

use crate::Extent;
use crate::measure::{Spread, milliseconds};
use crate::process::{OURS, Running, TIMEOUT};
use crate::table::{Bound, Table};

/// A command that does nothing, by its path.
const TRUE: &str = "/bin/true";

const COMMANDS: [&[&str]; 3] = [&[TRUE], &[OURS, "60", TRUE], &[TIMEOUT, "60", TRUE]];

/// Adds the rows: what each program adds to the bare command, run by run.
pub fn measure(extent: Extent, table: &mut Table) {
    let mut added: [Vec<[f64; 3]>; 2] = Default::default();
    for _ in 0..extent.choose(1000, 20) {
        let [bare, ours, timeout] = COMMANDS.map(run);
        for (added, run) in added.iter_mut().zip([ours, timeout]) {
            added.push(std::array::from_fn(|index| run[index] - bare[index]));
        }
    }
    Table::heading("added to a run of true");
    let bounds = [Bound::Ratio(0.6), Bound::None, Bound::None];
    for (index, what) in ["time", "time on processors", "page faults"].into_iter().enumerate() {
        let [ours, timeout] =
            [0, 1].map(|program| Spread::of(added[program].iter().map(|run| run[index]).collect()));
        table.add(what, ours, Some(timeout), bounds[index]);
    }
}

/// The time, the time on processors and the page faults of one run.
fn run(command: &[&str]) -> [f64; 3] {
    let begun = Instant::now();
    let ended = Running::start(command).wait();
    [milliseconds(ended.at - begun), milliseconds(ended.cpu), ended.page_faults as f64]
}
