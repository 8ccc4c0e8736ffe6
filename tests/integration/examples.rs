//! Every file of `examples/` is run as far as a machine can.
//!
//! Where something has to hang, a program of the name that the example runs asks its parent, which
//! is ours, to let the limit pass now, and then does not end.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{
    Finished, PROGRAM, can, children, find_program, has_program, is_alive, is_root, isolate_git,
    path_with, run, signal_process, start, wait_gone, wait_until,
};

const HANGS: &str = "#!/bin/sh\nkill -ALRM \"$PPID\"\nwhile :; do sleep 1000; done\n";

/// Where an example is.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(example(name)).unwrap()
}

/// A home directory, and a directory of programs that comes first in the path.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        symlink(PROGRAM, home.path().join("bin/grpkill-timeout")).unwrap();
        symlink(example(""), home.path().join("examples")).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        isolate_git(&mut command)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("PATH", path_with(&[self.path("bin")]))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"));
        command
    }

    /// As cron, GitHub and GitLab run a line.
    fn shell(&self, script: &str) -> Finished {
        run(self.command("sh").args(["-e", "-c", script]))
    }

    /// A repository, and a mirror of it that has yet to fetch the only commit.
    fn mirror(&self, name: &str) {
        let script = format!(
            "git init --quiet --bare {name}
            git -C {name} remote add --mirror=fetch origin \"$HOME/upstream\"
            git -C {name} config maintenance.auto false
            test -d upstream || {{
                git init --quiet upstream
                git -C upstream -c user.name=a -c user.email=a commit --quiet --allow-empty -m a
            }}"
        );
        assert_eq!(self.shell(&script).code, 0);
    }
}

/// The commands of a crontab.
fn cron_lines() -> Vec<String> {
    let text = text("crontab");
    let lines = text.lines().filter(|line| line.starts_with('*'));
    let commands: Vec<String> =
        lines.map(|line| line.split_whitespace().skip(5).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(commands.len(), 2);
    // For cron it is the end of the line.
    assert!(!commands.iter().any(|command| command.contains('%')));
    commands
}

#[test]
fn cron_sends_mail_only_on_trouble() {
    if !has_program("flock") {
        return;
    }
    for line in cron_lines() {
        let machine = Machine::new();
        machine.mirror("mirror.git");
        let well = machine.shell(&line);
        assert_eq!((well.code, well.stdout.as_str(), well.stderr.as_str()), (0, "", ""), "{line}");
        let fetched = machine.shell("git -C mirror.git rev-parse --quiet --verify HEAD");
        assert_eq!(fetched.code, 0, "nothing was fetched by {line}");
        machine.program("git", HANGS);
        let trouble = machine.shell(&line);
        assert_eq!(trouble.code, 124, "{trouble:?}");
        assert!(trouble.stderr.contains("fetch --quiet --prune: timed out"), "{trouble:?}");
        assert!(trouble.stderr.contains("PID STATE         AGE COMMAND"), "{trouble:?}");
    }
}

#[test]
fn the_lock_of_cron_is_not_kept_by_what_lingers() {
    if !has_program("flock") {
        return;
    }
    let lingers = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >lingering";
    let with_lock = &cron_lines()[1];
    // The control shows that the lock would be kept.
    let inherited = with_lock.replace("flock -n -o", "flock -n");
    assert_ne!(&inherited, with_lock);
    for (line, is_free) in [(with_lock.as_str(), true), (&inherited, false)] {
        let machine = Machine::new();
        machine.program("git", &format!("#!/bin/sh\n{lingers}\n"));
        assert_eq!(machine.shell(line).code, 0);
        let pid = fs::read_to_string(machine.path("lingering")).unwrap().trim().parse().unwrap();
        assert!(is_alive(pid));
        let locked = machine.shell("flock -n mirror.lock true");
        assert_eq!(locked.code == 0, is_free, "{line}");
        signal_process(pid, libc::SIGKILL);
        wait_gone(pid);
    }
}

/// The scripts of a workflow, in order.
fn steps(workflow: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut lines = workflow.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "run: |" {
            let mut script = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("          ")) {
                script += line.trim();
                script += "\n";
            }
            steps.push(script);
        }
    }
    steps
}

/// The items of `script:` or `after_script:`.
fn items(job: &str, key: &str) -> Vec<String> {
    let lines = job.lines().skip_while(|line| line.trim() != key).skip(1);
    lines.map_while(|line| line.trim().strip_prefix("- ").map(str::to_owned)).collect()
}

#[test]
fn steps_of_ci_end_and_say_why() {
    if !has_program("jq") {
        return;
    }
    let (github, gitlab) = (steps(&text("github-actions.yml")), text("gitlab-ci.yml"));
    let gitlab = [items(&gitlab, "script:"), items(&gitlab, "after_script:")].concat();
    for scripts in [github, gitlab] {
        let [test, why] = &scripts[..] else { panic!("{scripts:?}") };
        let machine = Machine::new();
        machine.program("make", "#!/bin/sh\nsetsid sleep 1000 &\n");
        let well = machine.shell(test);
        assert_eq!(well.code, 0, "{well:?}");
        machine.program("make", HANGS);
        let trouble = machine.shell(test);
        assert_eq!(trouble.code, 124, "{trouble:?}");
        let said = machine.shell(why);
        assert_eq!(said.code, 0, "{said:?}");
        let summary = fs::read_to_string(machine.path("summary")).unwrap_or(said.stdout);
        assert!(summary.contains("make test: timed-out, status 124"), "{summary}");
        assert!(summary.contains("  was running: "), "{summary}");
    }
}

#[test]
fn files_for_ci_are_yaml() {
    let parse = "import sys, yaml\nfor name in sys.argv[1:]: assert yaml.safe_load(open(name))";
    let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output();
    if !can("python3 with PyYAML", has_yaml.is_ok_and(|output| output.status.success())) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in [".github/workflows", ".github/ISSUE_TEMPLATE"] {
        let entries = fs::read_dir(root.join(directory)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    assert!(files.len() >= 5, "{files:?}");
    files.extend([example("github-actions.yml"), example("gitlab-ci.yml")]);
    let checked = run(Command::new("python3").args(["-c", parse]).args(files));
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
}

/// The words of an instruction that is a list.
fn instruction(name: &str) -> Vec<String> {
    let text = text("Dockerfile");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
    serde_json::from_str(line).expect("it is a list of words")
}

#[test]
fn a_container_ends_when_it_is_stopped() {
    if !is_root() || !has_program("unshare") {
        return;
    }
    let machine = Machine::new();
    let mut command = machine.command("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    command.args(instruction("ENTRYPOINT ")).args(instruction("CMD "));
    let mut container = start(&mut command);
    container.wait_for("");
    let first = children(container.pid())[0];
    signal_process(first, libc::SIGTERM);
    let finished = container.finish();
    assert_eq!(finished.code, 128 + libc::SIGTERM, "{finished:?}");
}

#[test]
fn the_unit_is_right() {
    let unit = text("backup.service");
    let installed = "/usr/local/bin/grpkill-timeout";
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let machine = Machine::new();
    machine.program("rsync", HANGS);
    let trouble = machine.shell(&line.replace(installed, PROGRAM));
    assert_eq!(trouble.code, 124, "{trouble:?}");
    assert!(trouble.stderr.contains("rsync -a /home backup:: timed out"), "{trouble:?}");
    if has_program("systemd-analyze") {
        let copy = machine.path("backup.service");
        fs::write(&copy, unit.replace(installed, PROGRAM)).unwrap();
        let verified =
            run(machine.command("systemd-analyze").args(["--man=no", "verify"]).arg(copy));
        assert_eq!((verified.code, verified.stderr.as_str()), (0, ""));
    }
}

#[test]
fn many_repositories_are_fetched_at_once() {
    if !has_program("jq") {
        return;
    }
    let machine = Machine::new();
    fs::create_dir(machine.path("mirrors")).unwrap();
    for name in ["one", "two", "three"] {
        machine.mirror(&format!("mirrors/{name}"));
    }
    let git = find_program("git").expect("it is one of what is needed").display().to_string();
    let hangs_for_two = "[ \"$2\" != mirrors/two ] || { kill -ALRM $PPID; exec sleep 1000; }";
    machine.program("git", &format!("#!/bin/sh\n{hangs_for_two}\nexec {git} \"$@\"\n"));
    let report = machine.path("report.json");
    let finished = run(machine.command(example("parallel.sh")).arg("mirrors").arg(&report));
    // That is what xargs returns where some command has failed.
    assert_eq!(finished.code, 123, "{finished:?}");
    assert_eq!(finished.stdout, "mirrors/two took too long\n");
    assert_eq!(fs::read_to_string(report).unwrap().lines().count(), 3);
    for (name, fetched) in [("one", true), ("two", false), ("three", true)] {
        let head = format!("{git} -C mirrors/{name} rev-parse --quiet --verify HEAD");
        assert_eq!(machine.shell(&head).code == 0, fetched, "{name}");
    }
}

#[test]
fn timeout_can_be_replaced() {
    let machine = Machine::new();
    let script = "timeout -v 60 sh -c 'kill -ALRM $PPID; exec sleep 1000'";
    let finished = run(machine.command(example("replace-timeout.sh")).args(["sh", "-c", script]));
    assert_eq!(finished.code, 124, "{finished:?}");
    assert_eq!(finished.stderr, "timeout: sending signal TERM to command 'sh'\n");
}

#[test]
fn a_report_goes_to_the_log() {
    if !has_program("jq") {
        return;
    }
    let machine = Machine::new();
    machine.program("logger", "#!/bin/sh\necho \"$*\" >arguments\nexec cat >log\n");
    let lingers = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >lingering; exit 3";
    let mut command = machine.command(example("log-report.sh"));
    let finished = run(command.args(["-q", "60", "sh", "-c", lingers]));
    assert_eq!((finished.code, finished.stderr.as_str()), (3, ""));
    let arguments = fs::read_to_string(machine.path("arguments")).unwrap();
    assert_eq!(arguments, "-t grpkill-timeout\n");
    let shown = machine.shell("jq -r -f examples/report.jq log");
    assert!(shown.stdout.contains(": exited, status 3, "), "{shown:?}");
    let pid = fs::read_to_string(machine.path("lingering")).unwrap().trim().parse().unwrap();
    assert!(shown.stdout.contains(&format!("was left: {pid} sleep 1000\n")), "{shown:?}");
    signal_process(pid, libc::SIGKILL);
    wait_until("it is still there", || !is_alive(pid));
}

#[test]
fn every_example_is_tested_and_told_of() {
    let tests = include_str!("examples.rs");
    let readme = include_str!("../../README.md");
    for entry in fs::read_dir(example("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&name), "{name} is in no test");
        assert!(
            readme.contains(&format!("(examples/{name})")),
            "the README does not tell of {name}"
        );
    }
}
