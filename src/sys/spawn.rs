//! Starting the command: fork, the child's few steps, exec; and the leader that it becomes.
//!
//! Everything that needs memory is made ready before the fork. Between fork and exec the child
//! makes async-signal-safe calls only, so that it could be started from anywhere.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use libc::{c_char, c_int, pid_t};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::signals::Inherited;
use super::{last_resort, process, wait};
use crate::path;
use crate::signal::Signal;
use crate::status::Usage;
use crate::status::{ExitStatus, WaitStatus};

/// What runs a script without `#!`, as execvp(3) has it.
const SHELL: &CStr = c"/bin/sh";

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// How the command is to be started.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The command and its arguments, at least one.
    pub command: &'a [OsString],
    /// Whether it leads a process group of its own.
    pub own_group: bool,
    /// The signals that the command is to find unblocked and with their default action.
    pub freed_signals: &'a [Signal],
    /// The signal that it gets when we die; the null signal for none.
    pub parent_death_signal: Signal,
    /// Variables that it finds besides our environment.
    pub variables: &'a [(&'static str, String)],
    /// What its standard descriptors are.
    pub stdio: Stdio,
}

/// The standard descriptors of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Ours.
    Inherited,
    /// An empty input, and our standard error for both outputs.
    Telling,
}

/// Nothing has been started, and why.
#[derive(Debug)]
pub struct SpawnError {
    /// What could not be done.
    pub doing: &'static str,
    /// Why.
    pub cause: io::Error,
}

impl Spawn<'_> {
    /// Starts the command. Whether it could be executed is known when it has ended, see
    /// [`Leader::start_error`]: an exec may take its time, on a file system that hangs for one, and
    /// the limit counts meanwhile.
    pub fn start(&self, inherited: &Inherited) -> Result<Leader, SpawnError> {
        let failed = |doing| move |error: Errno| SpawnError { doing, cause: error.into() };
        let mut image = Image::new(self.command, self.variables)
            .map_err(|cause| SpawnError { doing: "run the command", cause })?;
        let empty = match self.stdio {
            Stdio::Inherited => None,
            Stdio::Telling => Some(
                nix::fcntl::open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
                    .map_err(failed("open /dev/null"))?,
            ),
        };
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .map_err(failed("open a pipe"))?;
        let parent = process::own_pid();
        // SAFETY: we have one thread, and the child calls nothing but async-signal-safe functions.
        let pid = Errno::result(unsafe { libc::fork() }).map_err(failed("fork"))?;
        if pid == 0 {
            self.become_command(&mut image, inherited, parent, empty.as_ref(), &writer);
        }
        // It is not freed: each page that we write to while the child shares it has to be copied.
        std::mem::forget(image);
        if self.own_group {
            // The child does the same; whoever comes first, the group exists from here on. It
            // fails when the child has gone on to exec, and then the child has done it.
            // SAFETY: the call takes numbers; the child is ours and not reaped.
            unsafe { libc::setpgid(pid, pid) };
        }
        Ok(Leader::new(pid, self.own_group, reader))
    }

    /// The child's life up to exec.
    fn become_command(
        &self,
        image: &mut Image,
        inherited: &Inherited,
        parent: pid_t,
        empty: Option<&OwnedFd>,
        writer: &OwnedFd,
    ) -> ! {
        let failure = match self.prepare(parent, empty) {
            Ok(()) => {
                inherited.restore(self.freed_signals);
                [EXECUTE, image.exec()]
            }
            Err(step) => [step, Errno::last_raw()],
        };
        // SAFETY: the calls are async-signal-safe, and the pointer is to an array of that size.
        unsafe {
            let at = (&raw const failure).cast();
            libc::write(writer.as_raw_fd(), at, size_of_val(&failure));
            libc::_exit(if failure == [EXECUTE, libc::ENOENT] { 127 } else { 126 })
        }
    }

    /// What the child does before it takes back its signals. Fails with the step that failed.
    fn prepare(&self, parent: pid_t, empty: Option<&OwnedFd>) -> Result<(), c_int> {
        let done = |step, result: c_int| if result == -1 { Err(step) } else { Ok(()) };
        // SAFETY: all of these are async-signal-safe, and take numbers.
        unsafe {
            if self.own_group {
                done(MAKE_GROUP, libc::setpgid(0, 0))?;
            }
            let death_signal = self.parent_death_signal.number();
            done(FOLLOW, libc::prctl(libc::PR_SET_PDEATHSIG, death_signal))?;
            // The parent may have died before that.
            if !process::is_child_of(parent) {
                libc::raise(death_signal);
            }
            if let Some(empty) = empty {
                done(REDIRECT, libc::dup2(empty.as_raw_fd(), libc::STDIN_FILENO))?;
                done(REDIRECT, libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO))?;
            }
        }
        Ok(())
    }
}

/// The steps of a child, as it tells us which has failed.
const EXECUTE: c_int = 0;
const MAKE_GROUP: c_int = 1;
const FOLLOW: c_int = 2;
const REDIRECT: c_int = 3;

/// A command as exec wants it: the places where it may be, and its arguments, all allocated
/// before the fork.
struct Image {
    candidates: Vec<CString>,
    argv: Vec<*const c_char>,
    /// The arguments for the shell that runs a script; the script's own place is still empty.
    script_argv: Vec<*const c_char>,
    /// Our environment, or one of its own.
    envp: Vec<*const c_char>,
    /// What `argv` and `envp` point to.
    _strings: Vec<CString>,
}

impl Image {
    /// Fails for a command or argument that holds a NUL, which cannot come from a command line.
    fn new(command: &[OsString], variables: &[(&str, String)]) -> io::Result<Self> {
        let arguments = command
            .iter()
            .map(|argument| Ok(CString::new(argument.as_bytes())?))
            .collect::<io::Result<Vec<_>>>()?;
        let candidates = path::candidates(&command[0], std::env::var_os("PATH").as_deref())
            .into_iter()
            .map(|candidate| Ok(CString::new(candidate.into_os_string().into_vec())?))
            .collect::<io::Result<Vec<_>>>()?;
        let variables = variables
            .iter()
            .map(|(name, value)| Ok(CString::new(format!("{name}={value}"))?))
            .collect::<io::Result<Vec<_>>>()?;
        let end = std::ptr::null();
        let argv = arguments.iter().map(|argument| argument.as_ptr());
        let script_argv = [SHELL.as_ptr(), end].into_iter().chain(argv.clone().skip(1));
        Ok(Self {
            candidates,
            argv: argv.chain([end]).collect(),
            script_argv: script_argv.chain([end]).collect(),
            envp: environment(&variables),
            _strings: arguments.into_iter().chain(variables).collect(),
        })
    }

    /// Replaces this process by the command, or returns the error number that says best why not.
    /// It is execvp(3), but for its allocation, and with one behaviour on every C library.
    fn exec(&mut self) -> c_int {
        let mut denied = false;
        let mut error = libc::ENOENT;
        for candidate in &self.candidates {
            // SAFETY: the strings end with NUL, the vectors with a null pointer.
            unsafe { libc::execve(candidate.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
            error = Errno::last_raw();
            if error == libc::ENOEXEC {
                self.script_argv[1] = candidate.as_ptr();
                // SAFETY: as above.
                unsafe {
                    libc::execve(SHELL.as_ptr(), self.script_argv.as_ptr(), self.envp.as_ptr())
                };
            }
            match error {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return error,
            }
        }
        match self.candidates.len() {
            _ if denied => libc::EACCES,
            1 => error,
            // An entry of PATH that is no directory does not hide that the command is nowhere.
            _ => libc::ENOENT,
        }
    }
}

/// Our environment with these variables in place of those with the same names.
fn environment(variables: &[CString]) -> Vec<*const c_char> {
    let name = |variable: &CStr| {
        variable.to_bytes().split(|byte| *byte == b'=').next().map(<[u8]>::to_vec)
    };
    let replaced: Vec<_> = variables.iter().map(|variable| name(variable)).collect();
    let mut envp = Vec::new();
    // SAFETY: environ is null or points to pointers to strings up to a null pointer, and we have
    // one thread, which does not change it.
    let mut next = unsafe { environ };
    while !next.is_null() {
        // SAFETY: as above.
        let (variable, after) = unsafe { (*next, next.add(1)) };
        if variable.is_null() {
            break;
        }
        // SAFETY: it points to a string that ends with NUL.
        if replaced.is_empty() || !replaced.contains(&name(unsafe { CStr::from_ptr(variable) })) {
            envp.push(variable);
        }
        next = after;
    }
    envp.extend(variables.iter().map(|variable| variable.as_ptr()));
    envp.push(std::ptr::null());
    envp
}

/// Why a child did not become the command.
#[derive(Debug)]
pub enum StartError {
    /// Something before was not to be had.
    Setup(SpawnError),
    /// The command could not be executed.
    Exec(ExecError),
}

impl StartError {
    fn new(step: c_int, number: c_int) -> Self {
        let error = Errno::from_raw(number);
        let doing = match step {
            MAKE_GROUP => "make a process group",
            FOLLOW => "have the command end with us",
            REDIRECT => "redirect the standard streams",
            _ => return Self::Exec(ExecError(error)),
        };
        Self::Setup(SpawnError { doing, cause: error.into() })
    }
}

/// Why the command could not be executed.
#[derive(Debug)]
pub struct ExecError(Errno);

impl ExecError {
    /// 127 where there is no such command, 126 for all else, as POSIX's shell has it.
    pub fn exit_status(&self) -> ExitStatus {
        match self.0 {
            Errno::ENOENT => ExitStatus::NOT_FOUND,
            _ => ExitStatus::CANNOT_RUN,
        }
    }

    /// The cause in words.
    pub fn cause(&self) -> String {
        super::reason(self.0)
    }
}

/// The command's own process, not yet reaped: as long as this value lives, its process id and,
/// where it leads one, its group id are its own and nobody else's.
#[derive(Debug)]
pub struct Leader {
    pid: pid_t,
    own_group: bool,
    failure: OwnedFd,
}

impl Leader {
    fn new(pid: pid_t, own_group: bool, failure: OwnedFd) -> Self {
        last_resort::note(pid, own_group);
        Self { pid, own_group, failure }
    }

    /// The process id, which is the group id too where the leader has a group of its own.
    pub fn pid(&self) -> pid_t {
        self.pid
    }

    /// Sends a signal to the leader's process alone.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        process::signal_process(self.pid, signal)
    }

    /// Sends a signal to the leader's group; to the leader alone where it has none of its own.
    pub fn signal_group(&self, signal: Signal) -> Result<(), Errno> {
        if self.own_group { process::signal_group(self.pid, signal) } else { self.signal(signal) }
    }

    /// Whether the leader has moved to another group than the one that it was to lead.
    pub fn has_left_group(&self) -> bool {
        self.own_group && process::group_of(self.pid).is_ok_and(|group| group != self.pid)
    }

    /// How the leader ended, if it has; it stays a zombie.
    pub fn peek(&self) -> Result<Option<WaitStatus>, Errno> {
        wait::peek(self.pid)
    }

    /// Why it has not become the command. `None` until it has tried, and for ever where it has.
    pub fn start_error(&self) -> Option<StartError> {
        let mut failure = [0; 2 * size_of::<c_int>()];
        match nix::unistd::read(&self.failure, &mut failure) {
            Ok(length) if length == failure.len() => {
                let (step, number) = failure.split_at(size_of::<c_int>());
                let number_in = |bytes: &[u8]| bytes.try_into().map(c_int::from_ne_bytes);
                Some(StartError::new(number_in(step).ok()?, number_in(number).ok()?))
            }
            _ => None,
        }
    }

    /// Reaps the leader if it has ended, and with it gives up the right to signal its group; else
    /// gives the leader back. Returns what it has used.
    pub fn reap(self) -> Result<Usage, Self> {
        let usage = match wait::reap(self.pid) {
            Ok(None) => return Err(self),
            Ok(Some(usage)) => usage,
            // Somebody else has reaped it, and the number is not ours any more.
            Err(_) => Usage::default(),
        };
        last_resort::forget(self.pid);
        std::mem::forget(self);
        Ok(usage)
    }
}

impl Drop for Leader {
    /// Whatever goes wrong in us, the group does not outlive it.
    fn drop(&mut self) {
        last_resort::kill(self.pid, self.own_group);
        last_resort::forget(self.pid);
    }
}
