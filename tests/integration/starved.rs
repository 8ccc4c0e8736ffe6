//! Where the user may have no more of something that we need: no signal that queues, no timer, no process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{PROGRAM, has_program, is_root, run, start, wait_gone};
use crate::report::{Report, read_reports};

/// A user who is not root, for whom there is a limit on processes; with the program, and a place for the
/// reports.
pub struct Nobody {
    directory: TempDir,
}

impl Nobody {
    /// `None` where that cannot be done.
    pub fn new() -> Option<Self> {
        if !is_root() || !has_program("setpriv") || !has_program("prlimit") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        // Not by this process: a child that another thread forks just then would have it open.
        let mut install = Command::new("install");
        install.args(["-m", "755", PROGRAM]).arg(directory.path().join("grpkill-timeout"));
        assert!(install.status().unwrap().success());
        Some(Self { directory })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command() -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command
    }

    /// From now on this process of that user cannot fork.
    pub fn forbid_forks(pid: i32) {
        let mut command = Self::command();
        command.args(["prlimit", "--nproc=0:0", "--pid", &pid.to_string()]);
        assert!(command.status().unwrap().success());
    }

    /// The program as that user, with its reports sent here.
    pub fn program(&self) -> Command {
        let mut command = Self::command();
        command.arg(self.at("grpkill-timeout")).arg("--report").arg(self.at("reports"));
        command
    }

    pub fn report(&self) -> Report {
        let [report] = <[Report; 1]>::try_from(read_reports(&self.at("reports"))).unwrap();
        report
    }
}

/// No signal is queued.
const NO_QUEUE: &str = "prlimit --sigpending=0";

/// A shell with job control on a terminal of its own, on which the test types.
fn on_a_terminal(script: &str) -> Command {
    let mut command = Command::new("script");
    let bash = format!("bash -c '{script}'");
    command.args(["-q", "-e", "-c", &bash, "/dev/null"]);
    command
}

/// A key of the terminal stops us with the command; but where no timer would continue us at the limit we
/// go on.
#[test]
fn ctrl_z_does_not_stop_us_where_no_timer_can_wake_us() {
    if !has_program("script") || !has_program("prlimit") {
        return;
    }
    let command = "sh -c \"echo command \\$\\$; exec sleep 1000\"";
    let script = |before: &str, limit: &str| {
        let ours = format!("{before} {PROGRAM} --color=never -k 1 {limit} {command}");
        format!("stty -echo; set -m; {ours}; status=$?; echo status $status; kill %1")
    };
    for (before, limit, status) in [(NO_QUEUE, "3", "124"), ("", "100", "148")] {
        let mut run = start(&mut on_a_terminal(&script(before, limit)));
        let command = run.wait_pid("command");
        run.say("\x1a");
        if before == NO_QUEUE {
            run.wait_for("grpkill-timeout: cannot stop, the limit would wait: ");
        }
        // Of the other one, the control, the shell says that it is stopped.
        assert_eq!(run.wait_for("status "), status);
        run.finish();
        wait_gone(command);
    }
}

/// The kernel does not tell then who has sent the signal.
#[test]
fn a_parents_death_counts_where_no_signal_is_queued() {
    if !has_program("prlimit") {
        return;
    }
    let command = "trap \"\" TERM; echo command $$; echo ready; while :; do sleep 0.1; done";
    let ours = format!("{NO_QUEUE} {PROGRAM} --die-with-parent -k 0.3 100 sh -c '{command}'");
    let mut parent = start(Command::new("bash").args(["-c", &format!("{ours} & wait")]));
    let command = parent.wait_pid("command");
    parent.wait_ready();
    parent.signal(libc::SIGKILL);
    parent.wait_exit();
    wait_gone(command);
    let finished = parent.finish();
    assert!(
        finished.stderr.contains("interrupted by TERM; ended by TERM, KILL in"),
        "{finished:?}"
    );
}

/// The snapshot needs a helper: without one it has the names, and does not pass for all.
#[test]
fn a_snapshot_without_a_helper_is_not_complete() {
    for can_fork in [true, false] {
        let Some(nobody) = Nobody::new() else { return };
        let script = "echo ready; sleep 1000 & wait";
        let mut run = start(nobody.program().args(["-k", "5", "0", "sh", "-c", script]));
        run.wait_ready();
        if !can_fork {
            Nobody::forbid_forks(run.pid());
        }
        run.limit_passes();
        let finished = run.finish();
        assert_eq!(finished.code, 124, "{finished:?}");
        let report = nobody.report();
        assert_eq!(report.snapshot_complete, can_fork, "{report:?}");
        let names: Vec<_> = report.snapshot.iter().map(|seen| seen.name.as_deref()).collect();
        assert_eq!(names, [Some("sh"), Some("sleep")], "{report:?}");
        assert_eq!(report.snapshot[0].command.is_some(), can_fork, "{report:?}");
        let said = finished.stderr.contains("not all of it could be read");
        assert_eq!(said, !can_fork, "{finished:?}");
    }
}

/// Without a helper we look ourselves.
#[test]
fn who_does_nothing_is_idle_where_nobody_can_fork() {
    let Some(nobody) = Nobody::new() else { return };
    let script = "echo ready; sleep 1000 & wait";
    let mut run = start(nobody.program().args(["--idle=1s", "0", "sh", "-c", script]));
    run.wait_ready();
    Nobody::forbid_forks(run.pid());
    assert_eq!(run.finish().code, 124);
    assert_eq!(nobody.report().outcome, "idle");
}

/// Before the command has started: it could not be ended.
#[test]
fn without_descriptors_nothing_is_started() {
    let ours = |limit: u32| {
        format!("ulimit -n {limit}; exec {PROGRAM} -k 1 0.2 sh -c 'echo started; sleep 1000'")
    };
    let refused = run(Command::new("sh").args(["-c", &ours(7)]));
    assert_eq!((refused.code, &*refused.stdout), (125, ""), "{refused:?}");
    assert_eq!(
        refused.stderr,
        "grpkill-timeout: cannot end what would be started: Too many open files\n"
    );
    let taken = run(Command::new("sh").args(["-c", &ours(8)]));
    assert_eq!((taken.code, &*taken.stdout), (124, "started\n"), "{taken:?}");
}
