//! Measures the program against the machine's timeout(1), both in turn in one process, so that what
//! else the machine does hits both alike. `docs/PERFORMANCE.md` tells what the rows mean.
//!
//! ```sh
//! cargo bench                # everything; some minutes
//! cargo bench -- --quick     # that it works; the figures mean little
//! cargo bench -- --check     # everything, and it fails where a figure is past its bound
//! cargo bench -- startup     # one section: startup, waiting, ending, members, crowd, many, size
//! ```
//!
//! `GRPKILL_PROGRAM` in the environment is the path of another build to be measured.

use std::process::ExitCode;

mod crowd;
mod ending;
mod many;
mod measure;
mod members;
mod process;
mod role;
mod size;
mod startup;
mod table;
mod waiting;

use table::Table;

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// As much as makes the figures good.
    Full,
    /// As little as shows that the measuring works.
    Quick,
}

impl Extent {
    /// One of two numbers.
    fn choose(self, full: usize, quick: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

type Section = fn(Extent, &mut Table);

const SECTIONS: [(&str, Section); 7] = [
    ("size", size::measure),
    ("startup", startup::measure),
    ("waiting", waiting::measure),
    ("ending", ending::measure),
    ("many", many::measure),
    ("crowd", crowd::measure),
    ("members", members::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if role::play(&arguments) {
        return ExitCode::SUCCESS;
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let extent = if has("--quick") { Extent::Quick } else { Extent::Full };
    let mut table = Table::begin();
    let chosen = |name: &str| !SECTIONS.iter().any(|(any, _)| has(any)) || has(name);
    for (name, measure) in SECTIONS {
        if chosen(name) {
            measure(extent, &mut table);
        }
    }
    if has("--check") && table.is_past_a_bound() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
