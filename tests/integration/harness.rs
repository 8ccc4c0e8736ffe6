//! Runs the program and sees what becomes of it and of what it started.
//!
//! No test sleeps to wait for another process: a fixture says a line when it is where the test
//! wants it, and the end of file of a pipe that the whole tree has inherited is its death
//! certificate. A watchdog turns a hang into a failure with what was said so far.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take. Slow machines are no failure, hangs are.
pub const WATCHDOG: Duration = Duration::from_mins(1);

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_grpkill-timeout");

/// The program with the misbehaviours, see `tests/fixture/main.rs`.
pub fn fixture() -> String {
    let deps = std::env::current_exe().expect("the test program has a path");
    let profile = deps.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let fixture = profile.join("examples/fixture");
    assert!(fixture.exists(), "{} is missing: run `cargo test`", fixture.display());
    fixture.into_os_string().into_string().expect("the target directory has a name in UTF-8")
}

/// The program under its own name.
pub fn grpkill_timeout() -> Command {
    Command::new(PROGRAM)
}

/// The program under the name `timeout`.
pub fn as_timeout() -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg0("timeout");
    command
}

/// Keeps the user's and the machine's configuration out, and the repository of a hook or a rebase that
/// runs the tests: git would work in that one instead of the test's own.
pub fn isolate_git(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GIT_")) {
            command.env_remove(name);
        }
    }
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
}

/// The value of `PATH` with these directories before those that it has.
pub fn path_with(first: &[PathBuf]) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path = first.iter().cloned().chain(std::env::split_paths(&rest));
    std::env::join_paths(path).expect("no directory has a colon in its name")
}

/// A program that runs, with its two outputs captured.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Output,
    stderr: Output,
    started: Instant,
}

/// What a program has left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status, 128+N for signal N.
    pub code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether it left a core file.
    pub core_dumped: bool,
    /// Everything that the tree wrote.
    pub stdout: String,
    /// Everything that the tree wrote.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

/// Starts a command with empty standard input and captured outputs.
pub fn start(command: &mut Command) -> Running {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    Running {
        started: Instant::now(),
        stdin: child.stdin.take(),
        stdout: Output::of(child.stdout.take().expect("it is piped")),
        stderr: Output::of(child.stderr.take().expect("it is piped")),
        child,
    }
}

/// Runs a command to its end, and to the end of everything that holds its outputs.
pub fn run(command: &mut Command) -> Finished {
    start(command).finish()
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits for a line on standard output that begins so, and returns the rest of it.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        loop {
            let Some(line) = self.stdout.next_line() else {
                self.fail(&format!("standard output never said {beginning:?}"));
            };
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Waits for `ready`.
    pub fn wait_ready(&mut self) {
        self.wait_for("ready");
    }

    /// Waits for a line `NAME PID`.
    pub fn wait_pid(&mut self, name: &str) -> i32 {
        let rest = self.wait_for(&format!("{name} "));
        rest.parse().unwrap_or_else(|_| panic!("{rest:?} is no pid"))
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: i32) {
        signal_process(self.pid(), signal);
    }

    /// Makes the limit pass now, see the manual on `SIGALRM`.
    pub fn limit_passes(&self) {
        self.signal(libc::SIGALRM);
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("its standard input is open");
        stdin.write_all(text.as_bytes()).expect("it reads its standard input");
    }

    /// Waits for the end of the program itself. What it started may still be there.
    pub fn wait_exit(&mut self) -> std::process::ExitStatus {
        let until = Instant::now() + WATCHDOG;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            if Instant::now() > until {
                self.fail("it never ended");
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end of the program and of everything that holds its outputs.
    pub fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        let status = self.wait_exit();
        let took = self.started.elapsed();
        if !self.stdout.read_to_end() || !self.stderr.read_to_end() {
            self.fail("something that it started holds its output and does not end");
        }
        Finished {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            signal: status.signal(),
            core_dumped: status.core_dumped(),
            stdout: std::mem::take(&mut self.stdout.text),
            stderr: std::mem::take(&mut self.stderr.text),
            took,
        }
    }

    fn fail(&mut self, why: &str) -> ! {
        let tree = kill_tree(self.pid());
        let _ = self.child.wait();
        let (stdout, stderr) = (&self.stdout.text, &self.stderr.text);
        panic!("{why}\nstdout: {stdout}\nstderr: {stderr}\nit had started: {tree:?}");
    }
}

impl Drop for Running {
    /// A test that fails half-way leaves nothing behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_tree(self.pid());
            let _ = self.child.wait();
        }
    }
}

/// One output, read line by line in the background.
struct Output {
    lines: Receiver<String>,
    text: String,
}

impl Output {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self { lines, text: String::new() }
    }

    fn next_line(&mut self) -> Option<String> {
        let line = self.lines.recv_timeout(WATCHDOG).ok()?;
        self.text.push_str(&line);
        Some(line)
    }

    /// False where the end of file does not come.
    fn read_to_end(&mut self) -> bool {
        loop {
            match self.lines.recv_timeout(WATCHDOG) {
                Ok(line) => self.text.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

/// Sends a signal to a process that the test knows to be its own.
pub fn signal_process(pid: i32, signal: i32) {
    assert!(pid > 1);
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "process {pid} is gone");
}

/// Kills a process and all below it, and tells their commands.
fn kill_tree(root: i32) -> Vec<String> {
    let kill = |pid: i32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // SAFETY: the call takes numbers. The process was our child's descendant a moment ago,
        // and this is only done when a test has failed.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        String::from_utf8_lossy(&command).replace('\0', " ")
    };
    tree(root).into_iter().map(kill).collect()
}

/// A process and all below it. They are to be known before the first is killed: what a process leaves
/// behind is no longer below it.
pub fn tree(root: i32) -> Vec<i32> {
    let mut pids = vec![root];
    let mut at = 0;
    while let Some(pid) = pids.get(at).copied() {
        pids.extend(children(pid));
        at += 1;
    }
    pids
}

/// The children of a process.
pub fn children(pid: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// A letter, as in ps(1), or `None` where there is no such process.
pub fn state(pid: i32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let state = status.lines().find_map(|line| line.strip_prefix("State:"))?;
    state.trim().chars().next()
}

/// Whether a process is there and not a zombie.
pub fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// How often a process has gone to sleep by itself, which is once for each time it was woken.
pub fn sleeps(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).expect("the kernel counts them")
}

/// Whether a process waits in poll(2), which one that has a reason to run does not.
pub fn is_in_poll(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/wchan")).is_ok_and(|channel| channel.contains("poll"))
}

/// Waits until a process has been in the same poll(2) for so long, however little time it was given
/// before: it waits for no moment that is nearer.
pub fn wait_at_rest(pid: i32, time: Duration, otherwise: &str) {
    wait_until(otherwise, || {
        assert!(is_alive(pid), "{otherwise}: process {pid} has ended");
        let before = sleeps(pid);
        let is_asleep = || is_in_poll(pid) && sleeps(pid) == before;
        is_asleep() && {
            thread::sleep(time);
            is_asleep()
        }
    });
}

/// Asserts that nothing has this pid, not even a zombie.
pub fn assert_gone(pid: i32) {
    assert_eq!(state(pid), None, "process {pid} is still there");
}

/// Waits until a process has ended, where it is not this program that reaps it, but the machine's init:
/// some take minutes.
pub fn wait_gone(pid: i32) {
    wait_until(&format!("process {pid} is still there"), || !is_alive(pid));
}

/// Waits for what no event tells.
pub fn wait_until(otherwise: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + WATCHDOG;
    while !condition() {
        assert!(Instant::now() < until, "{otherwise}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a test that needs something beyond Rust, git, sh and bash can run. Says so where it
/// cannot, and fails where everything is required, as in CI.
pub fn can(what: &str, available: bool) -> bool {
    if !available {
        assert!(
            std::env::var_os("GRPKILL_TEST_ALL").is_none(),
            "this test needs {what}, and GRPKILL_TEST_ALL requires it"
        );
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "skipped: needs {what}");
    }
    available
}

/// A file system of one file that never answers who reads or writes that, see `tests/fixture/fuse.rs`.
/// With this value it goes away, and whoever hangs goes on.
pub struct Hung {
    server: Running,
    pid: i32,
    directory: TempDir,
}

impl Hung {
    /// `None` where that cannot be done.
    pub fn mount() -> Option<Self> {
        if !can_hang() {
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let mut server = start(Command::new(fixture()).arg("hang-others").arg(directory.path()));
        let pid = server.wait_pid("server");
        server.wait_ready();
        Some(Self { server, pid, directory })
    }

    /// The file, by the namespace in which it is mounted.
    pub fn path(&self) -> PathBuf {
        let directory = self.directory.path().strip_prefix("/").expect("it is absolute");
        Path::new(&format!("/proc/{}/root", self.pid)).join(directory).join("file")
    }

    /// Waits until somebody hangs.
    pub fn wait_asked(&mut self) {
        self.server.wait_for("asked");
    }
}

/// Whether there can be a file system that hangs.
pub fn can_hang() -> bool {
    let can_mount = || {
        let mount = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(fixture());
        command.arg("can-hang").arg(mount.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    is_root() && can("FUSE, and to be allowed to mount", can_mount())
}

/// Whether this program is installed.
pub fn has_program(name: &str) -> bool {
    can(name, find_program(name).is_some())
}

/// Where a program is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// Whether we are root.
pub fn is_root() -> bool {
    // SAFETY: the call takes nothing and cannot fail.
    can("root", unsafe { libc::geteuid() } == 0)
}
