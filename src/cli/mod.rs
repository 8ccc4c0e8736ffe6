//! The command line: what was typed ([`Args`]); what it means is a [`Plan`].
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Result, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::console::Color;
use crate::policy::Lingering;
use crate::report::words::show_word;

mod plan;

pub use plan::Plan;

/// Run a command with a time limit, and take down all that it started.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_subcommand = true,
    args_override_self = true,
    infer_long_args = true,
    term_width = 80,
    override_usage = "grpkill-timeout [OPTION]... DURATION COMMAND [ARG]...",
    after_help = AFTER_HELP
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
struct Args {
    /// Send KILL this much later; 0 never [default: 10s]
    #[arg(short, long, value_name = "DURATION", allow_hyphen_values = true)]
    kill_after: Option<OsString>,

    /// Send this signal first [default: TERM]
    #[arg(short, long, value_name = "SIGNAL", allow_hyphen_values = true)]
    signal: Option<OsString>,

    /// Send these instead, e.g. QUIT/2s/TERM/10s/KILL
    #[arg(
        long,
        value_name = "LADDER",
        conflicts_with_all = ["signal", "kill_after"],
        allow_hyphen_values = true
    )]
    escalate: Option<OsString>,

    /// Time out when nothing happens for so long, too
    #[arg(short, long, value_name = "DURATION", allow_hyphen_values = true)]
    idle: Option<OsString>,

    /// Run this with sh -c before the first signal
    #[arg(long, value_name = "COMMAND")]
    on_timeout: Option<OsString>,

    /// What outlives COMMAND: report, kill, wait, ignore
    #[arg(short, long, value_name = "POLICY", hide_possible_values = true)]
    lingering: Option<Lingering>,

    /// May outlive it: a command line; can be repeated
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    allow: Vec<OsString>,

    /// Exit N, not 0, where COMMAND leaves descendants
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    lingering_status: Option<OsString>,

    /// Make no process group; signal COMMAND alone
    #[arg(short, long)]
    foreground: bool,

    /// End COMMAND when our parent dies
    #[arg(long)]
    die_with_parent: bool,

    /// Return COMMAND's status even at the limit
    #[arg(short, long)]
    preserve_status: bool,

    /// Say each signal, and what the run has cost
    #[arg(short, long, overrides_with = "quiet")]
    verbose: bool,

    /// Say nothing but errors
    #[arg(short, long, overrides_with = "verbose")]
    quiet: bool,

    /// Append a line of JSON about the run; - is stderr
    #[arg(long, value_name = "FILE")]
    report: Option<OsString>,

    /// Show the time in the terminal's progress and title
    #[arg(long)]
    progress: bool,

    /// auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: Color,

    /// The limit, the command and its arguments
    #[arg(hide = true, trailing_var_arg = true, value_name = "DURATION COMMAND [ARG]...")]
    operands: Vec<OsString>,
}

const AFTER_HELP: &str = "\
DURATION is a number and a unit: 30 (seconds), 1.5m, 2h, 1d, 500ms, 1h30m; 0 is
no limit. When it has passed, the process group of COMMAND and every descendant
in its session get TERM, then KILL, and we return when all of them are gone.

Nothing happens to --idle when no process has read or written a byte, started or
ended, or used time worth mentioning; send and recv count by their time alone.

POLICY is for descendants that are alive when COMMAND has ended, and at the
limit for those in a session of their own: report names them and leaves them
(the default), kill ends them, wait waits for them until the limit, ignore
leaves them. GLOB names those that may stay, as in --allow='git maintenance*'.

Exit status: the command's; 124 the limit passed; 137 it took KILL;
125 we failed; 126 COMMAND could not be run; 127 it was not found.
Installed under the name timeout, it behaves as timeout(1) does.

Examples:
  grpkill-timeout 30s git remote update
  grpkill-timeout -k 2s 1m make test
  grpkill-timeout --idle=5m 0 rsync -a /home backup:
  grpkill-timeout --escalate=QUIT/2s/TERM/10s/KILL 1h java -jar job.jar";

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
    let program = preset.program();
    let command = Args::command()
        .name(program)
        .override_usage(format!("{program} [OPTION]... DURATION COMMAND [ARG]..."));
    // The name decides, not the path that it was called by.
    let arguments = [OsString::from(program)].into_iter().chain(arguments.into_iter().skip(1));
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => return Ok(Request::Print(error.to_string())),
        Err(error) => bail!("{}; try '{program} --help'", describe(&error)),
    };
    let typed = Args::from_arg_matches(&matches)?;
    Ok(Request::Run(Box::new(Plan::new(preset, typed)?)))
}

/// clap's error in one line, without its colours and its usage.
fn describe(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).map(|text| show_word(OsStr::new(&text)));
    let argument = argument.unwrap_or_default();
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => match context(ContextKind::SuggestedArg) {
            Some(suggested) => format!("unknown option {argument}, did you mean {suggested}?"),
            None => format!("unknown option {argument}"),
        },
        ErrorKind::InvalidValue if value.is_empty() => format!("option {argument} needs a value"),
        ErrorKind::InvalidValue => {
            let valid = context(ContextKind::ValidValue).unwrap_or_default();
            let value = show_word(OsStr::new(&value));
            format!("invalid value {value} for {argument}: expected one of {valid}")
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg).unwrap_or_default();
            format!("option {argument} excludes {other}")
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            format!("option {argument} takes no value")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    }
}
