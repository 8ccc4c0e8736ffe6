//! The sentences on standard error, without the program's name before them.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::duration::{show_exact, show_measured};
use crate::policy::{AFTER_KILL, Cause};
use crate::record::{Received, Recipient, Record, Sent, Survivor, Usage};
use crate::signal::{Origin, Signal};
use crate::status::WaitStatus;

/// How much of a command a sentence shows, in characters.
const COMMAND_WIDTH: usize = 60;

/// How many processes a list shows.
const MOST_PROCESSES: usize = 20;

/// A command line for people: quoted where a shell would need it, without secrets, in one line of
/// printable characters that is not too long.
pub fn show_command(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(&printable(word))).collect();
    cut(&hide_passwords(&words.join(" ")), COMMAND_WIDTH)
}

/// One word of a command line, in quotes.
pub fn show_word(word: &OsStr) -> String {
    format!("'{}'", cut(&hide_passwords(&printable(word)), COMMAND_WIDTH))
}

/// Escapes what could move a terminal's cursor, reorder its text or is no text at all.
fn printable(text: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in text.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            let reorders = matches!(character,
                '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            if character.is_control() || reorders {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

fn quote(word: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || "'\"`$&|;<>()*?[]#~{}!\\".contains(c));
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Shows `scheme://user:password@host` as `scheme://***@host`, and the same for a lone name in a
/// web address, which is a token more often than a name.
fn hide_passwords(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        let end = after.find(|c: char| c.is_whitespace() || "/?#'\"\\".contains(c));
        let authority = &after[..end.unwrap_or(after.len())];
        shown.push_str(before);
        rest = after;
        if let Some((user, _)) = authority.rsplit_once('@') {
            let is_web = before.ends_with("http://") || before.ends_with("https://");
            if is_web || user.contains(':') {
                shown.push_str("***");
                rest = &after[user.len()..];
            }
        }
    }
    shown + rest
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Why and how the job was ended, if that is worth a line: always at the limit, and after a signal
/// to us only if it took more than passing that on.
pub fn ended(command: &[OsString], limit: Option<Duration>, record: &Record) -> Option<String> {
    let Record { outcome, ladder, ending_took, elapsed, .. } = record;
    let mut sentence = show_command(command);
    sentence.push_str(": ");
    match (outcome.cause?, limit) {
        (Cause::Limit, Some(limit)) if elapsed.saturating_sub(*ending_took) >= limit => {
            let _ = write!(sentence, "timed out after {}", show_exact(limit));
        }
        (Cause::Limit, _) => sentence.push_str("timed out by ALRM"),
        (Cause::Received(_), _) if ladder.len() < 2 && !outcome.gave_up => return None,
        (Cause::Received(signal), _) => {
            let _ = write!(sentence, "interrupted by {signal}");
        }
    }
    let ladder = ladder.iter().map(Signal::to_string).collect::<Vec<_>>().join(", ");
    if outcome.gave_up {
        let after_kill = show_measured(AFTER_KILL);
        let _ = write!(sentence, "; not all of it gone {after_kill} after {ladder}");
    } else if ladder.is_empty() {
        let _ = write!(sentence, "; ended by itself {} later", show_measured(*ending_took));
    } else {
        let _ = write!(sentence, "; ended by {ladder} in {}", show_measured(*ending_took));
    }
    Some(sentence)
}

/// The processes that KILL did not end, a line each.
pub fn survivors(survivors: &[Survivor]) -> Vec<String> {
    let mut lines: Vec<String> = survivors.iter().take(MOST_PROCESSES).map(survivor).collect();
    if survivors.len() > MOST_PROCESSES {
        lines.push(format!("and {} more", survivors.len() - MOST_PROCESSES));
    }
    lines
}

fn survivor(survivor: &Survivor) -> String {
    let Survivor { stat, uid, wait_channel } = survivor;
    let name = show_word(OsStr::new(&stat.name));
    let mut line = format!("still there: process {} {name}, state {}", stat.pid, stat.state);
    if let Some(uid) = uid {
        let _ = write!(line, ", user {uid}");
    }
    if let Some(wait_channel) = wait_channel {
        let _ = write!(line, ", waits in {}", printable(OsStr::new(wait_channel)));
    }
    line
}

/// Whose words `--verbose` uses for signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// Our own: each signal that came and each that was sent, to whom.
    Own,
    /// timeout(1)'s: one line for what was sent, whoever got it.
    Timeout,
}

impl Wording {
    /// What to say of a signal that came to us.
    pub fn received(self, received: &Received) -> Option<String> {
        (self == Self::Own).then(|| show_received(received))
    }

    /// What to say of a signal that went to the job, and of each that was sent for it.
    pub fn sent(self, command: &[OsString], signal: Signal, sent: &[Sent]) -> Vec<String> {
        match self {
            Self::Own => sent.iter().map(show_sent).collect(),
            Self::Timeout => {
                let command = show_word(&command[0]);
                vec![format!("sending signal {signal} to command {command}")]
            }
        }
    }
}

/// One signal that was sent.
fn show_sent(sent: &Sent) -> String {
    let Sent { signal, to, pid, error } = sent;
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

/// One signal that came to us.
fn show_received(received: &Received) -> String {
    let Received { signal, origin, pid, uid } = received;
    match origin {
        Origin::Kernel => format!("received {signal} from the kernel"),
        Origin::Process => format!("received {signal} from process {pid}, user {uid}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn show(words: &[&str]) -> String {
        show_command(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_is_shown_as_a_shell_would_read_it() {
        assert_eq!(show(&["git", "remote", "update"]), "git remote update");
        assert_eq!(show(&["sh", "-c", "sleep 1 & sleep 2"]), "sh -c 'sleep 1 & sleep 2'");
        assert_eq!(show(&["echo", "", "it's"]), r"echo '' 'it'\''s'");
    }

    #[test]
    fn nothing_that_moves_the_cursor_is_shown() {
        assert_eq!(show(&["a\nb\x1b[31m\u{9b}"]), r"'a\nb\u{1b}[31m\u{9b}'");
        assert_eq!(show(&["\u{202e}txt"]), r"'\u{202e}txt'");
        assert_eq!(show_word(OsStr::from_bytes(b"\xff\xfe")), r"'\xff\xfe'");
    }

    #[test]
    fn passwords_are_hidden() {
        for (text, expected) in [
            ("https://me:secret@example.org/x.git", "https://***@example.org/x.git"),
            ("https://ghp_token@example.org/x.git", "https://***@example.org/x.git"),
            ("https://me:p@ss@example.org", "https://***@example.org"),
            ("--url=ftp://a:b@h/ http://c:d@i", "--url=ftp://***@h/ http://***@i"),
            ("ssh://git@example.org/x.git", "ssh://git@example.org/x.git"),
            ("https://example.org/a@b:c", "https://example.org/a@b:c"),
            ("://", "://"),
            ("x://:@", "x://***@"),
        ] {
            assert_eq!(hide_passwords(text), expected);
        }
    }

    #[test]
    fn a_long_command_is_cut() {
        let shown = show(&["x".repeat(1000).as_str()]);
        assert_eq!(shown.chars().count(), COMMAND_WIDTH);
        assert!(shown.ends_with("x…"));
    }
}
