//! A descriptor that somebody may read from or not, and writing to it without ever waiting for long.

use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use libc::c_int;
use nix::errno::Errno;

use super::helper::{self, Streams};
use super::{poll, stdio};

/// A pipe that polls as writable takes this much, see pipe(7), unless another writer is faster.
const ROOM: usize = libc::PIPE_BUF;

/// How long to rest where poll says that there is room, and there is none for us.
const SHORTLY: Duration = Duration::from_millis(1);

/// Standard error, and how to write to it.
#[derive(Debug)]
pub enum Outlet {
    /// A pipe or a terminal, opened once more so that a write never blocks; a flag of the descriptor
    /// that we were started with would be everybody's.
    Reopened(File),
    /// What takes a flag with each write.
    Socket,
    /// On a file system, which may hang; a helper writes by this descriptor, and has no other.
    File(OwnedFd),
    /// What we could not open once more, or a device that takes everything.
    Plain,
}

impl Outlet {
    /// Looks at standard error, without asking a file system.
    pub fn of_stderr() -> Self {
        let stderr = stdio::stderr();
        match kind(stderr) {
            libc::S_IFIFO => reopen().map_or(Self::Plain, Self::Reopened),
            libc::S_IFCHR if is_terminal(stderr) => reopen().map_or(Self::Plain, Self::Reopened),
            libc::S_IFSOCK => Self::Socket,
            libc::S_IFREG | libc::S_IFBLK => {
                stdio::duplicate(stderr).map_or(Self::Plain, Self::File)
            }
            _ => Self::Plain,
        }
    }

    /// Writes all of it; `ETIME` where that takes longer than `patience`.
    pub fn write(&self, bytes: &[u8], patience: Duration) -> Result<(), Errno> {
        let stderr = stdio::stderr();
        match self {
            Self::Reopened(file) => write_with_patience(file.as_fd(), bytes, patience),
            Self::Socket => each_with_patience(stderr, bytes, patience, send),
            Self::File(file) => {
                let write = || write_with_patience(file.as_fd(), bytes, patience);
                helper::attempt(Streams::LetGo, patience, write)
            }
            Self::Plain => write_with_patience(stderr, bytes, patience),
        }
    }
}

/// Standard error once more, where it is a terminal; `None` where it is none or cannot be opened.
pub fn terminal_of_stderr() -> Option<File> {
    is_terminal(stdio::stderr()).then(reopen)?
}

/// The same pipe or terminal by a descriptor of ours alone, which never blocks.
fn reopen() -> Option<File> {
    let open = |path: &&str| {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
    };
    let terminal = is_terminal(stdio::stderr()).then_some("/dev/tty");
    ["/proc/self/fd/2"].iter().chain(&terminal).find_map(open)
}

/// What a descriptor is of, an `S_IFMT` of inode(7), 0 where that is not known. A file system is not
/// asked, which might hang.
fn kind(fd: BorrowedFd<'_>) -> libc::mode_t {
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path is a string, and the structure, of which zeros are a value, is ours.
    let (result, status) = unsafe {
        let at = status.as_mut_ptr();
        let result = libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_TYPE, at);
        (result, status.assume_init())
    };
    if result == 0 { libc::mode_t::from(status.stx_mode) & libc::S_IFMT } else { 0 }
}

/// Whether a descriptor is of a terminal. A file is not asked, whose file system might hang.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    kind(fd) == libc::S_IFCHR && fd.is_terminal()
}

/// Writes all of it, and gives up with `ETIME` where that takes longer than `patience`.
pub fn write_with_patience(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    patience: Duration,
) -> Result<(), Errno> {
    each_with_patience(fd, bytes, patience, |fd, bytes| nix::unistd::write(fd, bytes))
}

/// The same by this call, which writes some of it.
fn each_with_patience(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    patience: Duration,
    write: impl Fn(BorrowedFd<'_>, &[u8]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    let until = Instant::now() + patience;
    let mut is_first = true;
    while !bytes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !is_first {
            return Err(Errno::ETIME);
        }
        is_first = false;
        // Where poll fails, the line matters more than the small danger of waiting for it.
        if !poll::writable(fd, left).unwrap_or(true) {
            continue;
        }
        match write(fd, &bytes[..bytes.len().min(ROOM)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            // Somebody else was faster.
            Err(Errno::EAGAIN) => std::thread::sleep(SHORTLY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes to a socket without waiting, see send(2).
fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    let flags: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and the length are of a slice of ours.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    Errno::result(sent).map(|sent| sent as usize)
}
