//! `--lingering=kill` reaches everybody, and nobody else. The end of file, for which `finish` waits,
//! is the proof: all of them hold the pipe.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{LEFT, Stray, leader, until_told};
use crate::harness::{
    PROGRAM, Running, assert_gone, children, fixture, grpkill_timeout, has_program, is_root,
    signal_process, start, wait_until,
};

/// How to make it difficult, and whether TERM is enough.
fn evasions() -> Vec<(String, bool)> {
    let fixture = fixture();
    let deaf = "bash -c 'trap \"\" TERM; echo left $$; exec sleep 1000'";
    vec![
        (format!("{fixture} detach 2 {LEFT}"), true),
        (format!("{fixture} detach 5 {LEFT}"), true),
        (format!("{fixture} sessions 5 &"), true),
        (format!("{fixture} detach 1 env -i {LEFT}"), true),
        (format!("(exec -a '' {fixture} detach 1 {LEFT})"), true),
        (format!("{fixture} detach 1 {deaf}"), false),
        (format!("{fixture} detach 2 env -i {deaf}"), false),
        (format!("set -m; {deaf} & set +m"), false),
    ]
}

fn check_all(end: impl Fn(&mut Running), code: i32) {
    for (script, obeys) in evasions() {
        let grace = if obeys { "100" } else { "0.3" };
        let mut run = leader(&["-k", grace, "--lingering=kill"], &script);
        let stray = Stray::of(&mut run);
        end(&mut run);
        assert_eq!(run.wait_exit().code(), Some(code), "{script}");
        assert_gone(stray.pid);
        let finished = run.finish();
        let ended = if obeys { "ended by TERM in " } else { "ended by TERM, KILL in " };
        assert!(finished.stderr.contains(ended), "{script}: {finished:?}");
    }
}

#[test]
fn nobody_evades_it_after_success() {
    check_all(|run| run.say("0\n"), 0);
}

#[test]
fn nobody_evades_it_at_the_limit() {
    check_all(|run| run.limit_passes(), 124);
}

#[test]
fn a_relay_of_daemons_is_caught() {
    for at_limit in [false, true] {
        let script = format!("{} relay setsid &", fixture());
        let mut run = leader(&["-k", "0.3", "--lingering=kill"], &script);
        run.wait_ready();
        if at_limit {
            run.limit_passes();
        } else {
            run.say("0\n");
        }
        // Not before its end: at the end of its input the command would end too.
        let status = run.wait_exit();
        let finished = run.finish();
        assert_eq!(status.code(), Some(if at_limit { 124 } else { 0 }), "{finished:?}");
        assert!(!finished.stderr.contains("not all of it gone"), "{finished:?}");
    }
}

/// The parents are in the group, and die by the signal to that while we walk the tree to find their
/// children; we are held at one step of the walk after the other. Whoever missed TERM for that
/// would sit out the grace.
#[test]
fn who_loses_its_parent_just_then_gets_term_too() {
    if !has_program("strace") {
        return;
    }
    let script = until_told(&format!("for i in {{1..20}}; do {} sessions 2 & done", fixture()));
    // The first files are those that every program opens.
    for step in 4..=16 {
        let mut command = Command::new("strace");
        let inject = format!("inject=openat:delay_enter=20ms:when={step}");
        command.args(["-qq", "-o", "/dev/null", "-e", "trace=openat"]);
        command.args(["-e", &inject, PROGRAM]);
        command.args(["-k", "100", "--lingering=kill", "0", "bash", "-c", &script]);
        let mut run = start(&mut command);
        let strays = [(); 40].map(|()| Stray::of(&mut run));
        signal_process(children(run.pid())[0], libc::SIGALRM);
        assert_eq!(run.wait_exit().code(), Some(124));
        for stray in &strays {
            assert_gone(stray.pid);
        }
        let stderr = run.finish().stderr;
        assert!(stderr.contains("ended by TERM in "), "{stderr}");
    }
}

/// A process has no command line for a moment while it becomes another program. One that does
/// nothing else is sure to be seen then, sooner or later.
#[test]
fn who_is_allowed_may_become_another_program() {
    let directory = tempfile::tempdir().unwrap();
    let turncoat = directory.path().join("turncoat");
    fs::write(&turncoat, "#!/bin/sh\nexec \"$0\"\n").unwrap();
    fs::set_permissions(&turncoat, fs::Permissions::from_mode(0o755)).unwrap();
    let path = turncoat.display();
    let script = format!("{} detach 1 sh -c 'echo left $$; exec {path}'", fixture());
    let ended = (0..40).filter(|round| {
        let mut run = leader(&["--lingering=kill", "--allow=*turncoat*"], &script);
        let stray = Stray::of(&mut run);
        if round % 2 == 0 {
            run.limit_passes();
        } else {
            run.say("0\n");
        }
        run.wait_exit();
        let ended = !stray.is_alive();
        drop(stray);
        run.finish();
        ended
    });
    // Beside a busy machine all attempts to read its name may fall into such moments.
    assert!(ended.count() <= 2);
}

/// A daemon that waits for its child, and says so when it has reaped it. It keeps TERM to itself.
const PARENT: &str = "trap \"echo term\" TERM; sleep 1000 & child=$!; echo child $child; \
                      echo left $$; status=0; until [ $status = 137 ]; do wait $child; status=$?; \
                      done; echo reaped; while :; do sleep 0.1; done";

/// Runs us under a strace that holds us before we open a pidfd, and writes to this file whose.
fn held(trace: &Path, delay: &str) -> Command {
    let mut command = Command::new("strace");
    let inject = format!("inject=pidfd_open:delay_enter={delay}");
    command.args(["-qq", "-o"]).arg(trace).args(["-e", "trace=pidfd_open", "-e", &inject]);
    let script = until_told(&format!("{} detach 1 bash -c '{PARENT}'", fixture()));
    command.args([PROGRAM, "-k", "3", "--lingering=kill", "0", "bash", "-c", &script]);
    command
}

/// We have seen the grandchild, and then its number is another process's.
#[test]
fn a_pid_that_is_used_again_is_not_hit() {
    if !is_root() || !has_program("strace") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    // Three helpers have been waited for by then, each with a pidfd.
    let mut run = start(&mut held(&trace, "2s:when=4"));
    let child = Stray::named(&mut run, "child");
    let parent = Stray::of(&mut run);
    run.say("0\n");
    let opening = format!("pidfd_open({},", child.pid);
    wait_until("the child's pidfd is not the fourth", || {
        fs::read_to_string(&trace).is_ok_and(|traced| traced.contains(&opening))
    });
    signal_process(child.pid, libc::SIGKILL);
    run.wait_for("reaped");
    assert_gone(child.pid);
    // Start times are counted in ticks, of which this is two.
    thread::sleep(Duration::from_millis(30));
    let mut stranger = start(Command::new(fixture()).args(["take-pid", &child.pid.to_string()]));
    let taken = Stray::named(&mut stranger, "taken");
    assert_eq!(taken.pid, child.pid);
    assert_eq!(run.wait_exit().code(), Some(0));
    assert_gone(parent.pid);
    assert!(taken.is_alive(), "a stranger has been hit");
    taken.end();
    stranger.finish();
    let stderr = run.finish().stderr;
    assert!(stderr.contains(&format!(" {} ", child.pid)), "it was never seen: {stderr}");
}

/// Control: the same grandchild is hit, where it is still itself.
#[test]
fn a_grandchild_whose_parent_lives_is_hit() {
    if !has_program("strace") {
        return;
    }
    let mut run = start(&mut held(Path::new("/dev/null"), "100ms"));
    let child = Stray::named(&mut run, "child");
    let parent = Stray::of(&mut run);
    run.say("0\n");
    run.wait_for("term");
    // It dies of TERM, which its parent does not take for its end.
    child.wait_end();
    assert!(parent.is_alive());
    assert_eq!(run.wait_exit().code(), Some(0));
    assert_gone(parent.pid);
    run.finish();
}

/// Who was there before us is outside of our tree, whatever group and session it has.
#[test]
fn who_shares_our_group_and_is_not_ours_is_left() {
    let mut command = grpkill_timeout();
    command.args(["--lingering=kill", "0", "sh", "-c"]).arg(super::detached());
    let sibling = start(Command::new("sleep").arg("1000"));
    let finished = start(&mut command).finish();
    assert_eq!(finished.code, 0);
    assert!(finished.stderr.contains("ended by TERM in "), "{finished:?}");
    let sibling = Stray { pid: sibling.pid() };
    assert!(sibling.is_alive());
}
