//! The command line: what was typed ([`Args`]), and what it means, a [`Plan`].
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Result, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::plan::Plan;
use crate::report::words::show_word;

mod args;
mod operands;
mod plan;
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

/// What clap makes of a command line.
#[derive(Debug)]
enum Parsed {
    /// This was typed.
    Typed(Box<Args>),
    /// This is to be printed.
    Text(String),
}

/// Reads a command line, `argv[0]` included.
pub fn parse(preset: Preset, arguments: Vec<OsString>) -> Result<Request> {
    let parsed = match operands_alone(&arguments) {
        Some(typed) => Parsed::Typed(Box::new(typed)),
        None => by_clap(preset, arguments)?,
    };
    match parsed {
        Parsed::Typed(typed) => Ok(Request::Run(Box::new(plan::plan(preset, *typed)?))),
        Parsed::Text(text) => Ok(Request::Print(text)),
    }
}

/// What is typed where the first argument is an operand, after which no option is looked for. clap
/// would find the same, and building all options for that takes a tenth of a short run's time.
fn operands_alone(arguments: &[OsString]) -> Option<Args> {
    let operands = arguments.get(1..)?;
    let is_operand = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-");
    let found = operands.first().is_some_and(is_operand);
    found.then(|| Args { operands: operands.to_vec(), ..Args::default() })
}

fn by_clap(preset: Preset, arguments: Vec<OsString>) -> Result<Parsed> {
    let program = preset.program();
    let command = Args::command()
        .name(program)
        .override_usage(format!("{program} [OPTION]... DURATION COMMAND [ARG]..."));
    // The name decides, not the path that it was called by.
    let arguments = [OsString::from(program)].into_iter().chain(arguments.into_iter().skip(1));
    match command.try_get_matches_from(arguments) {
        Ok(matches) => Ok(Parsed::Typed(Box::new(Args::from_arg_matches(&matches)?))),
        Err(error) if !error.use_stderr() => Ok(Parsed::Text(without_trails(&error))),
        Err(error) => bail!("{}; try '{program} --help'", describe(&error)),
    }
}

/// A text of clap's without the blanks at the ends of its lines.
fn without_trails(text: &clap::Error) -> String {
    text.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// clap's error in one line, without its colours and its usage.
fn describe(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let typed = context(ContextKind::InvalidArg).unwrap_or_default();
    // An option that is known comes as it is in the help, such as `--signal <SIGNAL>`.
    let (name, takes) = typed.split_once(' ').unwrap_or((&typed, ""));
    let takes = takes.trim_matches(['<', '>']);
    let option = show_word(OsStr::new(name));
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let option = show_word(OsStr::new(&typed));
            let meant = beginning_with(&typed);
            match context(ContextKind::SuggestedArg) {
                _ if meant.len() > 1 => {
                    format!("ambiguous option {option}: {}", meant.join(" or "))
                }
                Some(suggested) => format!("unknown option {option}, did you mean {suggested}?"),
                None => format!("unknown option {option}"),
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("option {option} needs a value, as in {name}={takes}")
        }
        ErrorKind::InvalidValue => {
            let valid = context(ContextKind::ValidValue).unwrap_or_default();
            let value = show_word(OsStr::new(&value));
            format!("invalid value {value} for {name}: expected one of {valid}")
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg).unwrap_or_default();
            let other = other.split(' ').next().unwrap_or_default();
            format!("option {option} excludes {other}: write both into the ladder, as in {LADDER}")
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            format!("option {option} takes no value")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    }
}

/// The long options that begin so.
fn beginning_with(typed: &str) -> Vec<String> {
    let Some(beginning) = typed.strip_prefix("--").filter(|rest| !rest.is_empty()) else {
        return vec![];
    };
    let command = Args::command();
    let names = command.get_arguments().filter_map(clap::Arg::get_long);
    names.filter(|name| name.starts_with(beginning)).map(|name| format!("--{name}")).collect()
}

/// What the only options that exclude others have in common.
const LADDER: &str = "--escalate=QUIT/2s/TERM/10s/KILL";

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
            match by_clap(Preset::GrpkillTimeout, arguments).expect("clap takes it") {
                Parsed::Typed(typed) => assert_eq!(alone, *typed, "{line}"),
                Parsed::Text(text) => panic!("{line}: {text}"),
            }
        }
        for line in ["x -k 5 6 true", "x --help", "x -- 5 true", "x -", "x"] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(operands_alone(&arguments), None, "{line}");
        }
    }
}
