//! git's maintenance, which since git 2.47 goes on as a daemon after `git fetch` has returned. Killed
//! in the middle, again and again, it leaves temporary packs until the disk is full.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{
    Running, can, children, grpkill_timeout, is_alive, isolate_git, signal_process, start, state,
    wait_until,
};

fn detaches_maintenance() -> bool {
    let version = Command::new("git").arg("version").output().expect("git is required");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let number = version.trim_start_matches("git version ").split(['.', ' ', '\n']);
    let number: Vec<u32> = number.map_while(|part| part.parse().ok()).collect();
    can("git 2.47", number >= vec![2, 47])
}

/// A clone that is due for maintenance, and one that stops half-way.
struct Clone {
    directory: tempfile::TempDir,
}

impl Clone {
    fn new() -> Self {
        let clone = Self { directory: tempfile::tempdir().expect("there is room") };
        clone.git(&["init", "--quiet", "origin"]);
        clone.commit("first");
        clone.git(&["clone", "--quiet", "--no-local", "origin", "clone"]);
        for (key, value) in [
            // Two packs are one too many, and what is fetched makes a second.
            ("gc.autoPackLimit", "1"),
            ("fetch.unpackLimit", "1"),
            ("maintenance.autoDetach", "true"),
        ] {
            clone.git(&["-C", "clone", "config", key, value]);
        }
        clone.commit("second");
        // git asks this hook whether it may, and is stopped by it; what it starts may not.
        let hook = clone.path().join("clone/.git/hooks/pre-auto-gc");
        let script = "#!/bin/sh\n[ ! -e ../maintenance ] || exit 1\nkill -STOP $PPID\necho $PPID > ../maintenance.new\n\
                      mv ../maintenance.new ../maintenance\n";
        let script = script.replace("..", clone.path().to_str().expect("a name in UTF-8"));
        fs::create_dir_all(hook.parent().expect("it has one")).expect("it can be made");
        fs::write(&hook, script).expect("the hook can be written");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&hook, executable).expect("it can be made executable");
        clone
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        let status = isolate_git(&mut command).args(arguments).current_dir(self.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "git {arguments:?}");
    }

    fn commit(&self, message: &str) {
        let me = ["-c", "user.name=me", "-c", "user.email=me@example.org"];
        let commit = ["commit", "--quiet", "--allow-empty", "-m", message];
        self.git(&[&["-C", "origin"], &me[..], &commit[..]].concat());
    }

    /// Fetches, and goes on until it is told; returns when maintenance has stopped in its middle.
    fn fetch(&self, options: &[&str]) -> (Running, Maintenance) {
        let mut command = grpkill_timeout();
        let fetch = "git fetch --quiet && { read code; exit $code; }";
        isolate_git(&mut command).args(options).args(["-k", "100", "0", "sh", "-c", fetch]);
        let run = start(command.current_dir(self.path().join("clone")));
        let mut pid = None;
        wait_until("there is no maintenance", || {
            let file = fs::read_to_string(self.path().join("maintenance"));
            pid = file.ok().and_then(|pid| pid.trim().parse().ok());
            pid.is_some()
        });
        let maintenance = Maintenance { pid: pid.expect("there is one") };
        wait_until("it does not stop", || state(maintenance.pid) == Some('T'));
        // The hook has ended, and waits for git to notice.
        wait_until("the hook does not end", || {
            children(maintenance.pid).iter().all(|hook| !is_alive(*hook))
        });
        (run, maintenance)
    }
}

/// The daemon; ended with this value, so that nothing works in a directory that is gone.
struct Maintenance {
    pid: i32,
}

impl Maintenance {
    fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }

    /// Lets it come to its end.
    fn goes_on(&self) {
        signal_process(self.pid, libc::SIGCONT);
        wait_until("maintenance does not end", || !self.is_alive());
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        if self.is_alive() {
            // SAFETY: the call takes numbers. The process was there a moment ago.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            wait_until("it does not die", || !self.is_alive());
        }
    }
}

#[test]
fn maintenance_is_left_and_one_line_says_so() {
    if !detaches_maintenance() {
        return;
    }
    let clone = Clone::new();
    let (mut run, maintenance) = clone.fetch(&[]);
    run.say("0\n");
    assert_eq!(run.wait_exit().code(), Some(0));
    assert!(maintenance.is_alive());
    maintenance.goes_on();
    let stderr = run.finish().stderr;
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let line = format!("left process {} '", maintenance.pid);
    assert!(stderr.contains(&line) && stderr.contains("git maintenance run --auto"), "{stderr}");
    assert!(!stderr.contains("holds"), "it has turned away from our outputs: {stderr}");
}

#[test]
fn allowed_maintenance_is_not_worth_a_word() {
    if !detaches_maintenance() {
        return;
    }
    for policy in ["report", "kill", "wait"] {
        let clone = Clone::new();
        let options = ["--allow=git maintenance*", "--lingering-status=9", "--lingering", policy];
        let (mut run, maintenance) = clone.fetch(&options);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0), "{policy}");
        assert!(maintenance.is_alive(), "{policy}");
        maintenance.goes_on();
        assert_eq!(run.finish().stderr, "", "{policy}");
    }
}

#[test]
fn maintenance_outlives_the_limit_too() {
    if !detaches_maintenance() {
        return;
    }
    for options in [&[][..], &["--allow=git maintenance*"]] {
        let clone = Clone::new();
        let (mut run, maintenance) = clone.fetch(options);
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(124));
        assert!(maintenance.is_alive());
        maintenance.goes_on();
        let stderr = run.finish().stderr;
        assert!(stderr.contains("ended by TERM in "), "{stderr}");
        assert_eq!(stderr.contains("left process"), options.is_empty(), "{stderr}");
    }
}

/// Control: a sweeper that takes everything takes maintenance too.
#[test]
fn who_kills_all_that_lingers_kills_maintenance() {
    if !detaches_maintenance() {
        return;
    }
    let clone = Clone::new();
    let (mut run, maintenance) = clone.fetch(&["--lingering=kill"]);
    run.say("0\n");
    assert_eq!(run.wait_exit().code(), Some(0));
    assert!(!maintenance.is_alive());
    let stderr = run.finish().stderr;
    assert!(stderr.contains("ended by TERM in "), "{stderr}");
}
