//! The limit and the command, and what may have been meant where one of them is not there.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::Preset;
use super::value::read;
use crate::duration;
use crate::path;
use crate::report::words::{show_command, show_word};

/// Splits the operands into the limit and the command; a `--` may stand between them.
pub fn split(preset: Preset, mut operands: Vec<OsString>) -> Result<(Duration, Vec<OsString>)> {
    let limit = limit(preset, &operands)?;
    let mut command = operands.split_off(1);
    match command.first() {
        Some(dashes) if dashes == "--" => drop(command.remove(0)),
        Some(word) => expect_command(&operands[0], word)?,
        None => {}
    }
    if command.is_empty() {
        let (program, typed) = (preset.program(), show_command(&operands));
        let shown = show_word(&operands[0]);
        bail!("missing command after the duration {shown}, such as {program} {typed} git fetch");
    }
    Ok((limit, command))
}

/// The limit, which comes first.
fn limit(preset: Preset, operands: &[OsString]) -> Result<Duration> {
    let program = preset.program();
    let Some(first) = operands.first() else {
        bail!("missing operand: expected DURATION COMMAND, such as {program} 30s git fetch");
    };
    let limit = read("duration", first, "DURATION", duration::parse);
    if limit.is_err() && is_program(first) {
        let (shown, command) = (show_word(first), show_command(operands));
        bail!("missing duration before the command {shown}, such as {program} 30s {command}");
    }
    limit
}

/// Refuses what is meant otherwise than as the command after this duration.
fn expect_command(duration: &OsStr, word: &OsStr) -> Result<()> {
    if word.as_bytes().starts_with(b"-") {
        let (option, shown) = (show_word(word), show_word(duration));
        bail!(
            "unexpected {option} after the duration {shown}: options go before it, and a \
             command of this name goes after --"
        );
    }
    if let Some(meant) = with_unit(duration, word).filter(|_| !is_program(word)) {
        let shown = show_word(duration);
        bail!("the duration {shown} is followed by a unit: write it as one word, {meant}");
    }
    Ok(())
}

/// `5s` for `5` and `s`; `None` where they do not make a duration together.
fn with_unit(number: &OsStr, unit: &OsStr) -> Option<String> {
    let (number, unit) = (number.to_str()?, unit.to_str()?);
    let is_unit = number.ends_with(|c: char| c.is_ascii_digit())
        && unit.starts_with(|c: char| c.is_ascii_alphabetic());
    let together = format!("{number}{unit}");
    (is_unit && duration::parse(&together).is_ok()).then_some(together)
}

/// Whether this word would start a program.
fn is_program(word: &OsStr) -> bool {
    let path = std::env::var_os("PATH");
    path::candidates(word, path.as_deref()).iter().any(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}
