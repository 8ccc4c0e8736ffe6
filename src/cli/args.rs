//! What can be typed, and the help that says so.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use clap::{ArgAction, Parser};

use crate::console::Color;
use crate::policy::Lingering;

/// Run a command with a time limit, and take down all that it started.
#[derive(Debug, Default, Parser)]
#[cfg_attr(test, derive(PartialEq))]
#[command(
    version,
    disable_help_flag = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    args_override_self = true,
    infer_long_args = true,
    override_usage = "grpkill-timeout [OPTION]... DURATION COMMAND [ARG]...",
    after_help = AFTER_SHORT_HELP,
    after_long_help = AFTER_LONG_HELP
)]
#[expect(clippy::doc_markdown, reason = "the documentation is the help, as it stands")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub(super) struct Args {
    /// Time out, too, when nothing happens for so long
    ///
    /// Nothing happens when no process of the tree has read or written a
    /// byte, started or ended, or used time worth mentioning. send and recv
    /// count by their time alone. With a DURATION of 0 it is the only limit.
    #[arg(
        short, long, value_name = "DURATION", help_heading = LIMIT,
        allow_hyphen_values = true, verbatim_doc_comment
    )]
    pub idle: Option<OsString>,

    /// Send KILL this much later; 0 never [default: 10s]
    ///
    /// What has ended by then gets none.
    #[arg(
        short, long, value_name = "DURATION", help_heading = ENDING,
        allow_hyphen_values = true, verbatim_doc_comment
    )]
    pub kill_after: Option<OsString>,

    /// Send this signal first [default: TERM]
    ///
    /// A name or a number: HUP, SIGHUP, hup, 1, RTMIN+2. 0 sends nothing, and
    /// the rest goes on as usual.
    #[arg(
        short, long, value_name = "SIGNAL", help_heading = ENDING,
        allow_hyphen_values = true, verbatim_doc_comment
    )]
    pub signal: Option<OsString>,

    /// Send these instead, e.g. QUIT/2s/TERM/10s/KILL
    ///
    /// Signals, and between each two the time that the job has to obey. It
    /// takes the place of --signal and --kill-after.
    #[arg(
        long, value_name = "LADDER", help_heading = ENDING,
        conflicts_with_all = ["signal", "kill_after"],
        allow_hyphen_values = true, verbatim_doc_comment
    )]
    pub escalate: Option<OsString>,

    /// Run this with sh -c before the first signal
    ///
    /// It has 10 seconds, and GRPKILL_PID, GRPKILL_PGID, GRPKILL_PIDS and
    /// GRPKILL_OUTCOME in its environment:
    /// --on-timeout='py-spy dump -p $GRPKILL_PID'
    #[arg(long, value_name = "COMMAND", help_heading = ENDING, verbatim_doc_comment)]
    pub on_timeout: Option<OsString>,

    /// Make no process group; signal COMMAND alone
    ///
    /// Others are at most reported.
    #[arg(short, long, help_heading = ENDING, verbatim_doc_comment)]
    pub foreground: bool,

    /// End the job when our parent dies
    #[arg(long, help_heading = ENDING)]
    pub die_with_parent: bool,

    /// What outlives COMMAND: report, kill, wait, ignore
    ///
    /// report  name it and leave it (the default)
    /// kill    end it
    /// wait    wait for it until the limit, which then ends it
    /// ignore  leave it and say nothing
    ///
    /// At the limit it is for what has made a session of its own; the rest is
    /// always ended.
    #[arg(
        short, long, value_name = "POLICY", help_heading = LINGERING,
        hide_possible_values = true, verbatim_doc_comment
    )]
    pub lingering: Option<Lingering>,

    /// May outlive it: a command line; can be repeated
    ///
    /// --allow='git maintenance*' lets git tidy up in the background.
    #[arg(
        long, value_name = "GLOB", help_heading = LINGERING,
        allow_hyphen_values = true, verbatim_doc_comment
    )]
    pub allow: Vec<OsString>,

    /// Exit N, not 0, where COMMAND leaves something
    #[arg(long, value_name = "N", help_heading = LINGERING, allow_hyphen_values = true)]
    pub lingering_status: Option<OsString>,

    /// Return COMMAND's status even at the limit
    // What timeout(1) takes for it as well, and what other options of ours would make ambiguous.
    #[arg(short, long, aliases = ["p", "pr"], help_heading = OUTPUT)]
    pub preserve_status: bool,

    /// Append a line of JSON about the run; - is stderr
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub report: Option<OsString>,

    /// Say each signal, and what the run has cost
    #[arg(short, long, overrides_with = "quiet", help_heading = OUTPUT)]
    pub verbose: bool,

    /// Say nothing but errors
    #[arg(short, long, overrides_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,

    /// Show the time in the terminal's progress and title
    #[arg(long, help_heading = OUTPUT)]
    pub progress: bool,

    /// auto, always or never
    #[arg(
        long, value_name = "WHEN", help_heading = OUTPUT,
        default_value = "auto", hide_possible_values = true
    )]
    pub color: Color,

    /// Print help: -h in short, --help in full
    #[arg(short, long, action = ArgAction::Help, help_heading = OUTPUT)]
    pub help: Option<bool>,

    /// Print version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = OUTPUT)]
    pub version: Option<bool>,

    /// The limit, the command and its arguments
    #[arg(hide = true, trailing_var_arg = true, value_name = "DURATION COMMAND [ARG]...")]
    pub operands: Vec<OsString>,
}

const LIMIT: &str = "The limit";
const ENDING: &str = "Ending the job";
const LINGERING: &str = "What outlives the command";
const OUTPUT: &str = "Status and output";

const AFTER_SHORT_HELP: &str = "\
DURATION is a number and a unit: 30 (seconds), 1.5m, 2h, 1d, 500ms, 1h30m; 0 is
no limit. Exit status: the command's; 124 the limit passed; 137 it took KILL;
125 we failed; 126 COMMAND could not be run; 127 it was not found.

  grpkill-timeout 30s git remote update
  grpkill-timeout -k 2s 1m make test
  grpkill-timeout --lingering=kill 1h ./nightly";

const AFTER_LONG_HELP: &str = "\
Duration:
  A number and a unit: 30 (seconds), 1.5m, 2h, 1d, 500ms, 1h30m; 0 is no limit.
  When it has passed, the process group of COMMAND and every descendant in its
  session get TERM, then KILL, and we return when all of them are gone.

Exit status:
  the command's  it ended in time
  124            the limit passed
  137            ... and COMMAND had to be killed by KILL
  125            we failed: bad input, or nothing could be started
  126, 127       COMMAND could not be run, was not found
  128+N          in a shell: COMMAND was killed by signal N, or we were asked to
                 end by it

Examples:
  Fetch, but not for more than half a minute:
    grpkill-timeout 30s git remote update
  Tests that get 2 seconds to end after TERM, and leave nothing behind:
    grpkill-timeout -k 2s --lingering=kill 1m make test
  No limit for a backup that makes progress, an end to one that hangs:
    grpkill-timeout --idle=5m 0 rsync -a /home backup:
  Ask for stacks first, then to end, then do not ask:
    grpkill-timeout --escalate=QUIT/2s/TERM/10s/KILL 1h java -jar job.jar
  A line of JSON for each run:
    grpkill-timeout --report=runs.json 10m ./job

Installed under the name timeout, it behaves as timeout(1) does. The manual,
grpkill-timeout(1), tells the rest.";
