//! The sentences on standard error, without the program's name before them.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::time::Duration;

use super::processes::{self, Palette};
use super::words::{printable, show_command, show_line, show_word};
use crate::duration::{show_age, show_exact, show_measured};
use crate::policy::{AFTER_KILL, Cause};
use crate::record::{Process, Received, Recipient, Record, Sent, Usage};
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;

/// Why and how the job was ended, if that is worth a line: always at the limit, and after a signal
/// to us only if it took more than passing that on.
pub fn ended(command: &[OsString], limit: Option<Duration>, record: &Record) -> Option<String> {
    let Record { outcome, ladder, ending_took, elapsed, .. } = record;
    let mut sentence = show_command(command);
    sentence.push_str(": ");
    match (outcome.cause?, limit) {
        (Cause::LeaderExit, _) => return None,
        (Cause::Limit, Some(limit)) if elapsed.saturating_sub(*ending_took) >= limit => {
            if outcome.after_exit {
                sentence.push_str("ended, and what it has left ");
            }
            let _ = write!(sentence, "timed out after {}", show_exact(limit));
        }
        (Cause::Limit, _) => sentence.push_str("timed out by ALRM"),
        (Cause::Received(_), _) if ladder.len() < 2 && !outcome.gave_up => return None,
        (Cause::Received(signal), _) => {
            let _ = write!(sentence, "interrupted by {signal}");
        }
    }
    let ending = show_ending(outcome.gave_up, ladder, *ending_took);
    let _ = write!(sentence, "; {ending}");
    Some(sentence)
}

fn show_ending(gave_up: bool, ladder: &[Signal], took: Duration) -> String {
    let ladder = ladder.iter().map(Signal::to_string).collect::<Vec<_>>().join(", ");
    if gave_up {
        format!("not all of it gone {} after {ladder}", show_measured(AFTER_KILL))
    } else if ladder.is_empty() {
        format!("ended by itself {} later", show_measured(took))
    } else {
        format!("ended by {ladder} in {}", show_measured(took))
    }
}

/// The processes that KILL did not end, a line each.
pub fn survivors(survivors: &[Process]) -> Vec<String> {
    let mut lines: Vec<String> =
        survivors.iter().take(processes::MOST_SHOWN).map(survivor).collect();
    lines.extend(processes::and_more(survivors.len()));
    lines
}

fn survivor(process: &Process) -> String {
    let Process { stat, detail, .. } = process;
    let name = show_word(OsStr::new(&stat.name));
    let mut line = format!("still there: process {} {name}, state {}", stat.pid, stat.state);
    if let Some(uid) = detail.uid {
        let _ = write!(line, ", user {uid}");
    }
    if let Some(waits_in) = &detail.waits_in {
        let _ = write!(line, ", waits in {}", printable(OsStr::new(waits_in)));
    }
    line
}

/// What the command has left, and what became of that: one line for one process, a list for more.
pub fn lingering(command: &[OsString], record: &Record, palette: Palette) -> Option<String> {
    let Record { outcome, lingering, ladder, ending_took, .. } = record;
    let command = show_command(command);
    let mut end = String::new();
    if outcome.cause == Some(Cause::LeaderExit) {
        let _ = write!(end, "; {}", show_ending(outcome.gave_up, ladder, *ending_took));
    }
    match &lingering[..] {
        [] => None,
        [one] => {
            let line = show_line(&processes::command_words(one));
            let Process { stat, age, .. } = one;
            let notes = processes::notes(one, palette).join(", ");
            let (pid, state, age) = (stat.pid, stat.state, show_age(*age));
            Some(format!(
                "{command}: left process {pid} '{line}', state {state}, age {age}, {notes}{end}"
            ))
        }
        several => {
            let count = several.len();
            let list = processes::list(several, palette);
            Some(format!("{command}: left {count} processes{end}\n{list}"))
        }
    }
}

/// Whose words `--verbose` uses for signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// Our own: each signal that came and each that was sent, to whom.
    Own,
    /// timeout(1)'s: one line for what was sent, whoever got it.
    Timeout,
}

/// One signal that was sent, as timeout(1) says it.
pub fn sent_by_timeout(command: &[OsString], signal: Signal) -> String {
    format!("sending signal {signal} to command {}", show_word(&command[0]))
}

/// One signal that was sent.
pub fn sent(sent: &Sent) -> String {
    let Sent { signal, to, pid, error, .. } = sent;
    let to = match to {
        Recipient::Group => "process group",
        Recipient::Leader => "the command, process",
        Recipient::Process => "process",
    };
    match error {
        None => format!("sent {signal} to {to} {pid}"),
        Some(error) => format!("cannot send {signal} to {to} {pid}: {error}"),
    }
}

/// One signal that came to us, and the name of its sender where that is still known.
pub fn received(received: &Received, sender: Option<&str>) -> String {
    let Received { signal, origin, pid, uid, .. } = received;
    let sender = sender.map(|name| format!(" {}", show_word(OsStr::new(name))));
    match origin {
        Origin::Kernel => format!("received {signal} from the kernel"),
        Origin::Process => {
            format!(
                "received {signal} from process {pid}{}, user {uid}",
                sender.unwrap_or_default()
            )
        }
    }
}

/// What the run has cost, and how the command ended.
pub fn usage(status: Option<WaitStatus>, elapsed: Duration, usage: &Usage) -> String {
    let how = match status {
        Some(WaitStatus::Exited(code)) => format!("exited with {code}"),
        Some(WaitStatus::Signaled { signal, core_dumped: false }) => format!("killed by {signal}"),
        Some(WaitStatus::Signaled { signal, .. }) => format!("killed by {signal}, core dumped"),
        Some(WaitStatus::Lost) => "ended, nobody knows how,".to_owned(),
        None => "not ended".to_owned(),
    };
    let Usage { user, system, max_rss_kib } = usage;
    format!(
        "command {how} after {}; user {}, system {}, at most {max_rss_kib} KiB resident",
        show_measured(elapsed),
        show_measured(*user),
        show_measured(*system)
    )
}
