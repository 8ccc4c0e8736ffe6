//! The main job, as the README shows it.

use crate::harness::{grpkill_timeout, run};

#[test]
fn the_first_command_of_the_readme() {
    let finished = run(grpkill_timeout().args(["2s", "sh", "-c", "sleep 60 & sleep 60"]));
    assert_eq!(finished.code, 124);
    assert!(finished.took.as_secs() >= 2);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let heading = "grpkill-timeout: sh -c 'sleep 60 & sleep 60': timed out after 2s";
    assert_eq!(lines.first(), Some(&heading), "{finished:?}");
    let shown = lines.iter().filter(|line| line.contains("└ sleep 60")).count();
    assert_eq!(shown, 2, "{finished:?}");
    let end = "grpkill-timeout: sh -c 'sleep 60 & sleep 60': ended by TERM in ";
    assert!(lines.last().is_some_and(|line| line.starts_with(end)), "{finished:?}");
    assert_eq!(finished.stdout, "");
}

#[test]
fn nothing_is_written_when_all_is_well() {
    let finished = run(grpkill_timeout().args(["60", "sh", "-c", "echo done; exit 3"]));
    assert_eq!(finished.code, 3);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("done\n", ""));
}
