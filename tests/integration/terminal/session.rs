//! An interactive session, with somebody in front of the terminal who types and reads.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::termios::{InputFlags, LocalFlags, Termios, tcgetattr};
use nix::unistd::tcgetpgrp;
use tempfile::TempDir;

use super::reader::SCRIPTS;
use super::shell::Shell;
use crate::harness::{PROGRAM, WATCHDOG, children, fixture, path_with, signal_process, state};
use crate::members::{Member, members};
use crate::pty::Pty;

pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const CTRL_Q: &str = "\x11";
pub const CTRL_S: &str = "\x13";
pub const CTRL_Z: &str = "\x1a";
pub const CTRL_BACKSLASH: &str = "\x1c";

/// A session on a terminal, in a home directory of its own.
pub struct Terminal {
    pty: Pty,
    home: TempDir,
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
        let home = tempfile::tempdir().expect("a directory");
        for (name, text) in SCRIPTS {
            fs::write(home.path().join(name), text).expect("a script");
        }
        symlink(PROGRAM, home.path().join("timeout")).expect("a link");
        command
            .env("PATH", path_with(&[directory_of(PROGRAM), directory_of(&fixture())]))
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .env("LC_ALL", "C")
            .env("INPUTRC", "/dev/null")
            .env_remove("LESS")
            .env_remove("TMUX")
            .env_remove("MAKEFLAGS")
            .current_dir(home.path());
        Self { pty: Pty::start(command, 24, 200), home }
    }

    /// The modes before anybody could change them.
    pub fn first_modes(&self) -> &Termios {
        &self.pty.first_modes
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
        self.pty.press(keys);
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

    /// Types a command that has `fixture worker` work in front or behind, and returns its pid.
    pub fn start_worker(&mut self, line: &str) -> i32 {
        self.line(line);
        self.expect_number("working ")
    }

    /// Waits for a text after the one that was expected last.
    pub fn expect(&mut self, text: &str) {
        self.pty.read_to(text);
    }

    /// Waits for a text, and returns the number that follows it.
    pub fn expect_number(&mut self, text: &str) -> i32 {
        self.expect(text);
        self.pty.find("a number", |rest| {
            // Its end must be there too.
            let end = rest.find(|next: char| !next.is_ascii_digit())?;
            Some((end, rest[..end].parse().ok()?))
        })
    }

    /// Waits for the prompt, and returns the status of the last command.
    pub fn prompt(&mut self) -> i32 {
        let status = self.pty.find("a prompt", |rest| {
            rest.match_indices('<').find_map(|(start, _)| {
                let end = start + rest[start..].find('>')?;
                Some((end + 1, rest[start + 1..end].parse().ok()?))
            })
        });
        let shell = self.session();
        self.wait_until("the terminal is not the shell's", |this| this.foreground_group() == shell);
        status
    }

    /// Types a key that ends or stops the job in front, and returns what the shell says of it.
    pub fn prompt_after(&mut self, key: &str) -> i32 {
        self.press(key);
        self.prompt()
    }

    /// Stops the job in front with all that is in it, and continues it there when the shell has been
    /// seen to be in order. Returns what the shell says of the stopped job.
    pub fn stop_and_resume(&mut self) -> i32 {
        let status = self.prompt_after(CTRL_Z);
        self.wait_stopped();
        self.assert_in_order();
        self.command("fg");
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

    /// Leaves the shell, which is in order, and after which nothing of the session is there.
    pub fn leave(mut self) {
        self.assert_in_order();
        self.line("exit 7");
        assert_eq!(self.wait_exit(), 7, "{:?}", self.screen());
        let session = self.session();
        self.wait_until("something of the session is left", |_| members(session).is_empty());
    }

    /// Waits for the end of the session's leader; 128+N for signal N.
    pub fn wait_exit(&mut self) -> i32 {
        let mut code = 0;
        self.wait_until("it does not end", |this| {
            let ended = this.pty.exit_code();
            code = ended.unwrap_or(0);
            ended.is_some()
        });
        code
    }

    /// Everything that has been read.
    pub fn screen(&mut self) -> &str {
        self.pty.screen()
    }

    /// What has been read that no test has expected yet.
    pub fn unread(&mut self) -> &str {
        self.pty.unread()
    }

    /// The session's id and its leader's pid.
    pub fn session(&self) -> i32 {
        self.pty.session()
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

    /// Waits until a process of the session is in this state.
    pub fn wait_state(&mut self, pid: i32, letter: char) {
        self.wait_until(&format!("{pid} in state {letter}"), |_| state(pid) == Some(letter));
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
        tcgetpgrp(self.pty.master()).map_or(0, nix::unistd::Pid::as_raw)
    }

    pub fn modes(&self) -> Termios {
        tcgetattr(self.pty.master()).expect("it is a terminal")
    }

    /// Changes the size of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.pty.resize(rows, columns);
    }

    /// Waits until what is typed is not shown, as for a password.
    pub fn wait_for_silence(&mut self) {
        self.wait_until("echo is on", |this| !this.modes().local_flags.contains(LocalFlags::ECHO));
    }

    /// The window is closed.
    pub fn hang_up(&mut self) {
        self.pty.hang_up();
    }

    /// Waits for what no event tells, and reads meanwhile.
    pub fn wait_until(&mut self, otherwise: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + WATCHDOG;
        while !condition(self) {
            self.pty.wait(until, otherwise);
        }
    }
}

fn directory_of(file: &str) -> std::path::PathBuf {
    Path::new(file).parent().expect("it is in a directory").to_owned()
}
