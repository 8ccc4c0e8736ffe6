//! System calls that fail: fatal before the command has started, and afterwards the job is ended
//! all the same. The end of file, for which `run` waits, proves that nothing of it is left.

use std::process::Command;

use crate::harness::{PROGRAM, has_program, run};

/// What fails and when, as strace(1) spells it; the status; and what is said.
const FAULTS: &[(&str, i32, &str)] = &[
    ("signalfd4:error=EMFILE", 125, "cannot receive signals: Too many open files"),
    ("prctl:error=EPERM", 125, "cannot become a subreaper: Operation not permitted"),
    ("pipe2:error=EMFILE", 125, "cannot open a pipe: Too many open files"),
    ("clone:error=EAGAIN", 125, "cannot fork: Resource temporarily unavailable"),
    ("ppoll:error=EINTR:when=1..50", 137, "ended by TERM, KILL in"),
    ("ppoll:error=ENOMEM", 137, "ended by TERM, KILL in"),
    ("waitid:error=EINTR:when=1..5", 137, "ended by TERM, KILL in"),
    ("waitid:error=ECHILD", 125, "cannot wait for the command: its status is lost"),
    ("getpgid:error=ESRCH", 137, "ended by TERM, KILL in"),
    ("pidfd_open:error=ENOSYS", 137, "ended by TERM, KILL in"),
];

#[test]
fn the_job_is_ended_whatever_fails() {
    if !has_program("strace") {
        return;
    }
    let script = "trap '' TERM; sleep 1000 & sleep 1000";
    for (fault, code, expected) in FAULTS {
        let mut command = Command::new("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("inject={fault}")]);
        command.args([PROGRAM, "-k", "0.2", "0.3", "sh", "-c", script]);
        let finished = run(&mut command);
        assert_eq!(finished.code, *code, "{fault}: {finished:?}");
        assert!(finished.stderr.contains(expected), "{fault}: {finished:?}");
    }
}

/// What fails once the command runs, when a helper is to be started or to be heard, and what is said
/// of a process whose command line could then not be read.
const HELPER_FAULTS: &[&str] = &[
    "clone:error=EAGAIN:when=2+",
    "pipe2:error=EMFILE:when=2+",
    "readlink:error=EACCES",
    "getdents64:error=EIO",
    "pidfd_open:error=EMFILE",
];

/// A doubt about a name neither saves the job nor hits who may be allowed.
#[test]
fn what_cannot_be_looked_at_is_ended_or_named_all_the_same() {
    if !has_program("strace") {
        return;
    }
    let script = "trap '' TERM; setsid sleep 1000 & sleep 1000";
    for fault in HELPER_FAULTS {
        let mut command = Command::new("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("inject={fault}")]);
        command.args([PROGRAM, "--lingering=kill", "-k", "0.2", "0.3", "sh", "-c", script]);
        let finished = run(&mut command);
        assert_eq!(finished.code, 137, "{fault}: {finished:?}");
        assert!(
            finished.stderr.contains(" sleep") || finished.stderr.contains("[sleep]"),
            "{finished:?}"
        );
        assert!(finished.stderr.contains("ended by TERM, KILL in"), "{fault}: {finished:?}");
    }
}

/// A command outside of a group of its own could not be ended with all that it starts.
#[test]
fn a_command_whose_group_cannot_be_made_is_not_started() {
    if !has_program("strace") {
        return;
    }
    for (fault, code) in [("setpgid:error=EPERM", 125), ("setpgid:error=EPERM:when=9", 0)] {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=setpgid"]);
        command.args(["-e", &format!("inject={fault}"), PROGRAM, "60", "echo", "started"]);
        let finished = run(&mut command);
        assert_eq!(finished.code, code, "{finished:?}");
        // The other one is the control.
        let (stdout, stderr) = match code {
            125 => ("", "grpkill-timeout: cannot make a process group: Operation not permitted\n"),
            _ => ("started\n", ""),
        };
        assert_eq!((&*finished.stdout, &*finished.stderr), (stdout, stderr));
    }
}
