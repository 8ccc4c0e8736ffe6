//! Who lingered, what was used, and words from outside.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::{CommandStatus, Process, Reported, Reports, install, ourselves, parse_all, reported};
use crate::harness::{
    PROGRAM, assert_gone, fixture, grpkill_timeout, has_program, is_root, run, start,
};

/// A process that a run has left, ended with the test however that ends.
struct Left(i32);

impl Drop for Left {
    fn drop(&mut self) {
        // SAFETY: the call takes numbers. It sleeps for longer than any test, so nothing else has
        // its number.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// Leaves a `sleep` with these redirections when that is what it has become, and says its pid.
fn leave(redirections: &str) -> String {
    format!(
        "sleep 1000 {redirections} & until read name </proc/$!/comm && [ \"$name\" = sleep ]; do :; \
         done; echo left $!"
    )
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_lingers_is_described() {
    // A member of the group, its detached child, and a child of that which has stayed behind.
    let script = "\"$0\" session-leader-with-child & read line; exit 0";
    let fixture = fixture();
    let mut reported =
        Reported::start(&["60", "bash", "-c", &format!("exec 3<&0; {script}"), &fixture]);
    let detached = Left(reported.run.wait_pid("detached"));
    let child = Left(reported.run.wait_pid("child"));
    reported.run.wait_ready();
    reported.run.say("\n");
    assert_eq!(reported.run.wait_exit().code(), Some(0));
    let ours = reported.run.pid();
    let report = reported.reports.only();
    let member = report.lingering().iter().find(|process| process.ppid == ours).unwrap();
    let member_guard = Left(member.pid);
    assert_eq!(report.outcome, "exited");
    assert_eq!(report.command_status, Some(CommandStatus::Exited { code: 0 }));
    assert_eq!(report.sent(), []);
    let group = report.pid();
    // SAFETY: the call takes a number.
    let session = unsafe { libc::getsid(0) };
    for (pid, ppid, pgid, sid) in [
        (member.pid, ours, group, session),
        (detached.0, member.pid, detached.0, detached.0),
        (child.0, detached.0, group, session),
    ] {
        let process = report.lingering().iter().find(|process| process.pid == pid);
        let process = process.unwrap_or_else(|| panic!("{pid} is not in {report:?}"));
        let Process { age_ms, wait, .. } = process;
        // Known to a tick of the clock, which is 10 ms at most.
        assert!(
            Duration::from_millis(age_ms.unwrap().saturating_sub(10)) <= reported.began.elapsed()
        );
        assert_ne!(wait.as_deref(), Some("0"));
        let expected = Process {
            pid,
            ppid,
            pgid,
            sid,
            uid: Some(ourselves().1),
            state: Some("S".to_owned()),
            age_ms: *age_ms,
            name: Some("fixture".to_owned()),
            command: Some(words(&[&fixture, "session-leader-with-child"])),
            threads: Some(1),
            wait: wait.clone(),
            in_group: pgid == group,
            holds: Some(words(&["stdout", "stderr"])),
            sockets: Some(vec![]),
        };
        assert_eq!(*process, expected);
    }
    assert_eq!(report.lingering().len(), 3, "{report:?}");
    drop((detached, child, member_guard));
    reported.finish();
}

/// A job-control shell's groups are of the job, and still not the command's group.
#[test]
fn a_lingering_process_in_another_group_is_not_in_the_group() {
    let script = format!("set -m; {}", leave(""));
    let mut reported = Reported::start(&["60", "bash", "-c", &script]);
    let left = Left(reported.run.wait_pid("left"));
    reported.run.wait_exit();
    let report = reported.reports.only();
    let [process] = report.lingering() else { panic!("{report:?}") };
    // SAFETY: the call takes a number.
    let session = unsafe { libc::getsid(0) };
    assert_eq!((process.pid, process.pgid, process.sid), (left.0, left.0, session));
    assert!(!process.in_group, "{report:?}");
    drop(left);
}

#[test]
fn a_lingering_process_holds_what_it_has_open() {
    for (redirections, holds) in [
        ("", &["stdout", "stderr"][..]),
        (">/dev/null", &["stderr"]),
        ("2>/dev/null", &["stdout"]),
        (">/dev/null 2>&1", &[]),
        ("3>&1 >/dev/null 2>&1", &["stdout"]),
        (">&2", &["stderr"]),
    ] {
        let mut reported = Reported::start(&["60", "sh", "-c", &leave(redirections)]);
        let left = Left(reported.run.wait_pid("left"));
        reported.run.wait_exit();
        let report = reported.reports.only();
        let [process] = report.lingering() else { panic!("{report:?}") };
        assert_eq!((process.pid, &process.holds), (left.0, &Some(words(holds))), "{redirections}");
        drop(left);
    }
}

#[test]
fn what_lingers_and_is_killed_is_reported_with_its_signals() {
    let mut reported = Reported::start(&["--lingering=kill", "60", "sh", "-c", &leave("")]);
    let left = reported.run.wait_pid("left");
    let (_, report) = reported.finish();
    assert_gone(left);
    assert_eq!((&*report.outcome, report.exit_status), ("exited", 0));
    let [process] = report.lingering() else { panic!("{report:?}") };
    assert_eq!((process.pid, process.in_group), (left, true));
    assert_eq!(process.command, Some(words(&["sleep", "1000"])));
    // It gets a tenth of a second to go by itself.
    assert!(report.elapsed_ms >= 100, "{report:?}");
    let pid = report.pid();
    let sent = report.sent();
    assert!(
        [("group", pid), ("process", left)]
            .iter()
            .any(|(to, pid)| sent.contains(&("TERM", to, *pid))),
        "{report:?}"
    );
}

#[test]
fn what_is_waited_for_is_no_longer_there() {
    let script = "(read line) <&3 & exit 0";
    let script = format!("exec 3<&0; echo ready; {script}");
    let mut reported = Reported::start(&["--lingering=wait", "60", "sh", "-c", &script]);
    reported.run.wait_ready();
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("exited", 0));
    assert!(report.lingering().is_empty(), "{report:?}");
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (options, count) in [(&["--allow=sleep 1000"][..], 0), (&["--allow=sleep"], 1)] {
        let script = leave("");
        let mut reported = Reported::start(&[options, &["60", "sh", "-c", &script]].concat());
        let left = Left(reported.run.wait_pid("left"));
        reported.run.wait_exit();
        assert_eq!(reported.reports.only().lingering().len(), count, "{options:?}");
        drop(left);
    }
}

#[test]
fn what_lingers_can_make_a_status() {
    let mut reported = Reported::start(&["--lingering-status=9", "60", "sh", "-c", &leave("")]);
    let left = Left(reported.run.wait_pid("left"));
    assert_eq!(reported.run.wait_exit().code(), Some(9));
    drop(left);
    let (_, report) = reported.finish();
    assert_eq!((&*report.outcome, report.exit_status), ("exited", 9));
    assert_eq!(report.command_status, Some(CommandStatus::Exited { code: 0 }));
}

/// Ignoring is about what is said and done; a report is asked for to know.
#[test]
fn what_is_ignored_is_still_reported() {
    let mut reported = Reported::start(&["--lingering=ignore", "60", "sh", "-c", &leave("")]);
    let left = Left(reported.run.wait_pid("left"));
    reported.run.wait_exit();
    let report = reported.reports.only();
    assert_eq!(report.lingering().iter().map(|process| process.pid).collect::<Vec<_>>(), [left.0]);
    drop(left);
    let (finished, _) = reported.finish();
    assert_eq!(finished.stderr, "");
}

#[test]
fn what_the_command_uses_is_counted() {
    const MIB: u64 = 1024;
    // 96 MiB of spaces, in a child; then a while of counting.
    let script =
        "(printf -v spaces '%*s' 100663296 ''); for ((i = 0; i < 300000; i++)); do :; done";
    let report = reported(&["60", "bash", "-c", script]);
    let usage = report.usage();
    assert!(usage.max_rss_kib >= 96 * MIB, "{usage:?}");
    assert!(usage.max_rss_kib < 2048 * MIB, "{usage:?}");
    assert!(usage.user_ms >= 50, "{usage:?}");
    assert!(usage.user_ms + usage.system_ms <= 2 * report.elapsed_ms + 20, "{usage:?}");
}

/// Control for the above; and what looks at those that linger is ours.
#[test]
fn what_we_use_ourselves_is_not_counted() {
    const MIB: u64 = 1024;
    let report = reported(&["60", "true"]);
    assert!(report.usage().max_rss_kib > 0, "{report:?}");
    let mut reported = Reported::start(&["60", "sh", "-c", &leave("")]);
    let left = Left(reported.run.wait_pid("left"));
    reported.run.wait_exit();
    let looked = reported.reports.only();
    drop(left);
    for report in [report, looked] {
        assert!(report.usage().max_rss_kib < 32 * MIB, "{report:?}");
        assert!(report.usage().user_ms < 5000, "{report:?}");
    }
}

#[test]
fn passwords_are_masked_in_every_command() {
    let url = "https://me:secret@example.org/x.git";
    let script = "(exec -a \"$1\" sleep 1000) & until read name </proc/$!/comm && \
                  [ \"$name\" = sleep ]; do :; done";
    let reports = Reports::new();
    run(reports.program().args(["--lingering=kill", "60", "bash", "-c", script, "bash", url]));
    let text = fs::read_to_string(reports.path()).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let report = reports.only();
    let masked = "https://***@example.org/x.git";
    assert_eq!(report.command.last().unwrap(), masked);
    let [process] = report.lingering() else { panic!("{report:?}") };
    assert_eq!(process.command, Some(words(&[masked, "1000"])));
}

#[test]
fn what_is_no_text_is_reported_as_text() {
    let reports = Reports::new();
    let argument = OsStr::from_bytes(b"a\xff\xfeb\xc3");
    run(reports.program().args(["60", "true"]).arg(argument));
    assert_eq!(reports.only().command, ["true", "a\u{fffd}\u{fffd}b\u{fffd}"]);
}

#[test]
fn control_characters_are_escaped_and_nothing_is_lost() {
    let reports = Reports::new();
    let all: String = ('\u{1}'..' ').chain(['"', '\\', '/', '\'']).collect();
    let arguments = ["60", "true", &all, "two\nlines\r\n", "\u{1b}[2J", "", "é€𝄞"];
    run(reports.program().args(arguments));
    let bytes = fs::read(reports.path()).unwrap();
    let (last, line) = bytes.split_last().unwrap();
    assert_eq!(*last, b'\n');
    assert!(line.iter().all(|byte| *byte >= b' '), "{}", line.escape_ascii());
    assert_eq!(reports.only().command, arguments[1..]);
}

#[test]
fn a_process_that_is_named_in_lines_is_one_line() {
    let script = "(exec -a $'two\\nlines\\e[2J' sleep 1000) & until read name </proc/$!/comm && \
                  [ \"$name\" = sleep ]; do :; done";
    let arguments = ["--lingering=kill", "--report=-", "60", "bash", "-c", script];
    let finished = run(grpkill_timeout().args(arguments));
    let json = finished.stderr.lines().find(|line| line.starts_with('{')).unwrap();
    let [report] = &parse_all(&format!("{json}\n"))[..] else { unreachable!() };
    assert_eq!(report.lingering()[0].command, Some(words(&["two\nlines\u{1b}[2J", "1000"])));
}

/// What we may not know is null, and the rest is there all the same.
#[test]
fn another_users_process_is_described_as_far_as_it_can_be() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    let reports = Reports::new();
    let directory = reports.directory.path();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    let (program, set_user_id) = (directory.join("program"), directory.join("become-root"));
    install(PROGRAM, &program, "755");
    install(&fixture(), &set_user_id, "4755");
    let script = "exec 3<&0; \"$0\" become-root & read line <&3";
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(program).arg("--report").arg(reports.path());
    let mut run = start(command.args(["60", "sh", "-c", script]).arg(&set_user_id));
    let root = Left(run.wait_pid("root"));
    run.wait_ready();
    run.say("\n");
    run.wait_exit();
    let report = reports.only();
    let [process] = report.lingering() else { panic!("{report:?}") };
    assert_eq!((process.pid, process.uid, process.state.as_deref()), (root.0, Some(0), Some("S")));
    assert_eq!(process.command, Some(words(&[set_user_id.to_str().unwrap(), "become-root"])));
    assert_eq!(process.holds, None);
}
