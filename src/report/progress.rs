//! Time passed and left, in the terminal's own terms: the progress sequence that `ConEmu` began,
//! `OSC 9;4`, and the window's title (xterm's control sequences, `OSC 2` and `XTWINOPS`).
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::time::Duration;

use crate::duration::show_exact;
use crate::report::words::{cut, show_command};

/// How much of the command a title shows, in characters.
const TITLE_WIDTH: usize = 40;

/// What is left of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There is no limit.
    Unlimited,
    /// So much of this limit.
    Time {
        /// Until the limit.
        left: Duration,
        /// All of it.
        limit: Duration,
    },
    /// The job is being ended.
    Ending,
}

/// Keeps the title that the terminal has, to come back with [`CLEAR`].
pub const BEGIN: &str = "\x1b[22;2t";

/// Takes the progress away, and gives the title back.
pub const CLEAR: &str = "\x1b]9;4;0\x1b\\\x1b[23;2t";

/// Shows that so much time has passed, in whole seconds.
pub fn show(command: &[OsString], passed: Duration, left: Left) -> String {
    let command = cut(&show_command(command), TITLE_WIDTH);
    let seconds = |time: Duration| show_exact(Duration::from_secs(time.as_secs()));
    let passed = seconds(passed);
    let (state, times) = match left {
        Left::Unlimited => ("3;0".to_owned(), passed.to_string()),
        Left::Time { left, limit } => {
            let share = left.as_nanos().saturating_mul(100).div_ceil(limit.as_nanos().max(1));
            let percent = 100_u128.saturating_sub(share);
            // Up, so that nothing is left only when nothing is.
            let left = seconds(left.saturating_add(Duration::from_nanos(999_999_999)));
            (format!("1;{percent}"), format!("{passed}, {left} left"))
        }
        Left::Ending => ("2;100".to_owned(), format!("{passed}, ending")),
    };
    format!("\x1b]9;4;{state}\x1b\\\x1b]2;{times}: {command}\x1b\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(passed: u64, left: Left) -> String {
        show(&["sleep".into(), "10".into()], Duration::from_millis(passed), left)
    }

    fn of_ten_seconds(left: u64) -> Left {
        Left::Time { left: Duration::from_millis(left), limit: Duration::from_secs(10) }
    }

    #[test]
    fn time_passes() {
        let text = |state: &str, title: &str| format!("\x1b]9;4;{state}\x1b\\\x1b]2;{title}\x1b\\");
        assert_eq!(shown(0, of_ten_seconds(10_000)), text("1;0", "0s, 10s left: sleep 10"));
        assert_eq!(shown(2500, of_ten_seconds(7500)), text("1;25", "2s, 8s left: sleep 10"));
        assert_eq!(shown(9999, of_ten_seconds(1)), text("1;99", "9s, 1s left: sleep 10"));
        assert_eq!(shown(61_000, Left::Unlimited), text("3;0", "1m 1s: sleep 10"));
        assert_eq!(shown(11_000, Left::Ending), text("2;100", "11s, ending: sleep 10"));
    }

    #[test]
    fn a_command_ends_no_sequence() {
        let shown = show(&["a\x1b\\\x07".into()], Duration::ZERO, Left::Unlimited);
        assert_eq!(shown.matches(['\x1b', '\x07']).count(), 4, "{shown:?}");
    }
}
