//! What is said of those that linger.

use std::os::unix::process::ExitStatusExt;

use super::{LEFT, Stray, detached, leader};
use crate::harness::{Finished, children, fixture, state, wait_until};

/// Leaves as many as the script starts, and ends them.
fn leave(options: &[&str], script: &str, count: usize) -> Finished {
    let mut run = leader(options, script);
    let strays: Vec<Stray> = (0..count).map(|_| Stray::of(&mut run)).collect();
    run.say("0\n");
    run.wait_exit();
    drop(strays);
    run.finish()
}

#[test]
fn one_is_one_line() {
    for script in [detached(), format!("{LEFT} &"), format!("set -m; {LEFT} & set +m")] {
        let stderr = leave(&[], &script, 1).stderr;
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("grpkill-timeout: bash -c '"), "{stderr}");
        assert!(stderr.contains(", age 0."), "{stderr}");
    }
}

#[test]
fn where_it_is_is_said() {
    let job = format!("set -m; {LEFT} & set +m");
    for (script, place) in
        [(detached(), "session PID"), (format!("{LEFT} &"), "in the group"), (job, "group PID")]
    {
        let finished = leave(&[], &script, 1);
        let pid = finished.stdout.trim().strip_prefix("left ").unwrap();
        let place = format!(", {},", place.replace("PID", pid));
        assert!(finished.stderr.contains(&place), "{place}: {finished:?}");
    }
}

#[test]
fn several_are_a_tree() {
    let script = format!("{0} detach 1 {0} sessions 3", fixture());
    let stderr = leave(&[], &script, 3).stderr;
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].ends_with(": left 3 processes"), "{stderr}");
    assert_eq!(lines[1], "      PID STATE         AGE COMMAND");
    for line in &lines[1..] {
        assert!(line.chars().count() <= 80, "{line:?} is too long");
    }
    let depth = |line: &&&str| line.find('└');
    let depths: Vec<usize> = lines.iter().filter_map(|line| depth(&line)).collect();
    assert_eq!(depths, [28, 30], "{stderr}");
}

#[test]
fn many_are_not_all_shown() {
    let script = format!("for i in {{1..30}}; do {}; done", detached());
    let stderr = leave(&[], &script, 30).stderr;
    assert!(stderr.contains(": left 30 processes"), "{stderr}");
    let shown = stderr.lines().filter(|line| line.contains("sleep 1000")).count();
    assert_eq!(shown, 20, "{stderr}");
    assert!(stderr.ends_with("    and 10 more\n"), "{stderr}");
}

#[test]
fn passwords_are_not_shown() {
    let url = "https://me:secret@example.org/x.git";
    let script = format!("{0} detach 1 bash -c 'exec -a x {0} linger {url}'", fixture());
    let two = format!("{script}; {script}");
    for (script, count) in [(script, 1), (two, 2)] {
        // The command itself has it too.
        for policy in ["--lingering=report", "--lingering=kill"] {
            let stderr = leave(&[policy], &script, count).stderr;
            assert!(!stderr.contains("secret"), "{stderr}");
            assert!(stderr.contains("x linger https://***@example.org/x.git"), "{stderr}");
        }
    }
}

#[test]
fn quiet_is_quiet() {
    for policy in ["--lingering=report", "--lingering=kill"] {
        assert_eq!(leave(&["-q", policy], &detached(), 1).stderr, "");
        // Control.
        assert_ne!(leave(&[policy], &detached(), 1).stderr, "");
    }
}

#[test]
fn colours_are_for_terminals() {
    for (option, colours) in
        [("--color=always", true), ("--color=auto", false), ("--color=never", false)]
    {
        for script in [detached(), format!("{}; {LEFT} &", detached())] {
            let count = script.matches("echo left").count();
            let stderr = leave(&[option], &script, count).stderr;
            assert_eq!(stderr.contains("\x1b[33mholds stdout"), colours, "{stderr:?}");
            assert_eq!(stderr.contains('\x1b'), colours, "{stderr:?}");
        }
    }
}

/// We are told to end in the moment in which what the command has left may go by itself.
#[test]
fn a_signal_that_comes_with_the_end_of_the_command_ends_the_job() {
    let places = [
        (format!("{LEFT} &"), false),
        (format!("set -m; {LEFT} & set +m"), false),
        (detached(), true),
    ];
    for (script, survives) in places {
        let mut run = leader(&["-q"], &script);
        let stray = Stray::of(&mut run);
        stray.wait_asleep();
        run.signal(libc::SIGSTOP);
        let leader = children(run.pid())[0];
        run.say("0\n");
        wait_until("the command does not end", || state(leader) == Some('Z'));
        run.signal(libc::SIGTERM);
        run.signal(libc::SIGCONT);
        assert_eq!(run.wait_exit().signal(), Some(libc::SIGTERM), "{script}");
        assert_eq!(stray.is_alive(), survives, "{script}");
    }
}
