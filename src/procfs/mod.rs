//! What `/proc` tells, see proc(5): readers below a root path, which tests replace by a directory
//! of their own. A process that vanishes while it is looked at is normal.
//!
//! Most of what is read here answers at once. A command line may not, see [`detail`]; and of a process
//! that is stuck in the midst of an execve(2), on some kernels, nothing does but `status`, `schedstat`
//! and the lists of children. So who reads marks whom it looks at, and one at whom a reader has hung is
//! avoided: only what always answers is read of it then.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

pub mod activity;
pub mod detail;
pub mod sockets;
pub mod stat;
mod syscall;
pub mod tree;

use stat::Stat;

/// A process id.
pub type Pid = libc::pid_t;

/// A mounted procfs.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
    /// Who is being looked at, for whoever watches us.
    mark: &'static AtomicI32,
    /// Since when.
    avoided: RefCell<HashMap<Pid, Instant>>,
    avoids_all: bool,
}

impl Proc {
    /// The one below this path. Before it reads what may hang, it leaves the process id at `mark`.
    pub fn new(root: impl Into<PathBuf>, mark: &'static AtomicI32) -> Self {
        let avoided = RefCell::default();
        Self { root: root.into(), mark, avoided, avoids_all: false }
    }

    /// From now on nothing that may hang is read of the process that is marked. False where there is
    /// none, or it is avoided already.
    pub fn avoid_marked(&self, now: Instant) -> bool {
        let pid = self.marked();
        pid > 0 && self.avoided.borrow_mut().insert(pid, now).is_none()
    }

    /// Those that have been avoided for so long are to be looked at again.
    pub fn forget_avoided(&self, now: Instant, after: Duration) {
        self.avoided.borrow_mut().retain(|_, since| now.duration_since(*since) < after);
    }

    /// Nobody is being looked at.
    pub fn unmark(&self) {
        self.mark.store(0, Ordering::Relaxed);
    }

    /// Who is being looked at, 0 at first.
    pub fn marked(&self) -> Pid {
        self.mark.load(Ordering::Relaxed)
    }

    /// A view of it in which nothing that may hang is read of anybody.
    pub fn avoiding_all(&self) -> Self {
        Self { avoids_all: true, ..self.clone() }
    }

    /// Whether what may hang is to be read of this process, which is marked for it.
    fn may_ask(&self, pid: Pid) -> bool {
        self.mark.store(pid, Ordering::Relaxed);
        !(self.avoids_all || self.avoided.borrow().contains_key(&pid))
    }

    /// Whether the numbers in it are those that our own system calls take. In a new pid namespace
    /// with the old `/proc` they are not, and would hit strangers.
    pub fn speaks_our_numbers(&self, own_pid: Pid) -> bool {
        self.read("self/status").is_ok_and(|status| {
            // One number for each pid namespace from the mount's to the process's.
            let ids = status_field(&status, b"NSpid:").or_else(|| status_field(&status, b"Pid:"));
            ids.is_some_and(|ids| ids == own_pid.to_string().as_bytes())
        })
    }

    /// Who reads, by its number here, which for a helper in another pid namespace is not its own.
    pub fn reader(&self) -> Option<Pid> {
        std::fs::read_link(self.root.join("self")).ok()?.to_str()?.parse().ok()
    }

    /// What a process is; `None` where there is none of this number. Of one that is avoided that is
    /// less: neither its times nor when it started.
    pub fn stat(&self, pid: Pid) -> Option<Stat> {
        self.try_stat(pid).ok()?
    }

    /// The same, where it matters whether there is no such process or it could not be read.
    pub fn try_stat(&self, pid: Pid) -> io::Result<Option<Stat>> {
        if self.may_ask(pid) {
            self.try_stat_at(&pid.to_string())
        } else {
            self.try_stat_by_status(pid)
        }
    }

    /// As much of it as always answers.
    pub fn stat_by_status(&self, pid: Pid) -> Option<Stat> {
        self.try_stat_by_status(pid).ok()?
    }

    fn try_stat_by_status(&self, pid: Pid) -> io::Result<Option<Stat>> {
        found(self.read(&format!("{pid}/status")), |status| Stat::of_status(pid, status))
    }

    /// The same of a thread, by its directory.
    fn stat_at(&self, thread: &str) -> Option<Stat> {
        self.try_stat_at(thread).ok()?
    }

    fn try_stat_at(&self, path: &str) -> io::Result<Option<Stat>> {
        found(self.read(&format!("{path}/stat")), Stat::parse)
    }

    /// The real user id of a process.
    pub fn uid(&self, pid: Pid) -> Option<u32> {
        let status = self.read(&format!("{pid}/status")).ok()?;
        let ids = std::str::from_utf8(status_field(&status, b"Uid:")?).ok()?;
        ids.split_whitespace().next()?.parse().ok()
    }

    /// The kernel function that a process waits in; where we may not know that, the system call;
    /// `None` where it waits in none, or is nobody that we may look at.
    /// `process` is its directory.
    fn waits_in(&self, process: &str) -> Option<String> {
        let name = self.read(&format!("{process}/wchan")).unwrap_or_default();
        let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
        if !name.is_empty() && name != "0" {
            return Some(name);
        }
        self.call_of(process).map(str::to_owned)
    }

    /// The system call that a process waits in, if it is one of those that wait. `process` is its
    /// directory.
    fn call_of(&self, process: &str) -> Option<&'static str> {
        let call = self.read(&format!("{process}/syscall")).ok()?;
        let number = std::str::from_utf8(&call).ok()?.split_ascii_whitespace().next()?;
        syscall::name(number.parse().ok()?)
    }

    /// Whether a process runs the same program as we do. Names are compared: to look at the files could
    /// take for ever, on a file system that does not answer.
    pub fn runs_our_program(&self, pid: Pid) -> bool {
        if !self.may_ask(pid) {
            return false;
        }
        let program = |pid: &str| std::fs::read_link(self.root.join(pid).join("exe")).ok();
        let theirs = program(&pid.to_string());
        theirs.is_some() && theirs == program("self")
    }

    /// Whether a stopped process wants a terminal: it is in the midst of a call on one. `None` where
    /// we may not know.
    pub fn wants_terminal(&self, pid: Pid) -> Option<bool> {
        if !self.may_ask(pid) {
            return None;
        }
        let call = self.read(&format!("{pid}/syscall")).ok()?;
        let mut fields = std::str::from_utf8(&call).ok()?.split_ascii_whitespace();
        let (number, fd) = (fields.next()?.parse(), fields.next());
        let Ok(number) = number else { return Some(false) };
        let fd = fd.and_then(|fd| i32::from_str_radix(fd.trim_start_matches("0x"), 16).ok());
        let link = |fd: i32| std::fs::read_link(self.root.join(format!("{pid}/fd/{fd}"))).ok();
        let is_terminal = |path: PathBuf| {
            let path = path.to_string_lossy();
            ["/dev/pts/", "/dev/tty", "/dev/console"].iter().any(|start| path.starts_with(start))
        };
        Some(syscall::is_of_terminal(number) && fd.and_then(link).is_some_and(is_terminal))
    }

    /// Whether a process ignores or blocks a signal by this number; `None` where there is no such
    /// process.
    pub fn is_deaf_to(&self, pid: Pid, signal: i32) -> Option<bool> {
        let status = self.read(&format!("{pid}/status")).ok()?;
        let set = |key: &[u8]| {
            let set = std::str::from_utf8(status_field(&status, key)?).ok()?;
            u64::from_str_radix(set, 16).ok()
        };
        Some((set(b"SigIgn:")? | set(b"SigBlk:")?) >> (signal - 1) & 1 == 1)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.read_at_most(path, usize::MAX)
    }

    fn read_at_most(&self, path: &str, most: usize) -> io::Result<Vec<u8>> {
        const CHUNK: usize = 4096;
        let mut file = File::open(self.root.join(path))?;
        let mut bytes = Vec::new();
        // `read_to_end` would first ask for a size, which the files of procfs do not have.
        loop {
            let length = bytes.len();
            bytes.resize(most.min(length.saturating_add(CHUNK)), 0);
            let read = file.read(&mut bytes[length..])?;
            bytes.truncate(length + read);
            if read == 0 {
                return Ok(bytes);
            }
        }
    }
}

/// What a file says of a process, `None` where there is no process.
fn found(
    file: io::Result<Vec<u8>>,
    read: impl FnOnce(&[u8]) -> Option<Stat>,
) -> io::Result<Option<Stat>> {
    match file {
        Ok(text) => read(&text).map(Some).ok_or(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text behind a key of `/proc/PID/status`, without the white space around it.
fn status_field<'a>(status: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let line = status.split(|byte| *byte == b'\n').find(|line| line.starts_with(key))?;
    Some(line[key.len()..].trim_ascii())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::fs;

    /// A procfs of files that a test writes.
    pub(crate) struct FakeProc {
        directory: tempfile::TempDir,
    }

    impl FakeProc {
        pub(crate) fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        pub(crate) fn with(self, path: &str, content: &[u8]) -> Self {
            let path = self.directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            self
        }

        pub(crate) fn with_link(self, path: &str, target: &str) -> Self {
            let path = self.directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
            self
        }

        pub(crate) fn open(&self) -> Proc {
            Proc::new(self.directory.path(), Box::leak(Box::default()))
        }
    }

    #[test]
    fn only_our_own_namespace_speaks_our_numbers() {
        for (status, expected) in [
            ("Name:\tx\nPid:\t7\nNSpid:\t7\n", true),
            ("Name:\tx\nPid:\t7\nNSpid:\t7\t1\n", false),
            ("Name:\tx\nPid:\t8\nNSpid:\t8\n", false),
            // Linux before 4.1.
            ("Name:\tx\nPid:\t7\n", true),
            ("", false),
        ] {
            let proc = FakeProc::new().with("self/status", status.as_bytes());
            assert_eq!(proc.open().speaks_our_numbers(7), expected, "{status:?}");
        }
        assert!(!FakeProc::new().open().speaks_our_numbers(7), "there is no /proc/self");
    }

    #[test]
    fn the_user_and_the_wait_channel_are_read() {
        let proc = FakeProc::new()
            .with("7/status", b"Name:\tUid: 9\nUid:\t1000\t0\t0\t0\n")
            .with("7/wchan", b"futex_wait_queue")
            .with("8/status", b"Name:\tx\n")
            .with("8/wchan", b"0")
            .with("8/syscall", format!("{} 0x3 0x7ffe 0x1", libc::SYS_read).as_bytes())
            .with("9/wchan", b"0")
            .with("9/syscall", b"running");
        assert_eq!(proc.open().uid(7), Some(1000));
        assert_eq!(proc.open().waits_in("7"), Some("futex_wait_queue".to_owned()));
        assert_eq!(proc.open().uid(8), None);
        assert_eq!(proc.open().waits_in("8"), Some("read".to_owned()));
        assert_eq!(proc.open().waits_in("9"), None);
        assert_eq!(proc.open().waits_in("10"), None);
    }
}
