//! Standard input, output and error, kept apart from our own descriptors.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};
use nix::sys::stat::Mode;

use super::FIRST_OWN_FD;
use super::outlet::is_terminal;

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
    is_terminal(stderr())
}

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    // SAFETY: as for standard error.
    is_terminal(unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) })
}

/// How many columns the terminal has that standard error is.
pub fn stderr_width() -> Option<usize> {
    // SAFETY: zero bytes are a valid winsize.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a winsize of ours.
    let result = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then(|| usize::from(size.ws_col))
}

/// Standard error as it is.
pub fn stderr() -> BorrowedFd<'static> {
    // SAFETY: the descriptors 0 to 2 are open from `reserve` on, and nobody closes them.
    unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }
}

/// The same open file by a descriptor of our own, which exec closes.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let copy = nix::fcntl::fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(FIRST_OWN_FD))?;
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Whether so many descriptors can be opened.
pub fn has_room(count: usize) -> Result<(), Errno> {
    let copies: Result<Vec<_>, _> = (0..count).map(|_| duplicate(stderr())).collect();
    copies.map(drop)
}

/// Lets go of standard input, output and error: whoever reads from us is not to wait for a helper
/// that hangs. For a child of ours only.
pub fn let_go() {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let nothing = nix::fcntl::open("/", flags, Mode::empty());
    for fd in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: the descriptors are open, and nobody in the child has one of them for its own.
        unsafe {
            match &nothing {
                Ok(nothing) => libc::dup2(nothing.as_raw_fd(), fd),
                Err(_) => libc::close(fd),
            }
        };
    }
}
