//! Command lines without their secrets: `user:password@` in a URL is shown as `***@`.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What stands for a name and a password.
const MASK: &[u8] = b"***";

/// What begins a URL, after its scheme.
const SCHEME_END: &[u8] = b"://";

/// Shows `scheme://user:password@host` as `scheme://***@host`, and the same for a lone name in a web
/// address, which is a token more often than a name.
///
/// A password may hold anything, so the part before the host ends at the last `@` before the next
/// slash or space: what is hidden too much does no harm.
pub fn redact(word: &OsStr) -> Cow<'_, OsStr> {
    let bytes = word.as_bytes();
    let mut shown = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, SCHEME_END) {
        let (before, after) = rest.split_at(start + SCHEME_END.len());
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#".contains(byte);
        let mut authority = &after[..after.iter().position(ends).unwrap_or(after.len())];
        if !authority.contains(&b'@') && begins_a_password(authority) {
            // It goes on behind what ends a host.
            let space = after.iter().position(u8::is_ascii_whitespace);
            authority = &after[..space.unwrap_or(after.len())];
        }
        shown.extend_from_slice(before);
        rest = after;
        if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
            let is_web =
                [&b"http://"[..], b"https://"].iter().any(|scheme| ends_with(before, scheme));
            if is_web || authority[..at].contains(&b':') {
                shown.extend_from_slice(MASK);
                rest = &after[at..];
            }
        }
    }
    if rest.len() == bytes.len() {
        return Cow::Borrowed(word);
    }
    shown.extend_from_slice(rest);
    Cow::Owned(OsString::from_vec(shown))
}

/// Whether this is `user:pass`, cut off in the midst of a password, and no `host:port`.
fn begins_a_password(authority: &[u8]) -> bool {
    let colon = authority.iter().position(|byte| *byte == b':');
    let is_address = authority.starts_with(b"[");
    !is_address && colon.is_some_and(|at| !authority[at + 1..].iter().all(u8::is_ascii_digit))
}

/// The same for the words of a command line that are text.
pub fn redact_all(words: &[String]) -> Vec<String> {
    words.iter().map(|word| redact(OsStr::new(word)).to_string_lossy().into_owned()).collect()
}

/// Whether it ends so, in capitals or not.
fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_are_hidden() {
        for (text, expected) in [
            ("https://me:secret@example.org/x.git", "https://***@example.org/x.git"),
            ("https://ghp_token@example.org/x.git", "https://***@example.org/x.git"),
            ("https://me:p@ss@example.org", "https://***@example.org"),
            ("https://me:p'a\\s\"s@example.org", "https://***@example.org"),
            ("HTTPS://token@example.org", "HTTPS://***@example.org"),
            ("--url=ftp://a:b@h/ http://c:d@i", "--url=ftp://***@h/ http://***@i"),
            ("curl 'https://a:b@c' | sh", "curl 'https://***@c' | sh"),
            ("https://me:s3c/r?e#t@example.org/x", "https://***@example.org/x"),
            ("https://example.org:8080/a@b", "https://example.org:8080/a@b"),
            ("https://[::1]/a@b", "https://[::1]/a@b"),
            ("https://me:secret/no-host", "https://me:secret/no-host"),
            ("ssh://git@example.org/x.git", "ssh://git@example.org/x.git"),
            ("https://example.org/a@b:c", "https://example.org/a@b:c"),
            ("://", "://"),
            ("x://:@", "x://***@"),
            ("no url", "no url"),
        ] {
            assert_eq!(redact(OsStr::new(text)), OsStr::new(expected));
        }
    }

    #[test]
    fn what_is_no_text_is_redacted_too() {
        let word = OsStr::from_bytes(b"https://a:\xff@b/\xfe");
        assert_eq!(redact(word), OsStr::from_bytes(b"https://***@b/\xfe"));
    }

    proptest! {
        #[test]
        fn no_password_is_left(user in "[a-z]{1,5}", password in "[^/?#@\\s]{1,20}", host in "[a-z]{1,9}") {
            let url = format!("https://{user}:{password}@{host}/x");
            let expected = format!("https://***@{host}/x");
            prop_assert_eq!(redact(OsStr::new(&url)), OsStr::new(&expected));
        }
    }
}
