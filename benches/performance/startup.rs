//! What a run costs that needs no supervision: `true`.

use std::time::Instant;

use crate::Extent;
use crate::measure::{Spread, milliseconds};
use crate::process::{Running, TIMEOUT, ours};
use crate::table::{Bound, Table};

/// A command that does nothing, by its path.
const TRUE: &str = "/bin/true";

const BARE: &[&str] = &[TRUE];

/// What runs have taken beyond the bare command, by program, run and quantity.
type Added = [Vec<[f64; 3]>; 2];

/// Adds the rows: what each program adds to the bare command, run by run.
pub fn measure(extent: Extent, table: &mut Table) {
    let commands: [[&[&str]; 2]; 2] = [
        [&[ours(), "60", TRUE], &[TIMEOUT, "60", TRUE]],
        [&[ours(), "-k", "5", "60", TRUE], &[TIMEOUT, "-k", "5", "60", TRUE]],
    ];
    let (mut plain, mut with_option): (Added, Added) = Default::default();
    for _ in 0..extent.choose(1000, 20) {
        let bare = run(BARE);
        for (added, commands) in [&mut plain, &mut with_option].into_iter().zip(commands) {
            for (added, command) in added.iter_mut().zip(commands) {
                let run = run(command);
                added.push(std::array::from_fn(|index| run[index] - bare[index]));
            }
        }
    }
    Table::heading("added to a run of true");
    let mut add = |what, added: &Added, index: usize, bound| {
        let [ours, timeout] =
            added.each_ref().map(|runs| Spread::of(runs.iter().map(|run| run[index]).collect()));
        table.add(what, ours, Some(timeout), bound);
    };
    add("time", &plain, 0, Bound::Ratio(0.6));
    add("time, with -k", &with_option, 0, Bound::None);
    add("time on processors", &plain, 1, Bound::None);
    add("page faults", &plain, 2, Bound::None);
}

/// The time, the time on processors and the page faults of one run.
fn run(command: &[&str]) -> [f64; 3] {
    let begun = Instant::now();
    let ended = Running::start(command).wait();
    [milliseconds(ended.at - begun), milliseconds(ended.cpu), ended.page_faults as f64]
}
