//! Signals to us: what is passed on, what ends the job, and what our own end tells.

use std::process::Command;

use crate::harness::{
    Running, as_timeout, assert_gone, children, fixture, grpkill_timeout, run, start, state,
    wait_gone, wait_until,
};

/// Says which signals come, and ends by none of them but KILL.
const DEAF_BUT_TELLING: &str = "for s in HUP INT QUIT TERM USR1; do trap \"echo got $s\" $s; done; \
                                echo command $$; echo ready; while :; do sleep 0.02; done";

fn start_telling(options: &[&str]) -> (Running, i32) {
    let mut run =
        start(grpkill_timeout().args(options).args(["100", "bash", "-c", DEAF_BUT_TELLING]));
    let command = run.wait_pid("command");
    run.wait_ready();
    (run, command)
}

#[test]
fn a_signal_to_us_ends_the_command_and_us_by_the_same() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        let mut run =
            start(grpkill_timeout().args(["100", "sh", "-c", "echo ready; exec sleep 1000"]));
        run.wait_ready();
        run.signal(signal);
        let finished = run.finish();
        assert_eq!(finished.signal, Some(signal));
        assert!(!finished.core_dumped);
        assert_eq!(finished.stderr, "", "the user knows what they have done");
    }
}

#[test]
fn what_ignores_the_signal_gets_the_rest_of_the_ladder() {
    let (mut run, command) = start_telling(&["-k", "0.3"]);
    run.signal(libc::SIGINT);
    run.wait_for("got INT");
    let finished = run.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT));
    assert!(finished.stderr.contains("interrupted by INT; ended by INT, KILL in"), "{finished:?}");
    assert_gone(command);
}

#[test]
fn a_second_signal_hurries() {
    let (mut run, _) = start_telling(&["-k", "100"]);
    run.signal(libc::SIGINT);
    run.wait_for("got INT");
    // Within 200 ms it would be the same one; a lower bound is safe to sleep.
    std::thread::sleep(std::time::Duration::from_millis(250));
    run.signal(libc::SIGINT);
    assert_eq!(run.finish().signal, Some(libc::SIGINT));
}

/// A shell may lose a signal that comes while it runs the trap for the one before.
#[test]
fn other_signals_are_passed_on_and_nothing_more() {
    let signal = libc::SIGUSR1;
    let count = [fixture(), "count".to_owned(), signal.to_string()];
    let mut run = start(grpkill_timeout().args(["-k", "0.1", "100"]).args(count));
    run.wait_ready();
    let command = children(run.pid())[0];
    for received in 1..=3 {
        run.signal(signal);
        run.wait_for(&format!("received {received}"));
    }
    assert!(state(command).is_some());
    run.signal(libc::SIGTERM);
    assert_eq!(run.finish().signal, Some(libc::SIGTERM));
}

#[test]
fn every_queued_real_time_signal_is_passed_on() {
    let signal = libc::SIGRTMIN() + 3;
    let mut run = start(grpkill_timeout().args(["100", &fixture(), "count", &signal.to_string()]));
    run.wait_ready();
    // While we are stopped they queue up, and all come at once.
    run.signal(libc::SIGSTOP);
    wait_until("it does not stop", || state(run.pid()) == Some('T'));
    for _ in 0..100 {
        run.signal(signal);
    }
    run.signal(libc::SIGCONT);
    run.wait_for("received 100");
    run.signal(libc::SIGTERM);
    assert_eq!(run.finish().signal, Some(libc::SIGTERM));
}

/// Those too that stand for a fault: sent by somebody, they are a message like others.
#[test]
fn every_signal_that_can_be_caught_reaches_the_command() {
    let passed_on = (1..=libc::SIGRTMAX()).filter(|signal| {
        let own = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD, libc::SIGALRM];
        // The C library keeps these two to itself.
        !own.contains(signal) && ![32, 33].contains(signal)
    });
    for signal in passed_on {
        let mut run =
            start(grpkill_timeout().args(["100", &fixture(), "count", &signal.to_string()]));
        run.wait_ready();
        run.signal(signal);
        run.wait_for("received 1");
        run.signal(libc::SIGTERM);
        if signal == libc::SIGTERM {
            run.signal(libc::SIGINT);
        }
        assert!(run.finish().signal.is_some(), "signal {signal}");
    }
}

#[test]
fn alrm_is_the_limit() {
    let mut run = start(grpkill_timeout().args(["0", "sh", "-c", "echo ready; exec sleep 1000"]));
    run.wait_ready();
    run.signal(libc::SIGALRM);
    let finished = run.finish();
    assert_eq!(finished.code, 124);
    assert!(finished.stderr.contains(": timed out by ALRM\n"), "{finished:?}");
    assert!(finished.stderr.contains(": ended by TERM in "), "{finished:?}");
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let script = "echo command $$; echo ready; exec sleep 1000";
    let ignore = ["ignore", &libc::SIGHUP.to_string()].map(str::to_owned);
    let mut command = Command::new(fixture());
    command.args(ignore).args([crate::harness::PROGRAM, "100", "sh", "-c", script]);
    let mut run = start(&mut command);
    run.wait_ready();
    run.signal(libc::SIGHUP);
    run.signal(libc::SIGTERM);
    assert_eq!(run.finish().signal, Some(libc::SIGTERM), "HUP came first and did nothing");
}

#[test]
fn our_violent_death_takes_the_leader() {
    let mut run =
        start(grpkill_timeout().args(["100", "sh", "-c", "echo leader $$; exec sleep 1000"]));
    let leader = run.wait_pid("leader");
    run.signal(libc::SIGKILL);
    run.wait_exit();
    wait_gone(leader);
}

#[test]
fn the_commands_death_becomes_ours_without_a_core() {
    // SAFETY: both calls take numbers.
    let (min, max) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    for signal in [libc::SIGHUP, libc::SIGKILL, libc::SIGSEGV, libc::SIGPWR, min, max] {
        let script = format!("ulimit -c 0; kill -{signal} $$");
        for program in [&mut grpkill_timeout(), &mut as_timeout()] {
            let finished = run(program.args(["100", "bash", "-c", &script]));
            assert_eq!(finished.signal, Some(signal));
            assert!(!finished.core_dumped);
        }
    }
}

/// To die of this one would be to stop.
#[test]
fn a_signal_that_stops_becomes_a_status() {
    let script = "trap '' TSTP; echo ready; while :; do sleep 0.1; done";
    for (name, signal) in [("TSTP", libc::SIGTSTP), ("TTIN", libc::SIGTTIN)] {
        let script = script.replace("TSTP", name);
        let arguments = ["-s", name, "-k", "0.3", "60", "sh", "-c", &script];
        let mut run = start(grpkill_timeout().args(arguments));
        run.wait_ready();
        run.signal(signal);
        let finished = run.finish();
        assert_eq!((finished.code, finished.signal), (128 + signal, None), "{finished:?}");
        let said = format!("interrupted by {name}; ended by {name}, KILL in");
        assert!(finished.stderr.contains(&said), "{finished:?}");
    }
}

#[test]
fn verbose_tells_every_signal_and_the_sender() {
    let mut run =
        start(grpkill_timeout().args(["-v", "100", "sh", "-c", "echo ready; exec sleep 1000"]));
    run.wait_ready();
    run.signal(libc::SIGTERM);
    let finished = run.finish();
    let received = format!("received TERM from process {}", std::process::id());
    for expected in
        [received.as_str(), "sent TERM to process group", "command killed by TERM after"]
    {
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
}
