//! Where a command is looked for, as execvp(3) has it.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The PATH where there is none, as glibc has it.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The files that may be meant by a command with this PATH, in the order in which they are tried.
pub fn candidates(command: &OsStr, path: Option<&OsStr>) -> Vec<PathBuf> {
    let name = command.as_bytes();
    if name.is_empty() {
        return vec![];
    }
    if name.contains(&b'/') {
        return vec![command.into()];
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH)).as_bytes();
    path.split(|byte| *byte == b':').map(|directory| inside(directory, name)).collect()
}

/// A script sees this as its name, so it is what execvp(3) would give it: a slash at the end of an
/// entry stays.
fn inside(directory: &[u8], name: &[u8]) -> PathBuf {
    let file = match directory {
        // An empty entry is the current directory.
        [] => name.to_vec(),
        _ => [directory, b"/", name].concat(),
    };
    OsString::from_vec(file).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_looked_for_in_each_directory_of_the_path() {
        for (command, path, expected) in [
            ("ls", Some("/one:/two/:three"), &["/one/ls", "/two//ls", "three/ls"][..]),
            ("ls", Some(""), &["ls"]),
            ("ls", Some(":/one::/two:"), &["ls", "/one/ls", "ls", "/two/ls", "ls"]),
            ("ls", None, &["/bin/ls", "/usr/bin/ls"]),
            ("./ls", Some("/one"), &["./ls"]),
            ("/ls", None, &["/ls"]),
            ("", Some("/one"), &[]),
        ] {
            let found = candidates(OsStr::new(command), path.map(OsStr::new));
            let found: Vec<_> = found.iter().map(|file| file.to_str().unwrap()).collect();
            assert_eq!(found, expected, "{command:?} in {path:?}");
        }
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let found = candidates(OsStr::from_bytes(b"\xff"), Some(OsStr::from_bytes(b"/\xfe")));
        assert_eq!(found, [PathBuf::from(OsStr::from_bytes(b"/\xfe/\xff"))]);
    }
}
