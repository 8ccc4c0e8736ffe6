//! Appending to a file that many write to, without waiting for anybody.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::outlet::write_with_patience;
use super::stdio;

/// Where a line is to be appended.
#[derive(Debug)]
pub enum Destination {
    /// A file that is opened when there is something to write.
    Path(PathBuf),
    /// A descriptor that we were started with, or why there is none.
    Descriptor(io::Result<File>),
}

impl Destination {
    /// The destination that a path means; `-` is standard error. `/dev/fd/N` is the descriptor
    /// itself, which may be what nobody can open: a socket, or a file that we could not open again.
    /// Before we open anything of our own, so that N is what our starter meant.
    pub fn of(path: &Path) -> Self {
        let number = path.to_str().and_then(|path| {
            if path == "-" {
                return Some(libc::STDERR_FILENO);
            }
            let number =
                path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"));
            number?.parse::<RawFd>().ok()
        });
        match number {
            Some(fd) => Self::Descriptor(descriptor(fd)),
            None => Self::Path(path.to_owned()),
        }
    }

    /// Appends a line, to a file with one write, so that those of others stay whole. What is no
    /// file gets so much time to take it.
    pub fn append(&self, line: &[u8], patience: Duration) -> io::Result<()> {
        let opened;
        let file = match self {
            Self::Descriptor(Ok(file)) => file,
            Self::Descriptor(Err(error)) => {
                return Err(io::Error::from_raw_os_error(
                    error.raw_os_error().unwrap_or(libc::EBADF),
                ));
            }
            Self::Path(path) => {
                opened = open(path)?;
                &opened
            }
        };
        let kind = file.metadata()?.file_type();
        let waits = kind.is_fifo() || kind.is_socket() || kind.is_char_device();
        if waits {
            return Ok(write_with_patience(file.as_fd(), line, patience)?);
        }
        let mended;
        let line = if ends_within_a_line(file) {
            mended = [b"\n", line].concat();
            &mended
        } else {
            line
        };
        let written = nix::unistd::write(file, line)?;
        if written < line.len() {
            // There was room for a part of it. The rest tells why not for more.
            write_with_patience(file.as_fd(), &line[written..], patience)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe without a reader is an error then, and not a reason to wait for one.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644).custom_flags(flags);
    // A file of before is read, too; a pipe is not: we would be its reader, and wait for ourselves.
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let readable = is_file.then(|| options.clone().read(true).open(path));
    readable.and_then(io::Result::ok).map_or_else(|| options.open(path), Ok)
}

/// Whether a file ends in a line that was cut off, for want of room, and must not take the next one
/// with it. Somebody may just be writing one: what does not grow for a while is cut off. A file that we
/// may not read is taken to be whole.
fn ends_within_a_line(file: &File) -> bool {
    let mut lengths = (0..LOOKS).map(|look| {
        if look > 0 {
            std::thread::sleep(WRITING);
        }
        let mut last = [b'\n'];
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let read = length.checked_sub(1).map(|at| file.read_at(&mut last, at));
        (matches!(read, Some(Ok(1))) && last != [b'\n']).then_some(length)
    });
    let first = lengths.next().flatten();
    first.is_some() && lengths.all(|length| length == first)
}

/// How often, and with how much time between, a file is looked at.
const LOOKS: usize = 3;
const WRITING: Duration = Duration::from_millis(20);

fn descriptor(fd: RawFd) -> io::Result<File> {
    if fd < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: the number is only looked at: where it is no open descriptor, the call fails.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(stdio::duplicate(fd)?.into())
}
