//! Others who want the terminal too: in our group, in our job, and outside of both.

use super::session::{CTRL_C, CTRL_D, Terminal};
use super::shell::Shell;
use crate::harness::{children, is_alive, signal_process, state};
use crate::members::group_of;

/// The shell has taken the terminal meanwhile, which is not to be taken from it.
#[test]
fn a_terminal_that_the_shell_has_taken_stays_the_shells() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        // It has the terminal and does not read: who has begun to would read on.
        terminal.command_says("grpkill-timeout 100 fixture window asks", "ready\r\n");
        let ours = terminal.our_pid();
        let command = terminal.child_of(ours);
        terminal.wait_foreground(command);
        signal_process(ours, libc::SIGSTOP);
        terminal.prompt();
        terminal.line("bg");
        terminal.wait_state(ours, 'S');
        terminal.assert_in_order();
        signal_process(command, libc::SIGKILL);
        terminal.wait_until("it does not end", |_| !is_alive(ours));
        terminal.leave();
    }
}

/// Whoever of us has the terminal, the other one waits for it without a stop to be seen.
#[test]
fn ctrl_z_stops_who_waits_for_the_terminal_too() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.two_readers();
        for _ in 0..2 {
            terminal.reads("one");
            terminal.stop_and_resume();
        }
        terminal.reads("two");
        terminal.press(CTRL_D);
        terminal.expect("end of input");
        terminal.reads("three");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{shell:?}");
        terminal.leave();
    }
}

/// It is older than we are: a shell that hears of our end before it hears that somebody was continued
/// takes the job for stopped.
#[test]
fn who_reads_in_our_own_group_reads_after_the_command() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.script(
            "rival",
            "until [ -e go ]; do sleep 0.01; done; read x </dev/tty; echo rival got $x >&2",
        );
        terminal.script("command", "exec sh reader </dev/tty");
        terminal.start_reader("sh rival | grpkill-timeout 100 sh command");
        let ours = terminal.our_pid();
        terminal.script("go", "");
        terminal.wait_until("nobody else wants the terminal", |terminal| {
            let job = terminal.job();
            job.iter().any(|member| member.group == group_of(ours) && member.state == 'T')
        });
        terminal.reads("two");
        terminal.press(CTRL_D);
        terminal.expect("end of input");
        terminal.line("three");
        terminal.expect("rival got three");
        terminal.prompt();
        terminal.leave();
    }
}

/// The terminal stops the whole group then, and with it us: the shell sees a stopped job.
#[test]
fn who_reads_in_our_own_group_behind_stops_us_too() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.script("rival", "read a; read x </dev/tty; echo rival got $x, $a; cat");
        terminal.line("grpkill-timeout 100 fixture worker | sh rival &");
        let ours = terminal.our_pid();
        let worker = terminal.child_of(ours);
        terminal.wait_stopped();
        assert_eq!((state(ours), state(worker)), (Some('T'), Some('T')), "{shell:?}");
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.line("one");
        terminal.expect("rival got one, working");
        terminal.wait_state(worker, 'S');
        terminal.prompt_after(CTRL_C);
        terminal.leave();
    }
}

/// Two that another one of us has started: neither may snatch the terminal from the other for ever.
#[test]
fn two_of_us_in_the_job_of_another_take_turns() {
    let mut terminal = Terminal::bash();
    terminal.script("first", "echo first is here; sh reader");
    terminal.script("second", "echo second is here; sh reader </dev/tty");
    terminal.script(
        "both",
        "grpkill-timeout 90 sh second & grpkill-timeout 90 sh first </dev/tty; wait",
    );
    terminal.line("grpkill-timeout 100 sh both");
    terminal.wait_until("they are not both here", |terminal| {
        let screen = terminal.screen();
        screen.contains("first is here\r") && screen.contains("second is here\r")
    });
    for word in ["one", "two"] {
        terminal.line(word);
        terminal.expect(&format!("got {word}"));
        terminal.press(CTRL_D);
        terminal.expect("end of input");
    }
    assert_eq!(terminal.prompt(), 0);
    terminal.leave();
}

/// What the key stops is more than the group of the command, and so is what goes on.
#[test]
fn all_of_the_job_is_stopped_and_continued() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.script("groups", "set -m; fixture worker & set +m; fixture worker; wait");
        terminal.line("grpkill-timeout 100 bash groups");
        let workers = [terminal.expect_number("working "), terminal.expect_number("working ")];
        assert_ne!(group_of(workers[0]), group_of(workers[1]));
        for _ in 0..2 {
            terminal.stop_and_resume();
            for worker in workers {
                terminal.wait_state(worker, 'S');
            }
        }
        assert_eq!(terminal.prompt_after(CTRL_C), shell.status_in_front(130));
        assert!(workers.iter().all(|worker| !is_alive(*worker)));
        terminal.leave();
    }
}

/// Control: with timeout(1) a script's command cannot read, and with its `--foreground` what the
/// command has started goes on.
#[test]
fn with_another_timeout_it_is_one_or_the_other() {
    let mut terminal = Terminal::bash();
    terminal.script("script", "timeout -k 1 0.5 sh reader; echo status $?");
    terminal.command_says("sh script", "reading\r\n");
    terminal.expect("status 124");
    assert_eq!(terminal.prompt(), 0);
    let worker = terminal.start_worker("timeout --foreground 0.5 sh -c 'fixture worker & wait'");
    assert_eq!(terminal.prompt(), 124);
    assert!(is_alive(worker) && children(worker).is_empty());
    signal_process(worker, libc::SIGKILL);
    terminal.leave();
}
