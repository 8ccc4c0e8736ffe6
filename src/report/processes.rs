//! Processes as a list for people: the tree that they are, in 80 columns.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::time::Duration;

use super::waits;
use super::words::{cut, printable, show_line, width_of};
use crate::duration::show_age;
use crate::procfs::Pid;
use crate::procfs::detail::Output;
use crate::procfs::sockets::Sockets;
use crate::record::{Membership, Process};

/// How many processes a list shows.
pub const MOST_SHOWN: usize = 20;

/// How wide a line may be where there is no terminal to tell.
pub const WIDTH: usize = 80;

/// How deep the tree is drawn; what is deeper stands there too.
const DEEPEST: usize = 10;

/// How many kinds of sockets are shown of a process.
const MOST_SOCKETS: usize = 4;

/// What comes before the command: pid, state and age.
const COLUMNS: usize = 28;

/// How a list is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether there are colours.
    pub colors: bool,
    /// How wide a line may be.
    pub width: usize,
}

impl Style {
    /// What is there for orientation only.
    fn faint(self, text: &str) -> String {
        self.paint(text, "2")
    }

    /// What the reader is likely to look for.
    fn strong(self, text: &str) -> String {
        self.paint(text, "33")
    }

    fn paint(self, text: &str, style: &str) -> String {
        if self.colors { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What a list of processes is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What was running when time was up, and what it was waiting for.
    Running,
    /// What has outlived the command, and where it has gone.
    Lingering,
}

/// A remark on a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    is_strong: bool,
}

impl Note {
    fn faint(text: String) -> Self {
        Self { text, is_strong: false }
    }

    fn strong(text: String) -> Self {
        Self { text, is_strong: true }
    }

    /// The note in its colour.
    pub fn paint(&self, style: Style) -> String {
        if self.is_strong { style.strong(&self.text) } else { style.faint(&self.text) }
    }

    fn width(&self) -> usize {
        width_of(&self.text)
    }
}

/// A heading, a line for each process with its notes beside it or below, and how many are left out.
pub fn list(processes: &[Process], view: View, style: Style) -> String {
    let heading = format!("{:>9} {:<6}{:>11} COMMAND", "PID", "STATE", "AGE");
    let mut lines = vec![style.faint(&heading)];
    for (depth, process) in tree(processes).into_iter().take(MOST_SHOWN) {
        lines.extend(entry(depth, process, view, style));
    }
    lines.extend(and_more(processes.len()).map(|line| format!("{:COLUMNS$}{line}", "")));
    lines.join("\n")
}

/// What stands at the end of a list that does not show all.
pub fn and_more(count: usize) -> Option<String> {
    (count > MOST_SHOWN).then(|| format!("and {} more", count - MOST_SHOWN))
}

fn entry(depth: usize, process: &Process, view: View, style: Style) -> Vec<String> {
    let Process { stat, age, .. } = process;
    let branch = match depth.min(DEEPEST) {
        0 => String::new(),
        depth => format!("{:1$}└ ", "", 2 * (depth - 1)),
    };
    let columns = format!("{:>9} {:<6}{:>11} ", stat.pid, stat.state, shown_age(*age));
    let indent = COLUMNS + width_of(&branch);
    let command = cut(
        &show_line(&without_directories(command_words(process))),
        style.width.saturating_sub(indent).max(1),
    );
    let mut width = indent + width_of(&command);
    let mut lines = vec![format!("{columns}{branch}{command}")];
    let mut separator = "   ";
    for note in notes(process, view) {
        let line = lines.last_mut().expect("the command's line is there");
        if width + separator.chars().count() + note.width() <= style.width {
            line.push_str(separator);
            line.push_str(&note.paint(style));
            width += separator.chars().count() + note.width();
        } else {
            // An address is worth more than its alignment.
            let indent = indent.min(style.width.saturating_sub(note.width()));
            lines.push(format!("{:indent$}{}", "", note.paint(style)));
            width = indent + note.width();
        }
        separator = " · ";
    }
    lines
}

/// The age of a process, if it is known.
pub fn shown_age(age: Option<Duration>) -> String {
    age.map_or_else(|| "?".to_owned(), show_age)
}

/// Where a program is matters less than what it was told. A title that a process has given itself is
/// one word with spaces, and no path.
fn without_directories(mut words: Vec<String>) -> Vec<String> {
    if let Some(program) = words.first_mut().filter(|word| !word.contains(' '))
        && let Some(last_slash) = program.rfind('/')
    {
        program.drain(..=last_slash);
    }
    words
}

/// The command line of a process, or its name in brackets, as ps(1) has it, where that is unknown
/// or the process has none.
pub fn command_words(process: &Process) -> Vec<String> {
    match &process.detail.command {
        Some(words) if words.iter().any(|word| !word.is_empty()) => words.clone(),
        _ => vec![process.stat.bracketed_name()],
    }
}

/// What there is to remark on a process.
pub fn notes(process: &Process, view: View) -> Vec<Note> {
    let Process { stat, membership, detail, is_foreign, .. } = process;
    let mut notes = vec![];
    if view == View::Running {
        let wait = |waits_in| Note::strong(show_wait(waits_in, detail.call.as_deref()));
        notes.extend(detail.waits_in.as_deref().map(wait));
        notes.extend(sockets(detail.sockets.as_deref().unwrap_or_default()));
    }
    match (view, membership) {
        (View::Running, Membership::Group) => {}
        (View::Lingering, Membership::Group) => notes.push(Note::faint("in the group".to_owned())),
        (_, Membership::Job) => notes.push(Note::faint(format!("group {}", stat.pgid))),
        (_, Membership::Detached) => notes.push(Note::faint(format!("session {}", stat.session))),
    }
    if let Some(uid) = detail.uid.filter(|_| *is_foreign) {
        notes.push(Note::faint(format!("user {uid}")));
    }
    if view == View::Running && stat.threads > 1 {
        notes.push(Note::faint(format!("{} threads", stat.threads)));
    }
    // Of what is in the group it is no surprise, and will be over.
    let holds = detail.holds.as_deref().unwrap_or_default();
    if !holds.is_empty() && (view, *membership) != (View::Running, Membership::Group) {
        let names: Vec<&str> = holds.iter().copied().map(Output::name).collect();
        notes.push(Note::strong(format!("holds {}", names.join(" and "))));
    }
    notes
}

/// What a process waits for, with the kernel's own name for it.
fn show_wait(waits_in: &str, call: Option<&str>) -> String {
    // A compiler's copy of the function has a suffix.
    let name = waits_in.split('.').next().unwrap_or(waits_in);
    let name = printable(OsStr::new(name));
    match waits::meaning(waits_in, call) {
        Some(meaning) if meaning != waits_in => format!("waits in {meaning} ({name})"),
        _ => format!("waits in {name}"),
    }
}

fn sockets(sockets: &[Sockets]) -> Vec<Note> {
    let mut notes: Vec<Note> =
        sockets.iter().take(MOST_SOCKETS).map(|socket| Note::strong(show_socket(socket))).collect();
    if let Some(more @ 1..) = sockets.len().checked_sub(MOST_SOCKETS) {
        notes.push(Note::faint(format!("and {more} more sockets")));
    }
    notes
}

/// `tcp 10.0.0.7:51234 → 4.4.4.4:443 SYN_SENT`, or `tcp CLOSE_WAIT ×23 → 127.0.0.1:80` for many.
fn show_socket(socket: &Sockets) -> String {
    let Sockets { protocol, local, remote, state, count } = socket;
    let local = local.as_deref().map(|local| format!(" {}", printable(OsStr::new(local))));
    let local = local.unwrap_or_default();
    let remote = remote.as_deref().map(|remote| format!(" → {remote}")).unwrap_or_default();
    match count {
        1 => format!("{protocol}{local}{remote} {state}"),
        _ => format!("{protocol}{local} {state} ×{count}{remote}"),
    }
}

/// The processes in the order of a tree, children below their parents, with their depth.
fn tree(processes: &[Process]) -> Vec<(usize, &Process)> {
    let listed: HashSet<Pid> = processes.iter().map(|process| process.stat.pid).collect();
    let mut children: HashMap<Pid, Vec<&Process>> = HashMap::new();
    let mut next = Vec::new();
    // From behind, since the stack is emptied from its end.
    for process in processes.iter().rev() {
        if listed.contains(&process.stat.ppid) {
            children.entry(process.stat.ppid).or_default().push(process);
        } else {
            next.push((0, process));
        }
    }
    let mut ordered = Vec::new();
    while let Some((depth, process)) = next.pop() {
        ordered.push((depth, process));
        let below = children.remove(&process.stat.pid).unwrap_or_default();
        next.extend(below.into_iter().map(|child| (depth + 1, child)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::detail::Detail;
    use crate::procfs::stat::Stat;

    fn process(pid: Pid, parent: Pid, command: &str) -> Process {
        let words = command.split_whitespace().map(str::to_owned).collect();
        Process {
            stat: Stat {
                pid,
                name: "name".to_owned(),
                state: 'S',
                ppid: parent,
                pgid: 40,
                session: 41,
                threads: 1,
                child_faults: 0,
                cpu_ticks: 0,
                start: 0,
            },
            age: Some(Duration::from_millis(300)),
            membership: Membership::Detached,
            is_foreign: false,
            detail: Detail { command: Some(words), ..Detail::default() },
        }
    }

    const PLAIN: Style = Style { colors: false, width: WIDTH };

    #[test]
    fn a_tree_is_drawn() {
        let mut holder = process(12, 11, "git repack -d -l");
        holder.detail.holds = Some(vec![Output::Stdout, Output::Stderr]);
        let processes = [
            process(10, 1, "git maintenance run --auto --detach"),
            process(20, 1, "ssh: /run/user/0/master [mux]"),
            process(11, 10, "git gc"),
            holder,
        ];
        let expected = "      PID STATE         AGE COMMAND
       10 S           0.3 s git maintenance run --auto --detach   session 41
       11 S           0.3 s └ git gc   session 41
       12 S           0.3 s   └ git repack -d -l   session 41
                                holds stdout and stderr
       20 S           0.3 s ssh: /run/user/0/master [mux]   session 41";
        assert_eq!(list(&processes, View::Lingering, PLAIN), expected);
    }

    #[test]
    fn nothing_is_wider_than_a_terminal_or_moves_its_cursor() {
        let mut processes: Vec<Process> = (0..40)
            .map(|index| process(4_194_304 - index, 4_194_303 - index, &"x\n\x1b[2J ".repeat(50)))
            .collect();
        processes.reverse();
        let shown = list(&processes, View::Lingering, PLAIN);
        for line in shown.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        assert!(shown.ends_with("and 20 more"), "{shown}");
    }

    #[test]
    fn a_process_without_a_command_line_has_its_name() {
        let mut process = process(10, 1, "");
        assert_eq!(command_words(&process), ["[name]"]);
        process.detail.command = None;
        assert_eq!(command_words(&process), ["[name]"]);
    }

    #[test]
    fn a_program_is_shown_without_its_directories() {
        for (words, expected) in [
            (&["/usr/lib/git-core/git-remote-https", "/x"][..], &["git-remote-https", "/x"][..]),
            (&["sshd: me@pts/0"], &["sshd: me@pts/0"]),
            (&["git"], &["git"]),
        ] {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(without_directories(words), expected);
        }
    }

    #[test]
    fn what_a_process_waits_for_is_shown_in_words_and_by_its_name() {
        for (waits_in, expected) in [
            ("futex_do_wait", "waits in futex (futex_do_wait)"),
            ("poll_schedule_timeout.constprop.0", "waits in poll (poll_schedule_timeout)"),
            ("some_driver", "waits in some_driver"),
            ("futex", "waits in futex"),
        ] {
            assert_eq!(show_wait(waits_in, None), expected);
        }
    }

    #[test]
    fn equal_sockets_are_counted() {
        let socket = |local: Option<&str>, remote: Option<&str>, state: &str, count| Sockets {
            protocol: "tcp".to_owned(),
            local: local.map(str::to_owned),
            remote: remote.map(str::to_owned),
            state: state.to_owned(),
            count,
        };
        for (socket, expected) in [
            (
                socket(Some("10.0.0.7:51234"), Some("4.4.4.4:443"), "SYN_SENT", 1),
                "tcp 10.0.0.7:51234 → 4.4.4.4:443 SYN_SENT",
            ),
            (socket(None, Some("[::1]:80"), "CLOSE_WAIT", 23), "tcp CLOSE_WAIT ×23 → [::1]:80"),
            (socket(Some("0.0.0.0:80"), None, "LISTEN", 1), "tcp 0.0.0.0:80 LISTEN"),
        ] {
            assert_eq!(show_socket(&socket), expected);
        }
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let processes = [process(10, 1, "a"), process(11, 10, "b")];
        let shown = list(&processes, View::Lingering, Style { colors: true, width: WIDTH });
        assert!(shown.contains("\x1b[2m"));
        let plain = shown.replace("\x1b[2m", "").replace("\x1b[33m", "").replace("\x1b[0m", "");
        assert_eq!(plain, list(&processes, View::Lingering, PLAIN));
    }
}
