//! What clap refuses, in our words: one line, without its colours and its usage.
#![forbid(unsafe_code)]

use std::ffi::OsStr;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::Args;
use crate::report::words::show_word;

/// What the only options that exclude others have in common.
const LADDER: &str = "--escalate=QUIT/2s/TERM/10s/KILL";

/// Says what is wrong with what was typed, and what would be right.
pub(super) fn describe(error: &Error) -> String {
    match error.kind() {
        ErrorKind::UnknownArgument => unknown_option(error),
        ErrorKind::InvalidValue => missing_value(error),
        ErrorKind::ArgumentConflict => conflict(error),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            let (name, _) = known_option(error);
            format!("option {} takes no value", show(&name))
        }
        _ => in_the_words_of_clap(error),
    }
}

fn unknown_option(error: &Error) -> String {
    let typed = context(error, ContextKind::InvalidArg);
    let option = show(&typed);
    let meant = beginning_with(&typed);
    let suggested = context(error, ContextKind::SuggestedArg);
    if meant.len() > 1 {
        format!("ambiguous option {option}: {}", meant.join(" or "))
    } else if suggested.is_empty() {
        format!("unknown option {option}")
    } else {
        format!("unknown option {option}, did you mean {suggested}?")
    }
}

fn missing_value(error: &Error) -> String {
    let (name, value) = known_option(error);
    format!("option {} needs a value, as in {name}={value}", show(&name))
}

fn conflict(error: &Error) -> String {
    let (name, _) = known_option(error);
    let other = context(error, ContextKind::PriorArg);
    let other = other.split(' ').next().unwrap_or_default();
    let option = show(&name);
    format!("option {option} excludes {other}: write both into the ladder, as in {LADDER}")
}

fn in_the_words_of_clap(error: &Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}

/// An option that is known, and what its value is called: it comes as it is in the help, such as
/// `--signal <SIGNAL>`.
fn known_option(error: &Error) -> (String, String) {
    let typed = context(error, ContextKind::InvalidArg);
    let (name, value) = typed.split_once(' ').unwrap_or((&typed, ""));
    (name.to_owned(), value.trim_matches(['<', '>']).to_owned())
}

/// What clap tells of an error besides its kind; nothing where it does not.
fn context(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

fn show(option: &str) -> String {
    show_word(OsStr::new(option))
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
