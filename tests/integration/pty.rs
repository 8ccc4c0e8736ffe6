//! A pseudo-terminal with a session on it: what is typed there, and what was read.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{Termios, tcgetattr};

use crate::harness::{WATCHDOG, tree};
use crate::members::{Member, members};

/// A terminal, the leader of the session on it, and what was read from it. The session is killed
/// with this value.
pub struct Pty {
    /// `None` after it has been hung up.
    master: Option<File>,
    leader: Child,
    /// The modes before anybody could change them.
    pub first_modes: Termios,
    seen: String,
    /// How far the test has read.
    at: usize,
}

impl Pty {
    /// Starts a command as the leader of a session, with the terminal for all that it reads and
    /// writes.
    pub fn start(command: &mut Command, rows: u16, columns: u16) -> Self {
        let (master, slave) = open().expect("a pseudo-terminal");
        let slave = || slave.try_clone().expect("a descriptor");
        command.stdin(slave()).stdout(slave()).stderr(slave());
        // SAFETY: nothing here allocates; descriptor 0 is the terminal.
        unsafe {
            command.pre_exec(|| {
                for signal in 1..32 {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Errno::result(libc::setsid())?;
                Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        set_size(&master, rows, columns);
        let first_modes = tcgetattr(&master).expect("it is a terminal");
        let leader = command.spawn().expect("it can be started");
        // The command keeps descriptors, and with them a terminal that would not hang up.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { master: Some(master), leader, first_modes, seen: String::new(), at: 0 }
    }

    /// The session's id and its leader's pid.
    pub fn session(&self) -> i32 {
        self.leader.id().cast_signed()
    }

    /// How the leader has ended, if it has; 128+N for signal N.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.leader.try_wait().expect("it is our child")?;
        Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    pub fn master(&self) -> &File {
        self.master.as_ref().expect("it has not been hung up")
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        set_size(self.master(), rows, columns);
    }

    /// The window is closed.
    pub fn hang_up(&mut self) {
        self.master = None;
    }

    /// Types.
    pub fn press(&self, keys: &str) {
        self.master().write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Reads to the end of this text, and returns what was before it.
    pub fn read_to(&mut self, text: &str) -> &str {
        let start = self.at;
        self.find(text, |rest| Some((rest.find(text)? + text.len(), ())));
        &self.seen[start..self.at - text.len()]
    }

    /// Reads until something is found in what no test has read yet: how far it goes, and what it is.
    pub fn find<T>(
        &mut self,
        otherwise: &str,
        mut find: impl FnMut(&str) -> Option<(usize, T)>,
    ) -> T {
        let until = Instant::now() + WATCHDOG;
        loop {
            if let Some((end, found)) = find(&self.seen[self.at..]) {
                self.at += end;
                return found;
            }
            self.wait(until, otherwise);
        }
    }

    /// Waits a little for what may come to be read, or fails where it is too late.
    pub fn wait(&mut self, until: Instant, otherwise: &str) {
        if Instant::now() > until {
            let members: Vec<_> = members(self.session()).iter().map(Member::tell).collect();
            panic!("{otherwise:?} never came; on the screen: {:?}\n{members:#?}", self.seen);
        }
        self.read(Duration::from_millis(2));
    }

    /// Everything that has been read.
    pub fn screen(&mut self) -> &str {
        while self.read(Duration::ZERO) {}
        &self.seen
    }

    /// What no test has read yet.
    pub fn unread(&mut self) -> &str {
        while self.read(Duration::ZERO) {}
        &self.seen[self.at..]
    }

    /// Reads what is there, or comes within this time.
    fn read(&mut self, patience: Duration) -> bool {
        let Some(mut master) = self.master.as_ref() else {
            thread::sleep(patience);
            return false;
        };
        let patience = PollTimeout::try_from(patience).expect("it is short");
        let mut ready = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, patience).is_err() {
            return false;
        }
        let events = ready[0].revents().unwrap_or(PollFlags::empty());
        let mut bytes = [0; 4096];
        // Nobody has the terminal open any more, or nothing has come.
        let readable = events.contains(PollFlags::POLLIN);
        let length = if readable { master.read(&mut bytes).unwrap_or(0) } else { 0 };
        self.seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        if length == 0 && !events.is_empty() {
            thread::sleep(Duration::from_millis(2));
        }
        length > 0
    }
}

impl Drop for Pty {
    /// A test that fails half-way leaves nothing behind, not even another session.
    fn drop(&mut self) {
        let pids = tree(self.session());
        self.master = None;
        let reaped = !matches!(self.leader.try_wait(), Ok(None));
        let others = members(self.session()).into_iter().map(|member| member.pid);
        for pid in others.chain(pids.into_iter().skip(usize::from(reaped))) {
            // SAFETY: the call takes numbers; these are of our session, or were a moment ago.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let _ = self.leader.wait();
    }
}

/// Both ends of a pseudo-terminal, which nothing inherits that another test starts meanwhile: a
/// terminal hangs up when the last one has closed it.
fn open() -> nix::Result<(File, File)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = nix::fcntl::open(ptsname_r(&master)?.as_str(), flags, Mode::empty())?;
    // SAFETY: the descriptor is the master's, which gives it up.
    Ok((unsafe { File::from_raw_fd(master.into_raw_fd()) }, slave.into()))
}

fn set_size(master: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a size.
    let result = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(result, 0);
}
