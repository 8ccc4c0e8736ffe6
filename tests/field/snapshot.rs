//! What a run has said of its processes when time was up: to people, and in the report.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Finished, Running, grpkill_timeout, start};

/// A run with a report.
pub struct Reported {
    pub run: Running,
    directory: TempDir,
}

/// What it has left.
#[derive(Debug)]
pub struct Ended {
    pub finished: Finished,
    pub report: Value,
}

impl Reported {
    /// Starts the program with these arguments, which `prepare` may add to.
    pub fn start(arguments: &[&str], prepare: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let mut command = grpkill_timeout();
        command.arg("--report").arg(directory.path().join("report")).args(arguments);
        Self { run: start(prepare(&mut command)), directory }
    }

    /// Waits for the end of all that it has started.
    pub fn finish(self) -> Ended {
        let finished = self.run.finish();
        let text = fs::read_to_string(self.directory.path().join("report")).expect("a report");
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let schema = include_str!("../../schema/report.schema.json");
        let schema = serde_json::from_str(schema).expect("the schema is JSON");
        if let Err(error) = jsonschema::validate(&schema, &report) {
            panic!("{error}: {text}");
        }
        Ended { finished, report }
    }
}

impl Ended {
    /// Asserts that the idle limit has ended it, and that both say so.
    pub fn assert_idle(&self, shown: &str) {
        let Self { finished, report } = self;
        assert_eq!((finished.code, &report["outcome"]), (124, &"idle".into()), "{self:?}");
        let reason = format!(": timed out, idle for {shown}\n");
        assert!(finished.stderr.contains(&reason), "{reason:?} is not in {finished:?}");
        assert_eq!(report["snapshot_complete"], true, "{self:?}");
    }

    /// The process that the command was started as.
    pub fn pid(&self) -> i32 {
        let pid = self.report["pid"].as_i64().expect("the command was started");
        pid.try_into().expect("a pid")
    }

    /// What people read of a process, on one line.
    pub fn text(&self, pid: i32) -> String {
        let beginning = format!("{pid:>9} ");
        let mut lines =
            self.finished.stderr.lines().skip_while(|line| !line.starts_with(&beginning));
        let first = lines.next().unwrap_or_else(|| panic!("{pid} is not in {self:?}"));
        // The notes that have no room beside a command are below it, where a pid would end.
        let notes = lines.take_while(|line| line.starts_with(&" ".repeat(10))).map(str::trim);
        [first].into_iter().chain(notes).collect::<Vec<_>>().join(" ")
    }

    /// Asserts that people read this of a process.
    pub fn assert_text(&self, pid: i32, expected: &str) {
        let text = self.text(pid);
        assert!(text.contains(expected), "{expected:?} is not in {text:?} of {self:?}");
    }

    /// A process of the snapshot in the report.
    pub fn process(&self, pid: i32) -> &Value {
        let processes = self.report["snapshot"].as_array().expect("a list");
        let process = processes.iter().find(|process| process["pid"] == pid);
        process.unwrap_or_else(|| panic!("{pid} is not in {self:?}"))
    }
}

/// The path of a program of the tests.
pub fn script(name: &str) -> String {
    format!("{}/tests/field/{name}", env!("CARGO_MANIFEST_DIR"))
}
