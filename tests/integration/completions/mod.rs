//! The completions, as bash, zsh and fish make them.

mod session;

use std::collections::BTreeSet;

use session::Shell;

use crate::harness::{grpkill_timeout, run};
use crate::options;

const POLICIES: &[&str] = &["report", "kill", "wait", "ignore"];

/// What is typed, and what the word at the cursor can become among others.
const OFFERED: &[(&str, &[&str])] = &[
    ("5 gi", &["git"]),
    ("-v -k 3 5 gi", &["git"]),
    ("-vk3 5 gi", &["git"]),
    ("--signal KILL 5 gi", &["git"]),
    ("--report=runs --idle 1m 0 gi", &["git"]),
    ("--allow=\"git m*\" --on-timeout \"date; ps\" 5 gi", &["git"]),
    ("-- 5 gi", &["git"]),
    ("5 -- gi", &["git"]),
    ("--sig", &["--signal"]),
    ("-s ", &["TERM", "HUP", "INT", "QUIT", "USR1", "WINCH"]),
    ("--signal=TE", &["TERM"]),
    ("-vsKI", &["KILL"]),
    ("--lingering=", POLICIES),
    ("--lingering ", POLICIES),
    ("-l ", POLICIES),
    ("-pli", &["ignore"]),
    ("--color=", &["auto", "always", "never"]),
    ("--color al", &["always"]),
    ("5", &["5ms", "5s", "5m", "5h", "5d"]),
    ("1h30", &["1h30m", "1h30s"]),
    ("-k 1.5", &["1.5s", "1.5m"]),
    ("--idle=90", &["90s"]),
    ("--escalate=QU", &["QUIT"]),
    ("--escalate=QUIT/2", &["QUIT/2s", "QUIT/2ms"]),
    ("--escalate QUIT/2s/TE", &["QUIT/2s/TERM"]),
    ("--report=ru", &["runs of today.json"]),
    ("--report ru", &["runs of today.json"]),
    ("--on-timeout gi", &["git"]),
];

/// Whether this argument is the word that was typed, completed to this value.
fn becomes(typed: &str, value: &str, argument: &str) -> bool {
    argument.strip_suffix(value).is_some_and(|stem| typed.starts_with(stem))
}

fn assert_offered(shell: Shell, line: &str, arguments: &[String], values: &[&str]) {
    let typed = line.rsplit(' ').next().unwrap_or_default();
    for value in values {
        assert!(
            arguments.iter().any(|argument| becomes(typed, value, argument)),
            "{shell:?} does not offer {value:?} for {line:?}, but {arguments:?}"
        );
    }
}

#[test]
fn what_can_be_typed_is_offered() {
    let lines: Vec<&str> = OFFERED.iter().map(|(line, _)| *line).collect();
    for shell in Shell::installed() {
        for ((line, values), arguments) in OFFERED.iter().zip(shell.complete(&lines)) {
            assert_offered(shell, line, &arguments, values);
        }
    }
}

#[test]
fn the_arguments_of_the_command_are_its_own() {
    for shell in Shell::installed().into_iter().filter(|shell| shell.knows_git()) {
        let lines = ["5 git che", "-k 3 -- 5 -- git che", "--signal=KILL 5 git --vers", "5 git --"];
        let offered = shell.complete(&lines);
        assert_offered(shell, lines[0], &offered[0], &["checkout", "cherry-pick"]);
        assert_offered(shell, lines[1], &offered[1], &["checkout", "cherry-pick"]);
        assert_offered(shell, lines[2], &offered[2], &["--version"]);
        assert!(!offered[3].iter().any(|argument| argument == "--escalate"), "{offered:?}");
    }
}

#[test]
fn a_command_is_offered_before_it_is_begun() {
    // The other shells would insert their reserved words, too, and stumble over them.
    for shell in Shell::installed().into_iter().filter(|shell| *shell == Shell::Fish) {
        let lines = ["5 ", "-k 3 5 -- "];
        for (line, offered) in lines.iter().zip(shell.complete(&lines)) {
            assert_offered(shell, line, &offered, &["git", "grpkill-timeout"]);
        }
    }
}

#[test]
fn a_completion_that_bash_knows_already_is_used() {
    for shell in Shell::installed().into_iter().filter(|shell| shell.is_bash()) {
        let offered = shell.complete(&["-v 5 tool su", "--sig KILL 5 tool one tw"]);
        assert_eq!(offered[0], ["-v", "5", "tool", "tool-tool-tool-su"]);
        assert_eq!(offered[1][3..], ["tool", "one", "tool-one-tool-tw"]);
    }
}

#[test]
fn every_option_is_offered() {
    let long: BTreeSet<String> = options::of_help().into_iter().map(|option| option.long).collect();
    assert!(long.contains("--kill-after"));
    for shell in Shell::installed() {
        let offered = shell.complete(&["--"]).remove(0);
        let name = |argument: &String| argument.trim_end_matches('=').to_owned();
        assert_eq!(offered.iter().map(name).collect::<BTreeSet<_>>(), long, "{shell:?}");
    }
}

#[test]
fn every_signal_that_is_offered_is_one() {
    for shell in Shell::installed() {
        let mut signals = shell.complete(&["--signal "]).remove(0);
        signals.retain(|word| word != "--signal" && word != "KILL");
        assert!(signals.len() > 25, "{shell:?} offers {signals:?} only");
        // Nothing can follow KILL.
        let ladder = format!("--escalate={}/1s/KILL", signals.join("/1s/"));
        let finished = run(grpkill_timeout().args([ladder.as_str(), "0", "true"]));
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{shell:?}");
    }
}
