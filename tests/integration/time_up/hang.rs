//! A process that hangs whoever reads its command line, see `tests/fixture/fuse.rs`. The signal must
//! come in time all the same, and everybody else must be described.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{
    Finished, Running, assert_gone, can_hang, children, fixture, grpkill_timeout, signal_process,
    start, state, wait_until,
};
use crate::report::{Report, Reported, SignalSent};

/// What is to be slow is a hung process, not the machine: ten times what is promised.
const BOUND_MS: u64 = 3000;

/// How much later than the limit the first signal may be, as promised.
const PROMISED_MS: u64 = 300;

/// The three processes, by what they say.
struct Hanging {
    victim: i32,
    server: i32,
    reader: i32,
}

impl Hanging {
    /// Waits until the victim hangs.
    fn wait(run: &mut Running) -> Self {
        let victim = run.wait_pid("victim");
        let server = run.wait_pid("server");
        let reader = run.wait_pid("reader");
        run.wait_ready();
        wait_until("the victim does not hang", || state(victim) == Some('D'));
        Self { victim, server, reader }
    }

    fn all(&self) -> [i32; 3] {
        [self.victim, self.server, self.reader]
    }
}

/// A mount point, and a shell that starts the hanging beside other processes.
fn script(how: &str, then: &str) -> (TempDir, String) {
    let mount = tempfile::tempdir().unwrap();
    let fixture = fixture();
    let script = format!("'{fixture}' {how} '{}' & {then}", mount.path().display());
    (mount, script)
}

/// Reads a file as ps(1) does, in a process that can be given up.
fn reads(path: &str) -> Child {
    let mut command = Command::new("cat");
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("cat can be run")
}

/// Control: what this is all about.
#[test]
fn the_command_line_of_the_victim_cannot_be_read_and_the_rest_can() {
    if !can_hang() {
        return;
    }
    let (_mount, script) = script("hang", "wait");
    let mut reported = Reported::start(&["0", "sh", "-c", &script]);
    let Hanging { victim, reader, .. } = Hanging::wait(&mut reported.run);
    let mut cat = reads(&format!("/proc/{victim}/cmdline"));
    let pid = cat.id().cast_signed();
    wait_until("the read does not hang", || state(pid) == Some('D'));
    for file in ["stat", "status", "wchan", "io", "schedstat"] {
        let read = fs::read_to_string(format!("/proc/{victim}/{file}"));
        assert!(read.is_ok_and(|text| !text.is_empty()), "{file}");
    }
    assert!(fs::read_dir(format!("/proc/{victim}/fd")).is_ok_and(|fds| fds.count() >= 3));
    assert!(reads(&format!("/proc/{reader}/cmdline")).wait().is_ok_and(|status| status.success()));
    assert!(cat.try_wait().unwrap().is_none(), "it has been read after all");
    cat.kill().unwrap();
    cat.wait().unwrap();
    reported.run.limit_passes();
    reported.finish();
}

/// A run with processes that were there before the victim, and after it.
fn timed_out_beside_the_victim() -> (Finished, Report, Hanging, String) {
    let (mount, then) = script("hang", "sleep 1002 & wait");
    let script = format!("sleep 1001 & {then}");
    let mut reported = Reported::start(&["-k", "60", "0", "sh", "-c", &script]);
    let hanging = Hanging::wait(&mut reported.run);
    reported.run.limit_passes();
    let (finished, report) = reported.finish();
    assert_eq!((finished.code, &*report.outcome), (124, "timed-out"));
    hanging.all().into_iter().for_each(assert_gone);
    let late = report.signals_sent[0].at_ms - report.signals_received[0].at_ms;
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "the first signal came {late} ms after the limit");
    assert!(late < BOUND_MS, "{late} ms after the limit, and {PROMISED_MS} are promised");
    drop(mount);
    (finished, report, hanging, script)
}

#[test]
fn the_signal_comes_in_time_and_everybody_is_there() {
    if !can_hang() {
        return;
    }
    let (finished, report, hanging, script) = timed_out_beside_the_victim();
    assert!(!report.snapshot_complete, "{report:?}");
    let victim = report.seen(hanging.victim);
    assert_eq!(
        (&victim.command, victim.name.as_deref(), victim.state.as_deref()),
        (&None, Some("fixture"), Some("D"))
    );
    assert!(finished.stderr.contains("└ [fixture]"), "{finished:?}");
    assert_eq!(report.snapshot.len(), 6, "{report:?}");
    assert!(report.snapshot.iter().all(|process| process.wait.is_some()), "{report:?}");
    assert!(report.snapshot.iter().all(|process| process.uid.is_some()), "{report:?}");
    let shell = &report.seen(report.pid()).command;
    assert_eq!(shell.as_ref().map(|words| &*words[2]), Some(&*script));
}

/// One that hangs takes the time of those that come after it.
#[test]
fn everybody_but_the_victim_is_described() {
    if !can_hang() {
        return;
    }
    let (_, report, hanging, _) = timed_out_beside_the_victim();
    for process in report.snapshot.iter().filter(|process| process.pid != hanging.victim) {
        assert!(process.command.is_some(), "{process:?}");
        assert!(process.sockets.is_some(), "{process:?}");
        assert!(process.holds.is_some(), "{process:?}");
    }
}

/// What is sampled must not hang either.
#[test]
fn the_idle_limit_works_beside_a_victim() {
    if !can_hang() {
        return;
    }
    let (_mount, script) = script("hang", "wait");
    let mut reported = Reported::start(&["--idle=0.5", "0", "sh", "-c", &script]);
    let hanging = Hanging::wait(&mut reported.run);
    let (finished, report) = reported.finish();
    assert_eq!((finished.code, &*report.outcome), (124, "idle"), "{finished:?}");
    hanging.all().into_iter().for_each(assert_gone);
}

/// Leaves the hanging in a session of its own when a line comes, and succeeds.
fn leaving(options: &[&str]) -> (TempDir, Reported, Hanging) {
    let (mount, script) = script("hang-detached", "read line <&3; exit 0");
    let script = format!("exec 3<&0; {script}");
    let arguments = [options, &["60", "sh", "-c", &script]].concat();
    let mut reported = Reported::start(&arguments);
    let hanging = Hanging::wait(&mut reported.run);
    reported.run.say("\n");
    (mount, reported, hanging)
}

#[test]
fn a_victim_that_lingers_is_named_by_its_name() {
    if !can_hang() {
        return;
    }
    let (_mount, mut reported, hanging) = leaving(&[]);
    let status = reported.run.wait_exit();
    assert_eq!(status.code(), Some(0));
    assert_eq!(state(hanging.victim), Some('D'));
    // The others end with it.
    signal_process(hanging.victim, libc::SIGKILL);
    let (finished, report) = reported.finish();
    assert!(finished.stderr.contains("left 3 processes"), "{finished:?}");
    assert!(finished.stderr.contains("[fixture]"), "{finished:?}");
    let mut left: Vec<_> = report.lingering().iter().map(|process| process.pid).collect();
    let mut expected = hanging.all();
    left.sort_unstable();
    expected.sort_unstable();
    assert_eq!(left, expected);
}

/// Nobody knows whether it is allowed to linger, so it is not.
#[test]
fn a_victim_that_lingers_is_killed() {
    if !can_hang() {
        return;
    }
    for allow in [&[][..], &["--allow=* hang-detached *"]] {
        let options = [&["--lingering=kill", "-k", "1"], allow].concat();
        let (_mount, reported, hanging) = leaving(&options);
        let (finished, report) = reported.finish();
        assert_eq!((finished.code, &*report.outcome), (0, "exited"), "{allow:?}");
        let is_to_victim = |sent: &SignalSent| sent.pid == hanging.victim;
        assert!(report.signals_sent.iter().any(is_to_victim), "{allow:?}: {report:?}");
        assert_gone(hanging.victim);
    }
}

/// Each of them takes the time that there is for all, again and again.
#[test]
fn many_victims_that_linger_are_killed() {
    if !can_hang() {
        return;
    }
    let mounts: Vec<TempDir> = (0..12).map(|_| tempfile::tempdir().unwrap()).collect();
    let hang =
        |mount: &TempDir| format!("'{}' hang-detached '{}' & ", fixture(), mount.path().display());
    let hangs: String = mounts.iter().map(hang).collect();
    let script = format!("exec 3<&0; {hangs} read line <&3; exit 0");
    // What is no victim is allowed, and ends with its victim.
    let options = ["--lingering=kill", "-k", "1", "--allow=* hang-detached *", "60"];
    let mut run = start(grpkill_timeout().args(options).args(["sh", "-c", &script]));
    let is_victim = |pid: &i32| state(*pid) == Some('D');
    let victims = |run: &Running| {
        let leader = children(run.pid());
        leader.into_iter().flat_map(children).filter(is_victim).collect::<Vec<_>>()
    };
    wait_until("not all of them hang", || victims(&run).len() == mounts.len());
    let victims = victims(&run);
    run.say("\n");
    run.wait_exit();
    let left: Vec<i32> = victims.into_iter().filter(|pid| state(*pid).is_some()).collect();
    for pid in &left {
        signal_process(*pid, libc::SIGKILL);
    }
    let finished = run.finish();
    assert_eq!((&*left, finished.code), (&[][..], 0), "{finished:?}");
}
