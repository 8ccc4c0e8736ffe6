//! Whose lingering is nobody's business: `--allow`.
#![forbid(unsafe_code)]

use glob::{Pattern, PatternError};

/// Globs over command lines. In them `*` stands for any text, spaces and slashes included.
#[derive(Clone, Debug, Default)]
pub struct Allow(Vec<Pattern>);

impl Allow {
    /// Adds a glob.
    pub fn add(&mut self, glob: &str) -> Result<(), PatternError> {
        // The library has a meaning for two of them that only paths have.
        let mut glob = glob.to_owned();
        while glob.contains("**") {
            glob = glob.replace("**", "*");
        }
        self.0.push(Pattern::new(&glob)?);
        Ok(())
    }

    /// Whether nothing is allowed, so that no command line needs to be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a glob matches this command line, its words joined by spaces. The program may be
    /// written with its directories or without: who allows `git gc*` does not ask where git is.
    pub fn matches(&self, command: &[String]) -> bool {
        let line = command.join(" ");
        let directories = command.first().and_then(|program| program.rfind('/'));
        let short = directories.map_or("", |last_slash| &line[last_slash + 1..]);
        self.0.iter().any(|glob| glob.matches(&line) || !short.is_empty() && glob.matches(short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(glob: &str, command: &[&str]) -> bool {
        let mut allow = Allow::default();
        allow.add(glob).unwrap();
        allow.matches(&command.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_glob_is_for_the_whole_command_line() {
        for (glob, command, expected) in [
            ("git maintenance*", &["git", "maintenance", "run", "--auto"][..], true),
            ("git maintenance*", &["/usr/lib/git-core/git", "maintenance", "run"], true),
            ("/usr/lib/*/git m*", &["/usr/lib/git-core/git", "maintenance"], true),
            ("git gc*", &["git", "maintenance", "run"], false),
            ("git", &["git", "gc"], false),
            ("*", &["anything", "at/all"], true),
            ("any***all", &["anything", "at/all"], true),
            ("*--daemon*", &["/opt/x", "-v", "--daemon", "/var/lib"], true),
            ("ssh: */x [mux]", &["ssh: /tmp/x [mux]"], false),
            ("ssh: */x [[]mux]", &["ssh: /tmp/x [mux]"], true),
            ("sleep 1?", &["sleep", "10"], true),
            ("sleep [0-4]*", &["sleep", "50"], false),
            ("Sleep*", &["sleep", "50"], false),
            ("", &["sleep"], false),
            ("/bin/", &["/bin/"], true),
            ("*é*", &["/a/bé", "c"], true),
        ] {
            assert_eq!(is_allowed(glob, command), expected, "{glob} for {command:?}");
        }
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_named() {
        assert!(!Allow::default().matches(&["sleep".to_owned()]));
    }

    #[test]
    fn no_glob_takes_for_ever() {
        let line = ["a".repeat(100_000)];
        let mut allow = Allow::default();
        allow.add(&"*a".repeat(30)).unwrap();
        allow.add(&("*a".repeat(30) + "b")).unwrap();
        assert!(!allow.matches(&line.map(|word| word + "c")));
    }
}
