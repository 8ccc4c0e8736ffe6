//! What `make install` puts where, and that `make uninstall` takes it away again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Finished, PROGRAM, has_program, run};

const INSTALLED: &[(&str, u32)] = &[
    ("opt/bin/grpkill-timeout", 0o755),
    ("opt/share/bash-completion/completions/grpkill-timeout", 0o644),
    ("opt/share/doc/grpkill-timeout/CHANGELOG.md", 0o644),
    ("opt/share/doc/grpkill-timeout/LICENSE-APACHE", 0o644),
    ("opt/share/doc/grpkill-timeout/LICENSE-MIT", 0o644),
    ("opt/share/doc/grpkill-timeout/README.md", 0o644),
    ("opt/share/doc/grpkill-timeout/report.schema.json", 0o644),
    ("opt/share/fish/vendor_completions.d/grpkill-timeout.fish", 0o644),
    ("opt/share/man/man1/grpkill-timeout.1", 0o644),
    ("opt/share/zsh/site-functions/_grpkill-timeout", 0o644),
];

/// Runs make in a directory of ours, with the program that is built already.
fn make(target: &str, root: &Path) -> Finished {
    let destination = format!("DESTDIR={}", root.display());
    let binary = format!("BINARY={PROGRAM}");
    let mut make = Command::new("make");
    make.args(["-s", target, "PREFIX=/opt", &destination, &binary]);
    // A make around the tests would pass its own options on.
    make.env_remove("MAKEFLAGS").current_dir(env!("CARGO_MANIFEST_DIR"));
    let finished = run(&mut make);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    finished
}

/// All files below a directory, with their modes.
fn files(root: &Path) -> BTreeSet<(PathBuf, u32)> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
                found.insert((path.strip_prefix(root).unwrap().to_owned(), mode));
            }
        }
    }
    found
}

#[test]
fn what_is_installed_is_taken_away_again() {
    if !has_program("make") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    make("install", root.path());
    let expected = INSTALLED.iter().map(|(path, mode)| (PathBuf::from(path), *mode));
    assert_eq!(files(root.path()), expected.collect());
    let version = run(Command::new(root.path().join("opt/bin/grpkill-timeout")).arg("-V"));
    assert!(version.stdout.starts_with("grpkill-timeout "), "{version:?}");
    make("uninstall", root.path());
    assert_eq!(files(root.path()), BTreeSet::new());
}

#[test]
fn packages_hold_what_make_installs() {
    let manifest = include_str!("../../Cargo.toml");
    let makefile = include_str!("../../Makefile");
    let (deb, rpm) = manifest
        .split_once("[package.metadata.deb]")
        .and_then(|(_, rest)| rest.split_once("[package.metadata.generate-rpm]"))
        .expect("both are described");
    for source in sources(deb) {
        assert!(sources(rpm).contains(source), "{source} is not in the RPM package");
    }
    for source in sources(deb).into_iter().filter(|source| !source.starts_with("target/")) {
        let name = source.replace("grpkill-timeout", "$(NAME)");
        assert!(makefile.contains(&name), "{source} is not installed by make");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "{source} is missing");
    }
    assert_eq!(sources(deb).len(), INSTALLED.len());
    assert_eq!(sources(rpm).len(), INSTALLED.len());
}

/// The first path of each line in a list of assets.
fn sources(assets: &str) -> BTreeSet<&str> {
    let lines =
        assets.lines().filter(|line| line.starts_with("    [") || line.starts_with("    {"));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}
