//! A timeout command that takes down the whole job and does not return before it is gone. See
//! `docs/ARCHITECTURE.md` for how it is built.
#![cfg_attr(not(test), no_main)]

#[cfg(not(target_os = "linux"))]
compile_error!("grpkill-timeout needs Linux: it is built on subreapers, pidfds and /proc");

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::PanicHookInfo;
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
mod path;
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
use console::Console;
use plan::{Color, Plan, Verbosity};
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
    let status = run(arguments);
    if let ExitStatus::Signal(signal) = status {
        sys::die_by(signal);
    }
    sys::exit(status.code())
}

/// Does all there is to do, and tells how to end.
fn run(arguments: Vec<OsString>) -> ExitStatus {
    let preset = Preset::of(arguments.first().map(OsString::as_os_str));
    std::panic::set_hook(Box::new(move |panic| fail(preset, panic)));
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

/// What a panic does. It must not unwind, which costs a release a sixteenth of its size; the job is
/// taken down here instead, before anything that could fail or wait.
fn fail(preset: Preset, panic: &PanicHookInfo<'_>) -> ! {
    sys::last_resort::take_down();
    let what = panic.payload_as_str().unwrap_or("unknown");
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    Console::new(preset.program(), Verbosity::Quiet, Color::Auto)
        .error(&format!("internal error, please report it: {what}{place}"));
    sys::exit(ExitStatus::FAILED.code())
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
        && let Some(lines) =
            text::lingering(&plan.command, &plan.policy, record, || console.style())
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// Set where the test below has started itself, to fail as the program would.
    const ROLE: &str = "GRPKILL_TEST_PANIC";

    #[test]
    fn a_panic_takes_the_job_down() {
        if std::env::var_os(ROLE).is_some() {
            panic_beside_a_job();
        }
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::a_panic_takes_the_job_down", "--nocapture"])
            .env(ROLE, "")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The end of file is the end of the job, which has inherited it, on standard error.
        let (mut out, mut err) = (String::new(), String::new());
        program.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        program.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(out.contains("ready"), "{out}");
        let error = "timeout: internal error, please report it: for the test at src/main.rs:";
        assert!(err.contains(error), "{err}");
        assert_eq!(program.wait().unwrap().code(), Some(125));
    }

    #[expect(clippy::zombie_processes, reason = "it dies by the panic, and its parent with it")]
    fn panic_beside_a_job() -> ! {
        std::panic::set_hook(Box::new(|panic| fail(Preset::Timeout, panic)));
        let mut job = Command::new("sh")
            .args(["-c", "sleep 1000 & echo ready; wait"])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        sys::last_resort::note(job.id() as i32, true);
        let mut ready = [0; 6];
        job.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        std::io::stdout().write_all(&ready).unwrap();
        panic!("for the test");
    }
}
