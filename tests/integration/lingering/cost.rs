//! What looking for them costs: nothing where nobody is left, and nothing for who is not ours.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command};

use super::{Stray, detached, until_told};
use crate::harness::{PROGRAM, children, has_program, run, start, state, wait_until};

const OPENING: &str = "trace=open,openat,openat2,readlink,readlinkat";

#[test]
fn a_clean_run_does_not_open_proc_whatever_the_policy() {
    if !has_program("strace") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    for policy in ["report", "kill", "wait", "ignore"] {
        let mut command = Command::new("strace");
        command.arg("-o").arg(&trace).args(["-e", OPENING, PROGRAM, "--lingering", policy]);
        command.args(["--lingering-status=9", "--allow=x*", "100", "true"]);
        assert_eq!(run(&mut command).code, 0);
        let traced = fs::read_to_string(&trace).unwrap();
        assert!(traced.contains("exited with 0"), "{traced}");
        // The C library of a static program asks for its own path before `main`.
        let ours = traced.replace("\"/proc/self/exe\"", "");
        assert!(!ours.contains("\"/proc"), "{policy}: {traced}");
    }
}

/// Processes that are none of ours.
struct Crowd(Vec<Child>);

impl Crowd {
    fn new(count: usize) -> Self {
        let sleep = || Command::new("sleep").arg("1000").spawn().expect("there is room");
        Self((0..count).map(|_| sleep()).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The names below `/proc` that a trace has opened or read as links, but for everybody's own.
fn looked_at(traced: &str) -> BTreeSet<String> {
    let of_line = |line: &str| {
        let path = line.split('"').find_map(|quoted| quoted.strip_prefix("/proc"))?;
        let name = path.split('/').nth(1).unwrap_or_default();
        // A helper of ours is our child, too.
        let is_own = line.split_whitespace().next() == Some(name);
        (!is_own).then(|| name.to_owned())
    };
    traced.lines().filter_map(of_line).collect()
}

#[test]
fn nobody_is_looked_at_but_our_own() {
    if !has_program("strace") {
        return;
    }
    let _crowd = Crowd::new(200);
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let three = [detached(), detached(), detached()].join("; ");
    let script = until_told(&format!("echo leader $$; {three}"));
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(&trace).args(["-e", OPENING]);
    command.args([PROGRAM, "100", "bash", "-c", &script]);
    let mut run = start(&mut command);
    let leader = run.wait_pid("leader");
    let strays = [(); 3].map(|()| Stray::of(&mut run));
    let us = children(run.pid())[0];
    run.say("0\n");
    wait_until("it does not return", || state(us).is_none());
    let pids = strays.each_ref().map(|stray| stray.pid.to_string());
    drop(strays);
    let stderr = run.finish().stderr;
    assert!(stderr.contains("left 3 processes"), "{stderr}");
    let traced = fs::read_to_string(&trace).unwrap();
    let looked_at = looked_at(&traced);
    // Control: what we do look at is seen.
    assert!(pids.iter().all(|pid| looked_at.contains(pid)), "{looked_at:?}");
    let ours = [us.to_string(), leader.to_string(), "self".to_owned()];
    let known = |name: &&String| pids.contains(name) || ours.contains(name);
    let others: Vec<&String> = looked_at.iter().filter(|name| !known(name)).collect();
    assert_eq!(others, Vec::<&String>::new(), "the empty name is /proc itself");
}
