//! A report that cannot be written: one line that says so, the same status, and the job is taken
//! down all the same. The end of file, for which `run` waits, proves that nothing is left.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Reports, install};
use crate::harness::{
    Finished, Hung, PROGRAM, WATCHDOG, can, grpkill_timeout, has_program, is_root, run, start,
};

const IN_TIME: (&[&str], i32) = (&["60", "sh", "-c", "exit 3"], 3);

/// A tree that has to be killed.
const TOO_LATE: (&[&str], i32) =
    (&["-q", "-k", "0.1", "0.1", "sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"], 137);

fn assert_warned(finished: &Finished, code: i32, destination: &str, reason: &str) {
    assert_eq!((finished.code, &*finished.stdout), (code, ""), "{finished:?}");
    let line = format!("grpkill-timeout: cannot write the report to '{destination}': {reason}\n");
    assert_eq!(finished.stderr, line);
}

fn make_fifo(path: &Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the pointer is to a string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// A new FIFO, open for reading; nobody has to write for it to open.
pub fn open_fifo(path: &Path) -> File {
    make_fifo(path);
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
}

#[test]
fn what_cannot_be_opened_or_written() {
    // A long name would be cut where it is shown.
    let directory = tempfile::Builder::new().prefix("r").tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    make_fifo(Path::new(&at("fifo")));
    fs::write(at("file"), "").unwrap();
    std::os::unix::fs::symlink("loop", at("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    for (destination, reason) in [
        (at(""), "Is a directory"),
        (at("missing/file"), "No such file or directory"),
        (at("file/file"), "Not a directory"),
        (at("fifo"), "No such device or address"),
        (at("socket"), "No such device or address"),
        (at("loop"), "Too many levels of symbolic links"),
        ("/dev/full".to_owned(), "No space left on device"),
        ("/dev/fd/77".to_owned(), "Bad file descriptor"),
    ] {
        for (arguments, code) in [IN_TIME, TOO_LATE] {
            let finished = run(grpkill_timeout().args(["--report", &destination]).args(arguments));
            assert_warned(&finished, code, &destination, reason);
        }
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"");
}

#[test]
fn a_command_that_cannot_be_started_and_a_report_that_cannot_be_written() {
    let finished = run(grpkill_timeout().args(["--report=/dev/full", "60", "no-such-command"]));
    assert_eq!(finished.code, 127);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let [first, second] = lines[..] else { panic!("{finished:?}") };
    assert!(first.contains("cannot run 'no-such-command'"), "{finished:?}");
    assert!(second.contains("cannot write the report to '/dev/full'"), "{finished:?}");
}

#[test]
fn the_warning_is_one_line_whatever_the_name() {
    let name = OsStr::from_bytes(b"no/such\n\x1b[2J\xff");
    let (arguments, code) = IN_TIME;
    let finished = run(grpkill_timeout().arg("--report").arg(name).args(arguments));
    assert_warned(&finished, code, r"no/such\n\u{1b}[2J\xff", "No such file or directory");
}

/// A descriptor that was closed for the command is closed for the report: what we have opened
/// ourselves does not take its number.
#[test]
fn a_descriptor_that_is_closed() {
    for (number, redirection) in [(3, "3>&-"), (4, "3>&- 4>&-"), (0, "0>&-"), (9, "9>&-")] {
        let script =
            format!("exec \"$0\" --report=/dev/fd/{number} 60 sh -c 'exit 3' {redirection}");
        let finished = run(Command::new("sh").args(["-c", &script, PROGRAM]));
        let destination = format!("/dev/fd/{number}");
        assert_warned(&finished, 3, &destination, "Bad file descriptor");
    }
}

#[test]
fn a_descriptor_that_is_open_for_reading_only() {
    let script = "exec \"$0\" --report=/dev/fd/3 60 sh -c 'exit 3' 3</dev/null";
    let finished = run(Command::new("sh").args(["-c", script, PROGRAM]));
    assert_warned(&finished, 3, "/dev/fd/3", "Bad file descriptor");
}

/// A write to it would kill us by SIGPIPE.
#[test]
fn a_pipe_whose_reader_has_gone() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let script = "exec \"$0\" --report=/dev/fd/3 60 sh -c 'exit 3' 3>&1 >/dev/null";
    let output = Command::new("sh").args(["-c", script, PROGRAM]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.ends_with("cannot write the report to '/dev/fd/3': Broken pipe\n"), "{stderr}");
}

/// A write that goes past it would kill us by SIGXFSZ.
#[test]
fn a_limit_on_the_size_of_files() {
    let reports = Reports::new();
    let script = "ulimit -f 0; exec \"$0\" --report=\"$1\" 60 sh -c 'exit 3'";
    let finished = run(Command::new("sh").args(["-c", script, PROGRAM]).arg(reports.path()));
    assert_eq!(finished.code, 3, "{finished:?}");
    assert!(finished.stderr.ends_with("': File too large\n"), "{finished:?}");
}

#[test]
fn a_pipe_that_is_never_read_does_not_keep_us() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let _reader = open_fifo(&fifo);
    // Together more than a pipe holds.
    let long = "x".repeat(100_000);
    for (arguments, code) in [IN_TIME, TOO_LATE] {
        let mut command = grpkill_timeout();
        command.arg("--report").arg(&fifo).args(arguments).args(["sh", &long, &long]);
        let finished = run(&mut command);
        assert_eq!(finished.code, code, "{finished:?}");
        assert!(finished.stderr.contains("cannot write the report to "), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    }
}

/// The same of what others have opened, where a write waits for ever.
#[test]
fn a_descriptor_that_is_never_read_does_not_keep_us() {
    let (_reader, pipe) = std::io::pipe().unwrap();
    let (_peer, socket) = UnixStream::pair().unwrap();
    // More than a pipe or a socket holds.
    let long = "x".repeat(120_000);
    for descriptor in [OwnedFd::from(pipe), OwnedFd::from(socket)] {
        let script = "exec \"$0\" --report=/dev/fd/3 60 sh -c 'exit 3' \"$@\" 3>&1 >/dev/null";
        let mut command = Command::new("sh");
        command.args(["-c", script, PROGRAM, &long, &long, &long, &long]);
        let child = command.stdout(descriptor).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = watched(child, 3);
        assert!(stderr.contains("cannot write the report to '/dev/fd/3'"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

/// The standard error of a child that has to end with this status, and before the watchdog.
fn watched(mut child: Child, code: i32) -> String {
    let until = Instant::now() + WATCHDOG;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
        }
        sleep(Duration::from_millis(1));
    };
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    for report in ["-", "/dev/full", "/dev/fd/2", "no/such"] {
        for (arguments, code) in [IN_TIME, TOO_LATE] {
            let script = "report=$1; shift; exec \"$0\" --report=\"$report\" \"$@\" 2>&-";
            let mut command = Command::new("sh");
            let finished = run(command.args(["-c", script, PROGRAM, report]).args(arguments));
            assert_eq!(
                (finished.code, &*finished.stdout, &*finished.stderr),
                (code, "", ""),
                "{report}"
            );
        }
    }
}

#[test]
fn a_standard_error_without_a_reader_changes_nothing() {
    for report in ["-", "/dev/full", "/dev/fd/2"] {
        for (arguments, code) in [IN_TIME, TOO_LATE] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = grpkill_timeout();
            command.args(["--report", report]).args(arguments).stderr(writer);
            let status = command.stdin(Stdio::null()).status().unwrap();
            assert_eq!(status.code(), Some(code), "{report}");
        }
    }
}

#[test]
fn a_file_that_we_may_not_write_to() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    // Others can reach both, but not write.
    let directory = tempfile::Builder::new().prefix("r").tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    install(PROGRAM, &at("grpkill-timeout"), "755");
    fs::write(at("old"), "").unwrap();
    fs::set_permissions(at("old"), fs::Permissions::from_mode(0o644)).unwrap();
    for name in ["old", "new"] {
        for (arguments, code) in [IN_TIME, TOO_LATE] {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(at("grpkill-timeout")).arg("--report").arg(at(name)).args(arguments);
            let finished = run(&mut command);
            assert_warned(&finished, code, at(name).to_str().unwrap(), "Permission denied");
        }
    }
}

/// A report on a file system that hangs is given up after a while; and then nobody waits for us any more,
/// not even for our output, though what hangs there may not die.
#[test]
fn a_file_system_that_hangs_holds_up_no_pipeline() {
    let Some(mut hung) = Hung::mount() else { return };
    let path = hung.path();
    let mut command = Command::new("bash");
    let script = "set -o pipefail; \"$0\" --report=\"$1\" 60 sh -c 'exit 3' | cat";
    let run = start(command.args(["-c", script, PROGRAM]).arg(&path));
    hung.wait_asked();
    // The end of file, while it still hangs.
    let finished = run.finish();
    assert_warned(&finished, 3, path.to_str().unwrap(), "Timer expired");
}

/// A full disk: no room at all, and room for a part of the line.
#[test]
fn a_file_system_that_is_full() {
    let directory = tempfile::Builder::new().prefix("r").tempdir().unwrap();
    let mounted = "mount -t tmpfs -o size=4k none \"$1\"";
    let unshared = |script: &str, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, PROGRAM]).arg(directory.path()).args(arguments);
        command
    };
    if !is_root()
        || !has_program("unshare")
        || !can("a mount namespace", unshared(mounted, &[]).status().is_ok_and(|s| s.success()))
    {
        return;
    }
    for used in [4096, 4000] {
        for (arguments, code) in [IN_TIME, TOO_LATE] {
            let script = format!(
                "{mounted} && printf %{used}s x >\"$1/file\" || exit 99; file=$1/file; shift; \
                 exec \"$0\" --report=\"$file\" \"$@\""
            );
            let finished = run(&mut unshared(&script, arguments));
            let file = directory.path().join("file");
            assert_warned(&finished, code, file.to_str().unwrap(), "No space left on device");
        }
    }
}
