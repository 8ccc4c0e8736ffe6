//! What a run is to be: what a command line means, and all that the rest has to know of it.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use crate::allow::Allow;
use crate::policy::{Extras, Lingering, Policy};
use crate::report::text::Wording;

/// What to do.
#[derive(Debug)]
pub struct Plan {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// When and how to end it.
    pub policy: Policy,
    /// What is run when time is up.
    pub hook: Option<OsString>,
    /// Whether the job is ended when our parent dies.
    pub die_with_parent: bool,
    /// Who may linger.
    pub allow: Allow,
    /// Whether those that linger are named.
    pub names_lingering: bool,
    /// Where the report goes.
    pub report: Option<OsString>,
    /// How much to say.
    pub verbosity: Verbosity,
    /// When to use colour.
    pub color: Color,
    /// Whether the terminal shows the time that has passed and is left.
    pub shows_progress: bool,
    /// Whose words to use for signals.
    pub wording: Wording,
}

impl Plan {
    /// What the run does besides ending the job.
    pub fn extras(&self) -> Extras {
        let reports = self.report.is_some();
        let tells = self.wording == Wording::Own && self.verbosity > Verbosity::Quiet;
        Extras {
            survey: reports || self.policy.lingering != Lingering::Ignore,
            snapshot: reports || tells,
            hook: self.hook.is_some(),
        }
    }
}

/// How much we say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What the user did not expect: a limit that passed, what could not be ended.
    Normal,
    /// Every signal, and what the run has cost.
    Verbose,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
