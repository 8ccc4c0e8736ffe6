//! git, with nothing of whoever runs the tests.

use std::process::Command;

/// Keeps the user's and the machine's configuration out, and the repository of a hook or a rebase that
/// runs the tests: git would work in that one instead of the test's own.
pub fn isolate_git(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GIT_")) {
            command.env_remove(name);
        }
    }
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
}
