//! Where a report can go: a file, standard error, a descriptor.

use std::fs;
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Report, Reports, parse_all, read_reports};
use crate::harness::{Finished, PROGRAM, grpkill_timeout, run};

/// A shell that becomes the program, with these words of shell before and behind it.
fn shell(before: &str, report: &str, redirections: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{before} exec \"$0\" --report={report} 60 sh -c 'exit 3' {redirections}");
    command.args(["-c", &script, PROGRAM]);
    command
}

fn assert_exited_3(text: &str) {
    let reports = parse_all(text);
    let [Report { outcome, exit_status: 3, .. }] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(outcome, "exited");
}

#[test]
fn a_hyphen_is_standard_error() {
    for option in ["--report=-", "-q --report=-", "--report=/dev/stderr"] {
        let finished =
            run(grpkill_timeout().args(option.split(' ')).args(["60", "sh", "-c", "exit 3"]));
        assert_eq!((finished.code, &*finished.stdout), (3, ""));
        assert_exited_3(&finished.stderr);
    }
}

/// What leads to one of our own streams: a path like any other, for which nothing is kept open.
#[test]
fn a_path_may_lead_to_our_own_streams() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    for stream in ["/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/proc/self/fd/2"] {
        let _ = fs::remove_file(&link);
        symlink(stream, &link).unwrap();
        for path in [Path::new(stream), &link] {
            let mut command = grpkill_timeout();
            command.arg("--report").arg(path).args(["60", "sh", "-c", "exit 3"]);
            let finished = run(&mut command);
            let (report, other) = match stream {
                "/dev/stdout" | "/proc/self/fd/1" => (&finished.stdout, &finished.stderr),
                _ => (&finished.stderr, &finished.stdout),
            };
            assert_eq!((finished.code, &**other), (3, ""), "{}: {finished:?}", path.display());
            assert_exited_3(report);
        }
    }
}

#[test]
fn on_standard_error_it_comes_after_what_is_said() {
    let finished = run(grpkill_timeout().args(["--report=-", "0.05", "sleep", "1000"]));
    let (said, report) = finished.stderr.rsplit_once("ms\n").unwrap();
    assert!(said.contains("timed out after 50ms"), "{finished:?}");
    assert!(said.contains("ended by TERM in "), "{finished:?}");
    assert_eq!(parse_all(report)[0].outcome, "timed-out");
}

#[test]
fn a_descriptor_is_written_as_it_is() {
    for path in ["/dev/fd/3", "/proc/self/fd/3"] {
        let finished = run(&mut shell("", path, "3>&1 >/dev/null"));
        assert_eq!((finished.code, &*finished.stderr), (3, ""), "{path}");
        assert_exited_3(&finished.stdout);
    }
    let finished = run(&mut shell("", "/dev/fd/1", ""));
    assert_exited_3(&finished.stdout);
}

#[test]
fn a_descriptor_can_be_a_file_that_others_write_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    let script = "exec 3>\"$1\"; echo first >&3; \"$0\" --report=/dev/fd/3 60 true; echo last >&3";
    run(Command::new("sh").args(["-c", script, PROGRAM]).arg(&file));
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let ["first", report, "last"] = lines[..] else { panic!("{text}") };
    assert_eq!(parse_all(&format!("{report}\n"))[0].outcome, "exited");
}

/// Nobody can open a socket by its path in /dev/fd.
#[test]
fn a_descriptor_can_be_a_socket() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = shell("", "/dev/fd/3", "3>&1 >/dev/null");
    let status = command.stdout(Stdio::from(OwnedFd::from(theirs))).status().unwrap();
    drop(command);
    assert_eq!(status.code(), Some(3));
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_exited_3(&text);
}

#[test]
fn a_pipe_that_has_a_reader_is_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let (finished, text) = run_to_fifo(&fifo, &["60", "sh", "-c", "exit 3"]);
    assert_eq!((finished.code, &*finished.stderr), (3, ""));
    assert_exited_3(&text);
}

/// More than a pipe holds, to a reader that is there: nothing is lost.
#[test]
fn a_large_report_passes_through_a_pipe() {
    let (mut reader, writer): (PipeReader, _) = std::io::pipe().unwrap();
    let long = "x".repeat(100_000);
    let mut command = Command::new("sh");
    let script = "exec \"$0\" --report=/dev/fd/3 60 true \"$1\" \"$1\" 3>&1 >/dev/null";
    let mut child = command.args(["-c", script, PROGRAM, &long]).stdout(writer).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(parse_all(&text)[0].command, ["true", &long, &long]);
}

/// Runs the program with a new FIFO as its report, which this process has open for reading.
fn run_to_fifo(fifo: &Path, arguments: &[&str]) -> (Finished, String) {
    let mut reader = super::failures::open_fifo(fifo);
    let finished = run(grpkill_timeout().arg("--report").arg(fifo).args(arguments));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    (finished, text)
}

#[test]
fn a_new_file_has_the_mode_that_the_umask_leaves_of_0644() {
    for (umask, mode) in [("022", 0o644), ("077", 0o600), ("000", 0o644)] {
        let reports = Reports::new();
        let path = reports.path();
        run(&mut shell(&format!("umask {umask};"), path.to_str().unwrap(), ""));
        reports.only();
        let metadata = fs::metadata(path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "umask {umask}");
    }
}

#[test]
fn an_existing_file_is_appended_to_and_keeps_its_mode() {
    let reports = Reports::new();
    let path = reports.path();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    for code in 0..3 {
        run(reports.program().args(["60", "sh", "-c", &format!("exit {code}")]));
    }
    let statuses: Vec<i32> = read_reports(&path).iter().map(|report| report.exit_status).collect();
    assert_eq!(statuses, [0, 1, 2]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    fs::write(&path, "not ours\n").unwrap();
    run(reports.program().args(["60", "sh", "-c", "exit 3"]));
    let text = fs::read_to_string(&path).unwrap();
    assert_exited_3(text.strip_prefix("not ours\n").expect("it is still there"));
}

/// A line that was cut off, for want of room, does not take the next one with it.
#[test]
fn a_line_that_was_cut_off_is_ended_first() {
    let (cut, whole) = ("{\"version\":1,\"comm", "{\"version\":1,\"comm\n");
    // The second one is the control.
    for before in [cut, whole] {
        let reports = Reports::new();
        fs::write(reports.path(), before).unwrap();
        for _ in 0..2 {
            run(reports.program().args(["60", "sh", "-c", "exit 3"]));
        }
        let text = fs::read_to_string(reports.path()).unwrap();
        let rest = text.strip_prefix(whole).unwrap_or_else(|| panic!("{before:?}: {text:?}"));
        let statuses = parse_all(rest).iter().map(|report| report.exit_status).collect::<Vec<_>>();
        assert_eq!(statuses, [3, 3], "{before:?}: {text:?}");
    }
}

#[test]
fn a_link_leads_to_the_file() {
    let reports = Reports::new();
    let link = reports.directory.path().join("link");
    symlink(reports.path(), &link).unwrap();
    run(grpkill_timeout().arg("--report").arg(&link).args(["60", "true"]));
    assert_eq!(reports.only().outcome, "exited");
}

#[test]
fn a_path_is_seen_from_where_we_are_and_the_last_one_counts() {
    let reports = Reports::new();
    let mut command = grpkill_timeout();
    command.args(["--report=other", "--report=reports", "60", "true"]);
    run(command.current_dir(reports.directory.path()));
    assert_eq!(reports.only().outcome, "exited");
    assert!(!reports.directory.path().join("other").exists());
}

/// The command gets none of it: the file is opened when the command is gone.
#[test]
fn the_command_does_not_find_the_report_open() {
    let reports = Reports::new();
    let script = "for fd in /proc/self/fd/*; do readlink $fd; done; [ ! -e \"$0\" ]";
    let path = reports.path();
    let finished = run(reports.program().args(["60", "sh", "-c", script]).arg(&path));
    assert_eq!(finished.code, 0, "the file is there before its time");
    assert!(!finished.stdout.contains("reports"), "{finished:?}");
    reports.only();
}

/// Hundreds of runs can share a file: each report is one write, whole and on a line of its own.
#[test]
fn a_hundred_runs_at_once_append_a_hundred_whole_lines() {
    let reports = Reports::new();
    // Much longer than what a pipe takes at once.
    let long = "x".repeat(20_000);
    let (gate, all_wait) = std::io::pipe().unwrap();
    let mut running: Vec<_> = (0..100)
        .map(|number: i32| {
            let script = format!("read line; exit {number}");
            let mut command = reports.program();
            command.args(["60", "sh", "-c", &script, &long]).stdin(gate.try_clone().unwrap());
            command.spawn().unwrap()
        })
        .collect();
    drop((gate, all_wait));
    for (number, child) in (0..).zip(&mut running) {
        assert_eq!(child.wait().unwrap().code(), Some(number));
    }
    let mut statuses: Vec<i32> =
        read_reports(&reports.path()).iter().map(|report| report.exit_status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, (0..100).collect::<Vec<_>>());
}
