//! The table of what was measured, a line as soon as it is known, in 80 columns.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use crate::measure::Spread;
use crate::process::{TIMEOUT, ours};

/// What a measurement is compared with, and how far it may go.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// So many times the reference.
    Ratio(f64),
    /// So much more than the reference.
    More(f64),
    /// This itself, whatever the reference.
    Value(f64),
    /// It is told and not judged; its ratio to the reference is told where there is one.
    None,
}

/// The table, up to where it has been printed.
#[derive(Debug)]
pub struct Table {
    past_a_bound: bool,
}

impl Table {
    /// Says what is compared on which machine, and begins the table.
    pub fn begin() -> Self {
        let version = Command::new(TIMEOUT).arg("--version").output();
        let version = version.expect("timeout(1) is there to compare with").stdout;
        let version = String::from_utf8_lossy(&version);
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let processor = info.lines().find_map(|line| line.strip_prefix("model name\t: "));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        line(&format!("ours       {}", ours()));
        line(&format!("reference  {}", version.lines().next().unwrap_or_default()));
        line(&format!(
            "machine    {} × {cores}, Linux {}",
            processor.unwrap_or("unknown processor"),
            read("/proc/sys/kernel/osrelease").trim()
        ));
        line("\nmedian (quartiles); times in ms\n");
        line(&row("", "ours", "reference", "", "bound"));
        Self { past_a_bound: false }
    }

    /// Says what the next rows are about.
    pub fn heading(text: &str) {
        line(&format!("\n{text}"));
    }

    /// Adds a row.
    pub fn add(&mut self, what: &str, ours: Spread, reference: Option<Spread>, bound: Bound) {
        let ratio = reference.map(|reference| ours.median / reference.median);
        let more = reference.map(|reference| ours.median - reference.median);
        let (figure, most, sign) = match bound {
            Bound::Ratio(most) => (ratio, Some(most), "×"),
            Bound::More(most) => (more, Some(most), "+"),
            Bound::Value(most) => (Some(ours.median), Some(most), ""),
            Bound::None => (ratio, None, "×"),
        };
        let is_past = figure.zip(most).is_some_and(|(figure, most)| figure > most);
        self.past_a_bound |= is_past;
        let mark = if is_past { "!" } else { "" };
        line(&row(
            what,
            &spread(ours),
            &reference.map(spread).unwrap_or_default(),
            &figure.map(|figure| format!("{mark}{sign}{}", number(figure))).unwrap_or_default(),
            &most.map(|most| format!("{sign}{most}")).unwrap_or_default(),
        ));
    }

    /// Whether a row was past its bound.
    pub fn is_past_a_bound(&self) -> bool {
        self.past_a_bound
    }
}

fn row(what: &str, ours: &str, reference: &str, figure: &str, bound: &str) -> String {
    format!("{what:<29}{ours:>18}{reference:>18}{figure:>8}{bound:>7}").trim_end().to_owned()
}

fn spread(spread: Spread) -> String {
    let Spread { low, median, high } = spread;
    format!("{} ({}-{})", number(median), number(low), number(high))
}

/// Three digits of a number, or all before its point.
fn number(number: f64) -> String {
    let digits = match number.abs() {
        0.0 | 100.0.. => 0,
        10.0..100.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$}")
}

/// Whoever reads the table may have gone, which is no reason to panic.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
