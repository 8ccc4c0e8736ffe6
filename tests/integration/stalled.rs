//! Standard error that nobody reads, or a file system that does not answer: what we say may be lost, but
//! the limit and the KILL come, and we return.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{
    Hung, PROGRAM, assert_gone, children, has_program, signal_process, start, state, wait_until,
};

/// What a pipe takes as a whole.
const PAGE: usize = libc::PIPE_BUF;

/// A pipe whose ends this process has.
struct Pipe {
    reader: PipeReader,
    writer: OwnedFd,
}

impl Pipe {
    fn new() -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        Self { reader, writer: writer.into() }
    }

    /// By which others open it.
    fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.writer.as_raw_fd()).into()
    }

    /// Writes to it until it is full. It need not be full afterwards to those that block.
    fn fill(&self) {
        let flags = libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        let mut writer = options.write(true).custom_flags(flags).open(self.path()).unwrap();
        let error = loop {
            if let Err(error) = writer.write(&[b'.'; PAGE]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    /// Makes room for one line.
    fn drain_a_page(&mut self) {
        self.reader.read_exact(&mut [0; PAGE]).unwrap();
    }
}

/// A shell that turns its standard error to this file and becomes the command.
fn onto(stderr: &std::path::Path, command: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "stderr=$0; exec \"$@\" 2>>\"$stderr\""]).arg(stderr).args(command);
    shell
}

/// A command that ignores what we say something about, and TERM.
const DEAF: &str = "trap '' TERM USR1; echo command $$; echo ready; while :; do sleep 0.1; done";

/// Control: whoever waits for room waits for the reader.
#[test]
fn who_blocks_waits_for_the_reader() {
    let mut pipe = Pipe::new();
    pipe.fill();
    let mut run = start(&mut onto(&pipe.path(), &["sh", "-c", "echo $$; exec echo text >&2"]));
    let pid = run.wait_for("").parse().unwrap();
    wait_until("it does not wait", || call_of(pid).is_some_and(|call| call == libc::SYS_write));
    pipe.drain_a_page();
    assert_eq!(run.finish().code, 0);
}

/// The system call in which a process is, where that is to be seen.
fn call_of(pid: i32) -> Option<i64> {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    call.split(' ').next()?.parse().ok()
}

/// poll(2) tells us that there is room, and when we write there is none: strace(1) holds us between the
/// two.
#[test]
fn room_that_another_takes_does_not_keep_us() {
    if !has_program("strace") {
        return;
    }
    let mut pipe = Pipe::new();
    pipe.fill();
    pipe.drain_a_page();
    let hold = "inject=write:delay_enter=1s:when=1";
    let traced = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", hold, PROGRAM];
    let ours = ["-v", "-k", "0.2", "0", "sh", "-c", DEAF];
    let mut run = start(&mut onto(&pipe.path(), &[&traced[..], &ours].concat()));
    run.wait_ready();
    let ours = children(run.pid())[0];
    signal_process(ours, libc::SIGUSR1);
    wait_until("it says nothing", || call_of(ours) == Some(libc::SYS_write));
    pipe.fill();
    signal_process(ours, libc::SIGALRM);
    assert_eq!(run.finish().code, 137);
}

/// How much is read of what they write.
const PAGES: usize = 5000;

/// Four of the job take all the room there is; the reader reads for a while, and then no more.
#[test]
fn other_writers_and_a_reader_that_stops_do_not_keep_us() {
    let Pipe { mut reader, writer } = Pipe::new();
    let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let writers = "trap '' TERM USR1; for i in 1 2 3 4; do yes >&2 & done; echo ready; wait";
    let arguments = [PROGRAM, "-v", "-k", "0.2", "0", "sh", "-c", writers];
    let mut run = start(&mut onto(path.as_ref(), &arguments));
    run.wait_ready();
    let ours = run.pid();
    let floods = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            while floods.load(Ordering::Relaxed) {
                signal_process(ours, libc::SIGUSR1);
                thread::yield_now();
            }
        });
        // It stops in a moment in which we wait for it, should there ever be one.
        let _ = (0..PAGES).find(|_| {
            reader.read_exact(&mut [0; PAGE]).unwrap();
            call_of(ours) == Some(libc::SYS_write)
        });
        floods.store(false, Ordering::Relaxed);
    });
    run.limit_passes();
    assert_eq!(run.finish().code, 137);
    drop(reader);
}

#[test]
fn a_socket_that_is_full_does_not_keep_us() {
    let (_peer, socket) = UnixStream::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    while (&socket).write(&[b'.'; PAGE]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    // Nobody can open a socket by its path: the shell has it as its input.
    let script = "exec \"$0\" -v -k 0.2 0.3 sh -c \"$1\" 2>&0";
    let mut command = Command::new("sh");
    command.args(["-c", script, PROGRAM, DEAF]).stdin(OwnedFd::from(socket));
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut status = None;
    wait_until("it waits for the reader", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(137));
}

/// A log on a file system that hangs.
#[test]
fn a_file_system_that_hangs_does_not_keep_us() {
    let Some(mut hung) = Hung::mount() else { return };
    let arguments = [PROGRAM, "-v", "-k", "0.2", "0", "sh", "-c", DEAF];
    let mut run = start(&mut onto(&hung.path(), &arguments));
    let command = run.wait_pid("command");
    run.wait_ready();
    run.signal(libc::SIGUSR1);
    hung.wait_asked();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(137));
    assert_gone(command);
    // The helper that hangs there has none of our other streams.
    run.finish();
    drop(hung);
}

/// Control: who writes there himself hangs, and does not even die.
#[test]
fn who_writes_to_it_hangs() {
    let Some(mut hung) = Hung::mount() else { return };
    let mut run = start(&mut onto(&hung.path(), &["sh", "-c", "echo $$; exec echo text >&2"]));
    let pid = run.wait_for("").parse().unwrap();
    hung.wait_asked();
    signal_process(pid, libc::SIGKILL);
    wait_until("it does not hang", || state(pid) == Some('D'));
    drop(hung);
    assert_eq!(run.finish().signal, Some(libc::SIGKILL));
}
