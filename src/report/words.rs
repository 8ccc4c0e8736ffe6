//! Commands and other words from outside, made fit to be shown: printable, without secrets, short.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// How much of a command a sentence shows, in characters.
const COMMAND_WIDTH: usize = 60;

/// A command line for people: quoted where a shell would need it, without secrets, in one line of
/// printable characters that is not too long.
pub fn show_command(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(&printable(word))).collect();
    cut(&hide_passwords(&words.join(" ")), COMMAND_WIDTH)
}

/// The same of a command line whose words are known to be text, without quotes of its own.
pub fn show_line(words: &[String]) -> String {
    cut(&show_whole(words), COMMAND_WIDTH)
}

/// The same at its whole length.
pub fn show_whole(words: &[String]) -> String {
    hide_passwords(&printable(OsStr::new(&words.join(" "))))
}

/// One word of a command line, in quotes.
pub fn show_word(word: &OsStr) -> String {
    format!("'{}'", cut(&hide_passwords(&printable(word)), COMMAND_WIDTH))
}

/// Escapes what could move a terminal's cursor, reorder its text or is no text at all.
pub fn printable(text: &OsStr) -> String {
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
pub fn hide_passwords(text: &str) -> String {
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

pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
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
