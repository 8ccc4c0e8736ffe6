//! What is typed wrong: one line that names it and says what would be right, 125, and nothing
//! started.

use std::os::unix::ffi::OsStrExt;

use crate::harness::{Finished, grpkill_timeout, run};

const SUCH_AS: &str = "expected a number and a unit, such as 30s, 1.5m, 2h, 1d, 500ms or 1h30m";

/// The arguments, and what must be said of them. Each would say `started` if anything were.
const WRONG: &[(&[&str], &str)] = &[
    (&[], "missing operand: expected DURATION COMMAND"),
    (&["5"], "missing command after the duration '5'"),
    (&["5", "--"], "missing command after the duration '5'"),
    (&["", "echo", "started"], SUCH_AS),
    (&["5x", "echo", "started"], "invalid duration '5x' for DURATION: expected a number"),
    (&["42D", "echo", "started"], SUCH_AS),
    (&["nan", "echo", "started"], SUCH_AS),
    (&["1M", "echo", "started"], "M may mean minutes or months; write m or months"),
    (&["5S", "echo", "started"], "invalid duration '5S' for DURATION: did you mean 5s? expected"),
    (&["5 S", "echo", "started"], "invalid duration '5 S' for DURATION: did you mean 5s?"),
    (
        &["-k1,5", "5", "echo", "started"],
        "invalid duration '1,5' for --kill-after: did you mean 1.5?",
    ),
    (&["5", "s", "echo", "started"], "'5' is followed by a unit: write it as one word, 5s"),
    (&["1.5", "hours"], "'1.5' is followed by a unit: write it as one word, 1.5hours"),
    (
        &["sh", "-c", "echo started"],
        "missing duration before the command 'sh', such as grpkill-timeout 30s sh -c 'echo started'",
    ),
    (
        &["-k", "5", "/bin/sh", "-c", "echo started"],
        "missing duration before the command '/bin/sh', such as grpkill-timeout 30s /bin/sh -c",
    ),
    (&["no-such-command", "fetch"], "invalid duration 'no-such-command' for DURATION: expected"),
    (&["a\nb\u{1b}[2J", "echo"], r"invalid duration 'a\nb\u{1b}[2J' for DURATION"),
    (
        &["--", "-1", "echo", "started"],
        "invalid duration '-1' for DURATION: a duration cannot be negative",
    ),
    (&["-1", "echo", "started"], "unknown option '-1'"),
    (&["-k", "5x", "5", "echo", "started"], "invalid duration '5x' for --kill-after"),
    (&["--kill-after=-1", "5", "echo", "started"], "invalid duration '-1' for --kill-after"),
    (&["-k"], "option '--kill-after' needs a value, as in --kill-after=DURATION"),
    (
        &["-s", "FOO", "5", "echo", "started"],
        "invalid signal 'FOO' for --signal: expected a name or a number",
    ),
    (&["-s", "65", "5", "echo", "started"], "invalid signal '65' for --signal"),
    (&["-s", "-1", "5", "echo", "started"], "invalid signal '-1' for --signal"),
    (&["-s", "", "5", "echo", "started"], "invalid signal '' for --signal"),
    (
        &["--escalate=TERM/KILL", "5", "echo", "started"],
        "invalid ladder 'TERM/KILL' for --escalate: between two signals",
    ),
    (&["--escalate=TERM/0/KILL", "5", "echo", "started"], "a grace of 0 leaves no time"),
    (&["--escalate=KILL/1s/TERM", "5", "echo", "started"], "nothing can follow KILL"),
    (&["--escalate=TERM/2s/", "5", "echo", "started"], "a signal is missing"),
    (&["--escalate=", "5", "echo", "started"], "a signal is missing"),
    (
        &["--escalate=TERM,2s,KILL", "5", "echo", "started"],
        "invalid ladder 'TERM,2s,KILL' for --escalate: did you mean TERM/2s/KILL?",
    ),
    (
        &["--escalate=TERM KILL", "5", "echo", "started"],
        "'TERM KILL' is no signal; expected signals with a grace",
    ),
    (
        &["--escalate=TERM", "-k1", "5", "echo", "started"],
        "option '--escalate' excludes --kill-after: write both into the ladder, as in --escalate=QUIT/",
    ),
    (&["--escalate=TERM", "-sHUP", "5", "echo", "started"], "'--escalate' excludes --signal"),
    (&["--typo", "5", "echo", "started"], "unknown option '--typo'"),
    (
        &["--lin=kill", "5", "echo", "started"],
        "ambiguous option '--lin': --lingering or --lingering-status",
    ),
    (&["--sgnal=HUP", "5", "echo", "started"], "unknown option '--sgnal', did you mean --signal?"),
    (&["-x", "5", "echo", "started"], "unknown option '-x'"),
    (&["--verbose=yes", "5", "echo", "started"], "option '--verbose' takes no value"),
    (
        &["--color=blue", "5", "echo", "started"],
        "invalid value 'blue' for --color: expected one of auto, always, never",
    ),
    (&["--report=", "5", "echo", "started"], "invalid file '' for --report: expected a path"),
    (
        &["--lingering-status=", "5", "echo", "started"],
        "invalid status '' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=0", "5", "echo", "started"],
        "invalid status '0' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=256", "5", "echo", "started"],
        "invalid status '256' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=-1", "5", "echo", "started"],
        "invalid status '-1' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=+1", "5", "echo", "started"],
        "invalid status '+1' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=x", "5", "echo", "started"],
        "invalid status 'x' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering-status=1.5", "5", "echo", "started"],
        "invalid status '1.5' for --lingering-status: expected a number from 1 to 255",
    ),
    (
        &["--lingering=bogus", "5", "echo", "started"],
        "invalid value 'bogus' for --lingering: expected one of report, kill, wait, ignore",
    ),
    (&["--allow=", "5", "echo", "started"], "invalid glob '' for --allow: expected a pattern"),
    (&["--allow=[", "5", "echo", "started"], "invalid glob '[' for --allow: "),
    (&["--idle=5x", "5", "echo", "started"], "invalid duration '5x' for --idle"),
    (&["-i", "-1", "5", "echo", "started"], "invalid duration '-1' for --idle"),
    (&["--on-timeout=", "5", "echo", "started"], "invalid command '' for --on-timeout"),
    (
        &["5s", "--typo", "echo", "started"],
        "unexpected '--typo' after the duration '5s': options go before it",
    ),
    (
        &["5s", "-v", "echo", "started"],
        "unexpected '-v' after the duration '5s': options go before it",
    ),
];

fn assert_refused(finished: &Finished, expected: &str) {
    assert_eq!(finished.code, 125, "{finished:?}");
    assert_eq!(finished.stdout, "", "something was started");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(finished.stderr.starts_with("grpkill-timeout: "), "{finished:?}");
    assert!(finished.stderr.contains(expected), "{expected:?} is not in {finished:?}");
}

#[test]
fn every_wrong_input_is_named() {
    for (arguments, expected) in WRONG {
        assert_refused(&run(grpkill_timeout().args(*arguments)), expected);
    }
}

#[test]
fn what_is_no_text_is_named() {
    let not_utf8 = std::ffi::OsStr::from_bytes(b"5\xff");
    let refused = run(grpkill_timeout().arg(not_utf8).args(["echo", "started"]));
    assert_refused(&refused, r"invalid duration '5\xff' for DURATION: not UTF-8");
    let refused = run(grpkill_timeout().arg("-s").arg(not_utf8).args(["5", "echo", "started"]));
    assert_refused(&refused, r"invalid signal '5\xff' for --signal: not UTF-8");
}

#[test]
fn options_end_at_the_first_operand() {
    for arguments in [
        &["60", "echo", "--version", "--", "-k", "x"][..],
        &["--", "60", "echo", "--version", "--", "-k", "x"],
        &["60", "--", "echo", "--version", "--", "-k", "x"],
    ] {
        let finished = run(grpkill_timeout().args(arguments));
        assert_eq!((finished.code, finished.stdout.as_str()), (0, "--version -- -k x\n"));
    }
}

#[test]
fn what_cannot_be_run_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    std::fs::write(&plain, "echo started\n").unwrap();
    for (command, code, why) in [
        ("/", 126, "Permission denied"),
        (plain.to_str().unwrap(), 126, "Permission denied"),
        ("/dev/null/x", 126, "Not a directory"),
        ("no-such-command", 127, "No such file or directory"),
        ("/no/such/command", 127, "No such file or directory"),
        ("", 127, "No such file or directory"),
    ] {
        let finished = run(grpkill_timeout().args(["60", command]));
        assert_eq!(finished.code, code, "{finished:?}");
        let line = format!("grpkill-timeout: cannot run '{command}': {why}\n");
        assert_eq!(finished.stderr, line);
    }
}

#[test]
fn a_script_without_an_interpreter_runs() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "echo \"$0 $1\"; exit 3\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let finished = run(grpkill_timeout().arg("60").arg(&script).arg("one"));
    assert_eq!(finished.code, 3);
    assert_eq!(finished.stdout, format!("{} one\n", script.display()));
    let path = format!("/dev/null:{}", directory.path().display());
    let finished = run(grpkill_timeout().args(["60", "script", "two"]).env("PATH", path));
    assert_eq!(finished.stdout, format!("{} two\n", script.display()), "{finished:?}");
}

#[test]
fn help_and_version_are_printed() {
    for option in ["-h", "--help"] {
        let help = run(grpkill_timeout().arg(option));
        assert_eq!(help.code, 0);
        assert!(help.stdout.contains("grpkill-timeout [OPTION]... DURATION COMMAND [ARG]..."));
        for line in help.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line:?} is too long for a terminal");
            assert_eq!(line, line.trim_end());
        }
    }
    let version = run(grpkill_timeout().arg("-V"));
    assert_eq!(version.stdout, format!("grpkill-timeout {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_command_may_be_called_like_a_unit() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/echo", directory.path().join("s")).unwrap();
    let path = format!("{}:/bin", directory.path().display());
    let finished = run(grpkill_timeout().args(["60", "s", "started"]).env("PATH", path));
    assert_eq!((finished.code, finished.stdout.as_str()), (0, "started\n"));
}

#[test]
fn only_what_can_be_executed_is_taken_for_a_command() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "echo started\n").unwrap();
    // An empty PATH is the current directory.
    let typed = || {
        let mut program = grpkill_timeout();
        program.args(["file", "echo", "started"]).env("PATH", "").current_dir(&directory);
        program
    };
    assert_refused(&run(&mut typed()), "invalid duration 'file' for DURATION");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_refused(&run(&mut typed()), "missing duration before the command 'file'");
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = grpkill_timeout().arg("--help").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "grpkill-timeout: cannot write to standard output: No space left on device (os error 28)\n"
    );
}

#[test]
fn colour_is_used_when_it_is_wanted() {
    let colour = "\u{1b}[";
    for (option, coloured) in [("always", true), ("never", false), ("auto", false)] {
        let option = format!("--color={option}");
        let finished = run(grpkill_timeout().args([option.as_str(), "0.05", "sleep", "1000"]));
        assert_eq!(finished.stderr.contains(colour), coloured, "{finished:?}");
    }
}

#[test]
fn quiet_says_nothing_but_errors() {
    let finished = run(grpkill_timeout().args(["-q", "0.05", "sleep", "1000"]));
    assert_eq!((finished.code, finished.stderr.as_str()), (124, ""));
    let finished = run(grpkill_timeout().args(["-q", "1", "no-such-command"]));
    assert!(finished.stderr.contains("no-such-command"));
}
