//! Names and habits that are made to break a report: it stays one clean line, or one clean list.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Stray, leader};
use crate::harness::{can, fixture, grpkill_timeout, is_root, run, start, state, wait_until};

fn assert_clean(stderr: &str) {
    assert!(!stderr.contains("panicked"), "{stderr}");
    let is_raw = |c: char| c.is_control() && c != '\n';
    assert!(!stderr.contains(is_raw), "{stderr:?}");
}

/// A script that finds the fixture in its directory, so that its command line is short enough to be
/// shown whole wherever the target directory is.
fn beside_fixture(script: &str) -> String {
    let fixture = fixture();
    let directory = Path::new(&fixture).parent().expect("it is in a directory");
    format!("cd {}; {script}", directory.display())
}

/// What is left, and how it is named.
const NAMES: [(&str, &str); 4] = [
    ("named ') R 1 ('", "fixture named ) R 1 (', state S"),
    ("called newlines", r"'one\ntwo\r\u{1b}[2J\u{1b}]0;title\u{7}\tthree linger', state S"),
    ("called huge", "xxx…', state S"),
    ("called not-text", "'\u{fffd}\u{fffd}\u{fffd}abc\u{fffd} linger', state S"),
];

#[test]
fn hostile_names_are_shown_in_one_line() {
    for (how, expected) in NAMES {
        let mut run = leader(&[], &beside_fixture(&format!("./fixture detach 1 ./fixture {how}")));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0), "{how}");
        stray.end();
        let stderr = run.finish().stderr;
        assert_eq!(stderr.lines().count(), 1, "{how}: {stderr}");
        assert_clean(&stderr);
        assert!(stderr.contains(&format!("left process {} '", stray.pid)), "{how}: {stderr}");
        assert!(stderr.contains(expected), "{how}: {stderr}");
    }
}

/// Servers write titles over their arguments and fill the rest with zeros. That is no part of it.
#[test]
fn a_title_is_shown_and_allowed_without_its_padding() {
    for (options, expected) in
        [(&[][..], "'server: ready', state S"), (&["--allow=server: ready"], "")]
    {
        let mut run =
            leader(options, &format!("{0} detach 1 {0} titled 'server: ready'", fixture()));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0));
        stray.end();
        let stderr = run.finish().stderr;
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(stderr.is_empty(), expected.is_empty(), "{stderr}");
    }
}

#[test]
fn hostile_names_are_shown_in_a_list() {
    let all = NAMES.map(|(how, _)| format!("{0} detach 1 {0} {how}", fixture())).join("; ");
    let mut run = leader(&[], &all);
    let strays = NAMES.map(|_| Stray::of(&mut run));
    run.say("0\n");
    assert_eq!(run.wait_exit().code(), Some(0));
    drop(strays);
    let stderr = run.finish().stderr;
    assert_clean(&stderr);
    assert!(stderr.contains(": left 4 processes\n"), "{stderr}");
    for line in stderr.lines().skip(1) {
        assert!(line.chars().count() <= 80, "{line:?} is too long");
    }
}

/// Each look finds others, which are gone when more is asked about them.
#[test]
fn who_vanishes_while_we_look_is_no_trouble() {
    for round in 0..10 {
        let policy = ["--lingering=report", "--lingering=kill"][round % 2];
        let mut run = leader(&[policy], &beside_fixture("./fixture detach 1 ./fixture storm"));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0));
        assert_eq!(stray.is_alive(), policy == "--lingering=report");
        drop(stray);
        let stderr = run.finish().stderr;
        assert_clean(&stderr);
        // Its name has to do where its command line takes too long: it holds its lock to fork.
        assert!(stderr.contains("storm") || stderr.contains("[fixture]"), "{stderr}");
    }
}

/// Leaves a process whose command line cannot be read, with two that it needs.
fn leave_stuck(options: &[&str], end: &str, survives: bool) -> Option<String> {
    if !is_root() || !can("FUSE", Path::new("/dev/fuse").exists()) {
        return None;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let script = format!("{0} detach 1 {0} stuck-command-line {path}", fixture());
    let mut run = leader(options, &script);
    let server = Stray::named(&mut run, "server");
    let stuck = Stray::of(&mut run);
    // Control: whoever reads it waits.
    let mut other = start(Command::new("cat").arg(format!("/proc/{}/cmdline", stuck.pid)));
    wait_until("it can be read", || state(other.pid()) == Some('D'));
    other.signal(libc::SIGKILL);
    other.wait_exit();
    let before = Instant::now();
    match end {
        "limit" => run.limit_passes(),
        _ => run.say("0\n"),
    }
    run.wait_exit();
    let took = before.elapsed();
    assert!(took < Duration::from_secs(5), "it has waited {took:?}");
    assert_eq!([stuck.is_alive(), server.is_alive()], [survives; 2], "{options:?}, {end}");
    // The end of the server lets go of the other.
    drop(server);
    drop(stuck);
    Some(run.finish().stderr)
}

#[test]
fn a_command_line_that_cannot_be_read_keeps_nobody_waiting() {
    // At the limit there is a second list, of what was running.
    for (end, lists) in [("success", 1), ("limit", 2)] {
        let Some(stderr) = leave_stuck(&[], end, true) else { return };
        assert_clean(&stderr);
        assert!(stderr.contains(": left 3 processes"), "{stderr}");
        let unread = stderr.matches("[fixture]").count();
        assert_eq!(unread, lists, "this one cannot be read, and the others can: {stderr}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_saves_nobody() {
    for options in [&["--lingering=kill"][..], &["--lingering=kill", "--allow=nobody"]] {
        for end in ["success", "limit"] {
            let options = [&["-k", "0.3"], options].concat();
            let Some(stderr) = leave_stuck(&options, end, false) else { return };
            assert_clean(&stderr);
        }
    }
}

/// Whoever asks for the state of a process that is stuck in exec may hang, on some kernels: the limit
/// and the idle limit end the job all the same.
#[test]
fn a_process_that_is_stuck_in_exec_keeps_nobody_waiting() {
    if !is_root() || !can("/dev/fuse", Path::new("/dev/fuse").exists()) {
        return;
    }
    for options in [&["2"][..], &["--idle=0.5", "3"]] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = grpkill_timeout();
        command.args(["-k", "1"]).args(options).args([&fixture(), "stuck-in-exec"]);
        let finished = run(command.arg(file.path()));
        assert!([124, 137].contains(&finished.code), "{finished:?}");
        assert!(finished.stderr.contains(": timed out"), "{finished:?}");
    }
}
