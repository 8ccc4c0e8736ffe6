//! `--progress`: shown by the terminal itself, and gone at the end whatever happens.

use super::session::{CTRL_C, CTRL_Z, Terminal};
use crate::harness::{grpkill_timeout, run, signal_process};

/// The terminal's own sequence, up to its state.
const PROGRESS: &str = "\u{1b}]9;4;";

/// What takes it away: no progress, and the title from before.
const CLEARED: &str = "\u{1b}]9;4;0\u{1b}\\\u{1b}[23;2t";

/// Everything that was shown is taken away, before the prompt.
fn assert_cleared(terminal: &mut Terminal) {
    let screen = terminal.screen();
    let last = screen.rfind(PROGRESS).expect("there was a progress");
    assert!(screen[last..].starts_with(CLEARED), "{screen:?}");
    let begun = screen.matches("\u{1b}[22;2t").count();
    assert_eq!(begun, screen.matches("\u{1b}[23;2t").count(), "{screen:?}");
}

#[test]
fn time_passes_until_the_limit() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout -q --progress 2 sleep 1000");
    terminal.expect("\u{1b}[22;2t\u{1b}]9;4;1;");
    terminal.expect("left: sleep 1000\u{1b}\\");
    assert_eq!(terminal.prompt(), 124);
    assert_cleared(&mut terminal);
    terminal.leave();
}

#[test]
fn without_a_limit_there_is_no_end_to_show() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout --progress 0 sleep 1000");
    terminal.expect("\u{1b}]9;4;3;0\u{1b}\\\u{1b}]2;1s: sleep 1000\u{1b}\\");
    assert_eq!(terminal.prompt_after(CTRL_C), 130);
    assert_cleared(&mut terminal);
    terminal.leave();
}

#[test]
fn it_is_gone_while_stopped_and_when_we_are_ended() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout --progress 100 sh reader");
    terminal.expect("]9;4;1;");
    assert_eq!(terminal.prompt_after(CTRL_Z), 148);
    assert_cleared(&mut terminal);
    terminal.command("fg");
    terminal.expect("]9;4;1;");
    signal_process(terminal.our_pid(), libc::SIGTERM);
    assert_eq!(terminal.prompt(), 143);
    assert_cleared(&mut terminal);
    terminal.leave();
}

#[test]
fn what_goes_on_during_the_grace_is_shown_as_ending() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout -q -k 1 --progress 0.5 sh -c 'trap \"\" TERM; sleep 1000'");
    terminal.expect("]9;4;2;100");
    assert_eq!(terminal.prompt(), 137);
    assert_cleared(&mut terminal);
    terminal.leave();
}

#[test]
fn in_the_background_the_title_is_somebody_elses() {
    let mut terminal = Terminal::bash();
    terminal.line("grpkill-timeout -q --progress 1 sh -c 'sleep 1000; sleep 1000' &");
    assert_eq!(terminal.prompt(), 0);
    let ours = terminal.our_pid();
    terminal.wait_until("the limit does not pass", |_| !crate::harness::is_alive(ours));
    assert!(!terminal.screen().contains(PROGRESS));
    terminal.leave();
}

#[test]
fn where_there_is_no_terminal_nothing_is_shown() {
    let finished = run(grpkill_timeout().args(["-q", "--progress", "0.5", "sleep", "1000"]));
    assert_eq!((finished.code, &*finished.stderr), (124, ""));
    let mut terminal = Terminal::bash();
    for line in [
        "grpkill-timeout -q --progress 0.5 sleep 1000 2>said",
        "TERM=dumb grpkill-timeout -q --progress 0.5 sleep 1000",
    ] {
        assert_eq!(terminal.run(line), 124, "{line}");
    }
    assert!(!terminal.screen().contains(PROGRESS));
    terminal.leave();
}
