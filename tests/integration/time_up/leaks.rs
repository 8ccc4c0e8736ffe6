//! What a long run keeps: nothing. And what our child does before it is the command.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::harness::{
    PROGRAM, Running, fixture, grpkill_timeout, has_program, is_alive, run, start, wait_until,
};

/// A number of `/proc/PID/status`.
fn status(pid: i32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the kernel tells");
    let number = line.trim_start_matches(':').split_whitespace().next();
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// The open descriptors, and what they are.
fn descriptors(pid: i32) -> BTreeSet<(String, String)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("it is running").flatten();
    let links = entries.filter_map(|entry| {
        let link = fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().into_string().ok()?, link.display().to_string()))
    });
    links.collect()
}

/// The descriptors that it has all the time: a sample has some of its own for a moment.
fn lasting_descriptors(pid: i32) -> BTreeSet<(String, String)> {
    let looks = (0..100).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        descriptors(pid)
    });
    looks.reduce(|lasting, look| &lasting & &look).expect("it has been looked at")
}

/// Passes on so many signals in bursts, each of which is acknowledged.
fn pass_on(run: &mut Running, signal: i32, already: usize, count: usize) {
    const BURST: usize = 100;
    for received in (already..already + count).step_by(BURST) {
        (0..BURST).for_each(|_| run.signal(signal));
        run.wait_for(&format!("received {}", received + BURST));
    }
}

/// How much memory of its own a run may take more, in KiB: what a leak of 30 bytes a signal is.
const MOST_GROWN: u64 = 300;

#[test]
fn ten_thousand_signals_and_a_thousand_samples_leave_nothing() {
    let signal = libc::SIGRTMIN() + 1;
    // Several copies, and one that always wants a processor, so that it is never idle, however slow
    // the machine.
    let copies =
        format!("for i in 1 2 3 4 5 6; do \"$0\" ignore {signal} \"$0\" work copy 120000 & done");
    let spinner = format!("(trap '' {signal}; while :; do :; done) &");
    let script = format!("{copies}; {spinner} exec \"$0\" count {signal}");
    let options = ["--idle=320ms", "0"];
    let mut run = start(grpkill_timeout().args(options).args(["sh", "-c", &script, &fixture()]));
    run.wait_ready();
    let pid = run.pid();
    pass_on(&mut run, signal, 0, 1000);
    let before = lasting_descriptors(pid);
    let memory = status(pid, "RssAnon");
    pass_on(&mut run, signal, 1000, 10_000);
    for _ in 0..10 {
        // Each sample is a wake-up.
        let wake_ups = status(pid, "voluntary_ctxt_switches") + 100;
        wait_until("there are no samples", || {
            assert!(is_alive(pid), "it has ended");
            status(pid, "voluntary_ctxt_switches") >= wake_ups
        });
    }
    let grown = status(pid, "RssAnon").saturating_sub(memory);
    assert!(grown <= MOST_GROWN, "{grown} KiB more");
    assert_eq!(status(pid, "Threads"), 1);
    assert_eq!(lasting_descriptors(pid), before);
    run.signal(libc::SIGTERM);
    assert_eq!(run.finish().signal, Some(libc::SIGTERM));
}

/// What the child may call between fork and exec: none of it needs memory, or a lock.
const SAFE: &[&str] = &[
    "set_robust_list",
    "rseq",
    "setpgid",
    "prctl",
    "getppid",
    "rt_sigaction",
    "rt_sigprocmask",
    "dup2",
    "execve",
];

/// The calls that each child makes up to the first exec that succeeds.
fn calls_before_exec(trace: &str) -> Vec<Vec<String>> {
    let fields = |line: &str| {
        let (pid, rest) = line.split_once(' ')?;
        Some((pid.to_owned(), rest.trim_start().to_owned()))
    };
    let lines: Vec<_> = trace.lines().filter_map(fields).collect();
    let ours = &lines.first().expect("there is a trace").0;
    let mut pids: Vec<_> = lines.iter().map(|(pid, _)| pid).filter(|pid| *pid != ours).collect();
    pids.dedup();
    let pids: BTreeSet<_> = pids.into_iter().collect();
    let calls = |pid: &String| {
        let mut calls = vec![];
        for (_, line) in lines.iter().filter(|(of, _)| of == pid) {
            let is_resumed = line.starts_with("<... ");
            let name =
                line.trim_start_matches("<... ").split([' ', '(']).next().unwrap_or_default();
            if !is_resumed && !line.starts_with(['+', '-']) {
                calls.push(name.to_owned());
            }
            if name == "execve" && line.ends_with(" = 0") {
                return Some(calls);
            }
        }
        // It is a helper, which never becomes a command.
        None
    };
    pids.into_iter().filter_map(calls).collect()
}

#[test]
fn between_fork_and_exec_there_is_nothing_that_needs_memory() {
    if !has_program("strace") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace).arg(PROGRAM);
    // The command is started, and a hook.
    assert_eq!(run(command.args(["--on-timeout=:", "0.1", "sleep", "1000"])).code, 124);
    let trace = fs::read_to_string(trace).unwrap();
    let children = calls_before_exec(&trace);
    assert_eq!(children.len(), 2, "{trace}");
    for calls in children {
        assert!(calls.contains(&"setpgid".to_owned()), "{calls:?}");
        let unsafe_ones: Vec<_> = calls.iter().filter(|call| !SAFE.contains(&&***call)).collect();
        assert!(unsafe_ones.is_empty(), "{unsafe_ones:?}");
    }
    // Control: a command does ask for memory.
    assert!(trace.contains("brk("));
}
