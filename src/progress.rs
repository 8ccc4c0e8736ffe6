//! `--progress`: what the terminal shows of the time, while we wait.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::report::progress::{BEGIN, CLEAR, Left, show};
use crate::sys::outlet;

/// How often it may change at most, and at least.
const EVERY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What the terminal shows. It is taken away with this value.
#[derive(Debug)]
pub struct Progress {
    command: Vec<OsString>,
    terminal: File,
    started: Instant,
    limit: Option<Duration>,
    next_at: Instant,
    /// What it shows now.
    shown: Option<String>,
}

impl Progress {
    /// For a command that has just been started; `None` where standard error is no terminal, or one
    /// without control sequences.
    pub fn new(command: &[OsString], limit: Option<Duration>, started: Instant) -> Option<Self> {
        let is_able =
            std::env::var_os("TERM").is_some_and(|term| term != "dumb" && term != "linux");
        if !is_able {
            return None;
        }
        let terminal = outlet::terminal_of_stderr()?;
        // A limit past the end of time is none.
        let limit = limit.filter(|limit| started.checked_add(*limit).is_some());
        let mut progress = Self {
            command: command.to_vec(),
            terminal,
            started,
            limit,
            next_at: started,
            shown: None,
        };
        progress.next_at += progress.interval();
        Some(progress)
    }

    /// When to call [`Progress::update`].
    pub fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Shows how things stand; or nothing, while others use the terminal.
    pub fn update(&mut self, now: Instant, is_ending: bool, is_behind: bool) {
        let interval = self.interval();
        let passed = now.duration_since(self.started);
        // On the whole second, or the tenth, however late we are.
        let steps = passed.as_nanos() / interval.as_nanos() + 1;
        self.next_at = self.started + interval * u32::try_from(steps).unwrap_or(u32::MAX);
        if is_behind {
            return self.clear();
        }
        let left = match self.limit {
            _ if is_ending => Left::Ending,
            Some(limit) => Left::Time { left: limit.saturating_sub(passed), limit },
            None => Left::Unlimited,
        };
        let text = show(&self.command, passed, left);
        if self.shown.as_ref() != Some(&text) {
            let begin = if self.shown.is_none() { BEGIN } else { "" };
            self.write(&format!("{begin}{text}"));
            self.shown = Some(text);
        }
    }

    /// Shows nothing, until the next time.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            self.write(CLEAR);
        }
    }

    /// A terminal that is held up is not waited for: it is shown the next time, if it matters.
    fn write(&self, text: &str) {
        let _ = (&self.terminal).write(text.as_bytes());
    }

    fn interval(&self) -> Duration {
        let (least, most) = EVERY;
        self.limit.map_or(most, |limit| (limit / 100).clamp(least, most))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
