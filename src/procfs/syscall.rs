//! The names of the system calls that a process may wait in, see syscalls(2).
#![forbid(unsafe_code)]

/// The name of a call by its number on this machine; `None` for those that do not wait.
pub fn name(number: libc::c_long) -> Option<&'static str> {
    let mut calls = CALLS.iter().chain(ONLY_HERE);
    calls.find(|(call, _)| *call == number).map(|(_, name)| *name)
}

/// Whether the terminal stops who is in this call on it from the background, see `SIGTTIN` and
/// `SIGTTOU` in termios(3).
pub fn is_of_terminal(number: libc::c_long) -> bool {
    [libc::SYS_read, libc::SYS_readv, libc::SYS_write, libc::SYS_writev, libc::SYS_ioctl]
        .contains(&number)
}

/// A table of the calls, which have the same names in the kernel and in the C library.
macro_rules! calls {
    ($($call:ident $name:literal,)*) => {
        &[$((libc::$call, $name),)*]
    };
}

/// Calls of the older kind, which newer machines do not have.
#[cfg(target_arch = "x86_64")]
const ONLY_HERE: &[(libc::c_long, &str)] = calls! {
    SYS_epoll_wait "epoll_wait",
    SYS_open "open",
    SYS_pause "pause",
    SYS_poll "poll",
    SYS_select "select",
};
#[cfg(not(target_arch = "x86_64"))]
const ONLY_HERE: &[(libc::c_long, &str)] = &[];

const CALLS: &[(libc::c_long, &str)] = calls! {
    SYS_accept "accept",
    SYS_accept4 "accept4",
    SYS_clock_nanosleep "clock_nanosleep",
    SYS_connect "connect",
    SYS_epoll_pwait "epoll_pwait",
    SYS_fcntl "fcntl",
    SYS_fdatasync "fdatasync",
    SYS_flock "flock",
    SYS_fsync "fsync",
    SYS_futex "futex",
    SYS_io_getevents "io_getevents",
    SYS_io_uring_enter "io_uring_enter",
    SYS_ioctl "ioctl",
    SYS_mq_timedreceive "mq_timedreceive",
    SYS_mq_timedsend "mq_timedsend",
    SYS_msgrcv "msgrcv",
    SYS_msgsnd "msgsnd",
    SYS_nanosleep "nanosleep",
    SYS_openat "openat",
    SYS_ppoll "ppoll",
    SYS_pread64 "pread64",
    SYS_preadv "preadv",
    SYS_pselect6 "pselect6",
    SYS_pwrite64 "pwrite64",
    SYS_read "read",
    SYS_readv "readv",
    SYS_recvfrom "recvfrom",
    SYS_recvmmsg "recvmmsg",
    SYS_recvmsg "recvmsg",
    SYS_rt_sigsuspend "rt_sigsuspend",
    SYS_rt_sigtimedwait "rt_sigtimedwait",
    SYS_semtimedop "semtimedop",
    SYS_sendmsg "sendmsg",
    SYS_sendto "sendto",
    SYS_splice "splice",
    SYS_wait4 "wait4",
    SYS_waitid "waitid",
    SYS_write "write",
    SYS_writev "writev",
};
