//! The policies, each with every end of a run and every way to linger.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{LEFT, Stray, assert_waits, detached, leader, until_told};
use crate::harness::{
    PROGRAM, Running, as_timeout, assert_gone, fixture, grpkill_timeout, run, start,
};

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Success,
    Failure,
    Limit,
    Term,
}

/// What becomes of who lingers, and whether it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Named,
    Unnamed,
    EndedNamed,
    Ended,
    /// It was there as long as nobody ended it, and so were we.
    Awaited,
}

use Fate::{Awaited, Ended, EndedNamed, Named, Unnamed};

const ENDS: [End; 4] = [End::Success, End::Failure, End::Limit, End::Term];

/// Where the one that lingers is: in the group, in a job of a job-control shell, in a session of
/// its own, in one inside of such ones, in one and allowed, in the group and allowed.
const PLACES: [&str; 6] = ["group", "job", "daemon", "nested", "allowed", "allowed-in-group"];

fn script(place: &str) -> String {
    let fixture = fixture();
    let allowed = "sh -c 'echo left $$; exec sleep 1234'";
    match place {
        "group" => format!("{LEFT} &"),
        "job" => format!("set -m; {LEFT} & set +m"),
        "daemon" => detached(),
        "nested" => format!("{fixture} detach 3 {LEFT}"),
        "allowed" => format!("{fixture} detach 1 {allowed}"),
        _ => format!("{allowed} &"),
    }
}

/// Runs one case; the fates are those after the ends, in their order.
fn check(policy: &str, place: &str, end: End, expected: Fate) {
    let case = format!("{policy}, {place}, {end:?}");
    // With this grace KILL can end nobody: whoever is ended has obeyed TERM.
    let options = ["-k", "100", "--lingering", policy, "--allow=*sleep 1234*"];
    let mut run = leader(&options, &script(place));
    let stray = Stray::of(&mut run);
    stray.wait_asleep();
    match end {
        End::Success => run.say("0\n"),
        End::Failure => run.say("3\n"),
        End::Limit => run.limit_passes(),
        End::Term => run.signal(libc::SIGTERM),
    }
    if expected == Awaited {
        assert_waits(&run, &case);
        assert!(stray.is_alive(), "{case}");
        stray.end();
    }
    let status = run.wait_exit();
    let (code, signal) = match end {
        End::Success => (Some(0), None),
        End::Failure => (Some(3), None),
        End::Limit => (Some(124), None),
        End::Term => (None, Some(libc::SIGTERM)),
    };
    assert_eq!((status.code(), status.signal()), (code, signal), "{case}");
    match expected {
        Named | Unnamed => {
            assert!(stray.is_alive(), "{case}");
            stray.end();
        }
        EndedNamed | Ended | Awaited => assert_gone(stray.pid),
    }
    let finished = run.finish();
    let named = finished.stderr.contains(&format!("left process {} 'sleep", stray.pid));
    assert_eq!(named, matches!(expected, Named | EndedNamed), "{case}: {finished:?}");
    let ended = finished.stderr.contains("ended by TERM in ");
    assert_eq!(ended, expected == EndedNamed || matches!(end, End::Limit), "{case}: {finished:?}");
}

fn check_all(policy: &str, expected: [[Fate; 4]; 6]) {
    for (place, fates) in PLACES.into_iter().zip(expected) {
        for (end, fate) in ENDS.into_iter().zip(fates) {
            check(policy, place, end, fate);
        }
    }
}

#[test]
fn report_names_and_leaves() {
    check_all(
        "report",
        [
            [Named, Named, Ended, Ended],
            [Named, Named, Ended, Ended],
            [Named; 4],
            [Named; 4],
            [Unnamed; 4],
            [Unnamed, Unnamed, Ended, Ended],
        ],
    );
}

#[test]
fn kill_ends_all_but_the_allowed() {
    check_all(
        "kill",
        [
            [EndedNamed, EndedNamed, Ended, Ended],
            [EndedNamed, EndedNamed, Ended, Ended],
            [EndedNamed, EndedNamed, Ended, Ended],
            [EndedNamed, EndedNamed, Ended, Ended],
            [Unnamed; 4],
            [Unnamed, Unnamed, Ended, Ended],
        ],
    );
}

#[test]
fn wait_waits_for_all_but_the_allowed() {
    check_all(
        "wait",
        [
            [Awaited, Awaited, Ended, Ended],
            [Awaited, Awaited, Ended, Ended],
            [Awaited, Awaited, Ended, Ended],
            [Awaited, Awaited, Ended, Ended],
            [Unnamed; 4],
            [Unnamed, Unnamed, Ended, Ended],
        ],
    );
}

#[test]
fn ignore_leaves_and_says_nothing() {
    check_all(
        "ignore",
        [
            [Unnamed, Unnamed, Ended, Ended],
            [Unnamed, Unnamed, Ended, Ended],
            [Unnamed; 4],
            [Unnamed; 4],
            [Unnamed; 4],
            [Unnamed, Unnamed, Ended, Ended],
        ],
    );
}

/// Three of them, in and out of the group, that go one by one when they are told.
#[test]
fn wait_returns_when_the_last_one_has_gone_by_itself() {
    let one = "sh -c 'echo left $$; read line; echo gone'";
    let detach = format!("{} detach 2 {one}", fixture());
    let script = format!("{one} <&0 & {detach} <&0; {detach} <&0; exit 4");
    let mut command = grpkill_timeout();
    let mut run = start(command.args(["--lingering=wait", "0", "bash", "-c", &script]));
    let strays = [0; 3].map(|_| Stray::of(&mut run));
    for _ in &strays {
        assert_waits(&run, "they are there");
        run.say("go\n");
        run.wait_for("gone");
    }
    let finished = run.finish();
    assert_eq!(finished.code, 4);
    assert_eq!(finished.stderr, "");
    for stray in &strays {
        assert_gone(stray.pid);
    }
}

#[test]
fn wait_ends_them_at_the_limit() {
    let detached = detached();
    for (options, code) in [(&[][..], 124), (&["-p"], 0)] {
        let script = format!("{detached}; {LEFT} & read code; exit $code");
        let mut command = grpkill_timeout();
        command.args(["-k", "100", "--lingering=wait"]).args(options);
        let mut run = start(command.args(["0", "bash", "-c", &script]));
        let strays = [Stray::of(&mut run), Stray::of(&mut run)];
        run.say("0\n");
        assert_waits(&run, "they are there");
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(code));
        for stray in &strays {
            assert_gone(stray.pid);
        }
        let finished = run.finish();
        for said in ["; what it left timed out by ALRM\n", ": ended by TERM in "] {
            assert!(finished.stderr.contains(said), "{said:?} is not in {finished:?}");
        }
    }
}

#[test]
fn that_the_command_itself_was_in_time_is_said() {
    let mut command = grpkill_timeout();
    command.args(["-k", "100", "--lingering=wait", "0.5s", "sh", "-c"]);
    let mut run = start(command.arg(detached()));
    let stray = Stray::of(&mut run);
    assert_eq!(run.wait_exit().code(), Some(124));
    assert_gone(stray.pid);
    let stderr = run.finish().stderr;
    assert!(stderr.contains(": has ended; what it left timed out after 500ms\n"), "{stderr}");
}

/// The policy, whether it is a daemon that is left, the command's status, and ours.
#[test]
fn lingering_status() {
    for (policy, script, code, expected) in [
        ("report", detached(), 0, 77),
        ("kill", detached(), 0, 77),
        ("ignore", detached(), 0, 77),
        ("report", detached(), 3, 3),
        ("kill", detached(), 3, 3),
        ("ignore", detached(), 3, 3),
        ("report", format!("{LEFT} &"), 0, 77),
        ("report", script("allowed"), 0, 0),
        ("kill", script("allowed"), 0, 0),
        ("ignore", script("allowed"), 0, 0),
        ("wait", script("allowed"), 0, 0),
    ] {
        let case = format!("{policy}: {script}");
        let options = ["--lingering-status=77", "--allow=*sleep 1234*", "--lingering", policy];
        let mut run = leader(&options, &script);
        let stray = Stray::of(&mut run);
        stray.wait_asleep();
        run.say(&format!("{code}\n"));
        assert_eq!(run.wait_exit().code(), Some(expected), "{case}");
        drop(stray);
        let stderr = run.finish().stderr;
        let silent = policy == "ignore" || script.contains("1234");
        assert_eq!(stderr.is_empty(), silent, "{case}: {stderr}");
    }
}

#[test]
fn lingering_status_is_for_those_that_are_left_in_time() {
    for policy in ["report", "kill", "wait", "ignore"] {
        let options = ["--lingering-status=77", "--lingering", policy];
        let mut nobody = leader(&options, "");
        nobody.say("0\n");
        let finished = nobody.finish();
        assert_eq!((finished.code, &finished.stderr[..]), (0, ""), "{policy}");
        let mut late = leader(&options, &detached());
        let stray = Stray::of(&mut late);
        late.limit_passes();
        assert_eq!(late.wait_exit().code(), Some(124), "{policy}");
        drop(stray);
        late.finish();
    }
    let mut run = leader(&["--lingering-status=77", "--lingering=wait"], &detached());
    let stray = Stray::of(&mut run);
    run.say("0\n");
    stray.end();
    assert_eq!(run.finish().code, 0, "it has gone by itself");
}

#[test]
fn who_goes_with_the_command_is_not_named() {
    for policy in ["report", "kill", "wait", "ignore"] {
        let mut command = grpkill_timeout();
        command.args(["--lingering-status=77", "--lingering", policy, "0"]);
        let mut run = start(command.args([&fixture(), "mourner", "goes"]));
        let mourner = Stray::of(&mut run);
        run.say("\n");
        let finished = run.finish();
        assert_eq!((finished.code, &finished.stderr[..]), (0, ""), "{policy}");
        mourner.wait_end();
    }
}

/// Control: the same one, when it stays.
#[test]
fn who_stays_after_the_command_is_named() {
    let mut command = grpkill_timeout();
    command.args(["--lingering-status=77", "0"]);
    let mut run = start(command.args([&fixture(), "mourner", "stays"]));
    let mourner = Stray::of(&mut run);
    run.say("\n");
    assert_eq!(run.wait_exit().code(), Some(77));
    mourner.end();
    assert!(run.finish().stderr.contains("left process"));
}

#[test]
fn in_the_foreground_kill_only_reports() {
    for script in [detached(), format!("{LEFT} &")] {
        let mut run = leader(&["-f", "--lingering=kill"], &script);
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0));
        assert!(stray.is_alive());
        stray.end();
        let stderr = run.finish().stderr;
        assert!(stderr.contains(&format!("left process {} ", stray.pid)), "{stderr}");
        assert!(!stderr.contains("ended by"), "{stderr}");
    }
}

#[test]
fn as_timeout_nobody_is_looked_for() {
    for script in [detached(), format!("{LEFT} &")] {
        let mut run = start(as_timeout().args(["0", "bash", "-c", &until_told(&script)]));
        let stray = Stray::of(&mut run);
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0));
        assert!(stray.is_alive());
        stray.end();
        assert_eq!(run.finish().stderr, "");
    }
}

/// That there is a KILL in the ladder shows when somebody hurries.
#[test]
fn as_timeout_who_asks_for_kill_gets_it() {
    let deaf = "bash -c 'trap \"echo term\" TERM; trap \"\" INT; echo left $$; \
                while :; do read -t 1000 <> <(:); done'";
    let script = until_told(&format!("{} detach 1 {deaf}", fixture()));
    let mut run = start(as_timeout().args(["--lingering=kill", "0", "bash", "-c", &script]));
    let stray = Stray::of(&mut run);
    run.say("0\n");
    run.wait_for("term");
    run.signal(libc::SIGINT);
    // A second one sooner than that would be the same request.
    thread::sleep(Duration::from_millis(300));
    run.signal(libc::SIGINT);
    let finished = run.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "a script stops at Ctrl-C");
    assert_gone(stray.pid);
    assert!(finished.stderr.starts_with("timeout: "), "{finished:?}");
}

/// A shell that has a child and becomes us.
fn with_stranger(policy: &str, script: &str) -> Running {
    let become_us = format!(
        "sh -c 'echo stranger $$; exec sleep 1000' & \
         exec {PROGRAM} --lingering={policy} 0 bash -c '{}'",
        until_told(script)
    );
    start(Command::new("sh").args(["-c", &become_us]))
}

#[test]
fn strangers_are_nobodys_business() {
    for policy in ["report", "kill", "wait", "ignore"] {
        let mut run = with_stranger(policy, "echo ready");
        let stranger = Stray::named(&mut run, "stranger");
        run.say("0\n");
        assert_eq!(run.wait_exit().code(), Some(0), "{policy}");
        assert!(stranger.is_alive(), "{policy}");
        stranger.end();
        assert_eq!(run.finish().stderr, "", "{policy}");
    }
}

/// Control: what the command leaves beside a stranger is seen.
#[test]
fn who_is_no_stranger_is_ended_beside_one() {
    let script = format!("{} detach 1 {} linger", fixture(), fixture());
    let mut run = with_stranger("kill", &script);
    // They say so in any order.
    let stray_and_stranger = [(); 2].map(|()| {
        let line = run.wait_for("");
        let (name, pid) = line.split_once(' ').expect("a name and a pid");
        (name.to_owned(), Stray { pid: pid.parse().expect("a pid") })
    });
    run.say("0\n");
    assert_eq!(run.wait_exit().code(), Some(0));
    for (name, process) in &stray_and_stranger {
        assert_eq!(process.is_alive(), name == "stranger");
    }
    drop(stray_and_stranger);
    assert!(run.finish().stderr.contains("ended by TERM in "));
}

#[test]
fn bad_options_fail_before_anything_starts() {
    for option in ["--lingering=sometimes", "--allow=[", "--lingering-status=0"] {
        let finished = run(grpkill_timeout().args([option, "0", "echo", "started"]));
        assert_eq!((finished.code, &finished.stdout[..]), (125, ""), "{option}: {finished:?}");
    }
}
