//! Every option is in the help, in the manual and in the completions, and nothing else is.

use std::collections::BTreeSet;

use crate::harness::{grpkill_timeout, run};

/// The names of an option, dashes included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub short: Option<String>,
    pub long: String,
}

impl Named {
    fn new(short: Option<&str>, long: &str) -> Self {
        Self { short: short.map(|short| format!("-{short}")), long: format!("--{long}") }
    }
}

/// The options of the full help.
pub fn of_help() -> BTreeSet<Named> {
    of_help_by("--help")
}

/// The options of a help: lines such as `  -k, --kill-after <DURATION>  …`.
fn of_help_by(option: &str) -> BTreeSet<Named> {
    let help = run(grpkill_timeout().arg(option)).stdout;
    let of_line = |line: &str| {
        let (before, after) = line.split_once("--")?;
        let short = before.trim().strip_prefix('-').and_then(|short| short.strip_suffix(','));
        let begins = before.trim().is_empty() || short.is_some();
        begins.then(|| Named::new(short, name_at(after)))
    };
    help.lines().filter_map(of_line).collect()
}

/// The options of the manual: lines such as `.It Fl k Ar duration , Fl Fl kill-after Ns = …`.
fn of_manual() -> BTreeSet<Named> {
    let manual = include_str!("../../man/grpkill-timeout.1");
    let of_line = |line: &str| {
        let (before, after) = line.strip_prefix(".It ")?.split_once("Fl Fl ")?;
        let short = before.strip_prefix("Fl ").and_then(|short| short.split(' ').next());
        Some(Named::new(short, name_at(after)))
    };
    manual.lines().filter_map(of_line).collect()
}

/// The options of fish's completions: `-s k -l kill-after`.
fn of_fish() -> BTreeSet<Named> {
    let text = include_str!("../../completions/grpkill-timeout.fish");
    let of_line = |line: &str| {
        let (before, after) =
            line.strip_prefix("__grpkill_timeout_complete ")?.split_once("-l ")?;
        Some(Named::new(before.trim().strip_prefix("-s "), name_at(after)))
    };
    text.lines().filter_map(of_line).collect()
}

/// The options of zsh's completions: `{-k+,--kill-after=}'[…` or `'…--escalate=[…`.
fn of_zsh() -> BTreeSet<Named> {
    let text = include_str!("../../completions/_grpkill-timeout");
    let of_line = |line: &str| {
        let names = line.strip_prefix("  '")?.split('[').next()?;
        let names = names.split_once(')').map_or(names, |(_, names)| names);
        let (before, after) = names.split_once("--")?;
        let short = before.split_once("{-").map(|(_, short)| short.trim_end_matches(['+', ',']));
        Some(Named::new(short, name_at(after)))
    };
    text.lines().filter_map(of_line).collect()
}

/// The name of a long option that a text begins with.
fn name_at(text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    text.split(|c| !is_name(c)).next().unwrap_or_default()
}

#[test]
fn the_manual_and_the_completions_name_the_options_of_the_help() {
    let help = of_help();
    assert!(help.contains(&Named::new(Some("k"), "kill-after")), "{help:?}");
    assert!(help.contains(&Named::new(None, "escalate")), "{help:?}");
    assert_eq!(of_help_by("-h"), help);
    assert_eq!(of_manual(), help);
    assert_eq!(of_zsh(), help);
    assert_eq!(of_fish(), help);
}

#[test]
fn the_completions_name_no_other_options() {
    let known: BTreeSet<String> = of_help().into_iter().map(|option| option.long).collect();
    for text in [
        include_str!("../../completions/grpkill-timeout.bash"),
        include_str!("../../completions/_grpkill-timeout"),
    ] {
        let names = text.split("--").skip(1).map(name_at).filter(|name| !name.is_empty());
        let found: BTreeSet<String> = names.map(|name| format!("--{name}")).collect();
        assert_eq!(found, known);
    }
}
