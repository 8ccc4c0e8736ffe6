//! The escalation: which signals, in which order, how long apart.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::duration;
use crate::signal::Signal;

/// The time that is left to the job between the polite signal and KILL unless the user says
/// otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// One signal, and how long the job has before the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The signal that the step sends.
    pub signal: Signal,
    /// The time until the next step; without meaning in the last one.
    pub grace: Duration,
}

/// At least one step. Nothing after a KILL is ever reached when the limit passes, but a signal
/// that we receive takes the place of the first step and goes on to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(Vec<Step>);

impl Ladder {
    /// What `--signal` and `--kill-after` mean: the signal, and KILL after `grace`; no KILL where
    /// `grace` is zero.
    pub fn new(signal: Signal, grace: Duration) -> Self {
        let mut steps = vec![Step { signal, grace }];
        if !grace.is_zero() {
            steps.push(Step { signal: Signal::KILL, grace: Duration::ZERO });
        }
        Self(steps)
    }

    /// Reads `QUIT/2s/TERM/10s/KILL`: signals with a grace between each two.
    pub fn parse(text: &str) -> Result<Self, InvalidLadder> {
        let meant = text.replace([',', ':', ';', ' '], "/");
        match Self::read(text) {
            Err(_) if meant != text && Self::read(&meant).is_ok() => Err(InvalidLadder(format!(
                "did you mean {meant}? expected slashes between the steps"
            ))),
            result => result,
        }
    }

    fn read(text: &str) -> Result<Self, InvalidLadder> {
        let mut parts = text.split('/');
        let mut steps = Vec::new();
        loop {
            let name = parts.next().unwrap_or_default();
            let signal = name.parse().map_err(|_| InvalidLadder::signal(name))?;
            let Some(grace) = parts.next() else {
                steps.push(Step { signal, grace: Duration::ZERO });
                break;
            };
            if signal == Signal::KILL {
                return Err(InvalidLadder("nothing can follow KILL".to_owned()));
            }
            let grace = parse_grace(grace)?;
            steps.push(Step { signal, grace });
        }
        if let [Step { signal: Signal::KILL, .. }] = steps[..] {
            return Ok(Self::new(Signal::KILL, DEFAULT_GRACE));
        }
        Ok(Self(steps))
    }

    /// The first step; every ladder has one.
    pub fn first(&self) -> Step {
        self.0[0]
    }

    /// The step at this place, counted from 0.
    pub fn step(&self, index: usize) -> Option<Step> {
        self.0.get(index).copied()
    }

    /// Every signal that the ladder may send.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        self.0.iter().map(|step| step.signal)
    }
}

fn parse_grace(text: &str) -> Result<Duration, InvalidLadder> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err(InvalidLadder(
            "a grace of 0 leaves no time; leave out the step before it instead".to_owned(),
        )),
        Ok(grace) => Ok(grace),
        Err(_) if text.parse::<Signal>().is_ok() => Err(InvalidLadder(format!(
            "between two signals a grace is missing before '{text}', as in TERM/10s/KILL"
        ))),
        Err(error) => Err(InvalidLadder(format!("'{text}' is no grace: {error}"))),
    }
}

/// Why a text is no ladder, in words that follow "…: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLadder(String);

impl InvalidLadder {
    fn signal(name: &str) -> Self {
        let what = if name.is_empty() {
            "a signal is missing".to_owned()
        } else {
            format!("'{name}' is no signal")
        };
        Self(format!(
            "{what}; expected signals with a grace between them, such as QUIT/2s/TERM/10s/KILL"
        ))
    }
}

impl fmt::Display for InvalidLadder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(signal: &str, seconds: u64) -> Step {
        Step { signal: signal.parse().unwrap(), grace: Duration::from_secs(seconds) }
    }

    #[test]
    fn ladders_are_read() {
        for (text, steps) in [
            ("TERM", vec![step("TERM", 0)]),
            ("QUIT/2s/TERM/10s/KILL", vec![step("QUIT", 2), step("TERM", 10), step("KILL", 0)]),
            ("int/1m30s/sigterm", vec![step("INT", 90), step("TERM", 0)]),
            ("0/1/9", vec![step("0", 1), step("KILL", 0)]),
            ("KILL", vec![step("KILL", 10), step("KILL", 0)]),
        ] {
            assert_eq!(Ladder::parse(text), Ok(Ladder(steps)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let wrong = [
            "",
            "/",
            "TERM/",
            "/TERM",
            "TERM/2s",
            "TERM/2s/",
            "TERM//KILL",
            "TERM/KILL",
            "2s",
            "TERM/0/KILL",
            "TERM/-1/KILL",
            "KILL/1s/TERM",
            "TERM,2s,KILL",
            "TERM/2s/NOPE",
            "TERM/2x/KILL",
        ];
        for text in wrong {
            assert!(Ladder::parse(text).is_err(), "{text:?} was read as {:?}", Ladder::parse(text));
        }
    }

    #[test]
    fn a_grace_of_zero_leaves_out_the_kill() {
        assert_eq!(Ladder::new(Signal::TERM, Duration::ZERO), Ladder(vec![step("TERM", 0)]));
    }
}
