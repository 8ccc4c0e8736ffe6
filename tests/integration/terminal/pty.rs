//! A pseudo-terminal with somebody in front of it, who types and reads.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{InputFlags, LocalFlags, Termios, tcgetattr};
use nix::unistd::tcgetpgrp;
use tempfile::TempDir;

use super::members::{Member, members};
use super::reader::SCRIPTS;
use super::shell::Shell;
use crate::harness::{PROGRAM, WATCHDOG, children, fixture, signal_process};

pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const CTRL_Q: &str = "\x11";
pub const CTRL_S: &str = "\x13";
pub const CTRL_Z: &str = "\x1a";
pub const CTRL_BACKSLASH: &str = "\x1c";

/// A terminal, the session on it, and what was read from it.
pub struct Terminal {
    /// `None` after it has been hung up.
    master: Option<File>,
    child: Child,
    /// The modes before anybody could change them.
    pub first_modes: Termios,
    home: TempDir,
    seen: String,
    /// How far the test has read.
    at: usize,
}

impl Terminal {
    /// Starts an interactive shell, and waits for its prompt.
    pub fn shell(shell: Shell) -> Self {
        let mut terminal = Self::running(&mut shell.start());
        assert_eq!(terminal.prompt(), 0);
        terminal
    }

    /// Starts bash, and waits for its prompt.
    pub fn bash() -> Self {
        Self::shell(Shell::Bash)
    }

    /// Starts a command as the leader of the session.
    pub fn running(command: &mut Command) -> Self {
        let (master, slave) = open().expect("a pseudo-terminal");
        let home = tempfile::tempdir().expect("a directory");
        for (name, text) in SCRIPTS {
            fs::write(home.path().join(name), text).expect("a script");
        }
        symlink(PROGRAM, home.path().join("timeout")).expect("a link");
        let slave = || slave.try_clone().expect("a descriptor");
        let mut path = vec![directory_of(PROGRAM), directory_of(&fixture())];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .env("LC_ALL", "C")
            .env("INPUTRC", "/dev/null")
            .env_remove("LESS")
            .env_remove("TMUX")
            .env_remove("MAKEFLAGS")
            .current_dir(home.path())
            .stdin(slave())
            .stdout(slave())
            .stderr(slave());
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
        set_size(&master, 24, 200);
        let first_modes = tcgetattr(&master).expect("it is a terminal");
        let child = command.spawn().expect("it can be started");
        // The command keeps descriptors, and with them a terminal that would not hang up.
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        Self { master: Some(master), child, first_modes, home, seen: String::new(), at: 0 }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home directory, which is the current one.
    pub fn script(&self, name: &str, text: &str) {
        fs::write(self.home().join(name), text).expect("a script");
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        let mut master = self.master();
        master.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Types a line.
    pub fn line(&mut self, line: &str) {
        self.press(line);
        self.press("\r");
    }

    /// Types a command, and waits until the shell has given the terminal to its job.
    pub fn command(&mut self, line: &str) {
        self.line(line);
        let shell = self.session();
        self.wait_until("the shell keeps the terminal", |this| {
            // It still reads single keys a moment before.
            this.foreground_group() != shell && this.modes().input_flags.contains(InputFlags::ICRNL)
        });
    }

    /// Types `bg`, and waits for what the job says, before the prompt or after it.
    pub fn behind(&mut self, text: &str) {
        self.command_says("bg", text);
        self.assert_in_order();
    }

    /// Waits until a process group has the terminal.
    pub fn wait_foreground(&mut self, group: i32) {
        self.wait_until("another has the terminal", |this| this.foreground_group() == group);
    }

    /// Types a command, and waits for what it says.
    pub fn command_says(&mut self, line: &str, text: &str) {
        self.line(line);
        self.expect(text);
    }

    /// Waits for a text after the one that was expected last.
    pub fn expect(&mut self, text: &str) {
        self.wait_until(text, |this| this.find(text));
    }

    /// Waits for a text, and returns the number that follows it.
    pub fn expect_number(&mut self, text: &str) -> i32 {
        self.expect(text);
        let mut number = None;
        self.wait_until("a number", |this| {
            let rest = &this.seen[this.at..];
            // Its end must be there too.
            let end = rest.find(|next: char| !next.is_ascii_digit());
            number = end.and_then(|end| rest[..end].parse().ok());
            number.is_some()
        });
        number.expect("it has come")
    }

    /// Waits for the prompt, and returns the status of the last command.
    pub fn prompt(&mut self) -> i32 {
        let mut status = 0;
        self.wait_until("a prompt", |this| {
            let rest = &this.seen[this.at..];
            let found = rest.match_indices('<').find_map(|(start, _)| {
                let end = start + rest[start..].find('>')?;
                Some((end, rest[start + 1..end].parse::<i32>().ok()?))
            });
            if let Some((end, number)) = found {
                status = number;
                this.at += end + 1;
            }
            found.is_some()
        });
        let shell = self.session();
        self.wait_until("the terminal is not the shell's", |this| this.foreground_group() == shell);
        status
    }

    /// Runs a command to its end and returns its status.
    pub fn run(&mut self, line: &str) -> i32 {
        self.line(line);
        self.prompt()
    }

    /// The shell has its terminal, and what is typed comes to it.
    pub fn assert_in_order(&mut self) {
        self.line("echo in 'order'");
        self.expect("in order");
        assert_eq!(self.prompt(), 0);
    }

    /// Leaves the shell, after which nothing of the session is there.
    pub fn leave(mut self) {
        self.line("exit 7");
        assert_eq!(self.wait_exit(), 7, "{:?}", self.seen);
        let session = self.session();
        self.wait_until("something of the session is left", |_| members(session).is_empty());
    }

    /// Waits for the end of the session's leader; 128+N for signal N.
    pub fn wait_exit(&mut self) -> i32 {
        let mut code = 0;
        self.wait_until("it does not end", |this| {
            let status = this.child.try_wait().expect("it is our child");
            let of = |status: std::process::ExitStatus| {
                status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
            };
            code = status.map_or(0, of);
            status.is_some()
        });
        code
    }

    /// Everything that has been read.
    pub fn screen(&mut self) -> &str {
        while self.read(Duration::ZERO) {}
        &self.seen
    }

    /// What has been read that no test has expected yet.
    pub fn unread(&mut self) -> &str {
        while self.read(Duration::ZERO) {}
        &self.seen[self.at..]
    }

    /// The session's id and its leader's pid.
    pub fn session(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Everything in the session but its leader.
    pub fn job(&self) -> Vec<Member> {
        let session = self.session();
        members(session).into_iter().filter(|member| member.pid != session).collect()
    }

    /// Waits until everything in the session but its leader is stopped: a shell looks at its own
    /// children only.
    pub fn wait_stopped(&mut self) {
        self.wait_until("something goes on", |this| {
            this.job().iter().all(|member| member.state == 'T')
        });
    }

    /// Waits for our program in the session, outermost first.
    pub fn ours(&mut self) -> Vec<Member> {
        let mut ours = Vec::new();
        let session = self.session();
        self.wait_until("our program is not there", |_| {
            let members = members(session);
            ours = members.iter().filter(|member| member.is_ours()).cloned().collect();
            !ours.is_empty()
        });
        ours
    }

    /// The pid of our program, where it is there once.
    pub fn our_pid(&mut self) -> i32 {
        self.ours()[0].pid
    }

    /// Waits for the only child of a process.
    pub fn child_of(&mut self, parent: i32) -> i32 {
        self.wait_until("it has no child", |_| !children(parent).is_empty());
        children(parent)[0]
    }

    /// The limit passes now.
    pub fn limit_passes(&mut self) {
        let pid = self.our_pid();
        signal_process(pid, libc::SIGALRM);
    }

    pub fn foreground_group(&self) -> i32 {
        tcgetpgrp(self.master()).map_or(0, nix::unistd::Pid::as_raw)
    }

    pub fn modes(&self) -> Termios {
        tcgetattr(self.master()).expect("it is a terminal")
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        set_size(self.master(), rows, columns);
    }

    /// Waits until what is typed is not shown, as for a password.
    pub fn wait_for_silence(&mut self) {
        self.wait_until("echo is on", |this| !this.modes().local_flags.contains(LocalFlags::ECHO));
    }

    /// The window is closed.
    pub fn hang_up(&mut self) {
        self.master = None;
    }

    /// Waits for what no event tells, and reads meanwhile.
    pub fn wait_until(&mut self, otherwise: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + WATCHDOG;
        while !condition(self) {
            if Instant::now() > until {
                let members: Vec<_> = members(self.session()).iter().map(Member::tell).collect();
                panic!("{otherwise:?} never came; on the screen: {:?}\n{members:#?}", self.seen);
            }
            self.read(Duration::from_millis(2));
        }
    }

    fn master(&self) -> &File {
        self.master.as_ref().expect("it has not been hung up")
    }

    fn find(&mut self, text: &str) -> bool {
        let found = self.seen[self.at..].find(text);
        self.at += found.map_or(0, |start| start + text.len());
        found.is_some()
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

impl Drop for Terminal {
    /// A test that fails half-way leaves nothing behind, not even another session.
    fn drop(&mut self) {
        let mut pids = vec![self.session()];
        let mut at = 0;
        while let Some(pid) = pids.get(at).copied() {
            pids.extend(children(pid));
            at += 1;
        }
        self.master = None;
        let reaped = !matches!(self.child.try_wait(), Ok(None));
        let others = members(self.session()).into_iter().map(|member| member.pid);
        for pid in others.chain(pids.into_iter().skip(usize::from(reaped))) {
            // SAFETY: the call takes numbers; these are of our session, or were a moment ago.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let _ = self.child.wait();
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

fn directory_of(file: &str) -> std::path::PathBuf {
    Path::new(file).parent().expect("it is in a directory").to_owned()
}
