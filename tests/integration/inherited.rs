//! The command finds itself as without us, whatever we were started with; and we work all the
//! same.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{
    PROGRAM, Running, WATCHDOG, fixture, grpkill_timeout, has_program, is_alive, is_root, run,
    signal_process, start, wait_gone,
};

/// What `fixture view` writes, when started by a shell line in which `@` stands for it, or for it
/// under us.
fn view(line: &str, wrapper: &str, directory: &Path) -> String {
    let file = directory.join("view");
    let command = format!("{wrapper} {} view {}", fixture(), file.display());
    let line = line.replace('@', &command).replace("FIXTURE", &fixture());
    let finished = run(Command::new("bash").arg("-c").arg(&line).current_dir(directory));
    assert_eq!(finished.code, 0, "{line}: {finished:?}");
    let view = fs::read_to_string(&file).expect("the view was written");
    fs::remove_file(&file).expect("it is ours");
    view
}

/// The ladder's TERM is unblocked and not ignored in the command, so its bit does not count.
fn without_term(view: &str) -> Vec<String> {
    let hide = |line: &str| {
        let (key, mask) = line.split_once(":\t")?;
        let is_mask = ["SigBlk", "SigIgn"].contains(&key);
        let mask = u64::from_str_radix(mask, 16).ok().filter(|_| is_mask)?;
        Some(format!("{key}: {:016x}", mask & !(1 << (libc::SIGTERM - 1))))
    };
    view.lines().map(|line| hide(line).unwrap_or_else(|| line.to_owned())).collect()
}

const VARIANTS: &[&str] = &[
    "@",
    "exec FIXTURE ignore 13 @",
    "exec FIXTURE ignore 1 @",
    "exec FIXTURE ignore 17 @",
    "exec FIXTURE ignore 21 @",
    "exec FIXTURE ignore 22 @",
    "exec FIXTURE ignore 40 @",
    "exec FIXTURE ignore all @",
    "exec FIXTURE block @",
    "exec FIXTURE block FIXTURE ignore all @",
    "exec @ <&-",
    "exec @ >&-",
    "exec @ 2>&-",
    "exec @ <&- >&- 2>&-",
    "exec @ 7</dev/null 9>/dev/null",
    "ulimit -c 0; ulimit -n 64; ulimit -S -s 4096; exec @",
    "umask 077; exec @",
    "mkdir gone; cd gone; rmdir ../gone; exec @",
    "exec env -i A=1 'B=two words' @",
    "exec nice -n 5 @",
    "echo 500 > /proc/self/oom_score_adj; exec @",
    "exec @ < /dev/null > /dev/null 2> /dev/null",
];

#[test]
fn the_command_finds_itself_as_without_us() {
    let directory = tempfile::tempdir().unwrap();
    for line in VARIANTS {
        let without = view(line, "", directory.path());
        let with = view(line, &format!("{PROGRAM} 60"), directory.path());
        // The shell that runs the line has a session and descriptors of its own each time.
        let comparable = |view: &str| {
            let mut lines = without_term(view);
            for line in &mut lines {
                if let Some((number, _)) = line.split_once(" -> pipe:") {
                    *line = format!("{number} -> a pipe");
                }
            }
            lines
        };
        assert_eq!(comparable(&with), comparable(&without), "{line}");
        assert!(without.contains("SigIgn") && without.contains("cwd: "), "{without}");
    }
}

/// Control: a difference would be seen.
#[test]
fn the_view_shows_differences() {
    let directory = tempfile::tempdir().unwrap();
    let plain = view("@", "", directory.path());
    for line in VARIANTS.iter().skip(1) {
        // With closed inputs and outputs replaced by /dev/null nothing but descriptors differs.
        assert_ne!(view(line, "", directory.path()), plain, "{line}");
    }
}

#[test]
fn a_blocked_and_ignored_term_does_not_defeat_the_limit() {
    for wrapper in [&["block"][..], &["ignore", "all"], &["ignore", "15"]] {
        let mut command = Command::new(fixture());
        command.args(wrapper).args([PROGRAM, "-k", "100", "0.1", "sleep", "1000"]);
        let finished = run(&mut command);
        assert_eq!(finished.code, 124, "{finished:?}");
        assert!(finished.stderr.contains("ended by TERM in"), "{finished:?}");
    }
}

#[test]
fn the_status_is_known_although_sigchld_was_ignored() {
    let mut command = Command::new(fixture());
    command.args(["ignore", "17", PROGRAM, "60", "sh", "-c", "exit 7"]);
    assert_eq!(run(&mut command).code, 7);
}

#[test]
fn closed_standard_descriptors_are_no_trouble() {
    for (closed, code) in [("<&-", 124), (">&-", 124), ("2>&-", 124), ("<&- >&- 2>&-", 124)] {
        let line = format!("exec {PROGRAM} -v 0.1 sleep 1000 {closed}");
        assert_eq!(run(Command::new("bash").args(["-c", &line])).code, code, "{closed}");
    }
}

/// Nobody reads our standard error, and it is full: the job ends all the same, and so do we.
#[test]
fn a_standard_error_that_nobody_reads_holds_nobody_up() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // SAFETY: the descriptor is open, and the call takes numbers.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
    writer.write_all(&vec![b' '; size.cast_unsigned() as usize]).unwrap();
    let mut child =
        grpkill_timeout().args(["-v", "0.1", "sleep", "1000"]).stderr(writer).spawn().unwrap();
    let until = Instant::now() + WATCHDOG;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(124));
}

/// Lines `NAME PID`, which several processes say in any order.
fn wait_pids(run: &mut Running, count: usize) -> Vec<(String, i32)> {
    let mut line = || {
        let line = run.wait_for("");
        let (name, pid) = line.split_once(' ').expect("a name and a pid");
        (name.to_owned(), pid.parse().expect("a pid"))
    };
    (0..count).map(|_| line()).collect()
}

/// `sleep & exec grpkill-timeout …`: the sleep is our child, and none of our business.
#[test]
fn children_that_we_had_before_are_left_alone() {
    let script = "sleep 1000 & echo stranger $!; (exec sh -c 'sleep 1000 & echo stranger $!; wait') & \
                  echo stranger $!; exec \"$0\" -k 0.3 0 sh -c 'trap \"\" TERM; echo command $$; sleep 1000'";
    let mut run = start(Command::new("bash").args(["-c", script, PROGRAM]));
    let said = wait_pids(&mut run, 4);
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(137));
    for (_, stranger) in said.into_iter().filter(|(name, _)| name == "stranger") {
        assert!(is_alive(stranger), "a stranger was hit");
        signal_process(stranger, libc::SIGKILL);
    }
}

/// A stranger's child becomes ours when the stranger dies; it is a stranger all the same.
#[test]
fn the_orphans_of_strangers_are_left_alone() {
    let script = "sh -c 'sleep 1000 & echo orphan $!; wait' & echo stranger $!; \
                  exec \"$0\" -k 0.3 0 sh -c 'trap \"\" TERM; echo command $$; sleep 1000'";
    let mut run = start(Command::new("bash").args(["-c", script, PROGRAM]));
    let said = wait_pids(&mut run, 3);
    let pid_of = |wanted| said.iter().find(|(name, _)| name == wanted).expect("it was said").1;
    let (orphan, stranger) = (pid_of("orphan"), pid_of("stranger"));
    signal_process(stranger, libc::SIGKILL);
    run.limit_passes();
    assert_eq!(run.wait_exit().code(), Some(137));
    assert!(is_alive(orphan), "a stranger was hit");
    signal_process(orphan, libc::SIGKILL);
    wait_gone(orphan);
}

/// In a new pid namespace with the old `/proc`, its numbers are other processes'.
#[test]
fn a_proc_that_speaks_of_others_is_not_believed() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    let mut command = Command::new("unshare");
    let script = "sleep 1000 & sleep 1000";
    command.args(["--pid", "--fork", PROGRAM, "-k", "0.3", "0.2", "sh", "-c", script]);
    let finished = run(&mut command);
    assert_eq!(finished.code, 124);
    assert!(finished.stderr.contains("cannot read /proc"), "{finished:?}");
}
