//! Where there is no terminal, or none for us; and where the command shares our group.

use std::process::Command;
use std::time::Duration;

use super::session::{CTRL_C, CTRL_D, CTRL_Q, CTRL_S, CTRL_Z, Terminal};
use super::shell::Shell;
use crate::harness::{is_alive, signal_process, state, wait_at_rest, wait_until};
use crate::members::group_of;

#[test]
fn without_a_controlling_terminal_nothing_is_lent() {
    let mut terminal = Terminal::bash();
    // Its input is a terminal, but another session's: it may read there whoever is in front.
    terminal.line("setsid -w grpkill-timeout 100 sh reader");
    terminal.expect("reading\r\n");
    let setsid = terminal.foreground_group();
    terminal.reads("one");
    assert_eq!(terminal.foreground_group(), setsid);
    assert_eq!(terminal.prompt_after(CTRL_D), 0);
    terminal.leave();
}

#[test]
fn without_a_terminal_a_stopped_command_stops_nobody_and_is_ended() {
    let mut terminal = Terminal::bash();
    let worker = terminal.start_worker("setsid -w grpkill-timeout 100 fixture worker < /dev/null");
    let ours = group_of(worker);
    assert_eq!(ours, worker);
    signal_process(worker, libc::SIGTSTP);
    // In an orphaned group TSTP does nothing; STOP does.
    signal_process(worker, libc::SIGSTOP);
    terminal.wait_state(worker, 'T');
    let parent = parent_of(worker);
    assert_ne!(state(parent), Some('T'));
    signal_process(parent, libc::SIGALRM);
    assert_eq!(terminal.prompt(), 124);
    terminal.leave();
}

#[test]
fn closed_input_is_no_reason_to_have_no_terminal() {
    let mut terminal = Terminal::bash();
    terminal.command_says("grpkill-timeout 100 bash asks <&-", "Password: ");
    terminal.wait_for_silence();
    terminal.line("secret");
    terminal.expect("it is secret");
    assert_eq!(terminal.prompt(), 0);
    terminal.leave();
}

#[test]
fn the_terminal_on_standard_error_alone_is_enough() {
    let mut terminal = Terminal::bash();
    let line = "grpkill-timeout 100 sh -c 'stty -echo <&2; echo set $? >&2' </dev/null >/dev/null";
    terminal.command_says(line, "set 0");
    assert_eq!(terminal.prompt(), 0);
    let line = "grpkill-timeout 100 sh -c 'read x <&2; echo got $x >&2' </dev/null >/dev/null";
    terminal.command(line);
    terminal.reads("one");
    assert_eq!(terminal.prompt(), 0);
    terminal.leave();
}

/// Nobody in the session could continue us there, and the kernel knows.
#[test]
fn in_an_orphaned_group_a_key_stops_nobody_for_ever() {
    // The leader of the session is us, and our parent is in another one.
    let mut terminal =
        Terminal::running(Command::new(crate::harness::PROGRAM).args(["100", "sh", "reader"]));
    terminal.reader_begins();
    let reader = terminal.foreground_group();
    terminal.press(CTRL_Z);
    terminal.reads("two");
    assert_ne!(state(terminal.session()), Some('T'));
    signal_process(reader, libc::SIGSTOP);
    terminal.wait_until("it is not continued", |terminal| {
        state(reader) != Some('T') && state(terminal.session()) != Some('T')
    });
    terminal.reads("three");
    terminal.limit_passes();
    assert_eq!(terminal.wait_exit(), 124);
}

#[test]
fn when_the_parent_has_gone_a_key_stops_nobody_for_ever() {
    let mut terminal = Terminal::bash();
    // A script that ends before us; the shell has its terminal back and keeps it.
    terminal.script("script", "grpkill-timeout 100 fixture worker & exec sleep 0");
    let worker = terminal.start_worker("sh script");
    let ours = parent_of(worker);
    terminal.assert_in_order();
    signal_process(worker, libc::SIGTSTP);
    signal_process(ours, libc::SIGTSTP);
    signal_process(ours, libc::SIGALRM);
    terminal.wait_until("it does not end", |_| !is_alive(ours));
    assert!(!is_alive(worker));
    terminal.leave();
}

#[test]
fn under_nohup_the_window_may_be_closed() {
    let mut terminal = Terminal::bash();
    terminal.line("nohup grpkill-timeout 100 fixture worker >said 2>&1 &");
    assert_eq!(terminal.prompt(), 0);
    let ours = terminal.our_pid();
    let worker = terminal.child_of(ours);
    let said = terminal.home().join("said");
    terminal.wait_until("it does not work", |_| {
        std::fs::read_to_string(&said).is_ok_and(|said| said.contains("working"))
    });
    terminal.hang_up();
    terminal.wait_exit();
    // Were it to end, it would have: the shell has sent HUP before it ended.
    signal_process(ours, libc::SIGCONT);
    terminal.wait_until("it gets no signal", |_| {
        std::fs::read_to_string(&said).is_ok_and(|said| said.contains("continued"))
    });
    assert!(is_alive(worker));
    signal_process(ours, libc::SIGALRM);
    terminal.wait_until("it does not end", |_| !is_alive(ours) && !is_alive(worker));
}

#[test]
fn in_the_foreground_it_reads_by_itself() {
    let mut terminal = Terminal::bash();
    for options in ["-f", "-f --kill-after=1"] {
        terminal.command_says(&format!("grpkill-timeout {options} 100 sh reader"), "reading\r\n");
        let ours = terminal.our_pid();
        assert_eq!(terminal.foreground_group(), ours);
        let reader = terminal.child_of(ours);
        assert_eq!(group_of(reader), ours);
        terminal.reads("one");
        for _ in 0..3 {
            assert_eq!(terminal.prompt_after(CTRL_Z), 148);
            terminal.wait_state(ours, 'T');
            terminal.wait_state(reader, 'T');
            terminal.command("fg");
            terminal.reads("two");
        }
        assert_eq!(terminal.prompt_after(CTRL_D), 0);
        terminal.assert_in_order();
        terminal.command_says(&format!("grpkill-timeout {options} 100 sh reader"), "reading\r\n");
        assert_eq!(terminal.prompt_after(CTRL_C), 130);
    }
    terminal.leave();
}

/// Which the terminal stops there, and us with it.
#[test]
fn in_the_foreground_it_may_be_started_behind_and_brought_to_the_front() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.line("grpkill-timeout -f 100 sh reader &");
        terminal.expect("reading");
        let ours = terminal.our_pid();
        terminal.wait_stopped();
        assert_eq!(state(ours), Some('T'), "{shell:?}");
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.reads("one");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn in_the_foreground_a_key_reaches_the_command_once() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout -f 100 fixture count 2");
    terminal.expect("ready");
    for count in 1..=3 {
        terminal.press(CTRL_C);
        terminal.expect(&format!("received {count}\r\n"));
    }
    // Whatever we had to pass on, we would have by the time that we pass on this one.
    let ours = terminal.our_pid();
    signal_process(ours, libc::SIGUSR1);
    terminal.prompt();
    assert!(!terminal.screen().contains("received 4"));
    terminal.leave();
}

#[test]
fn under_the_name_timeout_the_terminal_works_too() {
    let mut terminal = Terminal::bash();
    for options in ["", "-k 1", "--foreground"] {
        terminal.start_reader(format!("./timeout {options} 100 sh reader"));
        assert_eq!(terminal.prompt_after(CTRL_Z), 148);
        terminal.command("fg");
        terminal.reads("two");
        assert_eq!(terminal.prompt_after(CTRL_C), 130);
        terminal.start_reader(format!("./timeout {options} 100 sh reader"));
        terminal.limit_passes();
        assert_eq!(terminal.prompt(), 124);
        assert!(!terminal.screen().contains("timeout: "), "{}", terminal.screen());
        terminal.assert_in_order();
    }
    terminal.leave();
}

/// Nobody reads there, and who writes waits; we do not.
#[test]
fn a_terminal_that_is_held_up_keeps_the_limit_from_nothing() {
    for options in ["-q --progress", "-v"] {
        let mut terminal = Terminal::bash();
        terminal.line(&format!("grpkill-timeout {options} -k 0.1 1 fixture raw deaf"));
        let deaf = terminal.expect_number("in raw mode ");
        let ours = terminal.our_pid();
        terminal.press(CTRL_S);
        wait_until("the limit does not end it", || !is_alive(deaf) && !is_alive(ours));
        assert_eq!(terminal.prompt_after(CTRL_Q), 137, "{options}");
        terminal.leave();
    }
}

/// We look once whether the command is one that the terminal does not stop.
#[test]
fn who_has_a_terminal_and_does_nothing_with_it_is_left_alone() {
    let mut terminal = Terminal::bash();
    terminal.script("inner", "PS1='inner%'");
    for (command, says) in [("fixture worker", "working"), ("bash --rcfile inner -i", "inner%")] {
        terminal.command_says(&format!("grpkill-timeout 100 {command}"), says);
        let ours = terminal.our_pid();
        // Were there another look, it would be sooner.
        wait_at_rest(ours, Duration::from_millis(600), command);
        terminal.limit_passes();
        terminal.prompt();
    }
    terminal.leave();
}

/// The parent of a process.
fn parent_of(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is alive");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent.and_then(|parent| parent.trim().parse().ok()).expect("it has a parent")
}
