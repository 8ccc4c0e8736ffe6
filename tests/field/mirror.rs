//! A forge's mirror job: `git remote update` over https from a remote that accepts the connection
//! and never answers. git starts `git-remote-https`, which outlives a git that is killed alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{
    Running, can, children, grpkill_timeout, isolate_git, signal_process, start, state, wait_gone,
    wait_until,
};
use crate::peer::Silent;

/// A repository whose remote is dead.
struct Repository {
    directory: tempfile::TempDir,
    remote: Silent,
}

impl Repository {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let repository = Self { directory, remote: Silent::new() };
        let url = format!("https://127.0.0.1:{}/x.git", repository.remote.port);
        repository.git(&["init", "--quiet", "--bare", "."]);
        repository.git(&["remote", "add", "--mirror=fetch", "origin", &url]);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        let status = isolate_git(&mut command).args(arguments).current_dir(self.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "git {arguments:?}");
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn locks(&self) -> Vec<PathBuf> {
        fn find(directory: &Path, locks: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    find(&path, locks);
                } else if path.extension().is_some_and(|extension| extension == "lock") {
                    locks.push(path);
                }
            }
        }
        let mut locks = Vec::new();
        find(self.path(), &mut locks);
        locks
    }

    fn update(&self, command: &mut Command) -> Running {
        let environment = [("GIT_TERMINAL_PROMPT", "0"), ("https_proxy", ""), ("no_proxy", "*")];
        start(isolate_git(command).current_dir(self.path()).envs(environment))
    }
}

/// The name of a process, and whether it is the helper that speaks https.
fn is_https_helper(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.starts_with("git-remote-http"))
}

/// Waits for the helper below a process, and returns all that is there by then.
fn tree_with_helper(root: i32) -> Vec<i32> {
    let mut tree = Vec::new();
    wait_until("git never started git-remote-https", || {
        tree = vec![root];
        let mut next = 0;
        while next < tree.len() {
            tree.extend(children(tree[next]));
            next += 1;
        }
        tree.iter().any(|pid| is_https_helper(*pid))
    });
    tree
}

fn git_speaks_https() -> bool {
    let path = Command::new("git").arg("--exec-path").output().expect("git is required");
    let path = String::from_utf8(path.stdout).expect("a path in UTF-8");
    can("git's https helper", Path::new(path.trim()).join("git-remote-https").exists())
}

#[test]
fn nothing_is_left_of_a_dead_mirror_job() {
    if !git_speaks_https() {
        return;
    }
    let repository = Repository::new();
    let mut run = repository.update(grpkill_timeout().args(["2s", "git", "remote", "update"]));
    let tree = tree_with_helper(run.pid());
    assert!(tree.len() >= 3, "we, git, and the helper: {tree:?}");
    assert_eq!(run.wait_exit().code(), Some(124));
    for pid in tree.into_iter().skip(1) {
        assert_eq!(state(pid), None, "process {pid} is left, or a zombie of it");
    }
    assert_eq!(repository.locks(), Vec::<PathBuf>::new());
    let finished = run.finish();
    for said in [
        "grpkill-timeout: git remote update: timed out after 2s\n",
        "grpkill-timeout: git remote update: ended by TERM in ",
    ] {
        assert!(finished.stderr.contains(said), "{said:?} is not in {finished:?}");
    }
    let helper = finished.stderr.lines().find(|line| line.contains("git-remote-http"));
    assert!(helper.is_some_and(|line| line.contains("└ ")), "{finished:?}");
    let connection = format!(" → 127.0.0.1:{} ESTABLISHED", repository.remote.port);
    assert!(finished.stderr.contains(&connection), "{connection:?} is not in {finished:?}");
}

/// Control: a limit that kills git alone leaves the helper, which holds the connection for ever.
#[test]
fn killing_git_alone_leaves_the_helper() {
    if !git_speaks_https() {
        return;
    }
    let repository = Repository::new();
    let mut run = repository.update(Command::new("git").args(["remote", "update"]));
    let tree = tree_with_helper(run.pid());
    signal_process(run.pid(), libc::SIGKILL);
    run.wait_exit();
    let left: Vec<i32> = tree.into_iter().filter(|pid| is_https_helper(*pid)).collect();
    assert!(!left.is_empty(), "the trouble is gone: git's helper dies with git");
    for pid in left {
        wait_until("the helper does not wait", || state(pid) == Some('S'));
        signal_process(pid, libc::SIGKILL);
        wait_gone(pid);
    }
}

/// Control: a lock file is found where there is one.
#[test]
fn a_lock_would_be_seen() {
    let repository = Repository::new();
    let lock = repository.path().join("refs/heads/main.lock");
    fs::write(&lock, "").expect("the repository can be written");
    assert_eq!(repository.locks(), [lock]);
}
