//! Starting processes, waiting for them, and what the kernel tells of them meanwhile.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use libc::{c_int, pid_t};

/// The program that is measured: that of `GRPKILL_PROGRAM`, or what cargo has built with the release
/// profile's settings. It is copied, as by an installation: what a linker has written lies in the
/// memory of the kernel in smaller pieces, which makes a start slower.
pub fn ours() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let copy = concat!(env!("CARGO_TARGET_TMPDIR"), "/grpkill-timeout");
        let built = env!("CARGO_BIN_EXE_grpkill-timeout").to_owned();
        let program = std::env::var("GRPKILL_PROGRAM").unwrap_or(built);
        // The pages of a file that is not on the disk yet would count as dirty.
        let copied = fs::copy(&program, copy).and_then(|_| File::open(copy)?.sync_all());
        copied.unwrap_or_else(|error| panic!("{program} cannot be copied: {error}"));
        copy.to_owned()
    })
}

/// What it is compared with.
pub const TIMEOUT: &str = "timeout";

/// How long anything may take that should come at once.
const WATCHDOG: Duration = Duration::from_mins(1);

/// A process that runs. It is killed if it is dropped before it has ended.
#[derive(Debug)]
pub struct Running {
    child: Child,
    has_ended: bool,
}

/// How a process has ended, and what it has cost with all that it has waited for.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When it was seen to have ended.
    pub at: Instant,
    /// Its time on processors, in the kernel and outside.
    pub cpu: Duration,
    /// How often a page had to be provided without reading a disk.
    pub page_faults: i64,
}

impl Running {
    /// Starts a command with its arguments; it says nothing.
    pub fn start(command: &[&str]) -> Self {
        Self::spawn(Command::new(command[0]).args(&command[1..]).stderr(Stdio::null()))
    }

    /// Starts a command that says a line when it is ready, and waits for that line.
    pub fn start_ready(command: &[&str]) -> Self {
        let mut start = Command::new(command[0]);
        let mut running =
            Self::spawn(start.args(&command[1..]).stdout(Stdio::piped()).stderr(Stdio::null()));
        let stdout = running.child.stdout.take().expect("it is a pipe");
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready).expect("a pipe can be read");
        assert_eq!(ready, "ready\n", "{command:?}");
        running
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, has_ended: false }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: c_int) {
        // SAFETY: the call takes numbers; it is our child and not reaped.
        unsafe { libc::kill(self.child.id() as pid_t, signal) };
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        // SAFETY: zero bytes are a valid rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointers are null or to a value of ours.
        let pid = unsafe {
            libc::wait4(self.child.id() as pid_t, std::ptr::null_mut(), 0, &raw mut usage)
        };
        let at = Instant::now();
        assert!(pid > 0, "it is our child and nobody else waits for it");
        self.has_ended = true;
        let time = |time: libc::timeval| {
            Duration::new(time.tv_sec as u64, (time.tv_usec as u32).saturating_mul(1000))
        };
        let cpu = time(usage.ru_utime) + time(usage.ru_stime);
        Ended { at, cpu, page_faults: usage.ru_minflt }
    }

    /// Waits until it rests, and so does its only child, which has become this command by then.
    pub fn until_waiting(&self, command: &str) {
        let pid = self.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        until(|| {
            let child = fs::read_to_string(&children).unwrap_or_default();
            let child = child.trim();
            let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            name.trim() == command && rests(child) && rests(&pid.to_string())
        });
    }

    /// Waits until it has done nothing for some time.
    pub fn until_quiet(&self) {
        let mut before = None;
        until(|| {
            let now = Some(self.cpu());
            thread::sleep(Duration::from_millis(20));
            std::mem::replace(&mut before, now) == now && rests(&self.pid().to_string())
        });
    }

    /// The time that it has had on processors so far, to the nanosecond.
    pub fn cpu(&self) -> Duration {
        let text = self.read("schedstat");
        let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
        Duration::from_nanos(nanoseconds.expect("a number"))
    }

    /// A number that a file of its directory in `/proc` has behind a key.
    pub fn field(&self, file: &str, key: &str) -> f64 {
        let text = self.read(file);
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {key} in {file}"))
    }

    fn read(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.pid());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether a process sleeps.
fn rests(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// Asks every now and then until it is so.
fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < WATCHDOG, "it does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// This program, to be started again in another role.
pub fn own_path() -> String {
    let path = std::env::current_exe().expect("this program has a path");
    path.into_os_string().into_string().expect("the target directory has a name in UTF-8")
}
