//! The command line: what was typed ([`Args`]) and what it means ([`Plan`]).
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::allow::Allow;
use crate::console::{Color, Verbosity};
use crate::duration;
use crate::ladder::{DEFAULT_GRACE, Ladder};
use crate::policy::{Cause, Lingering, Policy, Target};
use crate::record::Record;
use crate::report::text::Wording;
use crate::report::words::show_word;
use crate::signal::Signal;
use crate::status::ExitStatus;

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

    /// The limit on doing nothing at all [default: none]
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

/// What to do.
#[derive(Debug)]
pub struct Plan {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// When and how to end it.
    pub policy: Policy,
    /// Whether its status is ours even after the limit.
    pub preserve_status: bool,
    /// What is run when time is up.
    pub hook: Option<OsString>,
    /// Who may linger.
    pub allow: Allow,
    /// Whether those that linger are named.
    pub names_lingering: bool,
    /// Our status where the command has succeeded but left somebody.
    pub lingering_status: Option<u8>,
    /// Where the report goes.
    pub report: Option<OsString>,
    /// How much to say.
    pub verbosity: Verbosity,
    /// When to use colour.
    pub color: Color,
    /// Whose words to use for signals.
    pub wording: Wording,
}

impl Plan {
    /// What we return after this run.
    pub fn exit_status(&self, record: &Record) -> ExitStatus {
        let outcome = record.outcome;
        let status = outcome.exit_status(&self.policy, self.preserve_status);
        let ended_in_time = matches!(outcome.cause, None | Some(Cause::LeaderExit));
        let left_somebody = ended_in_time && !record.lingering.is_empty();
        match self.lingering_status {
            Some(code) if left_somebody && status == ExitStatus::SUCCESS => ExitStatus::Code(code),
            _ => status,
        }
    }
}

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
    Ok(Request::Run(Box::new(plan(preset, typed)?)))
}

fn plan(preset: Preset, typed: Args) -> Result<Plan> {
    let (limit, command) = operands(preset, typed.operands)?;
    let is_timeout = preset == Preset::Timeout;
    let allow = allow(&typed.allow)?;
    let lingering_status = typed.lingering_status.as_deref().map(lingering_status).transpose()?;
    let report = typed.report.map(report).transpose()?;

    let default = if is_timeout { Lingering::Ignore } else { Lingering::Report };
    let asked = typed.lingering.unwrap_or(default);
    let lingering = match asked {
        // Nobody but the command is signalled; those that it leaves are at most reported.
        Lingering::Kill if typed.foreground => Lingering::Report,
        // Nothing is said, and still they have to be looked for.
        Lingering::Ignore if lingering_status.is_some() => Lingering::Report,
        lingering => lingering,
    };
    let takes_all = matches!(lingering, Lingering::Kill | Lingering::Wait);

    let ladder = if let Some(ladder) = &typed.escalate {
        read("ladder", ladder, "--escalate", Ladder::parse)?
    } else {
        let signal = typed.signal.as_deref().map(signal).transpose()?;
        let grace = typed.kill_after.as_deref().map(grace).transpose()?;
        // timeout(1) has none; but who asks it to take all means all.
        let default = if is_timeout && !takes_all { Duration::ZERO } else { DEFAULT_GRACE };
        Ladder::new(signal.unwrap_or(Signal::TERM), grace.unwrap_or(default))
    };
    let kill_target = match typed.foreground {
        true => Target::Leader,
        false if takes_all => Target::Tree,
        false => Target::Job,
    };
    let target = if is_timeout && kill_target == Target::Job { Target::Group } else { kill_target };
    let waits_for_leader = is_timeout && ladder.step(1).is_none() && kill_target == Target::Job;
    let until = if waits_for_leader { Target::Leader } else { kill_target };
    let verbosity = match (typed.verbose, typed.quiet) {
        (true, _) => Verbosity::Verbose,
        (_, true) => Verbosity::Quiet,
        // Who asks for a policy wants to hear of it.
        _ if is_timeout && typed.lingering.is_none() => Verbosity::Quiet,
        _ => Verbosity::Normal,
    };
    let surveys = lingering != Lingering::Ignore || report.is_some();
    let snapshots = !is_timeout && verbosity > Verbosity::Quiet || report.is_some();
    let limit = (!limit.is_zero()).then_some(limit);
    let idle = typed.idle.as_deref().map(idle).transpose()?.filter(|limit| !limit.is_zero());
    let hook = typed.on_timeout.map(hook).transpose()?;
    Ok(Plan {
        command,
        policy: Policy {
            limit,
            idle,
            ladder,
            target,
            kill_target,
            until,
            lingering,
            surveys,
            snapshots,
            has_hook: hook.is_some(),
            kill_shows: is_timeout,
        },
        preserve_status: typed.preserve_status,
        hook,
        allow,
        names_lingering: asked != Lingering::Ignore,
        lingering_status,
        report,
        verbosity,
        color: typed.color,
        wording: if is_timeout { Wording::Timeout } else { Wording::Own },
    })
}

/// Splits the operands into the limit and the command; a `--` may stand between them.
fn operands(preset: Preset, operands: Vec<OsString>) -> Result<(Duration, Vec<OsString>)> {
    let program = preset.program();
    let mut operands = operands.into_iter();
    let Some(limit) = operands.next() else {
        bail!("missing operand: expected DURATION COMMAND, such as {program} 30s git fetch");
    };
    let limit_shown = show_word(&limit);
    let limit = read("duration", &limit, "DURATION", duration::parse)?;
    let mut command: Vec<OsString> = operands.collect();
    if command.first().is_some_and(|first| first == "--") {
        command.remove(0);
    } else if let Some(option) =
        command.first().filter(|first| first.as_encoded_bytes().starts_with(b"-"))
    {
        let option = show_word(option);
        bail!(
            "unexpected {option} after the duration {limit_shown}: options go before it, and a \
             command of this name goes after --"
        );
    }
    if command.is_empty() {
        bail!("missing command after the duration {limit_shown}");
    }
    Ok((limit, command))
}

fn allow(globs: &[OsString]) -> Result<Allow> {
    let mut allow = Allow::default();
    for glob in globs {
        read("glob", glob, "--allow", |glob| match glob {
            "" => Err("expected a pattern for a command line, such as 'git maintenance*'".into()),
            _ => allow.add(glob).map_err(|error| format!("{} at {}", error.msg, error.pos)),
        })?;
    }
    Ok(allow)
}

fn idle(text: &OsStr) -> Result<Duration> {
    read("duration", text, "--idle", duration::parse)
}

fn hook(command: OsString) -> Result<OsString> {
    if command.is_empty() {
        bail!("invalid command '' for --on-timeout: expected a line for sh -c");
    }
    Ok(command)
}

fn lingering_status(text: &OsStr) -> Result<u8> {
    read("status", text, "--lingering-status", |text| match text.parse() {
        Ok(status @ 1..) if !text.starts_with('+') => Ok(status),
        _ => Err("expected a number from 1 to 255"),
    })
}

fn report(name: OsString) -> Result<OsString> {
    if name.is_empty() {
        bail!("invalid file '' for --report: expected a path, or - for standard error");
    }
    Ok(name)
}

fn grace(text: &OsStr) -> Result<Duration> {
    read("duration", text, "--kill-after", duration::parse)
}

fn signal(text: &OsStr) -> Result<Signal> {
    read("signal", text, "--signal", |text| {
        text.parse().map_err(|_| {
            let max = libc::SIGRTMAX();
            format!("expected a name or a number up to {max}, such as TERM, HUP, 9 or RTMIN+1")
        })
    })
}

/// Reads the value of an option; the error names both and says what would be right.
fn read<T, E: std::fmt::Display>(
    kind: &str,
    text: &OsStr,
    option: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T> {
    let shown = show_word(text);
    let text =
        text.to_str().with_context(|| format!("invalid {kind} {shown} for {option}: not UTF-8"))?;
    parse(text).map_err(|error| anyhow!("invalid {kind} {shown} for {option}: {error}"))
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
