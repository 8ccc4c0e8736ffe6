//! What cannot be ended: bounded, named, and no hang. These tests need root to arrange it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{
    PROGRAM, can, fixture, grpkill_timeout, has_program, is_alive, is_root, signal_process, start,
    state, wait_gone, wait_until,
};
use crate::report::read_reports;

/// Not by this process: a child that another thread forks just then would have the copy open for writing,
/// and nobody can run it as long as it does.
fn copy(from: &str, to: &Path, mode: &str) {
    let installed = Command::new("install").args(["-m", mode, from]).arg(to).status();
    assert!(installed.expect("install can be run").success());
}

#[test]
fn a_member_that_we_may_not_signal_is_named() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    // Everybody can reach it, and it is not mounted with nosuid where /tmp is not.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("grpkill-timeout");
    copy(PROGRAM, &program, "755");
    let set_user_id = directory.path().join("become-root");
    copy(&fixture(), &set_user_id, "4755");
    let script = format!("{} become-root & sleep 1000", set_user_id.display());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(&program).args(["-k", "0.2", "0", "sh", "-c", &script]);
    let mut run = start(&mut command);
    let root = run.wait_pid("root");
    run.wait_ready();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert!(is_alive(root));
    signal_process(root, libc::SIGKILL);
    let finished = run.finish();
    assert!(finished.took.as_secs() >= 5, "it has not been waited for");
    assert!(finished.stderr.contains("not all of it gone 5.0 s after TERM, KILL"), "{finished:?}");
    let named = format!("still there: process {root} 'become-root', state S, user 0");
    assert!(finished.stderr.contains(&named), "{named:?} is not in {finished:?}");
}

/// The mount option hidepid shows nobody the processes of others: of a child that has become another
/// user's we know that it is there, and where it is, and no more.
#[test]
fn of_a_hidden_child_the_report_tells_what_is_known() {
    if !is_root() || !has_program("setpriv") || !has_program("unshare") {
        return;
    }
    for (option, is_hidden) in [("hidepid=2", true), ("hidepid=0", false)] {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let at = |name: &str| directory.path().join(name);
        copy(PROGRAM, &at("grpkill-timeout"), "755");
        copy(&fixture(), &at("become-root"), "4755");
        let script = format!("{} become-root & read line; exit 0", at("become-root").display());
        let mounted = format!(
            "mount -t proc -o {option} none /proc && exec setpriv --reuid=65534 --regid=65534 \
             --clear-groups \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount", "sh", "-c", &mounted, "sh"]);
        command.arg(at("grpkill-timeout")).arg("--report").arg(at("reports"));
        let mut run = start(command.args(["0", "sh", "-c", &script]));
        let root = run.wait_pid("root");
        run.wait_ready();
        run.say("\n");
        // The end of the first process of the namespace is the end of all.
        let finished = run.finish();
        assert_eq!(finished.code, 0, "{finished:?}");
        let [report] = &read_reports(&at("reports"))[..] else { panic!("one report") };
        let [left] = report.lingering() else { panic!("{report:?}") };
        assert_eq!((left.pid, left.in_group), (root, true), "{report:?}");
        let known = [
            left.state.is_some(),
            left.name.is_some(),
            left.threads.is_some(),
            left.age_ms.is_some(),
            left.uid.is_some(),
        ];
        assert_eq!(known, [!is_hidden; 5], "{report:?}");
        assert!(finished.stderr.contains(&format!("left process {root} ")), "{finished:?}");
    }
}

/// A control group whose processes can be frozen. In a hierarchy of the first version no signal
/// reaches them then, KILL neither; in the unified one KILL does.
struct Freezer {
    directory: PathBuf,
    switch: &'static str,
}

impl Freezer {
    /// In the hierarchy of the freezer controller, or in the unified one.
    fn new() -> Vec<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let hierarchy = |kind: &str, controller: &str| {
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find_map(|fields| {
                let is_it = fields[2] == kind
                    && (controller.is_empty() || fields[3].split(',').any(|o| o == controller));
                is_it.then(|| PathBuf::from(fields[1]))
            })
        };
        let first = hierarchy("cgroup", "freezer").map(|root| (root, "freezer.state"));
        let second = hierarchy("cgroup2", "").map(|root| (root, "cgroup.freeze"));
        let make = |(root, switch): (PathBuf, &'static str)| {
            let directory = root.join(format!("grpkill-timeout-test-{}", std::process::id()));
            fs::create_dir(&directory).ok()?;
            let freezer = Self { directory, switch };
            freezer.file(switch).exists().then_some(freezer)
        };
        [first, second].into_iter().flatten().filter_map(make).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn is_first_version(&self) -> bool {
        self.switch == "freezer.state"
    }

    fn thaw(&self) {
        let word = if self.is_first_version() { "THAWED" } else { "0" };
        fs::write(self.file(self.switch), word).expect("it can be thawed");
    }

    /// A shell line that freezes the group.
    fn freeze_line(&self) -> String {
        let word = if self.is_first_version() { "FROZEN" } else { "1" };
        format!("echo {word} > {}", self.file(self.switch).display())
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.thaw();
        let _ = fs::remove_dir(&self.directory);
    }
}

#[test]
fn a_frozen_member_is_named() {
    if !is_root() {
        return;
    }
    let freezers = Freezer::new();
    if !can("a control group with a freezer", !freezers.is_empty()) {
        return;
    }
    for freezer in freezers {
        let procs = freezer.file("cgroup.procs");
        let script = format!(
            "sleep 1000 & echo $! > {}; {}; echo member $!; echo ready; exec sleep 1000",
            procs.display(),
            freezer.freeze_line()
        );
        let mut run = start(grpkill_timeout().args(["-k", "0.2", "0", "sh", "-c", &script]));
        let member = run.wait_pid("member");
        run.wait_ready();
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(124));
        let survives = freezer.is_first_version();
        assert_eq!(state(member).is_some(), survives, "{}", freezer.directory.display());
        freezer.thaw();
        wait_gone(member);
        let finished = run.finish();
        let named = format!("still there: process {member} 'sleep', state D, user 0, waits in ");
        assert_eq!(finished.stderr.contains(&named), survives, "{named:?}: {finished:?}");
        wait_until("the group is never empty", || {
            fs::read_to_string(&procs).is_ok_and(|procs| procs.is_empty())
        });
    }
}
