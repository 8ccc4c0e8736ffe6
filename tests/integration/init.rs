//! As the init of a container, as a child of one, and inside of others that start and end commands.

use std::process::Command;

use crate::harness::{
    PROGRAM, Running, assert_gone, children, find_program, fixture, grpkill_timeout, has_program,
    is_alive, is_root, run, signal_process, start, state, wait_gone, wait_until,
};

/// Starts a command as the first one of a pid namespace, if that can be done here.
fn as_pid_1(arguments: &[&str]) -> Option<Command> {
    if !is_root() || !has_program("unshare") {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).args(arguments);
    Some(command)
}

/// Us as the first one, with this script.
fn ours_as_pid_1(options: &[&str], script: &str) -> Option<Command> {
    as_pid_1(&[&[PROGRAM], options, &["sh", "-c", script]].concat())
}

/// The only child of a process.
fn child_of(pid: i32) -> i32 {
    wait_until("it has no child", || !children(pid).is_empty());
    children(pid)[0]
}

#[test]
fn as_pid_1_statuses_are_returned() {
    for (script, status) in [
        ("exit 3", 3),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("sleep 1000 & sleep 1000", 124),
        ("trap '' TERM; sleep 1000 & sleep 1000", 137),
    ] {
        let Some(mut command) = ours_as_pid_1(&["-k", "0.3", "1"], script) else { return };
        assert_eq!(run(&mut command).code, status, "{script}");
    }
}

#[test]
fn as_pid_1_orphans_are_reaped() {
    let script = "for i in 1 2 3 4 5; do (sleep 0 &); done; echo ready; exec sleep 1000";
    let Some(mut command) = ours_as_pid_1(&["100"], script) else { return };
    let mut run = start(&mut command);
    run.wait_ready();
    let ours = child_of(run.pid());
    wait_until("there are zombies", || children(ours).len() == 1);
    signal_process(ours, libc::SIGALRM);
    assert_eq!(run.finish().code, 124);
}

#[test]
fn as_pid_1_signals_are_passed_on() {
    for (signal, status) in [(libc::SIGTERM, 143), (libc::SIGINT, 130), (libc::SIGHUP, 129)] {
        let Some(mut command) = ours_as_pid_1(&["100"], "echo ready; exec sleep 1000") else {
            return;
        };
        let mut run = start(&mut command);
        run.wait_ready();
        signal_process(child_of(run.pid()), signal);
        assert_eq!(run.finish().code, status);
    }
    let user = libc::SIGUSR1.to_string();
    let Some(mut command) = as_pid_1(&[PROGRAM, "100", &fixture(), "count", &user]) else { return };
    let mut run = start(&mut command);
    run.wait_ready();
    let ours = child_of(run.pid());
    signal_process(ours, libc::SIGUSR1);
    run.wait_for("received 1");
    signal_process(ours, libc::SIGTERM);
    assert_eq!(run.finish().code, 143);
}

/// What makes a session of its own is left alone elsewhere; nobody outlives PID 1.
#[test]
fn as_pid_1_nothing_is_left() {
    let script = "setsid sh -c 'echo ready; sleep 1000' & wait";
    let Some(mut command) = ours_as_pid_1(&["-q", "100"], script) else { return };
    let mut run = start(&mut command);
    run.wait_ready();
    signal_process(child_of(run.pid()), libc::SIGALRM);
    // The end of file of what it holds.
    assert_eq!(run.finish().code, 124);
}

#[test]
fn a_child_of_pid_1_works() {
    let script = format!(
        "{PROGRAM} 60 sh -c 'exit 3'; echo status $?; \
         {PROGRAM} -q 0.2 sh -c 'sleep 1000 & sleep 1000'; echo status $?; \
         {PROGRAM} -q --die-with-parent 0.2 sleep 1000; echo status $?"
    );
    let Some(mut command) = as_pid_1(&["sh", "-c", &script]) else { return };
    let finished = run(&mut command);
    assert_eq!(finished.stdout, "status 3\nstatus 124\nstatus 124\n", "{finished:?}");
}

#[test]
fn pid_1_dies_with_its_parent_if_told_so() {
    let options = ["-q", "--die-with-parent", "100"];
    let Some(mut command) = ours_as_pid_1(&options, "echo ready; exec sleep 1000") else { return };
    let mut run = start(&mut command);
    run.wait_ready();
    let ours = child_of(run.pid());
    run.signal(libc::SIGKILL);
    run.wait_exit();
    wait_gone(ours);
}

/// unshare(1) without --fork: our children are in a new pid namespace, the command is the first one there,
/// and for all of them their parent has no number.
#[test]
fn with_our_children_in_another_pid_namespace_the_limit_holds() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    let script = "trap '' TERM; sleep 1001 & sleep 1002 & echo ready; wait; wait";
    let mut command = Command::new("unshare");
    command.args(["--pid", PROGRAM, "--report=-", "-k", "0.3", "0", "sh", "-c", script]);
    let mut run = start(&mut command);
    run.wait_ready();
    run.limit_passes();
    // The end of file of what they hold.
    let finished = run.finish();
    assert_eq!(finished.code, 137, "{finished:?}");
    let (said, report) = finished.stderr.split_once("\n{").expect("there is a report");
    assert!(said.contains(": timed out by ALRM\n"), "{finished:?}");
    assert!(said.contains("ended by TERM, KILL in "), "{finished:?}");
    // What the helpers have seen, whose parent is nobody.
    for seen in ["sleep 1001", "sleep 1002", "waits in "] {
        assert!(said.contains(seen), "{seen:?} is not in {said}");
    }
    assert!(report.contains("\"snapshot_complete\":true"), "{report}");
    assert!(!said.contains("[grpkill-timeout]"), "our own helper is in {said}");
}

/// A helper of ours has another number there than its own, and is none of the tree all the same.
#[test]
fn with_our_children_in_another_pid_namespace_who_does_nothing_is_idle() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--pid", PROGRAM, "--idle=500ms", "0", "sh", "-c", "sleep 1000 & wait"]);
    let finished = run(&mut command);
    assert_eq!(finished.code, 124, "{finished:?}");
    assert!(finished.stderr.contains("idle for 500ms"), "{finished:?}");
}

/// Inits as they are put before a container's command.
const INITS: [&[&str]; 3] =
    [&["tini", "-s", "--"], &["dumb-init"], &["dumb-init", "--single-child"]];

fn installed_inits() -> impl Iterator<Item = &'static [&'static str]> {
    INITS.into_iter().filter(|init| has_program(init[0]))
}

#[test]
fn under_an_init_the_limit_holds_and_signals_come_through() {
    for init in installed_inits() {
        let under = |options: &[&str]| {
            let mut command = Command::new(init[0]);
            command.args(&init[1..]).arg(PROGRAM).args(options);
            command.args(["sh", "-c", "sleep 1000 & echo ready; wait"]);
            command
        };
        assert_eq!(run(&mut under(&["-q", "0.2"])).code, 124, "{init:?}");
        let mut run = start(&mut under(&["-q", "100"]));
        run.wait_ready();
        run.signal(libc::SIGTERM);
        assert_eq!(run.finish().code, 143, "{init:?}");
    }
}

#[test]
fn an_init_under_us_is_ended_with_what_it_has_started() {
    for init in installed_inits() {
        let mut command = grpkill_timeout();
        command.args(["-q", "100"]).args(init);
        command.args(["sh", "-c", "echo ready; sleep 1000 & wait"]);
        let mut run = start(&mut command);
        run.wait_ready();
        run.limit_passes();
        assert_eq!(run.finish().code, 124, "{init:?}");
    }
}

/// One of us around a command that waits with its child.
fn inner() -> String {
    format!("{PROGRAM} -q 100 sh -c 'echo inner $$; sleep 1000 & wait'")
}

/// Programs that start several commands, two of which wait, with one of us around each.
fn starters() -> impl Iterator<Item = (&'static str, String)> {
    let inner = inner();
    let starters = [
        ("timeout", format!("timeout 100 {inner} & {inner} & wait")),
        ("xargs", format!("printf '1\\n2\\n' | xargs -P2 -I% {inner}")),
        ("make", "printf '%s' \"$MAKEFILE\" | env -u MAKEFLAGS make -s -j2 -f -".to_owned()),
        ("find", format!("find / /proc -maxdepth 0 -exec {inner} \\; & {inner} & wait")),
        ("parallel", format!("parallel -q --will-cite -u -j2 {inner} ::: 1 2")),
    ];
    starters.into_iter().filter(|(name, _)| has_program(name))
}

#[test]
fn the_outer_limit_takes_all_the_inner_jobs() {
    let makefile = format!("all: a b\na b:\n\t@{}\n", inner().replace('$', "$$"));
    for (name, script) in starters() {
        let mut command = grpkill_timeout();
        command.args(["-q", "-k", "5", "100", "bash", "-c", &script]).env("MAKEFILE", &makefile);
        let mut run = start(&mut command);
        let inner = [run.wait_pid("inner"), run.wait_pid("inner")];
        assert!(inner.into_iter().all(is_alive), "{name}");
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(124), "{name}");
        inner.into_iter().for_each(assert_gone);
        assert_eq!(run.finish().stderr.matches("grpkill-timeout").count(), 0, "{name}");
    }
}

/// timeout(1) ends us, and we our job; control: alone it leaves what is in another group.
#[test]
fn the_limit_of_another_timeout_takes_our_job() {
    let Some(timeout) = find_program("timeout") else { return };
    let grouped = "set -m; sh -c 'echo inner $$; exec sleep 1000' & wait";
    let arguments = ["1", PROGRAM, "-q", "100", "bash", "-c", grouped];
    let mut ours = start(Command::new(&timeout).args(arguments));
    let inner = ours.wait_pid("inner");
    assert_eq!(ours.wait_exit().code(), Some(124));
    wait_gone(inner);
    let mut alone: Running = start(Command::new(&timeout).args(["0.5", "bash", "-c", grouped]));
    let inner = alone.wait_pid("inner");
    alone.wait_exit();
    assert!(is_alive(inner), "{:?}", state(inner));
    signal_process(inner, libc::SIGKILL);
    alone.finish();
}
