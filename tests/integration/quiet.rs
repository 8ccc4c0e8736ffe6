//! What waiting costs: nothing.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::{
    PROGRAM, grpkill_timeout, has_program, is_in_poll, run, sleeps, start, wait_until,
};

#[test]
fn nothing_wakes_us_while_nothing_happens() {
    let script = "echo ready; exec sleep 1000";
    let mut run = start(grpkill_timeout().args(["100", "sh", "-c", script]));
    run.wait_ready();
    wait_until("it does not wait in poll", || is_in_poll(run.pid()));
    let before = sleeps(run.pid());
    thread::sleep(Duration::from_millis(500));
    assert_eq!(sleeps(run.pid()), before);
    // Control: a signal does wake us.
    run.signal(libc::SIGWINCH);
    wait_until("a signal does not wake it", || sleeps(run.pid()) > before);
    run.signal(libc::SIGTERM);
    run.finish();
}

#[test]
fn a_run_without_trouble_does_not_open_proc() {
    if !has_program("strace") {
        return;
    }
    let traced = |limit: &str| {
        let directory = tempfile::tempdir().unwrap();
        let trace = directory.path().join("trace");
        let mut command = Command::new("strace");
        command.arg("-o").arg(&trace).args(["-e", "trace=open,openat", PROGRAM, limit]);
        run(command.args(["sh", "-c", "[ $0 = 60 ] || sleep 1000", limit]));
        fs::read_to_string(trace).unwrap()
    };
    let clean = traced("60");
    assert!(clean.contains("exited with 0"), "{clean}");
    assert!(!clean.contains("\"/proc"), "{clean}");
    // Control: at the limit it is opened, and seen to be.
    assert!(traced("0.1").contains("\"/proc"));
}
