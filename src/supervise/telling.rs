//! What is told of the run while it goes on: lines for the user, notes for the report, the progress.

use std::time::Instant;

use super::Supervisor;
use crate::policy::job_control::Place;
use crate::report::text::{self, Wording};
use crate::signal::Received;
use crate::signal::Signal;

/// How many signals of each kind are kept for the report: a flood of them must not cost memory
/// without end.
const MOST_NOTED: usize = 10_000;

/// What is to be said.
pub(super) enum Saying {
    /// For `--verbose`.
    Detail(String),
    /// Why time is up, and what was running then. It is put into words when the signal has gone.
    Snapshot(String),
    /// For everybody.
    Error(String),
}

impl Supervisor<'_> {
    pub(super) fn note_received(&mut self, received: Received) {
        if self.console.is_verbose() && self.plan.wording == Wording::Own {
            let sender = self.job.stat_of(received.pid).map(|stat| stat.name);
            self.to_say.push(Saying::Detail(text::received(&received, sender.as_deref())));
        }
        if self.is_noted(received.signal, self.received.len()) {
            self.received.push(received);
        }
    }

    /// Takes over what the job has sent, for those who want to know.
    pub(super) fn note_sent(&mut self) {
        let is_ending = self.machine.outcome().cause.is_some();
        for sent in self.job.take_sent() {
            if is_ending && sent.error.is_none() && self.plan.policy.is_of_ladder(sent.signal) {
                self.first_sent.get_or_insert(sent.at);
                // Once: whoever floods us with requests shall not fill our memory, or the line about
                // it.
                if !self.ladder.contains(&sent.signal) {
                    self.ladder.push(sent.signal);
                }
            }
            if self.console.is_verbose() && self.plan.wording == Wording::Own {
                self.to_say.push(Saying::Detail(text::sent(&sent)));
            }
            if self.is_noted(sent.signal, self.sent.len()) {
                self.sent.push(sent);
            }
        }
    }

    /// Whether a signal still goes into the report. Those of the ladder have room of their own, so that
    /// a flood of others cannot crowd them out.
    fn is_noted(&self, signal: Signal, already: usize) -> bool {
        let ends = self.plan.policy.is_of_ladder(signal);
        let most = if ends { 2 * MOST_NOTED } else { MOST_NOTED };
        self.plan.report.is_some() && already < most
    }

    pub(super) fn say(&mut self) {
        for saying in self.to_say.drain(..) {
            match saying {
                Saying::Detail(line) => self.console.detail(&line),
                Saying::Snapshot(reason) => {
                    let snapshot = self.snapshot.as_ref();
                    let style = self.console.style();
                    let lines = snapshot.map(|snapshot| {
                        text::snapshot(&self.plan.command, &reason, snapshot, style)
                    });
                    self.console.notice(&lines.unwrap_or_default());
                }
                Saying::Error(line) => self.console.error(&line),
            }
        }
    }

    pub(super) fn show_progress(&mut self) {
        let now = Instant::now();
        if self.progress.as_ref().is_none_or(|progress| progress.next_at() > now) {
            return;
        }
        // The terminal's title is for who uses it.
        let is_ours = self.tty.has_lent() || matches!(self.place(), Place::Front | Place::Nowhere);
        let is_ending = self.machine.outcome().cause.is_some();
        if let Some(progress) = &mut self.progress {
            progress.update(now, is_ending, !is_ours);
        }
    }
}
