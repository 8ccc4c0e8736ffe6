//! Processes as a list for people: the tree that they are, in 80 columns.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;

use super::words::{cut, hide_passwords, printable};
use crate::duration::show_age;
use crate::procfs::Pid;
use crate::procfs::detail::Output;
use crate::record::{Place, Process};

/// How many processes a list shows.
pub const MOST_SHOWN: usize = 20;

/// How wide a line may be.
const WIDTH: usize = 80;

/// How deep the tree is drawn; what is deeper stands there too.
const DEEPEST: usize = 10;

/// What comes before the command: pid, state and age.
const COLUMNS: usize = 28;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whether there are any.
    pub colors: bool,
}

impl Palette {
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

/// A heading, a line for each process with a line of notes below it where there is no room beside
/// it, and how many are left out.
pub fn list(processes: &[Process], palette: Palette) -> String {
    let heading = format!("{:>9} {:<6}{:>11} COMMAND", "PID", "STATE", "AGE");
    let mut lines = vec![palette.faint(&heading)];
    for (depth, process) in tree(processes).into_iter().take(MOST_SHOWN) {
        lines.extend(entry(depth, process, palette));
    }
    lines.extend(and_more(processes.len()).map(|line| format!("{:COLUMNS$}{line}", "")));
    lines.join("\n")
}

/// What stands at the end of a list that does not show all.
pub fn and_more(count: usize) -> Option<String> {
    (count > MOST_SHOWN).then(|| format!("and {} more", count - MOST_SHOWN))
}

fn entry(depth: usize, process: &Process, palette: Palette) -> Vec<String> {
    let Process { stat, age, .. } = process;
    let branch = match depth.min(DEEPEST) {
        0 => String::new(),
        depth => format!("{:1$}└ ", "", 2 * (depth - 1)),
    };
    let columns = format!("{:>9} {:<6}{:>11} ", stat.pid, stat.state, show_age(*age));
    let room = WIDTH - COLUMNS - branch.chars().count();
    let words = command_words(process).join(" ");
    let command = cut(&hide_passwords(&printable(OsStr::new(&words))), room);
    let width = COLUMNS + branch.chars().count() + command.chars().count();
    let line = format!("{columns}{branch}{command}");
    let plain = notes(process, Palette { colors: false }).join(" · ");
    let shown = notes(process, palette).join(" · ");
    if width + 3 + plain.chars().count() <= WIDTH {
        vec![format!("{line}   {shown}")]
    } else {
        let indent = COLUMNS + branch.chars().count();
        vec![line, format!("{:indent$}{shown}", "")]
    }
}

/// The command line of a process, or its name in brackets, as ps(1) has it, where that is unknown
/// or the process has none.
pub fn command_words(process: &Process) -> Vec<String> {
    match &process.detail.command {
        Some(words) if !words.is_empty() => words.clone(),
        _ => vec![format!("[{}]", process.stat.name)],
    }
}

/// Where the process is, and what it holds.
pub fn notes(process: &Process, palette: Palette) -> Vec<String> {
    let Process { stat, place, detail, .. } = process;
    let place = match place {
        Place::Group => "in the group".to_owned(),
        Place::Job => format!("group {}", stat.pgid),
        Place::Session => format!("session {}", stat.session),
    };
    let mut notes = vec![palette.faint(&place)];
    match detail.holds.as_deref() {
        None | Some([]) => {}
        Some(holds) => {
            let names: Vec<&str> = holds.iter().copied().map(Output::name).collect();
            notes.push(palette.strong(&format!("holds {}", names.join(" and "))));
        }
    }
    notes
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
    use std::time::Duration;

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
                start: 0,
            },
            age: Duration::from_millis(300),
            place: Place::Session,
            detail: Detail { command: Some(words), ..Detail::default() },
        }
    }

    const PLAIN: Palette = Palette { colors: false };

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
       12 S           0.3 s   └ git repack -d -l
                                session 41 · holds stdout and stderr
       20 S           0.3 s ssh: /run/user/0/master [mux]   session 41";
        assert_eq!(list(&processes, PLAIN), expected);
    }

    #[test]
    fn nothing_is_wider_than_a_terminal_or_moves_its_cursor() {
        let mut processes: Vec<Process> = (0..40)
            .map(|index| process(4_194_304 - index, 4_194_303 - index, &"x\n\x1b[2J ".repeat(50)))
            .collect();
        processes.reverse();
        let shown = list(&processes, PLAIN);
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
    fn colours_change_nothing_but_colours() {
        let processes = [process(10, 1, "a"), process(11, 10, "b")];
        let shown = list(&processes, Palette { colors: true });
        assert!(shown.contains("\x1b[2m"));
        let plain = shown.replace("\x1b[2m", "").replace("\x1b[33m", "").replace("\x1b[0m", "");
        assert_eq!(plain, list(&processes, PLAIN));
    }
}
