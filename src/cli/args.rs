//! What can be typed. The help that says so is beside this file, in `short.txt` and `full.txt`.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use clap::Parser;

/// What was typed.
#[derive(Debug, Default, Parser)]
#[cfg_attr(test, derive(PartialEq))]
#[command(
    disable_help_flag = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    args_override_self = true,
    infer_long_args = true
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that can be typed")]
pub(super) struct Args {
    #[arg(short, long, value_name = "DURATION", allow_hyphen_values = true)]
    pub idle: Option<OsString>,

    #[arg(short, long, value_name = "DURATION", allow_hyphen_values = true)]
    pub kill_after: Option<OsString>,

    #[arg(short, long, value_name = "SIGNAL", allow_hyphen_values = true)]
    pub signal: Option<OsString>,

    #[arg(
        long, value_name = "LADDER", conflicts_with_all = ["signal", "kill_after"],
        allow_hyphen_values = true
    )]
    pub escalate: Option<OsString>,

    #[arg(long, value_name = "COMMAND")]
    pub on_timeout: Option<OsString>,

    #[arg(short, long)]
    pub foreground: bool,

    #[arg(long)]
    pub die_with_parent: bool,

    #[arg(short, long, value_name = "POLICY")]
    pub lingering: Option<OsString>,

    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    pub allow: Vec<OsString>,

    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub lingering_status: Option<OsString>,

    // What timeout(1) takes for it as well, and what other options of ours would make ambiguous.
    #[arg(short, long, aliases = ["p", "pr"])]
    pub preserve_status: bool,

    #[arg(long, value_name = "FILE")]
    pub report: Option<OsString>,

    #[arg(short, long, overrides_with = "quiet")]
    pub verbose: bool,

    #[arg(short, long, overrides_with = "verbose")]
    pub quiet: bool,

    #[arg(long)]
    pub progress: bool,

    #[arg(long, value_name = "WHEN")]
    pub color: Option<OsString>,

    #[arg(short = 'h')]
    pub short_help: bool,

    #[arg(long)]
    pub help: bool,

    #[arg(short = 'V', long)]
    pub version: bool,

    /// The limit, the command and its arguments.
    #[arg(trailing_var_arg = true)]
    pub operands: Vec<OsString>,
}
