//! Who is ended: the group, and every descendant in our session, until nothing of it is alive.

use std::process::Command;

use crate::harness::{
    PROGRAM, as_timeout, assert_gone, children, find_program, fixture, grpkill_timeout, is_alive,
    run, signal_process, start, state, wait_gone, wait_until,
};

/// No limit: the tests let it pass themselves, when the fixture is as they want it.
const LIMIT: &str = "0";

/// A grace for what will not use it.
const SHORT_GRACE: [&str; 2] = ["-k", "0.3"];

/// A grace that nothing may need: the watchdog comes first.
const LONG_GRACE: [&str; 2] = ["-k", "100"];

fn shell(script: &str) -> [&str; 3] {
    ["sh", "-c", script]
}

/// A member that ignores TERM beside a leader that does not.
const DEAF_MEMBER: &str =
    "(trap '' TERM; exec sh -c 'echo member $$; exec sleep 1000') & exec sleep 1000";

#[test]
fn a_leader_that_obeys_does_not_save_a_member_that_does_not() {
    let mut run = start(grpkill_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(DEAF_MEMBER)));
    let member = run.wait_pid("member");
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert_gone(member);
    let finished = run.finish();
    assert!(finished.stderr.contains("ended by TERM, KILL in "), "{}", finished.stderr);
}

/// Control: a timeout that looks at its own child alone leaves the member.
#[test]
fn as_timeout_the_end_of_the_command_is_the_end() {
    for options in [&[][..], &["-k", "0"]] {
        let mut run = start(as_timeout().args(options).arg(LIMIT).args(shell(DEAF_MEMBER)));
        let member = run.wait_pid("member");
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(124));
        assert!(is_alive(member));
        signal_process(member, libc::SIGKILL);
        wait_gone(member);
    }
}

#[test]
fn as_timeout_with_a_grace_the_kill_reaches_the_whole_job() {
    let mut run = start(as_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(DEAF_MEMBER)));
    let member = run.wait_pid("member");
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert_gone(member);
}

#[test]
fn a_leader_that_exits_0_on_term_has_timed_out() {
    let script = "trap 'exit 0' TERM; sleep 1000 & echo ready; wait";
    for (options, code) in [(&[][..], 124), (&["-p"], 0)] {
        let mut run = start(grpkill_timeout().args(options).arg(LIMIT).args(shell(script)));
        run.wait_ready();
        run.limit_passes();
        assert_eq!(run.finish().code, code);
    }
}

#[test]
fn five_generations_that_ignore_term() {
    let mut run =
        start(grpkill_timeout().args(SHORT_GRACE).args([LIMIT, &fixture(), "generations", "5"]));
    let generations: Vec<i32> = (0..5).map(|_| run.wait_pid("generation")).collect();
    run.wait_ready();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(137));
    generations.into_iter().for_each(assert_gone);
}

#[test]
fn three_hundred_members_that_ignore_term() {
    let mut run =
        start(grpkill_timeout().args(SHORT_GRACE).args([LIMIT, &fixture(), "members", "300"]));
    run.wait_ready();
    let members = children(children(run.pid())[0]);
    assert_eq!(members.len(), 300);
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124), "the leader obeys");
    members.into_iter().for_each(assert_gone);
}

#[test]
fn jobs_of_a_job_control_shell() {
    let script = "set -m; (trap '' TERM; exec sh -c 'echo job $$; exec sleep 1000') & \
                  sh -c 'echo job $$; exec sleep 1000' & wait";
    let mut run = start(grpkill_timeout().args(SHORT_GRACE).args([LIMIT, "bash", "-c", script]));
    let jobs = [run.wait_pid("job"), run.wait_pid("job")];
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    jobs.into_iter().for_each(assert_gone);
}

/// Whether the run goes on until the job is gone or is over with its leader, as timeout(1)'s is.
#[test]
fn kill_alone_reaches_jobs_in_groups_of_their_own() {
    let script = "set -m; sh -c 'echo job $$; exec sleep 1000' & wait";
    for (mut program, is_own) in [(grpkill_timeout(), true), (as_timeout(), false)] {
        let mut run = start(program.args(["-s", "KILL", LIMIT, "bash", "-c", script]));
        let job = run.wait_pid("job");
        run.limit_passes();
        assert_eq!(run.wait_exit().code(), Some(137));
        if is_own {
            assert_gone(job);
        } else {
            wait_gone(job);
        }
    }
}

#[test]
fn what_an_inner_timeout_has_put_into_a_group_of_its_own() {
    let coreutils = find_program("timeout").map(|path| path.display().to_string());
    for inner in coreutils.into_iter().chain([PROGRAM.to_owned()]) {
        let script =
            format!("{inner} 1000 sh -c 'trap \"\" TERM; echo inner $$; echo ready; sleep 1000'");
        let mut run = start(grpkill_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(&script)));
        let inner = run.wait_pid("inner");
        run.wait_ready();
        run.limit_passes();
        run.wait_exit();
        assert_gone(inner);
    }
}

#[test]
fn ourselves_inside_another_timeout() {
    let mut command = grpkill_timeout();
    command.args([LIMIT, PROGRAM, "1000"]).args(shell("echo inner $$; exec sleep 1000"));
    let mut run = start(&mut command);
    let inner = run.wait_pid("inner");
    run.limit_passes();
    assert_eq!(run.finish().code, 124);
    assert_gone(inner);
}

#[test]
fn a_stopped_leader_is_continued() {
    let script = "echo leader $$; kill -STOP $$";
    let mut run = start(grpkill_timeout().args(LONG_GRACE).arg(LIMIT).args(shell(script)));
    let leader = run.wait_pid("leader");
    wait_until("the leader never stopped", || state(leader) == Some('T'));
    run.limit_passes();
    let finished = run.finish();
    assert_eq!(finished.code, 124);
    assert!(finished.stderr.contains("ended by TERM in"), "{}", finished.stderr);
}

#[test]
fn a_stopped_member_that_ignores_term_is_killed() {
    let script = "(trap '' TERM; exec sh -c 'echo member $$; kill -STOP $$; sleep 1000') & wait";
    let mut run = start(grpkill_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(script)));
    let member = run.wait_pid("member");
    wait_until("the member never stopped", || state(member) == Some('T'));
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert_gone(member);
}

/// The end of file, for which `finish` waits, is the proof: each link of the relay holds the pipe.
#[test]
fn a_relay_that_forks_and_exits_without_end() {
    for how in ["inside", "outside"] {
        let script =
            format!("trap '' TERM; {} relay {how} & while :; do sleep 0.1; done", fixture());
        let mut run = start(grpkill_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(&script)));
        run.wait_ready();
        run.limit_passes();
        let finished = run.finish();
        assert_eq!(finished.code, 137);
        assert!(!finished.stderr.contains("still there"), "{}", finished.stderr);
    }
}

#[test]
fn a_member_whose_main_thread_has_ended() {
    let script = format!("{} thread-outlives-main & exec sleep 1000", fixture());
    let mut run = start(grpkill_timeout().args(SHORT_GRACE).arg(LIMIT).args(shell(&script)));
    run.wait_ready();
    run.limit_passes();
    let finished = run.finish();
    assert_eq!(finished.code, 124);
    assert!(finished.stderr.contains("TERM, KILL in"), "{}", finished.stderr);
}

#[test]
fn a_leader_that_has_left_its_group() {
    let mut run =
        start(grpkill_timeout().args(LONG_GRACE).args([LIMIT, &fixture(), "leave-group"]));
    run.wait_ready();
    run.limit_passes();
    let finished = run.finish();
    assert_eq!(finished.code, 124);
    assert!(finished.stderr.contains("ended by TERM in"), "{}", finished.stderr);
}

/// Its parent, not we, gets the SIGCHLD of such a child; were we not woken by its end, we would
/// sit out the grace.
#[test]
fn a_member_whose_parent_is_detached_wakes_us_at_its_end() {
    let mut run = start(grpkill_timeout().args(LONG_GRACE).args([
        LIMIT,
        &fixture(),
        "session-leader-with-child",
    ]));
    let detached = run.wait_pid("detached");
    let child = run.wait_pid("child");
    run.wait_ready();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert!(!is_alive(child));
    assert!(is_alive(detached), "a session of its own is not of the job");
    signal_process(detached, libc::SIGKILL);
}

#[test]
fn a_zombie_under_a_living_parent_is_reaped_with_it() {
    let mut run =
        start(grpkill_timeout().args(SHORT_GRACE).args([LIMIT, &fixture(), "unreaped-child"]));
    let zombie = run.wait_pid("zombie");
    run.wait_ready();
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(137));
    assert_gone(zombie);
}

#[test]
fn a_command_that_is_killed_before_it_runs() {
    for _ in 0..20 {
        assert_eq!(run(grpkill_timeout().args(["1ns", "sleep", "1000"])).code, 124);
    }
}

#[test]
fn without_kill_we_wait_as_long_as_it_takes() {
    let script = "trap 'trap \"\" TERM; echo term; read line; exit 5' TERM; echo ready; \
                  while :; do sleep 0.01; done";
    let mut run = start(grpkill_timeout().args(["-k", "0", LIMIT]).args(shell(script)));
    run.wait_ready();
    run.limit_passes();
    run.wait_for("term");
    run.say("go\n");
    assert_eq!(run.finish().code, 124);
}

#[test]
fn in_the_foreground_only_the_command_is_signalled() {
    let script = "sleep 1000 & echo member $!; exec sleep 1000";
    let mut run = start(grpkill_timeout().args(["-f", LIMIT]).args(shell(script)));
    let member = run.wait_pid("member");
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(124));
    assert!(is_alive(member));
    signal_process(member, libc::SIGKILL);
}

/// Control: `assert_gone` sees a process that is there, and a zombie.
#[test]
fn what_is_there_is_not_gone() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id().cast_signed();
    assert!(std::panic::catch_unwind(|| assert_gone(pid)).is_err());
    child.kill().unwrap();
    wait_until("it does not die", || state(pid) == Some('Z'));
    assert!(std::panic::catch_unwind(|| assert_gone(pid)).is_err());
    child.wait().unwrap();
    assert_gone(pid);
}

/// What the handler of a signal starts has the grace to do its work, in a group of its own, too, and
/// though its parent ends at once.
#[test]
fn what_is_started_to_clean_up_is_left_to_do_so() {
    for options in [&["-k", "10"][..], &["-q", "-k", "10"], &["-k", "10", "--lingering=kill"]] {
        for detach in ["", "setsid "] {
            let script = format!(
                "set -m; trap '{detach}sh -c \"echo cleaning; read line; echo done\" <&3 & exit' TERM; \
                 exec 3<&0; echo ready; while :; do sleep 0.1; done"
            );
            let mut command = grpkill_timeout();
            let mut run = start(command.args(options).args(["0", "bash", "-c", &script]));
            run.wait_ready();
            run.limit_passes();
            run.wait_for("cleaning");
            run.say("\n");
            run.wait_for("done");
            let finished = run.finish();
            assert_eq!(finished.code, 124, "{options:?}, {detach}: {finished:?}");
        }
    }
}
