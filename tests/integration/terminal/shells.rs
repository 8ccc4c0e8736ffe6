//! From an interactive shell: whatever one types works as without us.

use std::fs;

use super::session::{CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, Terminal};
use super::shell::Shell;
use crate::harness::has_program;
use crate::members::group_of;

#[test]
fn cat_reads_what_is_typed() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.command("grpkill-timeout 100 cat");
        terminal.line("one");
        terminal.expect("one\r\none\r\n");
        assert_eq!(terminal.prompt_after(CTRL_D), 0, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn a_key_is_read_at_once_and_without_echo() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.script("key", "echo press; read -s -n1 key; echo \"key is $key\"");
        terminal.command_says("grpkill-timeout 100 bash key", "press\r\n");
        terminal.press("x");
        terminal.expect("key is x");
        assert_eq!(terminal.prompt(), 0);
        terminal.command_says("grpkill-timeout 100 fixture raw tidy", "in raw mode ");
        terminal.press("y");
        terminal.expect("key y");
        assert_eq!(terminal.prompt(), 0);
        terminal.leave();
    }
}

#[test]
fn a_password_is_read_from_the_terminal_itself() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        terminal.command_says("grpkill-timeout 100 bash asks < /dev/null", "Password: ");
        terminal.wait_for_silence();
        terminal.line("secret");
        terminal.expect("it is secret");
        assert_eq!(terminal.prompt(), 0);
        terminal.leave();
    }
}

#[test]
fn an_interactive_shell_inside_has_jobs_and_keys() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        // Its prompt tells no status, or the two could not be told apart.
        terminal.script("inner", "PS1='inner%'");
        terminal.command_says("grpkill-timeout 100 bash --rcfile inner -i", "inner%");
        terminal.start_reader("sh reader");
        terminal.press(CTRL_Z);
        terminal.expect("Stopped");
        terminal.expect("inner%");
        terminal.command_says("jobs", "sh reader\r\n");
        terminal.expect("inner%");
        terminal.command_says("fg", "sh reader\r\n");
        terminal.reads("two");
        terminal.press(CTRL_C);
        terminal.expect("inner%");
        terminal.line("echo still he''re");
        terminal.expect("still here");
        terminal.line("exit 3");
        assert_eq!(terminal.prompt(), 3, "{shell:?}");
        terminal.leave();
    }
}

#[test]
fn a_key_ends_what_has_the_terminal_and_what_has_not() {
    for shell in Shell::all() {
        let mut terminal = Terminal::shell(shell);
        for (key, status) in [(CTRL_C, 130), (CTRL_BACKSLASH, 131)] {
            terminal.command("grpkill-timeout 100 sh reader");
            terminal.reads("one");
            assert_eq!(terminal.prompt_after(key), status, "{shell:?}");
            terminal.start_worker("grpkill-timeout 100 fixture worker");
            assert_eq!(terminal.prompt_after(key), status, "{shell:?}");
            terminal.assert_in_order();
        }
        terminal.leave();
    }
}

/// Where it is in the same pipeline as we are, and where it is under us.
#[test]
fn a_pager_reads_its_keys_from_the_terminal() {
    if !has_program("less") {
        return;
    }
    for shell in Shell::all() {
        for line in ["grpkill-timeout 100 seq 1000 | less", "seq 1000 | grpkill-timeout 100 less"] {
            let mut terminal = Terminal::shell(shell);
            terminal.command_says(line, "\r\n22\r\n");
            terminal.press("G");
            terminal.expect("\r\n1000\r\n");
            assert_eq!(terminal.prompt_after("q"), 0, "{shell:?}, {line}");
            terminal.leave();
        }
    }
}

#[test]
fn an_editor_writes_its_file() {
    for (program, editor) in [("vim.tiny", "vim.tiny -u NONE"), ("busybox", "busybox vi")] {
        if !has_program(program) {
            continue;
        }
        for shell in Shell::all() {
            let mut terminal = Terminal::shell(shell);
            terminal.script("note", "hellox\n");
            terminal.command_says(&format!("grpkill-timeout 100 {editor} note"), "hellox");
            terminal.line("$x:wq");
            assert_eq!(terminal.prompt(), 0, "{shell:?}");
            assert_eq!(
                fs::read_to_string(terminal.home().join("note")).ok(),
                Some("hello\n".into())
            );
            terminal.leave();
        }
    }
}

#[test]
fn the_command_is_in_front_only_while_it_needs_to_be() {
    let mut terminal = Terminal::bash();
    let worker = terminal.start_worker("grpkill-timeout 100 fixture worker");
    let ours = terminal.our_pid();
    assert_eq!(terminal.foreground_group(), group_of(ours));
    assert_ne!(group_of(worker), group_of(ours));
    assert_eq!(terminal.prompt_after(CTRL_C), 130);
    terminal.command("grpkill-timeout 100 sh reader");
    terminal.reads("one");
    let ours = terminal.our_pid();
    assert_ne!(terminal.foreground_group(), group_of(ours));
    assert_eq!(terminal.prompt_after(CTRL_D), 0);
}
