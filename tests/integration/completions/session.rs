//! The real shells, asked what they would offer.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{PROGRAM, can, has_program, path_with, run};
use crate::pty::Pty;

/// The directory with the files under test.
const COMPLETIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/completions");

/// Where bash-completion is, if it is.
const BASH_COMPLETION: &str = "/usr/share/bash-completion/bash_completion";

/// Where git's completion for it is.
const BASH_GIT: &str = "/usr/share/bash-completion/completions/git";

/// In place of the program: its arguments, one a line.
const SHOW_ARGUMENTS: &str = r#"grpkill-timeout() { printf '[%s]\n' begin "$@" end; }"#;

/// In both shells with lines: a program with a completion of its own.
const BASH_SETUP: &str = r#"
_tool() { [[ $2 == "${COMP_WORDS[COMP_CWORD]}" ]] && COMPREPLY=("$1-$3-${COMP_WORDS[0]}-$2"); }
complete -F _tool tool
bind 'set enable-bracketed-paste off' 'set bell-style none' '"\t": insert-completions'
PS1='ready> '
"#;

const ZSH_SETUP: &str = r"
autoload -Uz compinit
compinit -u -D
everything() { _main_complete; compstate[insert]=all }
zle -C everything complete-word everything
bindkey '^I' everything
PROMPT='ready> '
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// With the package bash-completion.
    Bash,
    /// Without it.
    BareBash,
    Zsh,
    Fish,
}

impl Shell {
    /// Those that are installed.
    pub fn installed() -> Vec<Self> {
        let all = [Self::Bash, Self::BareBash, Self::Zsh, Self::Fish];
        all.into_iter().filter(|shell| shell.is_installed()).collect()
    }

    fn is_installed(self) -> bool {
        match self {
            Self::Bash => can("bash-completion", Path::new(BASH_COMPLETION).exists()),
            Self::BareBash => true,
            Self::Zsh => has_program("zsh"),
            Self::Fish => has_program("fish"),
        }
    }

    /// With or without the package.
    pub fn is_bash(self) -> bool {
        matches!(self, Self::Bash | Self::BareBash)
    }

    /// Whether it has a completion for git.
    pub fn knows_git(self) -> bool {
        match self {
            Self::Bash => can("git's completion for bash", Path::new(BASH_GIT).exists()),
            Self::BareBash => false,
            Self::Zsh | Self::Fish => true,
        }
    }

    /// What each of these lines is completed to, as the arguments that the program would get. The
    /// last of them stand for the word at the cursor.
    pub fn complete(self, lines: &[&str]) -> Vec<Vec<String>> {
        let home = Home::new(self);
        if self == Self::Fish {
            return lines.iter().map(|line| fish(&home, line)).collect();
        }
        let mut session = Session::start(&home);
        lines.iter().map(|line| session.complete(line)).collect()
    }
}

/// A home directory, which is also the current one, with a file whose name needs quotes.
struct Home {
    shell: Shell,
    directory: TempDir,
}

impl Home {
    fn new(shell: Shell) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("runs of today.json"), "").expect("a file");
        Self { shell, directory }
    }

    /// The shell with its start-up file.
    fn command(&self) -> Command {
        let home = self.directory.path();
        let bash =
            format!("source {COMPLETIONS}/grpkill-timeout.bash\n{SHOW_ARGUMENTS}{BASH_SETUP}");
        let (name, text, arguments) = match self.shell {
            Shell::Bash => (".bashrc", format!("source {BASH_COMPLETION}\n{bash}"), vec!["bash"]),
            Shell::BareBash => (".bashrc", bash, vec!["bash"]),
            Shell::Zsh => {
                let text = format!("fpath=({COMPLETIONS} $fpath)\n{SHOW_ARGUMENTS}{ZSH_SETUP}");
                (".zshrc", text, vec!["zsh", "-d", "-i"])
            }
            Shell::Fish => {
                let text = format!("source {COMPLETIONS}/grpkill-timeout.fish\n");
                (".config/fish/config.fish", text, vec!["fish", "-c"])
            }
        };
        let file = home.join(name);
        fs::create_dir_all(file.parent().expect("it has one")).expect("a directory");
        fs::write(&file, text).expect("a start-up file");
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]);
        if arguments[0] == "bash" {
            command.arg("--noprofile").arg("--rcfile").arg(&file).arg("-i");
        }
        let program = Path::new(PROGRAM).parent().expect("it is in a directory");
        command
            .env("PATH", path_with(&[program.to_owned()]))
            .env("HOME", home)
            .env("ZDOTDIR", home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("INPUTRC", "/dev/null")
            .env("TERM", "xterm")
            .env("LC_ALL", "C")
            .current_dir(home);
        command
    }
}

/// fish tells by itself what it would offer, a candidate a line, with what it says of it.
fn fish(home: &Home, line: &str) -> Vec<String> {
    let asked = format!("complete -C 'grpkill-timeout {line}'");
    let finished = run(home.command().arg(asked));
    assert_eq!(finished.stderr, "", "{line}");
    let candidate = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    finished.stdout.lines().map(candidate).collect()
}

/// A shell on a pseudo-terminal, where Tab inserts everything that it would offer.
struct Session(Pty);

impl Session {
    fn start(home: &Home) -> Self {
        Self(Pty::start(&mut home.command(), 24, 200))
    }

    /// Types a line and a tab, and sees what the line has become by running it.
    fn complete(&mut self, line: &str) -> Vec<String> {
        let Self(pty) = self;
        pty.read_to("ready> ");
        pty.press(&format!("grpkill-timeout {line}\t\r"));
        pty.read_to("[begin]\r\n");
        let argument = |line: &str| line.trim_matches(['[', ']']).to_owned();
        pty.read_to("[end]\r\n").lines().map(argument).collect()
    }
}
