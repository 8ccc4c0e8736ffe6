//! Inside others that wait, time, and multiplex; and inside ourselves.

use std::process::Command;

use super::session::{CTRL_C, CTRL_D, CTRL_Z, Terminal};
use super::shell::Shell;
use crate::harness::{find_program, has_program, is_alive, is_root, signal_process, wait_gone};

/// Reads, stops, goes on and ends by Ctrl-C, with the prompt in order and not a word of ours.
fn all_keys_work(line: &str) {
    let mut terminal = Terminal::bash();
    terminal.start_reader(line);
    for _ in 0..2 {
        assert_eq!(terminal.stop_and_resume(), 148, "{line}");
        terminal.reads("two");
    }
    assert_eq!(terminal.prompt_after(CTRL_D), 0, "{line}");
    terminal.start_reader(line);
    assert_eq!(terminal.prompt_after(CTRL_C), 130, "{line}");
    assert!(!terminal.screen().contains("grpkill-timeout: "), "{}", terminal.screen());
    terminal.leave();
}

#[test]
fn one_of_us_in_another_has_the_terminal() {
    all_keys_work("grpkill-timeout 100 grpkill-timeout 90 sh reader");
}

#[test]
fn three_of_us_have_the_terminal() {
    all_keys_work("grpkill-timeout 100 grpkill-timeout 90 grpkill-timeout 80 sh reader");
}

#[test]
fn one_of_us_under_the_name_timeout_has_the_terminal() {
    all_keys_work("./timeout 100 grpkill-timeout 90 sh reader");
    all_keys_work("grpkill-timeout 100 ./timeout 90 sh reader");
}

#[test]
fn in_a_script_of_ours_the_terminal_is_had() {
    all_keys_work("grpkill-timeout 100 sh -c 'grpkill-timeout 90 sh reader; exit'");
}

#[test]
fn one_of_us_in_another_in_every_shell() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        let line = "grpkill-timeout 100 grpkill-timeout 90 sh reader";
        terminal.start_reader(line);
        assert_eq!(terminal.prompt_after(CTRL_C), 130, "{shell:?}");
        terminal.leave();
    }
}

/// coreutils' passes a TSTP on to nobody, so there Ctrl-Z is left out.
#[test]
fn under_another_timeout_in_the_foreground_it_reads() {
    let mut terminal = Terminal::bash();
    let line = "timeout --foreground 100 grpkill-timeout 90 sh reader";
    terminal.start_reader(line);
    assert_eq!(terminal.prompt_after(CTRL_D), 0);
    terminal.assert_in_order();
    terminal.start_reader(line);
    assert_ne!(terminal.prompt_after(CTRL_C), 0);
    terminal.leave();
}

#[test]
fn the_outer_limit_takes_the_inner_job() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout -q 100 grpkill-timeout -q 90 fixture raw tidy");
    let raw = terminal.expect_number("in raw mode ");
    let ours = terminal.ours();
    let (outer, inner) = (ours[0].pid, ours[1].pid);
    signal_process(outer, libc::SIGALRM);
    assert_eq!(terminal.prompt(), 124);
    assert!(!is_alive(inner) && !is_alive(raw));
    assert!(!terminal.screen().contains("grpkill-timeout: "), "{}", terminal.screen());
    terminal.leave();
}

#[test]
fn the_inner_limit_is_the_inner_ones() {
    let mut terminal = Terminal::bash();
    let line = "grpkill-timeout 100 sh -c 'grpkill-timeout -q 90 sh reader; echo inner $?'";
    terminal.start_reader(line);
    let inner = terminal.ours()[1].pid;
    signal_process(inner, libc::SIGALRM);
    terminal.expect("inner 124");
    assert_eq!(terminal.prompt(), 0);
    terminal.leave();
}

/// They run another program in their own group, and are not stopped by the terminal when that is: su(1)
/// stops itself by STOP then, and the others do not stop at all.
#[test]
fn who_is_started_by_what_the_terminal_does_not_stop_reads() {
    let mut terminal = Terminal::bash();
    let mut lines = vec!["grpkill-timeout 100 timeout --foreground 90 sh reader"];
    let more = [
        ("strace", "grpkill-timeout 100 strace -f -o /dev/null sh reader"),
        ("dumb-init", "grpkill-timeout 100 dumb-init -c sh reader"),
        ("su", "grpkill-timeout 100 su -s /bin/sh -c 'exec sh reader' root"),
    ];
    let may_run = |name: &str| name != "su" || is_root();
    let more = more.into_iter().filter(|(name, _)| may_run(name) && has_program(name));
    lines.extend(more.map(|(_, line)| line));
    for line in lines {
        terminal.start_reader(line);
        terminal.reads("two");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{line}");
        terminal.start_reader(line);
        assert_ne!(terminal.prompt_after(CTRL_C), 0, "{line}");
        terminal.assert_in_order();
    }
    terminal.leave();
}

#[test]
fn a_terminal_inside_ours_works() {
    if !has_program("script") {
        return;
    }
    let mut terminal = Terminal::bash();
    // Around it, and inside.
    for line in [
        "script -qec 'grpkill-timeout 100 sh reader' /dev/null",
        "grpkill-timeout 100 script -qec 'sh reader' /dev/null",
        "grpkill-timeout 100 script -qec 'grpkill-timeout 90 sh reader' /dev/null",
    ] {
        terminal.start_reader(line);
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{line}");
        terminal.assert_in_order();
        terminal.start_reader(line);
        assert_eq!(terminal.prompt_after(CTRL_C), 130, "{line}");
        terminal.assert_in_order();
    }
    terminal.leave();
}

#[test]
fn those_that_run_several_of_us_are_undisturbed() {
    let mut terminal = Terminal::bash();
    terminal.script("Makefile", "all: a b\na b:\n\t@grpkill-timeout 100 echo made $@\n");
    let mut lines = vec!["find . -name asks -exec grpkill-timeout 100 wc -l {} \\;"];
    let more = [("xargs", "seq 20 | xargs -P2 -n1 grpkill-timeout 100 echo"), ("make", "make -j2")];
    lines.extend(more.into_iter().filter(|(name, _)| has_program(name)).map(|(_, line)| line));
    for line in lines {
        assert_eq!(terminal.run(line), 0, "{line}");
        assert!(!terminal.screen().contains("grpkill-timeout: "), "{}", terminal.screen());
        terminal.assert_in_order();
    }
    terminal.leave();
}

#[test]
fn ctrl_c_ends_all_of_several() {
    let mut terminal = Terminal::bash();
    terminal.script("Makefile", "all: a b\na b:\n\t@grpkill-timeout 100 fixture worker\n");
    terminal.script("asking", "grpkill-timeout 100 sh reader\n");
    let mut lines = vec![];
    let more = [
        ("xargs", "printf 'worker\\nworker\\n' | xargs -P2 -n1 grpkill-timeout 100 fixture"),
        ("make", "make -j2"),
    ];
    lines.extend(more.into_iter().filter(|(name, _)| has_program(name)).map(|(_, line)| line));
    for line in lines {
        terminal.line(line);
        let workers = [terminal.expect_number("working "), terminal.expect_number("working ")];
        assert_ne!(terminal.prompt_after(CTRL_C), 0, "{line}");
        for worker in workers {
            terminal.wait_until("it outlives Ctrl-C", |_| !is_alive(worker));
        }
        terminal.assert_in_order();
    }
    // One that reads, in front of one that goes through files.
    terminal.command_says("find . -name asking -exec sh {} \\;", "reading\r\n");
    terminal.reads("one");
    assert_ne!(terminal.prompt_after(CTRL_C), 0);
    terminal.leave();
}

#[test]
fn in_a_multiplexer_keys_stops_and_the_limit_work() {
    if !has_program("tmux") {
        return;
    }
    let tmux = find_program("tmux").expect("it is there");
    let mut terminal = Terminal::bash();
    let socket = terminal.home().join("socket");
    let server = Server { tmux, socket };
    terminal.script("inner", "PS1='<$?>'");
    terminal.line("tmux -S socket -f /dev/null new-session 'bash --rcfile inner -i'");
    terminal.wait_until("it never starts", |_| server.shown().contains("<0>"));
    let expect = |terminal: &mut Terminal, text: &str| {
        terminal.wait_until(text, |_| server.shown().contains(text));
    };
    terminal.line("grpkill-timeout -q 100 sh reader");
    expect(&mut terminal, "reading");
    terminal.line("one");
    expect(&mut terminal, "got one");
    terminal.press(CTRL_Z);
    expect(&mut terminal, "<148>");
    terminal.line("fg");
    terminal.wait_until("the shell keeps the terminal", |_| server.in_front() == "sh");
    terminal.line("two");
    expect(&mut terminal, "got two");
    terminal.press(CTRL_C);
    expect(&mut terminal, "<130>");
    terminal.line("grpkill-timeout -q 0.2 cat");
    expect(&mut terminal, "<124>");
    terminal.line("exit");
    assert_eq!(terminal.prompt(), 0);
    terminal.leave();
}

/// A server of tmux, which is no descendant of ours.
struct Server {
    tmux: std::path::PathBuf,
    socket: std::path::PathBuf,
}

impl Server {
    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(&self.socket).args(arguments).env_remove("TMUX");
        let output = command.output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Who has the terminal.
    fn in_front(&self) -> String {
        let name = self.tmux(&["display-message", "-p", "#{pane_current_command}"]);
        name.trim().to_owned()
    }

    fn shown(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.tmux(&["display-message", "-p", "#{pid}"]);
        self.tmux(&["kill-server"]);
        if let Ok(pid) = pid.trim().parse() {
            wait_gone(pid);
        }
    }
}
