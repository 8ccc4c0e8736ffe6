//! What the README shows and names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{PROGRAM, has_program, run};
use crate::options;

const README: &str = include_str!("../../README.md");

/// Long options of other programs that the README mentions.
const OF_OTHERS: &[&str] =
    &["--release", "--path", "--multiple", "--all", "--strip-components", "--scope", "--prune"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_link_leads_to_a_file() {
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: BTreeSet<&str> = links.map(|link| link.split('#').next().unwrap()).collect();
    assert!(files.contains("docs/picture/hang.svg"), "{files:?}");
    for file in files {
        assert!(root().join(file).exists(), "there is no {file}");
    }
}

#[test]
fn no_option_is_invented() {
    let known: BTreeSet<String> =
        options::of_help().into_iter().map(|option| option.long).collect();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = README.split(|c| !is_name(c)).filter(|word| word.starts_with("--"));
    let named: BTreeSet<&str> = words.filter(|word| !word.trim_matches('-').is_empty()).collect();
    assert!(named.contains("--idle"), "{named:?}");
    for name in named {
        assert!(known.contains(name) || OF_OTHERS.contains(&name), "there is no {name}");
    }
}

#[test]
fn the_picture_is_drawn_from_a_run() {
    if !has_program("python3") {
        return;
    }
    let script = root().join("docs/picture/draw.py");
    let drawn = run(Command::new("python3").arg(script).args([PROGRAM, "1s"]));
    assert_eq!((drawn.code, drawn.stderr.as_str()), (0, ""));
    let shown = fs::read_to_string(root().join("docs/picture/hang.svg")).unwrap();
    for (picture, limit) in [(drawn.stdout, "1s"), (shown, "5s")] {
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert!(picture.contains(&format!(">git fetch: timed out after {limit}<")), "{picture}");
        assert!(picture.contains(">git fetch: ended by TERM in "), "{picture}");
        assert!(picture.contains(r#" class="fact">waits in "#), "{picture}");
    }
}
