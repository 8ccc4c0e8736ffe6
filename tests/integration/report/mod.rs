//! `--report`: every report that a test asks for is valid by the schema, and is read back into
//! types that know every key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Finished, Running, grpkill_timeout, start};

mod contents;
mod destinations;
mod failures;
mod outcomes;
mod schema;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub version: u32,
    pub command: Vec<String>,
    pub pid: Option<i32>,
    pub pgid: Option<i32>,
    pub started: String,
    pub elapsed_ms: u64,
    pub limit_ms: Option<u64>,
    pub idle_limit_ms: Option<u64>,
    pub outcome: String,
    pub exit_status: i32,
    pub command_status: Option<CommandStatus>,
    pub signals_sent: Vec<SignalSent>,
    pub signals_received: Vec<SignalReceived>,
    pub usage: Option<Usage>,
    pub oom_kills: Option<u64>,
    pub hook: Option<Hook>,
    pub snapshot: Vec<Process>,
    pub snapshot_complete: bool,
    pub lingering: Option<Vec<Process>>,
}

impl Report {
    pub fn lingering(&self) -> &[Process] {
        self.lingering.as_deref().expect("they could be seen")
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum CommandStatus {
    Exited { code: i32 },
    Signaled { signal: String, core_dumped: bool },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSent {
    pub at_ms: u64,
    pub signal: String,
    pub target: String,
    pub pid: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalReceived {
    pub at_ms: u64,
    pub signal: String,
    pub sender_pid: i32,
    pub sender_uid: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub user_ms: u64,
    pub system_ms: u64,
    pub max_rss_kib: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    pub status: Option<i32>,
    pub elapsed_ms: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub pid: i32,
    pub ppid: i32,
    pub pgid: i32,
    pub sid: i32,
    pub uid: Option<u32>,
    pub state: Option<String>,
    pub age_ms: Option<u64>,
    pub name: Option<String>,
    pub command: Option<Vec<String>>,
    pub threads: Option<u32>,
    pub wait: Option<String>,
    pub in_group: bool,
    pub holds: Option<Vec<String>>,
    pub sockets: Option<Vec<Socket>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    pub protocol: String,
    pub local: Option<String>,
    pub remote: Option<String>,
    pub state: Option<String>,
    pub count: u64,
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../schema/report.schema.json");
    serde_json::from_str(text).expect("the schema is JSON")
});

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&SCHEMA).expect("the schema is a schema")
});

/// Reads one report, and checks that nothing in it is unknown, missing or of the wrong kind.
fn parse(line: &str) -> Report {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let errors: Vec<String> = VALIDATOR
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}: {line}");
    let report: Report =
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {line}"));
    // A key that may be null could be left out without serde's minding.
    assert_eq!(serde_json::to_value(&report).expect("it is plain data"), value);
    report
}

/// Reads whole lines, each one a report.
fn parse_all(text: &str) -> Vec<Report> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {text}");
    text.split_terminator('\n').map(parse).collect()
}

/// Reads all the reports in a file.
pub fn read_reports(path: &Path) -> Vec<Report> {
    parse_all(&fs::read_to_string(path).expect("the file of the reports can be read"))
}

/// A directory for the reports of one test, and the clock before its first run.
pub struct Reports {
    pub directory: TempDir,
    pub before: SystemTime,
}

impl Reports {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory, before: SystemTime::now() }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("reports")
    }

    /// The program with its reports sent here.
    pub fn program(&self) -> Command {
        let mut command = grpkill_timeout();
        command.arg("--report").arg(self.path());
        command
    }

    /// The one report that there is; what the clock says of it is plausible.
    pub fn only(&self) -> Report {
        let [report] = <[Report; 1]>::try_from(read_reports(&self.path())).expect("one report");
        let started = humantime::parse_rfc3339(&report.started).expect("RFC 3339");
        let elapsed = Duration::from_millis(report.elapsed_ms);
        let whole_ms = Duration::from_millis(1);
        assert!(report.started.ends_with('Z'), "{report:?}");
        assert!(started + whole_ms > self.before, "{report:?}");
        assert!(started + elapsed <= SystemTime::now(), "{report:?}");
        let sent: Vec<u64> = report.signals_sent.iter().map(|sent| sent.at_ms).collect();
        let received: Vec<u64> = report.signals_received.iter().map(|came| came.at_ms).collect();
        for at_ms in [sent, received] {
            assert!(at_ms.is_sorted(), "{report:?}");
            assert!(at_ms.iter().all(|at_ms| *at_ms <= report.elapsed_ms), "{report:?}");
        }
        report
    }
}

/// A run that reports.
pub struct Reported {
    pub began: Instant,
    pub run: Running,
    pub reports: Reports,
}

impl Reported {
    pub fn start(arguments: &[&str]) -> Self {
        let reports = Reports::new();
        let began = Instant::now();
        let run = start(reports.program().args(arguments));
        Self { began, run, reports }
    }

    /// Waits for the end of all that it has started.
    pub fn finish(self) -> (Finished, Report) {
        let finished = self.run.finish();
        let took = self.began.elapsed();
        let report = self.reports.only();
        assert_eq!(report.exit_status, finished.code, "{finished:?}");
        assert!(Duration::from_millis(report.elapsed_ms) <= took, "{report:?}");
        (finished, report)
    }
}

pub fn reported(arguments: &[&str]) -> Report {
    Reported::start(arguments).finish().1
}

impl Report {
    /// Each signal that was sent, and to what.
    pub fn sent(&self) -> Vec<(&str, &str, i32)> {
        let sent = self.signals_sent.iter();
        sent.map(|sent| (&*sent.signal, &*sent.target, sent.pid)).collect()
    }

    /// Each signal that came, and from whom.
    pub fn received(&self) -> Vec<(&str, i32, u32)> {
        let received = self.signals_received.iter();
        received.map(|came| (&*came.signal, came.sender_pid, came.sender_uid)).collect()
    }

    pub fn pid(&self) -> i32 {
        self.pid.expect("the command was started")
    }

    fn usage(&self) -> &Usage {
        self.usage.as_ref().expect("the command was started")
    }
}

/// This process and its user, as a signal from it shows them.
fn ourselves() -> (i32, u32) {
    // SAFETY: the call takes nothing and cannot fail.
    (std::process::id().cast_signed(), unsafe { libc::getuid() })
}

/// How a command is killed.
pub fn killed_by(signal: &str) -> CommandStatus {
    CommandStatus::Signaled { signal: signal.to_owned(), core_dumped: false }
}

/// Copies a program to where others can run it. Not by this process: a child that another thread
/// forks just then would have the copy open for writing, and nobody can run it as long as it does.
fn install(from: &str, to: &Path, mode: &str) {
    let installed = Command::new("install").args(["-m", mode, from]).arg(to).status();
    assert!(installed.expect("install can be run").success());
}
