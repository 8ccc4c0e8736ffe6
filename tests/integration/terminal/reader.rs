//! A script that reads line by line, which most tests here run.

use super::session::Terminal;
use crate::harness::state;

/// Files in the home directory of every session: short names, and no quoting that shells differ in.
pub const SCRIPTS: [(&str, &str); 2] = [
    ("reader", "echo reading; while read line; do echo \"got $line\"; done; echo end of input"),
    ("asks", "exec 3</dev/tty; printf 'Password: '; read -rs word <&3; echo \"it is $word\""),
];

impl Terminal {
    /// Types a command that has the script `reader` read, and waits until it does.
    pub fn start_reader(&mut self, line: impl AsRef<str>) {
        self.line(line.as_ref());
        self.reader_begins();
    }

    /// Waits until the script `reader` reads.
    pub fn reader_begins(&mut self) {
        self.expect("reading\r\n");
        self.reads("one");
    }

    /// Has the script `reader` run twice in a pipeline, each under one of us and with the terminal for
    /// what it reads and writes, and waits until one reads and the other waits for the terminal. Did
    /// both ask for it at once, the slower one of us might take it from who has begun to read.
    pub fn two_readers(&mut self) {
        self.script("first", "exec sh reader </dev/tty >&2");
        self.script("second", "until [ -e go ]; do sleep 0.01; done; exec sh first");
        self.start_reader("grpkill-timeout 100 sh first | grpkill-timeout 100 sh second");
        self.script("go", "");
        self.expect("reading\r\n");
        self.wait_until("both read", |this| this.job().iter().any(|member| member.state == 'T'));
    }

    /// Types a line that the script `reader` is to read.
    pub fn reads(&mut self, line: &str) {
        self.line(line);
        self.expect(&format!("got {line}"));
    }

    /// Starts the script `reader` in the background, and waits until the terminal has stopped it.
    /// Returns who we are, and who it is.
    pub fn reader_behind(&mut self) -> (i32, i32) {
        self.line("grpkill-timeout 100 sh reader &");
        self.expect("reading");
        let ours = self.our_pid();
        let reader = self.child_of(ours);
        self.wait_until("it does not stop", |_| state(reader) == Some('T'));
        (ours, reader)
    }
}
