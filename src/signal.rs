//! Signals by name and number, real-time ones included.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use libc::c_int;

/// A signal number from 0 to `SIGRTMAX`, see signal(7). 0 is the null signal of kill(2): it is
/// never delivered.
///
/// It exists because nix's `Signal` has no real-time signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(c_int);

/// The greatest number of a standard signal.
const LAST_STANDARD: c_int = 31;

/// The standard signals; where two names share a number, the first one is shown.
const NAMES: &[(&str, c_int)] = &[
    ("EXIT", 0),
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("IOT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    #[cfg(not(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "mips32r6",
        target_arch = "mips64r6",
        target_arch = "sparc",
        target_arch = "sparc64"
    )))]
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

impl Signal {
    /// The null signal: sent, it does nothing.
    pub const NULL: Self = Self(0);
    /// Ends a process that does not handle it: the terminal has gone.
    pub const HUP: Self = Self(libc::SIGHUP);
    /// Ends a process that does not handle it: Ctrl-C.
    pub const INT: Self = Self(libc::SIGINT);
    /// Ends a process that does not handle it, with a core file: Ctrl-\.
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// Ends a process; it cannot be caught or ignored.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// To this program: the limit has passed now.
    pub const ALRM: Self = Self(libc::SIGALRM);
    /// Asks a process to end.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// A child has changed its state.
    pub const CHLD: Self = Self(libc::SIGCHLD);
    /// Stops a process that does not handle it: Ctrl-Z.
    pub const TSTP: Self = Self(libc::SIGTSTP);
    /// Stops a process that reads from its terminal in the background.
    pub const TTIN: Self = Self(libc::SIGTTIN);
    /// Stops a process that changes its terminal in the background.
    pub const TTOU: Self = Self(libc::SIGTTOU);
    /// Continues a stopped process.
    pub const CONT: Self = Self(libc::SIGCONT);
    /// Stops a process; it cannot be caught or ignored.
    pub const STOP: Self = Self(libc::SIGSTOP);

    /// The signal with this number, or `None` where there can be none.
    pub fn from_number(number: c_int) -> Option<Self> {
        (0..=libc::SIGRTMAX()).contains(&number).then_some(Self(number))
    }

    /// The number that kill(2) takes.
    pub fn number(self) -> c_int {
        self.0
    }

    /// Whether its default action is to stop a process.
    pub fn stops(self) -> bool {
        [Self::STOP, Self::TSTP, Self::TTIN, Self::TTOU].contains(&self)
    }

    /// What we have the kernel send us when our parent dies: one that nobody else is likely to send.
    pub fn parent_death() -> Self {
        Self(libc::SIGRTMAX() - 1)
    }

    /// Every signal that can be sent, from 1 to `SIGRTMAX`.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=libc::SIGRTMAX()).map(Self)
    }
}

/// Who sent a signal to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel itself: what a terminal's keys or its hang-up do.
    Kernel,
    /// Another process.
    Process,
    /// A timer of our own.
    Timer,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (libc::SIGRTMIN(), libc::SIGRTMAX());
        if let Some((name, _)) = NAMES.iter().find(|(_, number)| *number == self.0) {
            f.write_str(name)
        } else if self.0 == min {
            f.write_str("RTMIN")
        } else if self.0 == max {
            f.write_str("RTMAX")
        } else if (min..max).contains(&self.0) && self.0 - min <= max - self.0 {
            write!(f, "RTMIN+{}", self.0 - min)
        } else if (min..max).contains(&self.0) {
            write!(f, "RTMAX-{}", max - self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// What was typed is no signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSignal;

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `HUP`, `SIGHUP`, `hup`, `1`, `RTMIN`, `RTMIN+3`, `RTMAX-1`, `64`, `0`.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = if let Some(number) = whole_number(&upper) {
            number
        } else if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
            *number
        } else {
            real_time(name).ok_or(UnknownSignal)?
        };
        // The C library keeps those between the standard and the real-time ones to itself.
        let reserved = LAST_STANDARD + 1..libc::SIGRTMIN();
        Self::from_number(number).filter(|_| !reserved.contains(&number)).ok_or(UnknownSignal)
    }
}

/// `RTMIN`, `RTMIN+N`, `RTMAX` and `RTMAX-N` where they lie between the two.
fn real_time(name: &str) -> Option<c_int> {
    let (min, max) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    let number = match name {
        "RTMIN" => min,
        "RTMAX" => max,
        _ => match name.strip_prefix("RTMIN+") {
            Some(above) => min.checked_add(whole_number(above)?)?,
            None => max.checked_sub(whole_number(name.strip_prefix("RTMAX-")?)?)?,
        },
    };
    (min..=max).contains(&number).then_some(number)
}

/// A number of digits alone: `str::parse` would take a sign too.
fn whole_number(text: &str) -> Option<c_int> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A signal that came to us, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// When we took notice of it.
    pub at: Instant,
    /// The signal.
    pub signal: Signal,
    /// The kernel or a process.
    pub origin: Origin,
    /// The sender's process id; 0 where it is the kernel or a process outside our pid namespace.
    pub pid: libc::pid_t,
    /// The sender's real user id.
    pub uid: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, number) in [
            ("HUP", libc::SIGHUP),
            ("SIGHUP", libc::SIGHUP),
            ("hup", libc::SIGHUP),
            ("sigHup", libc::SIGHUP),
            ("1", 1),
            ("0", 0),
            ("EXIT", 0),
            ("64", 64),
            ("IOT", libc::SIGABRT),
            ("RTMIN", libc::SIGRTMIN()),
            ("rtmin+2", libc::SIGRTMIN() + 2),
            ("SIGRTMAX-1", libc::SIGRTMAX() - 1),
            ("RTMAX", libc::SIGRTMAX()),
        ] {
            assert_eq!(text.parse::<Signal>().map(Signal::number), Ok(number), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let wrong = [
            "32",
            "",
            "SIG",
            "SIGSIGHUP",
            "FOO",
            "-1",
            "+1",
            "65",
            "1000",
            "99999999999",
            " HUP",
            "HUP ",
            "1.0",
            "RTMIN-1",
            "RTMAX+1",
            "RTMIN+31",
            "RTMAX-31",
            "RTMIN+",
            "RTMIN+-1",
            "RTMIN++1",
            "TERM,KILL",
            "ΤERM",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Signal>(), Err(UnknownSignal), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let known = Signal::all().filter(|signal| ![32, 33].contains(&signal.number()));
        for signal in known.chain([Signal::NULL]) {
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
    }
}
