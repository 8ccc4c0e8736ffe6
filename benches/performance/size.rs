//! The size of the program.

use std::fs;

use crate::Extent;
use crate::measure::Spread;
use crate::process::ours;
use crate::table::{Bound, Table};

/// Adds the row.
pub fn measure(_: Extent, table: &mut Table) {
    let size = fs::metadata(ours()).expect("cargo has built it").len();
    Table::heading("the program");
    table.add("size, MB", Spread::of(vec![size as f64 / 1e6]), None, Bound::Value(1.5));
}
