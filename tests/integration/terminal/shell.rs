//! The shells, and where they differ.

use std::process::Command;

use crate::harness::has_program;

/// The shells that people type into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    /// Those that are installed.
    pub fn all() -> impl Iterator<Item = Self> {
        let installed = |shell: &Self| match shell {
            Self::Bash => true,
            Self::Zsh => has_program("zsh"),
            Self::Fish => has_program("fish"),
        };
        [Self::Bash, Self::Zsh, Self::Fish].into_iter().filter(installed)
    }

    /// What it says of a job that has been stopped by Ctrl-Z; fish leaves the status alone.
    pub fn status_stopped(self) -> i32 {
        if self == Self::Fish { 0 } else { 128 + libc::SIGTSTP }
    }

    /// The status of `fg` for this one of the job, which fish does not tell.
    pub fn status_in_front(self, status: i32) -> i32 {
        if self == Self::Fish { 0 } else { status }
    }

    /// The shell with a prompt that tells the last status: `<0>`.
    pub fn start(self) -> Command {
        let (program, arguments, prompt) = match self {
            Self::Bash => ("bash", &["--norc", "--noprofile", "-i"][..], "<$?>"),
            Self::Zsh => ("zsh", &["-f", "-i", "+o", "prompt_sp", "+o", "prompt_cr"][..], "<%?>"),
            Self::Fish => {
                let prompt = "function fish_prompt; echo -n \"<$status>\"; end";
                ("fish", &["--no-config", "--init-command", prompt][..], "")
            }
        };
        let mut command = Command::new(program);
        command.args(arguments).env("PS1", prompt);
        command
    }
}
