//! Standard error, as far as we write to it: one line at a time, and never waiting for a reader.

use std::cell::{Cell, OnceCell};
use std::time::{Duration, Instant};

use crate::plan::{Color, Verbosity};
use crate::report::processes::{Style, WIDTH};
use crate::sys::outlet::Outlet;
use crate::sys::stdio;

/// How long a reader of standard error may keep us waiting in all; then we say no more. A reader
/// that has stopped reading must not keep us from ending the job.
const PATIENCE: Duration = Duration::from_secs(1);

impl Color {
    /// Whether the user's wish, the environment and standard error come out as colour.
    fn is_wanted(self) -> bool {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                !is_set("NO_COLOR")
                    && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
                    && stdio::stderr_is_terminal()
            }
        }
    }
}

/// The writer of every line that we say.
#[derive(Debug)]
pub struct Console {
    program: &'static str,
    verbosity: Verbosity,
    color: Color,
    patience: Cell<Duration>,
    /// Looked at when it is needed first.
    stderr: OnceCell<Outlet>,
}

impl Console {
    /// A console on which `program` speaks.
    pub fn new(program: &'static str, verbosity: Verbosity, color: Color) -> Self {
        Self { program, verbosity, color, patience: Cell::new(PATIENCE), stderr: OnceCell::new() }
    }

    /// Says that something has gone wrong, whatever the verbosity.
    pub fn error(&self, line: &str) {
        self.say(line, "1;31");
    }

    /// Says what the user would not know otherwise.
    pub fn notice(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.say(line, "1;33");
        }
    }

    /// Whether details are wanted.
    pub fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// Says what only `--verbose` wants to know.
    pub fn detail(&self, line: &str) {
        if self.is_verbose() {
            self.say(line, "2");
        }
    }

    /// How to show what takes more than one line.
    pub fn style(&self) -> Style {
        let width = stdio::stderr_width().filter(|width| *width >= WIDTH);
        Style { colors: self.color.is_wanted(), width: width.unwrap_or(WIDTH) }
    }

    /// Writes what is not said in our name, whatever the verbosity.
    pub fn write(&self, bytes: &[u8]) {
        let patience = self.patience.get();
        if patience.is_zero() {
            return;
        }
        let began = Instant::now();
        let stderr = self.stderr.get_or_init(Outlet::of_stderr);
        let written = stderr.write(bytes, patience);
        let left = patience.saturating_sub(began.elapsed());
        self.patience.set(if written.is_ok() { left } else { Duration::ZERO });
    }

    fn say(&self, line: &str, style: &str) {
        let program = self.program;
        let line = if self.color.is_wanted() {
            format!("\x1b[{style}m{program}:\x1b[0m {line}\n")
        } else {
            format!("{program}: {line}\n")
        };
        self.write(line.as_bytes());
    }
}
