//! The compatibility table: under the name `timeout` the program does what coreutils' timeout(1)
//! does. Each case is asserted of both, so that a table that is wrong fails too; where coreutils'
//! is missing, it is still asserted of ours.
//!
//! What is asked is what coreutils', toybox's and uutils' own tests ask. Where the two differ on
//! purpose, the case says so. A limit that a script must be ready for is not a short one but an
//! ALRM, which means to both that the limit has passed now.

mod cases;

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::harness::{
    Finished, PROGRAM, as_timeout, can, children, find_program, fixture, run, start, state,
    wait_until,
};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Killed(i32),
}
use End::{Exit, Killed};

/// What is expected on standard error.
#[derive(Clone, Copy, Debug)]
enum Stderr {
    /// Exactly these lines, but for the shape of the quotes.
    Lines(&'static [&'static str]),
    /// The wording is everybody's own; ours is one line that begins with the name.
    OwnWords,
    /// Nobody's business.
    Any,
}

/// What coreutils' timeout(1) does with the case. The sentences say why it is not the same.
#[derive(Clone, Copy, Debug)]
enum Theirs {
    Same,
    /// 137 may be an exit or a death by KILL.
    SameNumber(&'static str),
    /// It does the other thing.
    Ends(End, &'static str),
    /// It would hang, or do one thing or another by its version.
    NotAsked(&'static str),
}

/// To whom a signal goes: to the program, or to the process group of the shell that started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Program,
    Group,
}

/// When standard output says the line, the signal is sent; an empty line is not waited for.
#[derive(Clone, Copy, Debug)]
struct Step(&'static str, To, i32);

#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    /// What bash does to start `timeout "$@"`; empty where nothing is between.
    entry: &'static str,
    steps: &'static [Step],
    end: End,
    /// `None` is nobody's business.
    stdout: Option<&'static str>,
    stderr: Stderr,
    theirs: Theirs,
}

/// A case that says nothing.
const fn case(name: &'static str, arguments: &'static [&'static str], end: End) -> Case {
    let (stdout, stderr) = (Some(""), Stderr::Lines(&[]));
    Case { name, arguments, entry: "", steps: &[], end, stdout, stderr, theirs: Theirs::Same }
}

impl Case {
    const fn entry(self, entry: &'static str) -> Self {
        Self { entry, ..self }
    }

    const fn steps(self, steps: &'static [Step]) -> Self {
        Self { steps, ..self }
    }

    const fn prints(self, stdout: &'static str) -> Self {
        Self { stdout: Some(stdout), ..self }
    }

    const fn prints_anything(self) -> Self {
        Self { stdout: None, ..self }
    }

    const fn says(self, lines: &'static [&'static str]) -> Self {
        Self { stderr: Stderr::Lines(lines), ..self }
    }

    const fn says_in_own_words(self) -> Self {
        Self { stderr: Stderr::OwnWords, ..self }
    }

    const fn says_anything(self) -> Self {
        Self { stderr: Stderr::Any, ..self }
    }

    const fn theirs(self, theirs: Theirs) -> Self {
        Self { theirs, ..self }
    }
}

/// A directory to run in, where `timeout` is the program in question, for the shells and for what
/// the program itself starts.
struct Stage {
    directory: TempDir,
    is_ours: bool,
}

impl Stage {
    fn new(timeout: &Path, is_ours: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(timeout, directory.path().join("timeout")).unwrap();
        symlink(fixture(), directory.path().join("fixture")).unwrap();
        std::fs::write(directory.path().join("plain"), "").unwrap();
        Self { directory, is_ours }
    }

    /// `None` where coreutils' is not installed.
    fn theirs() -> Option<Self> {
        let path = find_program("timeout")?;
        let version = Command::new(&path).arg("--version").output().ok()?.stdout;
        let is_theirs = String::from_utf8_lossy(&version).contains("GNU coreutils");
        is_theirs.then(|| Self::new(&path, false))
    }

    fn command(&self, case: &Case) -> Command {
        let mut command = if !case.entry.is_empty() {
            let mut shell = Command::new("bash");
            shell.args(["-c", case.entry, "bash"]);
            shell
        } else if self.is_ours {
            as_timeout()
        } else {
            let mut theirs = Command::new(self.directory.path().join("timeout"));
            theirs.arg0("timeout");
            theirs
        };
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory.path().display());
        command.args(case.arguments).current_dir(self.directory.path());
        command.env("PATH", path).env("LC_ALL", "C").env("CHLD", libc::SIGCHLD.to_string());
        if case.steps.iter().any(|Step(_, to, _)| *to == To::Group) {
            command.process_group(0);
        }
        command
    }

    fn run(&self, case: &Case) -> Finished {
        let mut command = self.command(case);
        if case.steps.is_empty() {
            return run(&mut command);
        }
        let mut running = start(&mut command);
        for Step(line, to, signal) in case.steps {
            if !line.is_empty() {
                running.wait_for(line);
                wait_until_it_waits(running.pid());
            }
            match to {
                To::Program => running.signal(*signal),
                To::Group => {
                    let signal = Signal::try_from(*signal).unwrap();
                    killpg(Pid::from_raw(running.pid()), signal).unwrap();
                }
            }
        }
        running.finish()
    }
}

/// Some versions of coreutils' lose a signal that comes before they have returned from their fork,
/// which the command can be faster than. What sleeps has returned.
fn wait_until_it_waits(pid: i32) {
    let waits = || matches!(state(pid), Some('S' | 'Z') | None);
    wait_until("it never waits for its command", waits);
    children(pid).into_iter().for_each(wait_until_it_waits);
}

/// The lines with the quotes of the C locale.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.replace(['‘', '’'], "'")).collect()
}

fn ends_so(finished: &Finished, end: End) -> bool {
    match end {
        Exit(code) => finished.signal.is_none() && finished.code == code,
        Killed(signal) => finished.signal == Some(signal) && !finished.core_dumped,
    }
}

fn says_so(finished: &Finished, stderr: Stderr, is_ours: bool) -> bool {
    let said = lines(&finished.stderr);
    match stderr {
        Stderr::Any => true,
        Stderr::Lines(expected) => said == expected,
        Stderr::OwnWords if is_ours => said.len() == 1 && said[0].starts_with("timeout: "),
        Stderr::OwnWords => !said.is_empty(),
    }
}

fn ours_agrees(case: &Case, finished: &Finished) -> bool {
    ends_so(finished, case.end)
        && case.stdout.is_none_or(|stdout| stdout == finished.stdout)
        && says_so(finished, case.stderr, true)
}

fn theirs_agrees(case: &Case, finished: &Finished) -> bool {
    let number = match case.end {
        Exit(code) => code,
        Killed(signal) => 128 + signal,
    };
    let end = match case.theirs {
        Theirs::Same => ends_so(finished, case.end),
        Theirs::SameNumber(_) => finished.code == number,
        Theirs::Ends(end, _) => return ends_so(finished, end),
        Theirs::NotAsked(_) => return true,
    };
    end && case.stdout.is_none_or(|stdout| stdout == finished.stdout)
        && says_so(finished, case.stderr, false)
}

/// What the table has, and what happened.
fn describe(who: &str, case: &Case, finished: &Finished) -> String {
    let Case { name, arguments, entry, steps, end, stdout, stderr, theirs } = case;
    let but_theirs = match theirs {
        Theirs::Same => "",
        Theirs::SameNumber(why) | Theirs::Ends(_, why) | Theirs::NotAsked(why) => why,
    };
    format!(
        "{who}, {name}: {arguments:?} by {entry:?} with {steps:?}\n  is to be {end:?}, {stdout:?}, \
         {stderr:?} {but_theirs}\n  and is {finished:?}\n"
    )
}

/// Runs every case, and names all that are not as the table has it.
fn check(cases: &[Case]) {
    let ours = Stage::new(Path::new(PROGRAM), true);
    let theirs = Stage::theirs();
    can("timeout of GNU coreutils", theirs.is_some());
    let mut wrong = String::new();
    for case in cases {
        let finished = ours.run(case);
        if !ours_agrees(case, &finished) {
            wrong += &describe("ours", case, &finished);
        }
        let asked = !matches!(case.theirs, Theirs::NotAsked(_));
        if let Some(theirs) = theirs.as_ref().filter(|_| asked) {
            let finished = theirs.run(case);
            if !theirs_agrees(case, &finished) {
                wrong += &describe("theirs", case, &finished);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// One test a table, so that they run beside each other.
macro_rules! tables {
    ($($test:ident: $table:ident,)*) => {$(
        #[test]
        fn $test() {
            check(cases::$table);
        }
    )*};
}

tables! {
    the_status_is_the_same: STATUSES,
    an_option_means_the_same: OPTIONS,
    a_duration_is_read_the_same: DURATIONS,
    a_signal_is_read_the_same: SIGNALS,
    verbose_says_the_same: MESSAGES,
    what_it_is_started_with_does_not_matter: ENTRIES,
    a_signal_to_it_does_the_same: RECEIVED,
    groups_and_nested_ones_end_the_same: GROUPS,
    an_outer_limit_leaves_the_command_to_the_inner_timeout: CASCADES,
}

/// Durations and signals are many; what is refused, what is accepted, what fires at once.
#[test]
fn every_spelling_is_accepted_or_refused_the_same() {
    for (spellings, arguments, end) in cases::SPELLINGS {
        let ours = Stage::new(Path::new(PROGRAM), true);
        let theirs = Stage::theirs();
        for spelling in *spellings {
            let words: Vec<&str> =
                arguments.iter().map(|word| if *word == "X" { *spelling } else { *word }).collect();
            for stage in [Some(&ours), theirs.as_ref()].into_iter().flatten() {
                let finished = run(stage.command(&case(spelling, &[], *end)).args(&words));
                let refused = *end == Exit(125);
                let silent = finished.stderr.is_empty();
                let who = if stage.is_ours { "ours" } else { "theirs" };
                assert!(
                    ends_so(&finished, *end) && silent != refused,
                    "{who}: {words:?}: {finished:?}"
                );
            }
        }
    }
}
