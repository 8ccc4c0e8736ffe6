//! The sentences on standard error, without the program's name before them.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::time::Duration;

use super::processes::{self, Style, View};
use super::words::{COMMAND_WIDTH, cut, printable, show_command, show_line, show_word};
use crate::duration::{show_exact, show_measured};
use crate::policy::{AFTER_KILL, Cause, Lingering, Policy};
use crate::record::{HookRecord, Process, Recipient, Record, Sent, Snapshot};
use crate::signal::Received;
use crate::signal::{Origin, Signal};
use crate::status::Usage;
use crate::status::WaitStatus;

/// Why the job is being ended, and what is running.
pub fn snapshot(command: &[OsString], reason: &str, snapshot: &Snapshot, style: Style) -> String {
    let mut lines = format!("{}: {reason}", show_command(command));
    if !snapshot.processes.is_empty() {
        lines.push('\n');
        lines.push_str(&processes::list(&snapshot.processes, View::Running, style));
    }
    if !snapshot.complete {
        lines.push_str("\n          not all of it could be read");
    }
    lines
}

/// Why time is up, or was after so much time.
pub fn reason(cause: Cause, policy: &Policy, time_up: Option<Duration>) -> String {
    match (cause, policy.limit, policy.idle) {
        (Cause::Limit, Some(limit), _) if time_up.is_none_or(|after| after >= limit) => {
            format!("timed out after {}", show_exact(limit))
        }
        (Cause::Limit, ..) => "timed out by ALRM".to_owned(),
        (Cause::Idle, _, Some(idle)) => format!("timed out, idle for {}", show_exact(idle)),
        (Cause::Idle, ..) => "timed out, idle".to_owned(),
        (Cause::Received(signal), ..) => format!("interrupted by {signal}"),
        (Cause::LeaderExit, ..) => "ended".to_owned(),
    }
}

/// How the job was ended, if that is worth a line: always when time was up, and after a signal to us
/// only if it took more than passing that on.
pub fn ended(command: &[OsString], policy: &Policy, record: &Record) -> Option<String> {
    let Record { outcome, ladder, ending_took, elapsed, time_up, snapshot, .. } = record;
    let cause = outcome.cause?;
    let is_worth_it = match cause {
        Cause::LeaderExit => false,
        // That is told of those whom the command has left.
        Cause::Received(_) if ends_what_is_left(policy, record) => false,
        Cause::Received(_) => ladder.len() > 1 || outcome.gave_up,
        // With --foreground nobody is signalled after the command's end.
        Cause::Limit | Cause::Idle => !outcome.after_exit || !ladder.is_empty(),
    };
    let took = match time_up {
        Some(time_up) if ladder.is_empty() => elapsed.saturating_sub(*time_up),
        _ => *ending_took,
    };
    let ending = show_ending(outcome.gave_up, ladder, took);
    let command = show_command(command);
    let sentence = match snapshot {
        // The reason has been told with it.
        Some(_) => format!("{command}: {ending}"),
        None => format!("{command}: {}; {ending}", reason(cause, policy, *time_up)),
    };
    is_worth_it.then_some(sentence)
}

fn show_ending(gave_up: bool, ladder: &[Signal], took: Duration) -> String {
    let ladder = ladder.iter().map(Signal::to_string).collect::<Vec<_>>().join(", ");
    if gave_up && ladder.is_empty() {
        format!("not all of it gone {} later", show_measured(AFTER_KILL))
    } else if gave_up {
        format!("not all of it gone {} after {ladder}", show_measured(AFTER_KILL))
    } else if ladder.is_empty() {
        format!("ended without a signal {} later", show_measured(took))
    } else {
        format!("ended by {ladder} in {}", show_measured(took))
    }
}

/// The processes that KILL did not end, a line each.
pub fn survivors(record: &Record) -> Vec<String> {
    let Record { survivors, denied, .. } = record;
    let shown = survivors.iter().take(processes::MOST_SHOWN);
    let mut lines: Vec<String> =
        shown.map(|process| survivor(process, denied.contains(&process.stat.pid))).collect();
    lines.extend(processes::and_more(survivors.len()));
    lines
}

fn survivor(process: &Process, is_denied: bool) -> String {
    let Process { stat, detail, .. } = process;
    let name = show_word(OsStr::new(&stat.name));
    let mut line = format!("still there: process {} {name}, state {}", stat.pid, stat.state);
    if let Some(uid) = detail.uid {
        let _ = write!(line, ", user {uid}");
    }
    if let Some(waits_in) = &detail.waits_in {
        let _ = write!(line, ", waits in {}", printable(OsStr::new(waits_in)));
    }
    if is_denied {
        line.push_str("; we may not signal it");
    }
    line
}

/// How the hook failed; `None` where it did not.
pub fn hook(command: &OsStr, record: &HookRecord) -> Option<String> {
    let HookRecord { status, elapsed, timed_out } = record;
    match status {
        _ if *timed_out => Some(hook_error(
            command,
            &format!("killed after {}, its group too", show_measured(*elapsed)),
        )),
        Some(0) | None => None,
        Some(status) => Some(hook_error(command, &format!("exit status {status}"))),
    }
}

/// Why there is trouble with the hook.
pub fn hook_error(command: &OsStr, error: &str) -> String {
    format!("--on-timeout={}: {error}", show_word(command))
}

/// Whether the ladder was for what is told as left.
fn ends_what_is_left(policy: &Policy, record: &Record) -> bool {
    let Record { outcome, lingering, .. } = record;
    let is_left = policy.lingering == Lingering::Kill && !lingering.is_empty();
    outcome.cause.is_some() && outcome.after_exit && is_left
}

/// What the command has left, and what became of that: one line for one process, a list for more.
pub fn lingering(
    command: &[OsString],
    policy: &Policy,
    record: &Record,
    style: impl FnOnce() -> Style,
) -> Option<String> {
    let Record { outcome, lingering, left_unseen, ladder, ending_took, .. } = record;
    if lingering.is_empty() && !left_unseen {
        return None;
    }
    let style = style();
    let command = show_command(command);
    let mut end = String::new();
    if ends_what_is_left(policy, record) {
        if let Some(cause @ Cause::Received(_)) = outcome.cause {
            let _ = write!(end, "; {}", reason(cause, policy, None));
        }
        let _ = write!(end, "; {}", show_ending(outcome.gave_up, ladder, *ending_took));
    }
    match &lingering[..] {
        [] => Some(format!("{command}: left processes that could not be seen{end}")),
        [one] => {
            let line = cut(&show_line(&processes::command_words(one)), COMMAND_WIDTH);
            let Process { stat, age, .. } = one;
            let notes = processes::notes(one, View::Lingering);
            let notes: Vec<String> = notes.iter().map(|note| note.paint(style)).collect();
            let notes = notes.join(", ");
            let (pid, state, age) = (stat.pid, stat.state, processes::shown_age(*age));
            Some(format!(
                "{command}: left process {pid} '{line}', state {state}, age {age}, {notes}{end}"
            ))
        }
        several => {
            let count = several.len();
            let list = processes::list(several, View::Lingering, style);
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
        Origin::Kernel | Origin::Timer => format!("received {signal} from the kernel"),
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
