//! The manual tells all that there is to tell. That it knows all options is tested in `options`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::harness::{has_program, run};

const MANUAL: &str = include_str!("../../man/grpkill-timeout.1");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/man/grpkill-timeout.1");

/// The lines of a section.
fn section(name: &str) -> &'static str {
    let (_, rest) = MANUAL.split_once(&format!(".Sh {name}\n")).expect("the section is there");
    rest.split_once("\n.Sh ").map_or(rest, |(section, _)| section)
}

/// The names of all fields, of the report itself and of what is in it.
fn fields(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        found.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(object) => object.values().for_each(|value| fields(value, found)),
        Value::Array(values) => values.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_report_is_described() {
    let schema = serde_json::from_str(include_str!("../../schema/report.schema.json")).unwrap();
    let mut names = BTreeSet::new();
    fields(&schema, &mut names);
    assert!(names.contains("elapsed_ms") && names.contains("remote"), "{names:?}");
    let described: BTreeSet<&str> = section("REPORT").split_whitespace().collect();
    for name in &names {
        assert!(described.contains(name.as_str()), "the manual does not describe {name}");
    }
}

#[test]
fn every_state_is_in_the_table() {
    let machine = include_str!("../../src/policy/machine.rs");
    let rows = machine.lines().filter_map(|line| line.strip_prefix("//! | "));
    let states: Vec<&str> = rows.filter_map(|row| row.split(' ').next()).collect();
    assert!(states.contains(&"Running"), "{states:?}");
    for state in states.into_iter().filter(|state| !["state", "---", "Done"].contains(state)) {
        let row = format!("\n.It {state} Ta ");
        assert!(section("SIGNALS").contains(&row), "the manual does not have {state}");
    }
}

#[test]
fn it_is_well_formed_and_fits_a_terminal() {
    if !has_program("mandoc") {
        return;
    }
    let lint = run(Command::new("mandoc").args(["-Tlint", "-Wwarning", PATH]));
    assert_eq!((lint.code, lint.stdout.as_str()), (0, ""));
    let shown = run(Command::new("mandoc").args(["-Tutf8", "-Owidth=80", PATH]));
    assert_eq!(shown.code, 0);
    // Bold is a letter, a backspace and the letter again.
    let plain = |line: &str| {
        line.chars().fold(String::new(), |mut text, next| {
            if next == '\u{8}' {
                text.pop();
            } else {
                text.push(next);
            }
            text
        })
    };
    for line in shown.stdout.lines().map(plain) {
        assert!(line.chars().count() <= 80, "{line:?} is too long");
    }
}
