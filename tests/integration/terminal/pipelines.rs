//! In a pipeline others share our group: what a key does to us it does to them, and the other way
//! round.

use super::session::{CTRL_C, CTRL_D, CTRL_Z, Terminal};
use super::shell::Shell;
use crate::harness::{has_program, state};

#[test]
fn ctrl_z_stops_the_whole_pipeline_and_fg_continues_it() {
    for shell in Shell::all() {
        for line in [
            "grpkill-timeout 100 sh reader | cat",
            "cat /dev/null | grpkill-timeout 100 sh -c 'sh reader </dev/tty'",
        ] {
            let mut terminal = Terminal::shell(shell);
            terminal.start_reader(line);
            terminal.stop_and_resume();
            terminal.reads("two");
            terminal.prompt_after(CTRL_D);
            terminal.leave();
        }
    }
}

#[test]
fn ctrl_c_ends_the_whole_pipeline() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.start_reader("grpkill-timeout 100 sh reader | sh -c 'cat; sleep 100'");
        assert_eq!(terminal.prompt_after(CTRL_C), 130, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn two_of_us_stop_and_go_on_together() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        // The second does not end by itself with the first: the status would tell who was quicker.
        let line = "grpkill-timeout 100 sh reader | grpkill-timeout 100 sh -c 'cat; sleep 100'";
        terminal.start_reader(line);
        terminal.stop_and_resume();
        terminal.reads("two");
        assert_eq!(terminal.prompt_after(CTRL_C), shell.status_in_front(130), "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn two_that_read_take_turns() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.two_readers();
        terminal.press(CTRL_D);
        terminal.expect("end of input");
        terminal.reads("two");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{shell:?}");
        terminal.leave();
    }
}

/// Between `fg` and our look at our place. Other shells than bash send a CONT then, which undoes the
/// key if it comes after it.
#[test]
fn ctrl_z_before_the_terminal_is_lent_stops_the_job() {
    for _ in 0..3 {
        let mut terminal = Terminal::bash();
        let (ours, reader) = terminal.reader_behind();
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.prompt_after(CTRL_Z);
        assert_eq!((state(ours), state(reader)), (Some('T'), Some('T')));
        terminal.assert_in_order();
        terminal.command("fg");
        terminal.reads("one");
        terminal.prompt_after(CTRL_D);
        terminal.leave();
    }
}

/// OpenSSH's, like readpassphrase(3), stops itself once more when it has been told to stop.
#[test]
fn a_passphrase_is_asked_for_by_who_catches_the_stop() {
    if !has_program("ssh-keygen") {
        return;
    }
    for line in [
        "grpkill-timeout 100 ssh-keygen -y -f key",
        "grpkill-timeout 100 sh -c 'ssh-keygen -y -f key; exit $?'",
        "grpkill-timeout 100 sh -c 'sh -c \"ssh-keygen -y -f key; exit\" | cat; exit'",
        "grpkill-timeout 100 grpkill-timeout 90 ssh-keygen -y -f key",
    ] {
        let mut terminal = Terminal::bash();
        assert_eq!(terminal.run("ssh-keygen -q -a 1 -t ed25519 -N secret -f key"), 0);
        for _ in 0..20 {
            terminal.command_says(line, "Enter passphrase");
            terminal.wait_for_silence();
            terminal.line("secret");
            terminal.expect("ssh-ed25519");
            assert_eq!(terminal.prompt(), 0, "{line}");
        }
        terminal.leave();
    }
}
