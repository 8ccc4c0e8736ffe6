//! From a script: a shell without job control, which has one group for all that it runs.

use std::process::Command;

use nix::sys::termios::LocalFlags;

use super::session::{CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, Terminal};
use crate::harness::{is_alive, wait_gone};
use crate::members::{group_of, members};

/// A script under an interactive shell, and one that leads the session itself.
const UNDER_A_SHELL: [bool; 2] = [true, false];

/// A command that reads, and one that does not.
const COMMANDS: [&str; 2] = [READER, "fixture worker"];

const READER: &str = "sh reader";

/// Runs a script.
fn script(under_a_shell: bool, text: &str) -> Terminal {
    let mut command = Command::new("sh");
    let mut terminal = if under_a_shell {
        Terminal::bash()
    } else {
        // The file is there only when the session has begun.
        Terminal::running(command.args(["-c", "until [ -s script ]; do :; done; exec sh script"]))
    };
    terminal.script("text", text);
    std::fs::rename(terminal.home().join("text"), terminal.home().join("script")).expect("a file");
    if under_a_shell {
        terminal.line("sh script");
    }
    terminal
}

/// Waits until one of these is at work.
fn begins(terminal: &mut Terminal, command: &str) {
    match command {
        READER => terminal.reader_begins(),
        _ => terminal.expect("working"),
    }
}

/// Runs a script in which the script `reader` writes through a pipe, and waits until it reads.
fn pipeline(under_a_shell: bool, then: &str) -> Terminal {
    let text = format!("grpkill-timeout 100 sh reader | sed -u 's/^/through: /'\n{then}");
    let mut terminal = script(under_a_shell, &text);
    terminal.expect("through: reading\r\n");
    terminal.line("one");
    terminal.expect("through: got one");
    terminal
}

fn end(terminal: &mut Terminal, under_a_shell: bool) -> i32 {
    if under_a_shell {
        let status = terminal.prompt();
        terminal.assert_in_order();
        status
    } else {
        terminal.wait_exit()
    }
}

#[test]
fn two_commands_read_one_after_the_other() {
    for under in UNDER_A_SHELL {
        let twice = "grpkill-timeout 100 sh reader\ngrpkill-timeout 100 sh reader\nexit 3";
        let mut terminal = script(under, twice);
        for _ in 0..2 {
            terminal.reader_begins();
            terminal.press(CTRL_D);
            terminal.expect("end of input");
        }
        assert_eq!(end(&mut terminal, under), 3);
    }
}

#[test]
fn the_script_reads_after_the_command_has() {
    for under in UNDER_A_SHELL {
        let text = "grpkill-timeout 100 sh reader\nread line\necho \"script got $line\"";
        let mut terminal = script(under, text);
        terminal.reader_begins();
        terminal.press(CTRL_D);
        terminal.expect("end of input");
        terminal.line("two");
        terminal.expect("script got two");
        assert_eq!(end(&mut terminal, under), 0);
    }
}

#[test]
fn the_command_sets_the_modes() {
    for under in UNDER_A_SHELL {
        let text = "grpkill-timeout 100 stty -echo\necho set $?\nread line\nstty echo";
        let mut terminal = script(under, text);
        terminal.expect("set 0");
        assert!(!terminal.modes().local_flags.contains(LocalFlags::ECHO));
        terminal.line("");
        assert_eq!(end(&mut terminal, under), 0);
    }
}

#[test]
fn a_key_that_ends_the_command_stops_the_script() {
    for under in UNDER_A_SHELL {
        for (key, status) in [(CTRL_C, 130), (CTRL_BACKSLASH, 131)] {
            for command in COMMANDS {
                let text = format!("grpkill-timeout 100 {command}\necho went on");
                let mut terminal = script(under, &text);
                begins(&mut terminal, command);
                terminal.press(key);
                assert_eq!(end(&mut terminal, under), status, "{command}");
                assert!(!terminal.screen().contains("went on"), "{}", terminal.screen());
            }
        }
    }
}

#[test]
fn ctrl_z_stops_the_script_and_fg_continues_all() {
    for command in ["sh reader", "bash asking"] {
        let mut terminal = Terminal::bash();
        terminal.script("asking", "echo reading; while read -p '? ' line; do echo got $line; done");
        terminal.script("script", &format!("grpkill-timeout 100 {command}\necho went on; exit 3"));
        terminal.start_reader("sh script");
        for _ in 0..3 {
            assert_eq!(terminal.stop_and_resume(), 148);
            terminal.reads("two");
        }
        terminal.press(CTRL_D);
        terminal.expect("went on");
        assert_eq!(terminal.prompt(), 3);
        terminal.leave();
    }
}

#[test]
fn a_script_that_does_not_read_stops_and_goes_on_too() {
    let mut terminal = Terminal::bash();
    terminal.script("script", "grpkill-timeout 100 fixture worker\necho went on");
    let worker = terminal.start_worker("sh script");
    assert_eq!(terminal.prompt_after(CTRL_Z), 148);
    terminal.wait_stopped();
    terminal.behind("continued\r\n");
    terminal.command("fg");
    assert_eq!(terminal.prompt_after(CTRL_Z), 148);
    terminal.wait_stopped();
    terminal.command("fg");
    terminal.wait_state(worker, 'S');
    assert_eq!(terminal.prompt_after(CTRL_C), 130);
    wait_gone(worker);
    terminal.leave();
}

#[test]
fn a_pipeline_in_a_script_reads_and_writes() {
    for under in UNDER_A_SHELL {
        let mut terminal = pipeline(under, "exit 3");
        terminal.press(CTRL_D);
        terminal.expect("through: end of input");
        assert_eq!(end(&mut terminal, under), 3);
    }
}

#[test]
fn a_key_ends_the_whole_pipeline_in_a_script() {
    for under in UNDER_A_SHELL {
        let mut terminal = pipeline(under, "echo went on");
        terminal.press(CTRL_C);
        assert_eq!(end(&mut terminal, under), 130);
        assert!(!terminal.screen().contains("went on"));
    }
}

#[test]
fn the_script_goes_on_after_the_limit_with_its_modes() {
    for under in UNDER_A_SHELL {
        let text = "stty -g >before\ngrpkill-timeout -q -k 0.1 100 fixture raw deaf\n\
                    echo status $?\nstty -g >after\ncmp before after && echo the sa''me\n\
                    read line; echo script got $line";
        let mut terminal = script(under, text);
        let deaf = terminal.expect_number("in raw mode ");
        terminal.limit_passes();
        terminal.expect("status 137");
        assert!(!is_alive(deaf));
        terminal.expect("the same");
        terminal.line("one");
        terminal.expect("script got one");
        assert_eq!(end(&mut terminal, under), 0);
    }
}

#[test]
fn the_size_of_the_window_reaches_the_command() {
    for under in UNDER_A_SHELL {
        // With the terminal lent, and without.
        for first in ["asks", "never"] {
            let mut terminal =
                script(under, &format!("grpkill-timeout 100 fixture window {first}"));
            terminal.expect("ready");
            terminal.resize(30, 100);
            terminal.expect("size 30 100");
            let lent = terminal.foreground_group() != group_of(terminal.our_pid());
            assert_eq!(lent, first == "asks");
            terminal.resize(31, 101);
            terminal.expect("size 31 101");
            terminal.press(CTRL_C);
            assert_eq!(end(&mut terminal, under), 130);
        }
    }
}

#[test]
fn closing_the_window_ends_the_job() {
    for under in UNDER_A_SHELL {
        for command in COMMANDS {
            let mut terminal = script(under, &format!("grpkill-timeout 100 {command}"));
            begins(&mut terminal, command);
            terminal.hang_up();
            let session = terminal.session();
            terminal.wait_exit();
            terminal.wait_until("the job outlives its terminal", |_| members(session).is_empty());
        }
    }
}

#[test]
fn output_from_behind_waits_for_the_terminal_where_that_is_wanted() {
    let mut terminal = Terminal::bash();
    assert_eq!(terminal.run("stty tostop"), 0);
    // In front, it is lent.
    terminal.command_says("grpkill-timeout 100 seq 3", "1\r\n2\r\n3\r\n");
    assert_eq!(terminal.prompt(), 0);
    terminal.line("grpkill-timeout 100 sh reader &");
    assert_eq!(terminal.prompt(), 0);
    let ours = terminal.our_pid();
    let reader = terminal.child_of(ours);
    terminal.wait_state(reader, 'T');
    assert!(!terminal.unread().contains("reading"));
    terminal.command("fg");
    terminal.reader_begins();
    assert_eq!(terminal.prompt_after(CTRL_D), 0);
    terminal.leave();
}
