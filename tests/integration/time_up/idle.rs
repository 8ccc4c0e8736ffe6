//! `--idle`: what counts as doing something, and what looking at it costs.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::harness::{
    PROGRAM, Running, assert_gone, children, fixture, grpkill_timeout, has_program, is_alive, run,
    signal_process, start, wait_until,
};
use crate::report::{CommandStatus, Reported, killed_by, reported};

/// How long the tree may do nothing where it never does nothing for that long.
const LONG_IDLE: &str = "--idle=1s";

/// How long the work lasts: at least three times that.
const WORK_MS: &str = "3200";

/// Each of them does one thing only.
#[test]
fn what_does_anything_is_not_idle() {
    let fixture = fixture();
    let work = |how: &'static str| vec![fixture.as_str(), "work", how, WORK_MS];
    let shell = |script: &'static str| vec!["bash", "-c", script];
    let works = [
        ("a line every 0.1 s into a pipe", work("print")),
        ("a busy loop", work("spin")),
        ("a copy into a file", work("copy")),
        ("two processes that pass a byte", work("pass")),
        (
            "a shell that forks",
            shell("while [ $SECONDS -lt 5 ]; do /bin/true; read -t 0.02 x || :; done"),
        ),
        ("children that come and go", shell("for i in {1..32}; do sleep 0.1; done")),
    ];
    let runs = works.map(|(what, command)| {
        (what, Reported::start(&[&[LONG_IDLE, "60"], &command[..]].concat()))
    });
    for (what, mut reported) in runs {
        reported.run.wait_exit();
        let (finished, report) = reported.finish();
        assert_eq!((finished.code, &*report.outcome), (0, "exited"), "{what}: {finished:?}");
        assert_eq!(finished.stderr, "", "{what}");
        assert!(report.elapsed_ms >= 3000, "{what} took {} ms only", report.elapsed_ms);
    }
}

/// The control of the above.
#[test]
fn what_does_nothing_is_idle() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap().to_string(), silent);
    let fixture = fixture();
    let waits = [
        ("sleep", vec!["sleep", "1000"]),
        ("a futex that never comes", vec![&fixture, "futex"]),
        ("a peer that never speaks", vec![&fixture, "connect", &silent.0]),
        ("a stopped process", vec!["sh", "-c", "kill -STOP $$"]),
        ("a shell and what it waits for", vec!["sh", "-c", "sleep 1000; :"]),
        ("many threads", vec![&fixture, "threads", "10"]),
    ];
    let runs = waits.map(|(what, command)| {
        (what, Reported::start(&[&["--idle=0.2", "60"], &*command].concat()))
    });
    for (what, reported) in runs {
        let (finished, report) = reported.finish();
        assert_eq!((finished.code, &*report.outcome), (124, "idle"), "{what}: {finished:?}");
        assert_eq!((report.idle_limit_ms, report.limit_ms), (Some(200), Some(60_000)), "{what}");
        assert!(report.elapsed_ms >= 200, "{what}: {report:?}");
        assert!(!report.snapshot.is_empty(), "{what}: {report:?}");
        let said = ": timed out, idle for 200ms\n";
        assert!(finished.stderr.contains(said), "{what}: {finished:?}");
    }
}

/// A child that we already had when we were started.
#[test]
fn what_a_stranger_does_is_not_the_trees_doing() {
    let script = "\"$0\" work spin 30000 & echo stranger $!; \
                  exec \"$1\" --idle=0.3 60 sleep 1000";
    let mut run = start(Command::new("sh").args(["-c", script, &fixture(), PROGRAM]));
    let stranger = run.wait_pid("stranger");
    let status = run.wait_exit();
    assert!(is_alive(stranger));
    signal_process(stranger, libc::SIGKILL);
    assert_eq!(status.code(), Some(124));
    assert!(run.finish().stderr.contains("idle for 300ms"));
}

#[test]
fn the_limit_and_the_idle_limit_work_side_by_side() {
    for (idle, limit, outcome) in [
        ("0.1", "60", "idle"),
        ("0.1", "0", "idle"),
        ("60", "0.1", "timed-out"),
        // None at all.
        ("0", "0.1", "timed-out"),
    ] {
        let idle_option = format!("--idle={idle}");
        let report = reported(&[&idle_option, limit, "sleep", "1000"]);
        assert_eq!((&*report.outcome, report.exit_status), (outcome, 124), "{idle} {limit}");
        assert!(report.elapsed_ms >= 100, "{idle} {limit}: {report:?}");
        assert_eq!(report.idle_limit_ms.is_none(), idle == "0", "{report:?}");
    }
}

/// Nothing but the limit has an end here.
#[test]
fn an_idle_limit_of_zero_is_none() {
    let script = "echo ready; exec sleep 1000";
    let mut reported = Reported::start(&["--idle=0", "0", "sh", "-c", script]);
    reported.run.wait_ready();
    reported.run.limit_passes();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.idle_limit_ms), ("timed-out", None));
}

#[test]
fn the_status_is_that_of_a_limit() {
    let deaf = "trap '' TERM; while :; do read line; done";
    let obeys = "trap 'exit 7' TERM; read line; exit 7";
    for (options, script, code, status) in [
        (&["-k", "0.2"][..], deaf, 137, killed_by("KILL")),
        (&["-s", "KILL"], "exec sleep 1000", 137, killed_by("KILL")),
        (&[], obeys, 124, CommandStatus::Exited { code: 7 }),
        (&["-p"], obeys, 7, CommandStatus::Exited { code: 7 }),
    ] {
        let arguments = [options, &["--idle=0.1", "60", "sh", "-c", script]].concat();
        let mut reported = Reported::start(&arguments);
        // The end of its input would be an end, or activity.
        reported.run.wait_exit();
        let (finished, report) = reported.finish();
        assert_eq!((finished.code, &*report.outcome), (code, "idle"), "{options:?} {script}");
        assert_eq!(report.command_status, Some(status), "{options:?} {script}");
    }
}

#[test]
fn what_lingers_and_is_waited_for_may_be_idle_too() {
    let script = "sleep 1000 & echo left $!";
    let mut reported =
        Reported::start(&["--lingering=wait", "--idle=0.2", "60", "sh", "-c", script]);
    let left = reported.run.wait_pid("left");
    let (finished, report) = reported.finish();
    assert_gone(left);
    assert_eq!((finished.code, &*report.outcome), (124, "idle"), "{finished:?}");
    assert!(finished.stderr.contains("has ended; what it left timed out, idle"), "{finished:?}");
    // Control: without it the limit is the end.
    let report = reported_to_linger();
    assert_eq!((&*report.outcome, report.exit_status), ("timed-out", 124));
}

fn reported_to_linger() -> crate::report::Report {
    reported(&["--lingering=wait", "--idle=60", "0.4", "sh", "-c", "sleep 1000 & :"])
}

/// How often a run has been woken by the passing of time.
fn wake_ups(arguments: &[&str]) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-qq", "-e", "trace=ppoll", "-o"]).arg(&trace).arg(PROGRAM).args(arguments);
    assert_eq!(run(&mut command).code, 124);
    let trace = fs::read_to_string(trace).unwrap();
    trace.lines().filter(|line| line.ends_with("(Timeout)")).count()
}

#[test]
fn there_are_eight_samples_in_the_idle_limit() {
    if !has_program("strace") {
        return;
    }
    // One more may be needed to be sure, and the start is activity. A busy machine takes fewer.
    let sampled = wake_ups(&["--idle=1.6", "0", "sleep", "1000"]);
    assert!((2..=8 + 3).contains(&sampled), "{sampled} wake-ups");
    // Control: without it the limit is the only one.
    assert_eq!(wake_ups(&["1.6", "sleep", "1000"]), 1);
}

/// The processor time of a run and of what it has reaped, which are those that take its samples: its
/// command has not ended.
fn time_used(run: &Running) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", run.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // Fields 14 to 17 are the user and system time of the process and of its children, in ticks.
    let ticks = fields.split(' ').skip(11).take(4).map(|field| field.parse::<u64>().unwrap());
    // SAFETY: the call takes a number.
    let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64;
    Duration::from_millis(ticks.sum::<u64>() * 1000 / ticks_per_second)
}

/// The processor time that it takes us to read what a sample is made of.
fn time_to_read(processes: &[i32]) -> Duration {
    let clock = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let before = clock();
    for pid in processes {
        for file in ["stat", "io", "schedstat", &format!("task/{pid}/children")] {
            fs::read(format!("/proc/{pid}/{file}")).unwrap();
        }
    }
    clock().saturating_sub(before)
}

/// Held against our own reading of the same files meanwhile, as the machine may be slow or busy.
#[test]
fn to_watch_three_hundred_processes_costs_little() {
    // It is never idle, however little time it gets: who waits for a processor runs.
    let script = "\"$0\" work spin 60000 & exec \"$0\" members 300";
    let options = ["-s", "KILL", "--idle=0.4", "0", "sh", "-c", script];
    // An eighth of that.
    let interval = Duration::from_millis(50);
    let mut run = start(grpkill_timeout().args(options).arg(fixture()));
    run.wait_ready();
    let members = children(children(run.pid())[0]);
    let (began, before) = (Instant::now(), time_used(&run));
    let rounds = (0..20).map(|_| {
        thread::sleep(interval);
        time_to_read(&members)
    });
    let a_reading = rounds.sum::<Duration>() / 20;
    wait_until("it takes no samples", || time_used(&run) > before);
    let used = time_used(&run).saturating_sub(before);
    // There can have been no more of them, and are fewer on a busy machine.
    let samples = began.elapsed().div_duration_f64(interval) + 1.0;
    let a_sample = used.div_f64(samples);
    // What we read with, the standard library, is optimised in any case.
    let most = if cfg!(debug_assertions) { 6 } else { 3 };
    assert!(a_sample < a_reading * most, "{a_sample:?} a sample, but {a_reading:?} to read it");
    run.limit_passes();
    assert_eq!(run.finish().code, 137);
}
