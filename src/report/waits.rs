//! What a process waits for, in words that help: the kernel's function names are its own.
#![forbid(unsafe_code)]

use crate::procfs::detail::WAIT_WOKEN;

/// What it means to wait in a kernel function of this name, or in a system call; `None` for one that
/// says enough, or that nobody knows.
///
/// The names are those of several kernels: they move as the code does. The first that is part of the
/// name decides, so that what was inlined or has got a suffix is found. Where many wait in one function
/// the system call tells, as far as it is known.
pub fn meaning(waits_in: &str, call: Option<&str>) -> Option<&'static str> {
    if waits_in == WAIT_WOKEN {
        return Some(match call {
            Some("connect") => "tcp connect",
            Some("recvfrom" | "recvmsg" | "recvmmsg") => "socket read",
            Some("sendto" | "sendmsg") => "socket write",
            _ => "socket, terminal or inotify",
        });
    }
    MEANINGS.iter().find(|(part, _)| waits_in.contains(part)).map(|(_, meaning)| *meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    ("futex", "futex"),
    ("ep_poll", "epoll"),
    ("epoll", "epoll"),
    ("poll_schedule_timeout", "poll"),
    ("do_poll", "poll"),
    ("do_sys_poll", "poll"),
    ("do_select", "select"),
    ("core_sys_select", "select"),
    ("pipe_read", "pipe read"),
    ("pipe_write", "pipe write"),
    ("wait_for_partner", "open of a FIFO"),
    ("fifo_open", "open of a FIFO"),
    ("inet_wait_for_connect", "tcp connect"),
    ("inet_stream_connect", "tcp connect"),
    ("inet_csk_accept", "accept"),
    ("sk_wait_data", "socket read"),
    ("skb_wait_for_more_packets", "socket read"),
    ("unix_stream_read", "socket read"),
    ("unix_stream_data_wait", "socket read"),
    ("sk_stream_wait_memory", "socket write"),
    ("sock_alloc_send", "socket write"),
    ("unix_wait_for_peer", "socket write"),
    ("tty_read", "terminal read"),
    ("n_tty_write", "terminal write"),
    ("tty_wait_until_sent", "terminal write"),
    ("nanosleep", "sleep"),
    ("do_wait", "waitpid"),
    ("sigtimedwait", "signal"),
    ("sigsuspend", "signal"),
    ("sys_pause", "signal"),
    ("signal_stop", "stopped"),
    ("ptrace_stop", "stopped by a debugger"),
    ("refrigerator", "frozen"),
    ("locks_lock", "file lock"),
    ("lock_inode", "file lock"),
    ("fcntl_setlk", "file lock"),
    ("semtimedop", "semaphore"),
    ("msgrcv", "message queue"),
    ("msgsnd", "message queue"),
    ("io_uring", "io_uring"),
    ("io_cqring", "io_uring"),
    ("read_events", "asynchronous I/O"),
    ("request_wait_answer", "FUSE"),
    ("fuse_", "FUSE"),
    ("rpc_wait", "NFS"),
    ("nfs", "NFS"),
    ("folio_wait", "disk"),
    ("wait_on_page", "disk"),
    ("io_schedule", "disk"),
    ("wait_on_buffer", "disk"),
    ("jbd2", "disk"),
    ("mmap_lock", "memory lock"),
    ("rwsem", "kernel lock"),
    ("mutex_lock", "kernel lock"),
    ("vfork", "vfork"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_kernels_mean_the_same() {
        for (names, expected) in [
            (&["futex_wait_queue", "futex_wait_queue_me", "futex_do_wait", "futex"][..], "futex"),
            (&["pipe_read", "anon_pipe_read", "pipe_wait_readable_pipe_read"], "pipe read"),
            (&["hrtimer_nanosleep", "do_nanosleep", "clock_nanosleep"], "sleep"),
            (&["locks_lock_inode_wait", "flock_lock_inode_wait"], "file lock"),
            (&["poll_schedule_timeout.constprop.0", "do_sys_poll"], "poll"),
            (&["ep_poll", "epoll_wait"], "epoll"),
        ] {
            for name in names {
                assert_eq!(meaning(name, None), Some(expected), "{name}");
            }
        }
    }

    #[test]
    fn where_many_wait_the_system_call_tells() {
        for (call, expected) in [
            (Some("connect"), "tcp connect"),
            (Some("recvfrom"), "socket read"),
            (Some("read"), "socket, terminal or inotify"),
            (None, "socket, terminal or inotify"),
        ] {
            assert_eq!(meaning(WAIT_WOKEN, call), Some(expected), "{call:?}");
        }
    }

    #[test]
    fn what_nobody_knows_has_no_meaning() {
        for name in ["", "0", "read", "some_driver_wait"] {
            assert_eq!(meaning(name, None), None, "{name}");
        }
    }
}
