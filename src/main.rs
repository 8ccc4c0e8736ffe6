//! A timeout command that takes down the whole job and does not return before it is gone. See
//! `docs/ARCHITECTURE.md` for how it is built.
#![cfg_attr(not(test), no_main)]

#[cfg(not(target_os = "linux"))]
compile_error!("grpkill-timeout needs Linux: it is built on subreapers, pidfds and /proc");

use std::ffi::OsString;
use std::io::Write as _;
use std::time::SystemTime;

use anyhow::{Context, Result};

mod allow;
mod cli;
mod console;
mod duration;
mod hook;
mod idle;
mod job;
mod ladder;
mod plan;
mod policy;
mod procfs;
mod progress;
mod record;
mod redact;
mod report;
mod report_file;
mod signal;
mod status;
mod supervise;
mod survey;
mod sys;

use cli::{Preset, Request};
use console::{Color, Console, Verbosity};
use plan::Plan;
use record::Record;
use report::{json, text};
use report_file::ReportFile;
use status::ExitStatus;

/// The entry point of C, and not of Rust: Rust's own would change what the command must find as we
/// found it, before we could look: it ignores SIGPIPE and opens closed standard descriptors.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
#[cfg_attr(test, expect(dead_code, reason = "the tests bring a main of their own"))]
extern "C" fn c_main(count: libc::c_int, argv: *const *const libc::c_char) -> libc::c_int {
    // SAFETY: these are what the C library calls main with.
    let arguments = unsafe { sys::arguments(count, argv) };
    // A panic unwinds, so that the leader's drop takes the job down, and ends here.
    let status = std::panic::catch_unwind(|| run(arguments)).unwrap_or(ExitStatus::FAILED);
    if let ExitStatus::Signal(signal) = status {
        sys::die_by(signal);
    }
    sys::exit(status.code())
}

/// Does all there is to do, and tells how to end.
fn run(arguments: Vec<OsString>) -> ExitStatus {
    let preset = Preset::of(arguments.first().map(OsString::as_os_str));
    let console = Console::new(preset.program(), Verbosity::Normal, Color::Auto);
    match request(preset, arguments) {
        Ok(Some(plan)) => execute(preset, &plan),
        Ok(None) => ExitStatus::SUCCESS,
        Err(error) => {
            console.error(&format!("{error:#}"));
            ExitStatus::FAILED
        }
    }
}

/// Reads the command line, and prints what it asks to be printed.
fn request(preset: Preset, arguments: Vec<OsString>) -> Result<Option<Box<Plan>>> {
    sys::stdio::reserve().context("cannot keep the standard descriptors apart")?;
    match cli::parse(preset, arguments)? {
        Request::Run(plan) => Ok(Some(plan)),
        Request::Print(text) => {
            let mut stdout = std::io::stdout();
            let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            written.context("cannot write to standard output")?;
            Ok(None)
        }
    }
}

fn execute(preset: Preset, plan: &Plan) -> ExitStatus {
    let console = Console::new(preset.program(), plan.verbosity, plan.color);
    let report = plan.report.as_deref().map(ReportFile::prepare);
    let started = SystemTime::now();
    let run = supervise::supervise(plan, &console);
    let exit_status = match &run {
        Ok(record) => record.exit_status(&plan.policy),
        Err(error) => error.exit_status(),
    };
    match &run {
        Ok(record) => tell(plan, record, &console),
        Err(error) => console.error(&error.to_string()),
    }
    if let Some(report) = report {
        let (command, policy) = (&plan.command[..], &plan.policy);
        let record = run.as_ref().ok();
        let run = json::Run { command, policy, started, record, exit_status };
        report.write(&json::line(&run), &console);
    }
    exit_status
}

/// Says how the run ended, as far as the user should know.
fn tell(plan: &Plan, record: &Record, console: &Console) {
    let is_own = plan.wording == text::Wording::Own;
    if is_own && let Some(line) = text::ended(&plan.command, &plan.policy, record) {
        console.notice(&line);
    }
    if plan.names_lingering
        && let Some(lines) = text::lingering(&plan.command, record, || console.style())
    {
        console.notice(&lines);
    }
    for line in text::survivors(record) {
        console.error(&line);
    }
    if is_own && console.is_verbose() {
        console.detail(&text::usage(record.outcome.leader, record.elapsed, &record.usage));
    }
}
