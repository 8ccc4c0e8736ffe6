//! Commands and other words from outside, made fit to be shown: printable, without secrets, short.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::redact::redact;

/// How much of a command a sentence shows, in characters.
pub const COMMAND_WIDTH: usize = 60;

/// A command line for people: quoted where a shell would need it, without secrets, in one line of
/// printable characters that is not too long.
pub fn show_command(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(&show(word))).collect();
    cut(&words.join(" "), COMMAND_WIDTH)
}

/// A command line that is text, and without its secrets; without quotes.
pub fn show_line(words: &[String]) -> String {
    printable(OsStr::new(&words.join(" ")))
}

/// One word of a command line, in quotes.
pub fn show_word(word: &OsStr) -> String {
    format!("'{}'", cut(&show(word), COMMAND_WIDTH))
}

fn show(word: &OsStr) -> String {
    printable(&redact(word))
}

/// Escapes what could move a terminal's cursor, reorder its text or is no text at all.
pub fn printable(text: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in text.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_printable(character) {
                shown.push(character);
            } else {
                shown.extend(character.escape_default());
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Whether a character neither moves a terminal's cursor, nor reorders or hides text, nor is taken
/// for the end of a line.
pub fn is_printable(character: char) -> bool {
    let deceives = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}');
    !character.is_control() && !deceives
}

fn quote(word: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || "'\"`$&|;<>()*?[]#~{}!\\".contains(c));
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The beginning of a text that is too long, in columns.
pub fn cut(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |character: &char| match left.checked_sub(character.width().unwrap_or(0)) {
        Some(less) => {
            left = less;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// How many columns of a terminal a text takes, of which some characters take two and some none.
pub fn width_of(text: &str) -> usize {
    text.width()
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
    fn a_wide_character_takes_two_columns() {
        assert_eq!(cut("宽宽宽宽", 8), "宽宽宽宽");
        assert_eq!(cut("宽宽宽宽", 7), "宽宽宽…");
        assert_eq!(cut("宽宽宽宽", 6), "宽宽…");
        assert_eq!(cut("e\u{301}e\u{301}", 2), "e\u{301}e\u{301}");
    }

    #[test]
    fn a_long_command_is_cut() {
        let shown = show(&["x".repeat(1000).as_str()]);
        assert_eq!(shown.chars().count(), COMMAND_WIDTH);
        assert!(shown.ends_with("x…"));
    }
}
