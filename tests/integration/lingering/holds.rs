//! Who holds our outputs keeps a pipeline from ending, and is named for it.

use std::fs;
use std::process::Command;

use super::{LEFT, Stray, leader, until_told};
use crate::harness::{PROGRAM, fixture, is_alive, start, wait_until};

/// One that has said its pid before it turns its outputs elsewhere.
fn turned(outputs: &str) -> String {
    format!("{} detach 1 sh -c 'echo left $$; exec sleep 1000 {outputs}'", fixture())
}

#[test]
fn who_holds_an_output_is_named() {
    for (outputs, expected) in [
        ("", ", holds stdout and stderr\n"),
        ("2>/dev/null", ", holds stdout\n"),
        ("2>&-", ", holds stdout\n"),
        (">/dev/null", ", holds stderr\n"),
        (">/dev/null 5>&2 2>/dev/null", ", holds stderr\n"),
        (">/dev/null 2>&1", ""),
    ] {
        let mut run = leader(&[], &turned(outputs));
        let stray = Stray::of(&mut run);
        stray.wait_asleep();
        run.say("0\n");
        run.wait_exit();
        stray.end();
        let stderr = run.finish().stderr;
        assert!(stderr.contains(&format!("left process {} ", stray.pid)), "{outputs}: {stderr}");
        assert_eq!(stderr.contains("holds"), !expected.is_empty(), "{outputs}: {stderr}");
        assert!(stderr.ends_with(expected), "{outputs}: {stderr}");
    }
}

#[test]
fn a_file_can_be_held_too() {
    let directory = tempfile::tempdir().unwrap();
    let [ours, other] = ["ours", "other"].map(|name| directory.path().join(name));
    for (output, expected) in [
        ("2>/dev/null", true),
        (">OTHER 2>/dev/null", false),
        // Who reads what has been written is no reason to wait; who could write is.
        ("5<ours >/dev/null 2>/dev/null", false),
        ("5>>ours >/dev/null 2>/dev/null", true),
        ("5<>ours >/dev/null 2>/dev/null", true),
    ] {
        let stray = turned(&output.replace("OTHER", other.to_str().unwrap()));
        fs::write(directory.path().join("script"), until_told(&stray)).unwrap();
        let us = format!("{PROGRAM} 0 bash script >ours; echo ended");
        let mut run = start(Command::new("sh").args(["-c", &us]).current_dir(directory.path()));
        let mut pid = None;
        wait_until("nobody is left", || {
            let line = fs::read_to_string(&ours).unwrap_or_default();
            pid = line.strip_prefix("left ").and_then(|pid| pid.trim().parse().ok());
            pid.is_some()
        });
        let stray = Stray { pid: pid.unwrap() };
        stray.wait_asleep();
        run.say("0\n");
        run.wait_for("ended");
        stray.end();
        let stderr = run.finish().stderr;
        assert!(stderr.contains("left process"), "{stderr}");
        assert_eq!(stderr.contains("holds stdout"), expected, "{output}: {stderr}");
        fs::remove_file(&ours).unwrap();
    }
}

/// `… | cat`, with what we say in a file.
fn pipeline(policy: &str, directory: &tempfile::TempDir) -> crate::harness::Running {
    let script = until_told(&format!("{} detach 1 {LEFT}", fixture()));
    fs::write(directory.path().join("script"), script).unwrap();
    let line = format!("{PROGRAM} --lingering={policy} 0 bash script 2>said | cat");
    start(Command::new("bash").args(["-c", &line]).current_dir(directory.path()))
}

#[test]
fn kill_lets_a_pipeline_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = pipeline("kill", &directory);
    let stray = Stray::of(&mut run);
    run.say("0\n");
    assert_eq!(run.finish().code, 0);
    assert!(!stray.is_alive());
    let said = fs::read_to_string(directory.path().join("said")).unwrap();
    assert!(said.contains("holds stdout"), "{said}");
}

/// Control: where nobody ends it, the pipeline does not end after the command.
#[test]
fn report_names_who_keeps_a_pipeline_from_ending() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = pipeline("report", &directory);
    let stray = Stray::of(&mut run);
    run.say("0\n");
    let named = format!("left process {} ", stray.pid);
    wait_until("nobody is named", || {
        let said = fs::read_to_string(directory.path().join("said")).unwrap_or_default();
        said.contains(&named) && said.contains("holds stdout")
    });
    assert!(is_alive(run.pid()), "the pipeline has ended all the same");
    stray.end();
    assert_eq!(run.finish().code, 0);
}
