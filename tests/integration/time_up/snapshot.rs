//! The snapshot: what was running when time was up.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{
    Finished, PROGRAM, as_timeout, can, children, fixture, grpkill_timeout, is_alive, run,
    signal_process, start, state, wait_until,
};
use crate::report::{Report, Reported, Reports, Socket};

/// Lets the limit of a run pass, and waits for its end.
fn pass(mut reported: Reported) -> (Finished, Report) {
    reported.run.limit_passes();
    // Not before its end: the end of its standard input could end the command.
    reported.run.wait_exit();
    reported.finish()
}

/// The lines of a snapshot, from its heading on, and nothing of what is said later.
fn lines(finished: &Finished) -> Vec<&str> {
    let lines = finished.stderr.lines().skip_while(|line| !line.trim_start().starts_with("PID "));
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("grpkill-timeout:")).collect();
    assert!(!lines.is_empty(), "there is no snapshot in {finished:?}");
    lines
}

/// The line of a process.
fn line_of(finished: &Finished, pid: i32) -> &str {
    let is_it = |line: &&&str| line.split_whitespace().next() == Some(&pid.to_string());
    let lines = lines(finished);
    lines.iter().find(is_it).unwrap_or_else(|| panic!("{pid} is not in {finished:?}"))
}

fn one_of<'a>(report: &'a Report, name: &str) -> &'a crate::report::Process {
    let named = report.snapshot.iter().find(|process| process.name.as_deref() == Some(name));
    named.unwrap_or_else(|| panic!("{name} is not in {report:?}"))
}

#[test]
fn the_tree_is_shown_with_ages_and_states() {
    let fixture = fixture();
    let mut reported = Reported::start(&["-s", "KILL", "0", &fixture, "generations", "3"]);
    let generations: Vec<i32> = (0..3).map(|_| reported.run.wait_pid("generation")).collect();
    reported.run.wait_ready();
    for pid in &generations {
        wait_until("it does not wait", || state(*pid) == Some('S'));
    }
    let (finished, report) = pass(reported);
    assert!(finished.stderr.contains(": timed out by ALRM\n"), "{finished:?}");
    let heading: Vec<_> = lines(&finished)[0].split_whitespace().collect();
    assert_eq!(heading, ["PID", "STATE", "AGE", "COMMAND"]);
    assert!(report.snapshot_complete);
    let seen: Vec<i32> = report.snapshot.iter().map(|process| process.pid).collect();
    assert_eq!(seen, generations);
    for (pid, branch) in generations.iter().zip(["", "└ ", "  └ "]) {
        let process = report.seen(*pid);
        assert_eq!((process.state.as_deref(), process.threads), (Some("S"), Some(1)));
        assert!(process.in_group && process.pgid == report.pid(), "{process:?}");
        // Known to a tick of the clock, which is 10 ms at most.
        let age = process.age_ms.expect("its age is known");
        assert!(age <= report.elapsed_ms + 10, "{process:?}");
        let expected = [fixture.clone(), "generations".to_owned(), "3".to_owned()];
        assert_eq!(process.command.as_deref(), Some(&expected[..]));
        let line = line_of(&finished, *pid);
        let (_, shown) = line.split_once(" s ").expect("it has an age in seconds");
        // Without its directories.
        assert!(shown.starts_with(&format!("{branch}fixture generations 3")), "{line}");
    }
}

/// What a command waits for, in words; what the kernel's own name has in it; and the command, which
/// says `ready` before it waits.
const WAITS: &[(&str, &str, &[&str])] = &[
    ("futex", "futex", &["FIXTURE", "futex"]),
    ("pipe read", "pipe", &["sh", "-c", "echo ready; read line; :"]),
    ("waitpid", "wait", &["sh", "-c", "echo ready; sleep 1000; :"]),
    ("sleep", "nanosleep", &["sh", "-c", "echo ready; exec sleep 1000"]),
    ("poll", "poll", &["sh", "-c", "echo ready; exec \"$0\" 1000 sleep 1000", PROGRAM]),
    ("accept", "accept", &["FIXTURE", "accept"]),
    ("signal", "sigtimedwait", &["FIXTURE", "count", "10"]),
];

#[test]
fn what_a_process_waits_for_is_shown_in_words_and_in_the_kernels() {
    let fixture = fixture();
    if !can("a kernel that tells where a process waits", wait_channel_is_told()) {
        return;
    }
    for (meaning, kernel, command) in WAITS {
        let command: Vec<&str> =
            command.iter().map(|word| if *word == "FIXTURE" { &*fixture } else { word }).collect();
        let mut reported = Reported::start(&[&["0"], &command[..]].concat());
        reported.run.wait_ready();
        let pid = children(reported.run.pid())[0];
        wait_until(&format!("it does not wait for {meaning}"), || {
            wait_channel(pid).contains(kernel)
        });
        let channel = wait_channel(pid);
        let (finished, report) = pass(reported);
        assert_eq!(report.seen(pid).wait.as_deref(), Some(&*channel), "{finished:?}");
        // A compiler's copy of a function has a suffix, which nobody wants to know.
        let name = channel.split('.').next().unwrap_or_default();
        let shown = format!("waits in {meaning} ({name})");
        assert!(finished.stderr.contains(&shown), "{shown} is not in {finished:?}");
    }
}

/// The kernel function that a process waits in, where the kernel tells.
fn wait_channel(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default()
}

/// Some kernels keep it from everybody.
fn wait_channel_is_told() -> bool {
    let mut run = start(grpkill_timeout().args(["60", "sh", "-c", "echo ready; read line"]));
    run.wait_ready();
    let pid = children(run.pid())[0];
    wait_until("it does not wait", || state(pid) == Some('S'));
    // It may have been on its way to sleep.
    let until = Instant::now() + Duration::from_secs(5);
    while wait_channel(pid).len() <= 1 && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    let told = wait_channel(pid).len() > 1;
    run.say("\n");
    run.finish();
    told
}

#[test]
fn leaked_connections_are_counted_with_their_peer() {
    for address in ["127.0.0.1", "::1"] {
        if !can(address, TcpListener::bind((address, 0)).is_ok()) {
            continue;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket").display().to_string();
        let mut reported = Reported::start(&["0", &fixture(), "sockets", address, "23", &path]);
        let server = reported.run.wait_for("server ");
        let datagrams = reported.run.wait_for("datagrams ");
        reported.run.wait_ready();
        let (finished, report) = pass(reported);
        let close_wait = format!("tcp CLOSE_WAIT ×23 → {server}");
        for note in [
            close_wait,
            format!("tcp {server} LISTEN"),
            format!("udp {datagrams} CLOSE"),
            format!("unix {path} LISTEN"),
        ] {
            assert!(finished.stderr.contains(&note), "{note} is not in {finished:?}");
        }
        let socket =
            |protocol: &str, local: Option<&String>, remote: Option<&String>, state: &str| Socket {
                protocol: protocol.to_owned(),
                local: local.cloned(),
                remote: remote.cloned(),
                state: Some(state.to_owned()),
                count: if remote.is_some() { 23 } else { 1 },
            };
        let sockets = report.seen(report.pid()).sockets.as_ref().expect("they could be seen");
        let expected = [
            socket("tcp", None, Some(&server), "CLOSE_WAIT"),
            socket("tcp", Some(&server), None, "LISTEN"),
            socket("udp", Some(&datagrams), None, "CLOSE"),
            socket("unix", Some(&path), None, "LISTEN"),
        ];
        assert_eq!(sockets, &expected);
    }
}

#[test]
fn one_connection_is_shown_with_both_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = listener.local_addr().unwrap();
    let mut reported = Reported::start(&["0", &fixture(), "connect", &peer.to_string()]);
    reported.run.wait_ready();
    let (_connection, own) = listener.accept().unwrap();
    let (finished, _) = pass(reported);
    let note = format!("tcp {own} → {peer} ESTABLISHED");
    assert!(finished.stderr.contains(&note), "{note} is not in {finished:?}");
}

#[test]
fn threads_are_counted() {
    let mut reported = Reported::start(&["0", &fixture(), "threads", "5"]);
    reported.run.wait_ready();
    let (finished, report) = pass(reported);
    assert_eq!(report.seen(report.pid()).threads, Some(5));
    assert!(finished.stderr.contains("5 threads"), "{finished:?}");
}

#[test]
fn a_stopped_process_is_shown_as_such() {
    let mut reported = Reported::start(&["0", "sh", "-c", "echo ready; kill -STOP $$"]);
    reported.run.wait_ready();
    let pid = children(reported.run.pid())[0];
    wait_until("it does not stop", || state(pid) == Some('T'));
    let (finished, report) = pass(reported);
    assert_eq!(report.seen(pid).state.as_deref(), Some("T"));
    let columns: Vec<_> = line_of(&finished, pid).split_whitespace().take(2).collect();
    assert_eq!(columns, [&pid.to_string(), "T"]);
}

#[test]
fn a_zombie_is_not_shown() {
    let mut reported = Reported::start(&["-k", "0.1", "0", &fixture(), "unreaped-child"]);
    let zombie = reported.run.wait_pid("zombie");
    reported.run.wait_ready();
    wait_until("there is no zombie", || state(zombie) == Some('Z'));
    let (_, report) = pass(reported);
    assert!(!report.has_seen(zombie), "{report:?}");
    assert_eq!(report.snapshot.len(), 1, "{report:?}");
}

/// It is shown where a limit leaves it alone, too: it may be what the command waits for.
#[test]
fn what_is_detached_is_shown_with_its_session() {
    let mut reported = Reported::start(&["0", &fixture(), "session-leader-with-child"]);
    let detached = reported.run.wait_pid("detached");
    let child = reported.run.wait_pid("child");
    reported.run.wait_ready();
    reported.run.limit_passes();
    reported.run.wait_exit();
    assert!(is_alive(detached));
    signal_process(detached, libc::SIGKILL);
    let (finished, report) = reported.finish();
    let shown = &finished.stderr[..finished.stderr.find(": ended by").expect("it ended")];
    assert!(shown.contains(&format!("session {detached}")), "{finished:?}");
    assert!(shown.contains("holds stdout and stderr"), "{finished:?}");
    let place = |pid| (report.seen(pid).in_group, report.seen(pid).sid == detached);
    assert_eq!((place(detached), place(child)), ((false, true), (true, false)));
}

#[test]
fn of_many_processes_twenty_are_shown() {
    for (children, shown, more) in [("39", 20, Some("and 20 more")), ("19", 20, None)] {
        let mut reported = Reported::start(&["-s", "KILL", "0", &fixture(), "members", children]);
        reported.run.wait_ready();
        let (finished, report) = pass(reported);
        let lines = lines(&finished);
        let is_process = |line: &&&str| {
            line.split_whitespace().next().is_some_and(|word| word.parse::<i32>().is_ok())
        };
        assert_eq!(lines.iter().filter(is_process).count(), shown, "{finished:?}");
        assert_eq!(lines.last().map(|line| line.trim()).filter(|l| l.starts_with("and ")), more);
        assert_eq!(report.snapshot.len(), children.parse::<usize>().unwrap() + 1);
        for line in lines {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// A command that hangs until its standard input ends, and says when it is there.
const HANGS: [&str; 3] = ["sh", "-c", "echo ready; read line"];

#[test]
fn who_wants_silence_gets_the_snapshot_in_the_report_only() {
    for program in [grpkill_timeout, as_timeout] {
        for reports in [None, Some(Reports::new())] {
            let mut command = program();
            if let Some(reports) = &reports {
                command.arg("--report").arg(reports.path());
            }
            let mut run = start(command.args(["-q", "0"]).args(HANGS));
            run.wait_ready();
            run.limit_passes();
            run.wait_exit();
            let finished = run.finish();
            assert_eq!((finished.code, &*finished.stderr), (124, ""));
            if let Some(reports) = &reports {
                let report = reports.only();
                assert_eq!(one_of(&report, "sh").pid, report.pid());
            }
        }
    }
}

#[test]
fn as_timeout_nothing_is_shown() {
    let mut run = start(as_timeout().arg("0").args(HANGS));
    run.wait_ready();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert_eq!(run.finish().stderr, "");
}

/// What obeys TERM at once is shown as it was before.
#[test]
fn the_snapshot_comes_before_the_signal() {
    let script = "trap 'echo got TERM; exit 0' TERM; echo ready; read line";
    let mut reported = Reported::start(&["0", "sh", "-c", script]);
    reported.run.wait_ready();
    let pid = children(reported.run.pid())[0];
    wait_until("it does not wait", || state(pid) == Some('S'));
    let (finished, report) = pass(reported);
    assert!(finished.stdout.contains("got TERM"), "{finished:?}");
    assert_eq!(
        (report.seen(pid).state.as_deref(), report.seen(pid).command.is_some()),
        (Some("S"), true)
    );
}

#[test]
fn a_signal_to_us_takes_no_snapshot() {
    let mut reported = Reported::start(&[&["60"], &HANGS[..]].concat());
    reported.run.wait_ready();
    reported.run.signal(libc::SIGTERM);
    reported.run.wait_exit();
    let (finished, report) = reported.finish();
    assert_eq!((&*report.outcome, &*finished.stderr), ("interrupted", ""));
    assert!(report.snapshot.is_empty() && report.snapshot_complete, "{report:?}");
}

#[test]
fn a_command_that_ends_in_time_is_not_looked_at() {
    let finished = run(grpkill_timeout().args(["60", "true"]));
    assert_eq!((finished.code, &*finished.stderr), (0, ""));
}

#[test]
fn passwords_in_urls_are_hidden() {
    let url = "https://me:secret@example.org/x.git";
    let mut reported = Reported::start(&[&["0"], &HANGS[..], &[url]].concat());
    reported.run.wait_ready();
    let reports = reported.reports.path();
    reported.run.limit_passes();
    reported.run.wait_exit();
    let finished = reported.run.finish();
    for text in [finished.stderr, fs::read_to_string(reports).unwrap()] {
        assert!(!text.contains("secret"), "{text}");
        assert!(text.matches("https://***@example.org").count() >= 2, "{text}");
    }
}
