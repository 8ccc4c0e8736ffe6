//! Every system call of the program but reading `/proc`, and its only `unsafe` but the entry point's. Each function is
//! one call, or the few that make sense together only.

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;

use libc::{c_char, c_int};
pub use nix::errno::Errno;

use crate::signal::Signal;

pub mod append;
pub mod helper;
pub mod last_resort;
pub mod outlet;
pub mod parent;
pub mod poll;
pub mod process;
pub mod signals;
pub mod spawn;
pub mod stdio;
pub mod terminal;
mod timer;
pub mod wait;

/// The first descriptor that is not stdin, stdout or stderr.
const FIRST_OWN_FD: RawFd = 3;

/// Repeats a call that a signal has interrupted, and turns -1 into `errno`.
fn retry(mut call: impl FnMut() -> c_int) -> Result<c_int, Errno> {
    loop {
        match Errno::result(call()) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// An error in the C library's words, without the number that Rust adds.
pub fn reason(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// The same for an error of the standard library.
pub fn io_reason(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| reason(Errno::from_raw(number)))
}

/// Makes descendants whose parent has died our children, so that none is lost from sight,
/// see `PR_SET_CHILD_SUBREAPER` in prctl(2).
pub fn become_subreaper() -> Result<(), Errno> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Ends this process by a signal, without a core file, so that our parent sees what it would have
/// seen of the command. Returns where the signal does not kill us: as PID 1, or where its default
/// action is another one; to stop us, for one.
pub fn die_by(signal: Signal) {
    // A core limit of 0 would not keep a core_pattern that is a pipe from being fed.
    if process::own_pid() == 1 || signal.stops() || nix::sys::prctl::set_dumpable(false).is_err() {
        return;
    }
    // It resets, unblocks and raises the signal; it does not know all of them.
    let _ = signal_hook::low_level::emulate_default_handler(signal.number());
    signals::raise_default(signal);
}

/// Ends this process with a status, without the C library's exit handlers: nothing of ours waits for
/// them, and what has been written has been flushed.
pub fn exit(status: u8) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { libc::_exit(status.into()) }
}

/// The arguments that the C library has called main with.
///
/// # Safety
///
/// `argv` must point to `count` pointers to strings that end with NUL.
pub unsafe fn arguments(count: c_int, argv: *const *const c_char) -> Vec<OsString> {
    (0..usize::try_from(count).unwrap_or(0))
        .map(|index| {
            // SAFETY: as the caller promises.
            let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
            OsStr::from_bytes(argument.to_bytes()).to_owned()
        })
        .collect()
}
