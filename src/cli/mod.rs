//! The command line: what was typed ([`Args`]), and what it means, a [`Plan`].
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::{CommandFactory, FromArgMatches};

use crate::plan::Plan;

mod args;
mod meaning;
mod operands;
mod refusal;
mod value;

use args::Args;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Run a command.
    Run(Box<Plan>),
    /// Print this text, the help or the version.
    Print(String),
}

/// The name that we were called by, which decides the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Our own.
    GrpkillTimeout,
    /// timeout(1)'s.
    Timeout,
}

impl Preset {
    /// The preset for this `argv[0]`.
    pub fn of(argv0: Option<&OsStr>) -> Self {
        let name = argv0.and_then(|path| Path::new(path).file_name());
        if name.is_some_and(|name| name == "timeout") {
            Self::Timeout
        } else {
            Self::GrpkillTimeout
        }
    }

    /// The name that our messages begin with.
    pub fn program(self) -> &'static str {
        match self {
            Self::GrpkillTimeout => "grpkill-timeout",
            Self::Timeout => "timeout",
        }
    }
}

/// Reads a command line, `argv[0]` included.
pub fn parse(preset: Preset, arguments: Vec<OsString>) -> Result<Request> {
    let typed = match operands_alone(&arguments) {
        Some(typed) => typed,
        None => by_clap(preset, arguments)?,
    };
    let program = preset.program();
    Ok(match typed {
        Args { short_help: true, .. } => Request::Print(help(program, include_str!("short.txt"))),
        Args { help: true, .. } => Request::Print(help(program, include_str!("full.txt"))),
        Args { version: true, .. } => Request::Print(format!("{program} {VERSION}\n")),
        typed => Request::Run(Box::new(meaning::plan(preset, typed)?)),
    })
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A help for the program as it was called.
fn help(program: &str, text: &str) -> String {
    // The first is in its usage.
    text.replacen(Preset::GrpkillTimeout.program(), program, 1)
}

/// What is typed where the first argument is an operand, after which no option is looked for. clap
/// would find the same, and building all options for that takes a tenth of a short run's time.
fn operands_alone(arguments: &[OsString]) -> Option<Args> {
    let operands = arguments.get(1..)?;
    let is_operand = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-");
    let found = operands.first().is_some_and(is_operand);
    found.then(|| Args { operands: operands.to_vec(), ..Args::default() })
}

fn by_clap(preset: Preset, arguments: Vec<OsString>) -> Result<Args> {
    // The name decides, not the path that it was called by.
    let program = preset.program();
    let arguments = [OsString::from(program)].into_iter().chain(arguments.into_iter().skip(1));
    let parsed = Args::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Args::from_arg_matches(&matches));
    parsed.map_err(|error| anyhow!("{}; try '{program} --help'", refusal::describe(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_clap_finds_the_same() {
        for line in [
            "x 5",
            "x 5 true",
            "x 5 ls --color -v",
            "x 5s -k 5 ls",
            "x 5s --help",
            "x 5 -- -V",
            "x help",
            "x 5 - a -- b",
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let alone = operands_alone(&arguments).expect("it has no options");
            let typed = by_clap(Preset::GrpkillTimeout, arguments).expect("clap takes it");
            assert_eq!(alone, typed, "{line}");
        }
        for line in ["x -k 5 6 true", "x --help", "x -- 5 true", "x -", "x"] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(operands_alone(&arguments), None, "{line}");
        }
    }

    /// The beginning of an option's line in a help, `  -k, --kill-after <DURATION>`.
    fn line_of(argument: &clap::Arg) -> String {
        let short = argument.get_short().map(|short| format!("-{short}, "));
        let long = argument.get_long().unwrap_or_default();
        let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
        let value = value.map(|names| format!(" <{}>", names.join(" ")));
        format!("  {:4}--{long}{}", short.unwrap_or_default(), value.unwrap_or_default())
    }

    #[test]
    fn each_help_has_the_options_that_there_are_and_no_others() {
        let command = Args::command();
        let options = command.get_arguments().filter(|argument| argument.get_long().is_some());
        // -h is one with --help for the user.
        let lines: Vec<_> =
            options.map(|option| line_of(option).replace("      --help", "  -h, --help")).collect();
        for text in [include_str!("short.txt"), include_str!("full.txt")] {
            for line in &lines {
                let has = |found: &str| {
                    found
                        .strip_prefix(line)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("  "))
                };
                assert!(text.lines().any(has), "{line} is not in {text}");
            }
            let begins = |line: &&str| line.starts_with("  -") || line.starts_with("      --");
            assert_eq!(text.lines().filter(begins).count(), lines.len(), "{text}");
        }
    }
}
