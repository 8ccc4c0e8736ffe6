//! What this program is when it is started by itself: a job of many processes, or the least that can
//! take such a job down.

use std::io::Write as _;

use libc::{c_int, pid_t};

use crate::process::own_path;

/// How a command that plays the job's role begins; the number of members follows.
pub const MEMBERS: &str = "role-members";

/// How a command that plays the role of the least supervisor begins; the same number follows.
pub const LEAST: &str = "role-least-supervisor";

/// Plays the role that these arguments name, if they name one.
pub fn play(arguments: &[String]) -> bool {
    match arguments {
        [role, count] if role == MEMBERS => members(count.parse().expect("a number")),
        [role, count] if role == LEAST => least_supervisor(count),
        _ => return false,
    }
    true
}

/// Forks so many children that ignore TERM, as it does itself, says so, and stays.
fn members(count: usize) {
    ignore_term();
    for _ in 0..count {
        if fork() == 0 {
            rest();
        }
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(b"ready\n").and_then(|()| stdout.flush()).expect("somebody waits for it");
    rest();
}

/// Takes down a job as plainly as can be: the first TERM is passed on to the group, the second one
/// kills it, and then children are reaped until none is left.
fn least_supervisor(count: &str) {
    let program = own_path();
    // SAFETY: the calls take numbers, and sets that are initialised by sigemptyset.
    let term = unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        set
    };
    let leader = std::os::unix::process::CommandExt::process_group(
        std::process::Command::new(program).args([MEMBERS, count]),
        0,
    )
    .spawn()
    .expect("this program can be started")
    .id() as pid_t;
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let mut received: c_int = 0;
        // SAFETY: the set is initialised, the pointers are to values of ours, and the group is that
        // of a child that is not reaped.
        unsafe {
            libc::sigwait(&raw const term, &raw mut received);
            libc::kill(-leader, signal);
        }
    }
    // SAFETY: the call takes numbers, and a null pointer for a status that nobody asks for.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
}

/// So many processes that have nothing to do with anybody, until this is dropped.
#[derive(Debug)]
pub struct Crowd(Vec<pid_t>);

impl Crowd {
    /// Forks them.
    pub fn gather(count: usize) -> Self {
        let one = |_| match fork() {
            0 => rest(),
            pid => pid,
        };
        Self((0..count).map(one).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // SAFETY: the calls take numbers, and null pointers for what nobody asks for; all of these
        // are our children, and not reaped before their turn.
        unsafe {
            for pid in &self.0 {
                libc::kill(*pid, libc::SIGKILL);
            }
            for pid in &self.0 {
                libc::waitpid(*pid, std::ptr::null_mut(), 0);
            }
        }
    }
}

fn fork() -> pid_t {
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no process can be made: {}", std::io::Error::last_os_error());
    pid
}

fn ignore_term() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

/// Does nothing until it is killed, or its parent is.
fn rest() -> ! {
    // SAFETY: the calls take numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    loop {
        // SAFETY: the call takes nothing.
        unsafe { libc::pause() };
    }
}
