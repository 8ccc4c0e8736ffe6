//! The main job, as the README shows it.

use crate::harness::{grpkill_timeout, run};

#[test]
fn the_first_command_of_the_readme() {
    let finished = run(grpkill_timeout().args(["2s", "sh", "-c", "sleep 60 & sleep 60"]));
    assert_eq!(finished.code, 124);
    assert!(finished.took.as_secs() >= 2);
    let line =
        "grpkill-timeout: sh -c 'sleep 60 & sleep 60': timed out after 2s; ended by TERM in ";
    assert!(finished.stderr.starts_with(line), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1);
    assert_eq!(finished.stdout, "");
}

#[test]
fn nothing_is_written_when_all_is_well() {
    let finished = run(grpkill_timeout().args(["60", "sh", "-c", "echo done; exit 3"]));
    assert_eq!(finished.code, 3);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("done\n", ""));
}
