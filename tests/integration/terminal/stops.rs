//! Ctrl-Z, `fg`, `bg` and `&`, and limits that pass meanwhile.

use super::session::{CTRL_C, CTRL_D, CTRL_Z, Terminal};
use super::shell::Shell;
use crate::harness::{PROGRAM, children, is_alive, signal_process, state, wait_gone};
use crate::members::signal_group;

#[test]
fn stopped_and_in_front_again_it_goes_on_reading() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout 100 sh reader");
        for _ in 0..3 {
            assert_eq!(terminal.prompt_after(CTRL_Z), shell.status_stopped(), "{shell:?}");
            terminal.assert_in_order();
            terminal.command("fg");
            terminal.reads("again");
        }
        assert_eq!(terminal.prompt_after(CTRL_D), 0);
        terminal.leave();
    }
}

#[test]
fn what_does_not_read_goes_on_behind_and_in_front() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        let worker = terminal.start_worker("grpkill-timeout 100 fixture worker");
        assert_eq!(terminal.prompt_after(CTRL_Z), shell.status_stopped(), "{shell:?}");
        assert_eq!(state(worker), Some('T'));
        terminal.behind("continued\r\n");
        terminal.command("fg");
        terminal.prompt_after(CTRL_Z);
        assert_eq!(state(worker), Some('T'));
        terminal.command("fg");
        terminal.wait_state(worker, 'S');
        assert_eq!(terminal.prompt_after(CTRL_C), shell.status_in_front(130));
        assert!(!is_alive(worker));
        terminal.leave();
    }
}

#[test]
fn what_reads_stops_again_behind_and_goes_on_in_front() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout 100 sh reader");
        let reader = terminal.foreground_group();
        terminal.prompt_after(CTRL_Z);
        terminal.line("bg");
        let ours = terminal.our_pid();
        terminal.wait_state(ours, 'S');
        terminal.wait_state(reader, 'T');
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.reads("again");
        assert_eq!(terminal.prompt_after(CTRL_C), shell.status_in_front(130), "{shell:?}");
        terminal.leave();
    }
}

/// A shell sends no CONT to a job that it believes running.
#[test]
fn started_behind_it_reads_when_brought_to_the_front() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.reader_behind();
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.reads("again");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn keys_that_come_before_the_terminal_is_lent_act_too() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        let (_, reader) = terminal.reader_behind();
        terminal.assert_in_order();
        terminal.command("fg");
        assert_eq!(terminal.prompt_after(CTRL_C), shell.status_in_front(130), "{shell:?}");
        assert!(!is_alive(reader));
        terminal.leave();
    }
}

#[test]
fn a_limit_that_passes_leaves_the_prompt_in_order() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout 100 sh reader");
        terminal.limit_passes();
        assert_eq!(terminal.prompt(), 124, "{shell:?}");
        terminal.assert_in_order();
        terminal.line("grpkill-timeout -k 0.1 100 fixture raw deaf");
        let deaf = terminal.expect_number("in raw mode ");
        terminal.limit_passes();
        assert_eq!(terminal.prompt(), 137, "{shell:?}");
        assert!(!is_alive(deaf));
        terminal.leave();
    }
}

#[test]
fn a_real_limit_ends_what_reads() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        assert_eq!(terminal.run("grpkill-timeout 0.3 cat"), 124, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn our_own_death_gives_the_shell_its_terminal() {
    for shell in Shell::all() {
        for signal in [libc::SIGKILL, libc::SIGTERM] {
            let mut terminal = Terminal::shell(shell);
            terminal.start_reader("grpkill-timeout 100 sh reader");
            let reader = terminal.foreground_group();
            signal_process(terminal.our_pid(), signal);
            assert_eq!(terminal.prompt(), 128 + signal, "{shell:?}");
            wait_gone(reader);
            terminal.leave();
        }
    }
}

#[test]
fn a_limit_that_passes_while_stopped_shows_in_front() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout 100 sh reader");
        let ours = terminal.our_pid();
        assert_eq!(terminal.prompt_after(CTRL_Z), shell.status_stopped());
        signal_process(ours, libc::SIGALRM);
        assert_eq!(state(ours), Some('T'));
        assert_eq!(terminal.run("fg"), shell.status_in_front(124), "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn a_limit_ends_what_waits_for_the_terminal_behind() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        let (ours, reader) = terminal.reader_behind();
        signal_process(ours, libc::SIGALRM);
        terminal.wait_until("the limit does not end it", |_| state(ours).is_none());
        assert_eq!(state(reader), None);
        terminal.leave();
    }
}

#[test]
fn a_limit_that_passes_while_stopped_ends_the_job_at_once() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout -q 5 sh reader");
        let ours = terminal.our_pid();
        let reader = terminal.child_of(ours);
        assert_eq!(terminal.prompt_after(CTRL_Z), shell.status_stopped(), "{shell:?}");
        terminal.wait_until("it outlives its limit", |_| !is_alive(reader) && !is_alive(ours));
        terminal.leave();
    }
}

#[test]
fn what_lingers_and_is_waited_for_is_stopped_and_goes_on_with_us() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        let worker = terminal
            .start_worker("grpkill-timeout --lingering=wait 100 sh -c 'fixture worker & :'");
        let ours = terminal.our_pid();
        terminal.wait_until("it is not left behind", |_| children(ours).contains(&worker));
        for _ in 0..2 {
            assert_eq!(terminal.prompt_after(CTRL_Z), shell.status_stopped(), "{shell:?}");
            // We do not wait for it to act on the signal.
            terminal.wait_state(worker, 'T');
            terminal.assert_in_order();
            terminal.command("fg");
            terminal.wait_state(worker, 'S');
        }
        // A key would not do: what a script has in the background ignores it.
        terminal.limit_passes();
        assert_eq!(terminal.prompt(), shell.status_in_front(124), "{shell:?}");
        terminal.leave();
    }
}

/// A program may want the terminal for its last words.
#[test]
fn who_is_being_ended_may_still_ask_for_the_terminal() {
    let mut terminal = Terminal::bash();
    terminal.script(
        "asking",
        "trap 'stty sane && echo it was set; exit 0' TERM; echo here; while :; do sleep 0.01; done",
    );
    terminal.command_says("grpkill-timeout -q 100 sh asking", "here\r\n");
    terminal.limit_passes();
    terminal.expect("it was set");
    assert_eq!(terminal.prompt(), 124);
    terminal.leave();
}

/// Somebody has stopped the command, and not us: the key is for both. Other shells than bash may
/// continue a job once more that they have just started.
#[test]
fn ctrl_z_stops_us_where_the_command_is_stopped_already() {
    for options in ["", "-f"] {
        let mut terminal = Terminal::bash();
        let worker =
            terminal.start_worker(&format!("grpkill-timeout {options} 100 fixture worker"));
        signal_process(worker, libc::SIGSTOP);
        terminal.wait_state(worker, 'T');
        assert_eq!(terminal.prompt_after(CTRL_Z), 148, "{options}");
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.wait_state(worker, 'S');
        assert_eq!(terminal.prompt_after(CTRL_C), 130, "{options}");
        terminal.leave();
    }
}

/// The command has the terminal and dies of the key; the hook is to end by it too.
#[test]
fn ctrl_c_ends_the_hook_of_who_had_the_terminal() {
    let mut terminal = Terminal::bash();
    terminal.start_reader("grpkill-timeout -q --on-timeout='echo hook; sleep 1000' 100 sh reader");
    terminal.limit_passes();
    terminal.expect("hook\r\n");
    assert_eq!(terminal.prompt_after(CTRL_C), 124);
    assert!(!terminal.screen().contains("the command of --on-timeout"));
    terminal.leave();
}

#[test]
fn modes_are_restored_when_the_command_was_killed() {
    for how in ["-k 0.1", "-s KILL"] {
        let mut terminal = Terminal::running(&mut command(&format!("{how} 100 fixture raw deaf")));
        let before = terminal.first_modes().clone();
        terminal.expect_number("in raw mode ");
        assert_ne!(terminal.modes(), before);
        terminal.limit_passes();
        assert_eq!(terminal.wait_exit(), 137);
        assert_eq!(terminal.modes(), before);
    }
}

#[test]
fn modes_are_left_as_a_command_that_ends_by_itself_wants_them() {
    let mut terminal = Terminal::running(&mut command("100 fixture raw untidy"));
    let before = terminal.first_modes().clone();
    terminal.expect("in raw mode ");
    terminal.press("x");
    assert_eq!(terminal.wait_exit(), 0);
    assert_ne!(terminal.modes(), before);
}

/// Whether a raw command is in raw mode again after a stop is between it and the shell.
#[test]
fn a_raw_command_that_stops_itself_finds_the_modes_as_without_us() {
    let local_flags = |shell, program: &str| {
        let mut terminal = Terminal::shell(shell);
        terminal.line(&format!("{program} fixture raw tidy"));
        let raw = terminal.expect_number("in raw mode ");
        signal_group(raw, libc::SIGTSTP);
        terminal.prompt();
        terminal.assert_in_order();
        terminal.line("fg");
        terminal.wait_foreground(raw);
        terminal.wait_state(raw, 'S');
        let flags = terminal.modes().local_flags;
        terminal.line("x");
        terminal.expect("key x");
        terminal.prompt();
        terminal.assert_in_order();
        flags
    };
    for shell in Shell::all() {
        assert_eq!(
            local_flags(shell, "grpkill-timeout 100"),
            local_flags(shell, "env"),
            "{shell:?}"
        );
    }
}

fn command(arguments: &str) -> std::process::Command {
    let mut command = std::process::Command::new(PROGRAM);
    command.args(arguments.split(' '));
    command
}
