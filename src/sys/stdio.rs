//! Standard input, output and error: kept apart from our own descriptors, and written to without
//! ever waiting for a reader.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;

use super::FIRST_OWN_FD;

/// A pipe that polls as writable takes this much without blocking, see pipe(7). A terminal may not:
/// who else writes to it can hold it meanwhile.
const NEVER_BLOCKS: usize = libc::PIPE_BUF;

/// How long to rest where poll says that there is room, and there is none for us.
const SHORTLY: Duration = Duration::from_millis(1);

/// Fills those of the descriptors 0 to 2 that are closed, so that no descriptor of ours becomes
/// one of them and gets what is meant for the user. What fills them can be neither read nor
/// written and is closed on exec: the command finds them closed, as we did.
pub fn reserve() -> Result<(), Errno> {
    loop {
        let fd = nix::fcntl::open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        if fd.as_raw_fd() >= FIRST_OWN_FD {
            return Ok(());
        }
        // It stays open to the end, as a standard descriptor does.
        let _: RawFd = std::os::fd::IntoRawFd::into_raw_fd(fd);
    }
}

/// Whether standard error is a terminal.
pub fn stderr_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// How many columns the terminal has that standard error is.
pub fn stderr_width() -> Option<usize> {
    // SAFETY: zero bytes are a valid winsize.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a winsize of ours.
    let result = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then(|| usize::from(size.ws_col))
}

/// Standard error once more, where it is a terminal, so that writing to it never blocks; a flag of our
/// own descriptor would be everybody's. `None` where it is none, or cannot be opened.
pub fn open_terminal_of_stderr() -> Option<File> {
    if !stderr_is_terminal() {
        return None;
    }
    let open = |path: &&str| {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
    };
    ["/proc/self/fd/2", "/dev/tty"].iter().find_map(open)
}

/// Standard error as it is.
pub fn stderr() -> BorrowedFd<'static> {
    // SAFETY: the descriptors 0 to 2 are open from `reserve` on, and nobody closes them.
    unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }
}

/// Writes all of it, and gives up with `ETIME` where that takes longer than `patience`.
pub fn write_with_patience(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    patience: Duration,
) -> io::Result<()> {
    let until = Instant::now() + patience;
    let mut is_first = true;
    while !bytes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !is_first {
            return Err(Errno::ETIME.into());
        }
        is_first = false;
        let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
        match nix::poll::ppoll(&mut ready, Some(TimeSpec::from(left)), None) {
            Err(Errno::EINTR) => continue,
            Ok(0) => return Err(Errno::ETIME.into()),
            // Where poll fails, the line matters more than the small danger of waiting for it.
            _ => {}
        }
        match nix::unistd::write(fd, &bytes[..bytes.len().min(NEVER_BLOCKS)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            // Somebody else is writing to the terminal.
            Err(Errno::EAGAIN) => std::thread::sleep(SHORTLY),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
