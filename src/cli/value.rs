//! One value of the command line.
#![forbid(unsafe_code)]

use std::ffi::OsStr;

use anyhow::{Context, Result, anyhow};

use crate::report::words::show_word;

/// Reads the value of an option; the error names both and says what would be right.
pub(super) fn read<T, E: std::fmt::Display>(
    kind: &str,
    text: &OsStr,
    option: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T> {
    let invalid = || format!("invalid {kind} {} for {option}", show_word(text));
    let text = text.to_str().with_context(|| format!("{}: not UTF-8", invalid()))?;
    parse(text).map_err(|error| anyhow!("{}: {error}", invalid()))
}

/// Reads the value of an option that is one of these names.
pub(super) fn one_of<T: Copy>(text: &OsStr, option: &str, values: &[(&str, T)]) -> Result<T> {
    read("value", text, option, |text| {
        let meant = values.iter().find(|(name, _)| *name == text);
        meant.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
            format!("expected one of {}", names.join(", "))
        })
    })
}
