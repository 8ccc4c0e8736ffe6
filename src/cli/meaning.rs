//! What a command line means.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use anyhow::{Result, bail};

use super::value::{one_of, read};
use super::{Args, Preset, operands};
use crate::allow::Allow;
use crate::duration;
use crate::ladder::{DEFAULT_GRACE, Ladder};
use crate::plan::{Color, Plan, Verbosity};
use crate::policy::{Lingering, Policy, Target};
use crate::report::text::Wording;
use crate::signal::Signal;

/// Reads what was typed; the error names the option and the value, and says what would be right.
pub(super) fn plan(preset: Preset, mut typed: Args) -> Result<Plan> {
    let (limit, command) = operands::split(preset, std::mem::take(&mut typed.operands))?;
    let status = typed.lingering_status.as_deref().map(status).transpose()?;
    let report = typed.report.take().map(report).transpose()?;
    let hook = typed.on_timeout.take().map(hook).transpose()?;
    let asked = typed.lingering.as_deref().map(lingering).transpose()?;
    let asked = asked.unwrap_or(default_lingering(preset));
    Ok(Plan {
        command,
        policy: policy(preset, &typed, limit, asked, status)?,
        hook,
        die_with_parent: typed.die_with_parent,
        allow: allow(&typed.allow)?,
        names_lingering: asked != Lingering::Ignore,
        report,
        verbosity: verbosity(preset, &typed),
        color: typed.color.as_deref().map_or(Ok(Color::Auto), color)?,
        shows_progress: typed.progress,
        wording: wording(preset),
    })
}

/// When and how to end the command, and those that it leaves.
fn policy(
    preset: Preset,
    typed: &Args,
    limit: Duration,
    asked: Lingering,
    lingering_status: Option<u8>,
) -> Result<Policy> {
    let lingering = as_far_as_possible(asked, typed);
    let takes_all = matches!(lingering, Lingering::Kill | Lingering::Wait);
    let ladder = ladder(typed, default_grace(preset, takes_all))?;
    let reach = Reach::new(preset, typed.foreground, takes_all, &ladder);
    Ok(Policy {
        limit: unless_zero(limit),
        idle: typed.idle.as_deref().map(idle).transpose()?.and_then(unless_zero),
        ladder,
        target: reach.target,
        kill_target: reach.kill_target,
        until: reach.until,
        lingering,
        preserve_status: typed.preserve_status,
        lingering_status,
        kill_shows: preset == Preset::Timeout,
    })
}

/// What can be done of what was asked for those that linger, beside the other options.
fn as_far_as_possible(asked: Lingering, typed: &Args) -> Lingering {
    match asked {
        // Nobody but the command is signalled; those that it leaves are at most reported.
        Lingering::Kill if typed.foreground => Lingering::Report,
        // Nothing is said, and still they have to be looked for.
        Lingering::Ignore if typed.lingering_status.is_some() => Lingering::Report,
        lingering => lingering,
    }
}

fn default_lingering(preset: Preset) -> Lingering {
    match preset {
        Preset::GrpkillTimeout => Lingering::Report,
        Preset::Timeout => Lingering::Ignore,
    }
}

fn default_grace(preset: Preset, takes_all: bool) -> Duration {
    match preset {
        // timeout(1) has no grace; but who asks it to take all means all.
        Preset::Timeout if !takes_all => Duration::ZERO,
        _ => DEFAULT_GRACE,
    }
}

fn verbosity(preset: Preset, typed: &Args) -> Verbosity {
    match (typed.verbose, typed.quiet) {
        (true, _) => Verbosity::Verbose,
        (_, true) => Verbosity::Quiet,
        // Who asks for a policy wants to hear of it.
        _ if preset == Preset::Timeout && typed.lingering.is_none() => Verbosity::Quiet,
        _ => Verbosity::Normal,
    }
}

fn wording(preset: Preset) -> Wording {
    match preset {
        Preset::GrpkillTimeout => Wording::Own,
        Preset::Timeout => Wording::Timeout,
    }
}

/// A limit of zero is none.
fn unless_zero(limit: Duration) -> Option<Duration> {
    (!limit.is_zero()).then_some(limit)
}

/// Whom the signals of a ladder reach, and whose end is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reach {
    target: Target,
    kill_target: Target,
    until: Target,
}

impl Reach {
    fn new(preset: Preset, foreground: bool, takes_all: bool, ladder: &Ladder) -> Self {
        let all = |target| Self { target, kill_target: target, until: target };
        match preset {
            _ if foreground => all(Target::Leader),
            _ if takes_all => all(Target::Tree),
            Preset::GrpkillTimeout => all(Target::Job),
            // Without -k, timeout(1) returns when the command has ended.
            Preset::Timeout if ladder.step(1).is_none() => {
                Self { target: Target::Group, until: Target::Leader, ..all(Target::Job) }
            }
            Preset::Timeout => Self { target: Target::Group, ..all(Target::Job) },
        }
    }
}

/// The ladder that is typed whole, or that of a signal and a grace.
fn ladder(typed: &Args, default_grace: Duration) -> Result<Ladder> {
    if let Some(ladder) = &typed.escalate {
        return read("ladder", ladder, "--escalate", Ladder::parse);
    }
    let first = typed.signal.as_deref().map(signal).transpose()?;
    let grace = typed.kill_after.as_deref().map(grace).transpose()?;
    Ok(Ladder::new(first.unwrap_or(Signal::TERM), grace.unwrap_or(default_grace)))
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

fn lingering(text: &OsStr) -> Result<Lingering> {
    let policies = [
        ("report", Lingering::Report),
        ("kill", Lingering::Kill),
        ("wait", Lingering::Wait),
        ("ignore", Lingering::Ignore),
    ];
    one_of(text, "--lingering", &policies)
}

fn color(text: &OsStr) -> Result<Color> {
    let times = [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];
    one_of(text, "--color", &times)
}

fn status(text: &OsStr) -> Result<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_the_signals_reach() {
        use Preset::{GrpkillTimeout as Own, Timeout};
        use Target::{Group, Job, Leader, Tree};
        for (preset, foreground, takes_all, ladder, expected) in [
            (Own, false, false, "TERM/10s/KILL", [Job, Job, Job]),
            (Own, false, false, "TERM", [Job, Job, Job]),
            (Own, false, true, "TERM/10s/KILL", [Tree, Tree, Tree]),
            (Own, true, false, "TERM/10s/KILL", [Leader, Leader, Leader]),
            (Own, true, true, "TERM/10s/KILL", [Leader, Leader, Leader]),
            (Timeout, false, false, "TERM", [Group, Job, Leader]),
            (Timeout, false, false, "TERM/10s/KILL", [Group, Job, Job]),
            (Timeout, false, true, "TERM/10s/KILL", [Tree, Tree, Tree]),
            (Timeout, false, true, "TERM", [Tree, Tree, Tree]),
            (Timeout, true, false, "TERM", [Leader, Leader, Leader]),
        ] {
            let ladder = Ladder::parse(ladder).unwrap();
            let Reach { target, kill_target, until } =
                Reach::new(preset, foreground, takes_all, &ladder);
            assert_eq!(
                [target, kill_target, until],
                expected,
                "{preset:?} {foreground} {takes_all} {ladder:?}"
            );
        }
    }
}
