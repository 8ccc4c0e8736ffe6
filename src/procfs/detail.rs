//! What more there is to know of a process than its `stat`.
//!
//! To read a command line takes the process's memory lock, and a process that hangs can hold that
//! for ever. So what an [`Observer`] does is for a reader that can be given up.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use super::sockets::{self, SocketTable, Sockets};
use super::stat::Stat;
use super::{Proc, status_field};
use crate::redact::redact_all;

/// How much of a command line is read, in bytes: as much as one argument can have.
const MOST_OF_A_COMMAND: usize = 128 * 1024;

/// What is kept of it, in characters.
const KEPT_OF_A_COMMAND: usize = 4096;

/// How many descriptors of a process are looked at.
const MOST_DESCRIPTORS: usize = 8192;

/// What a process is doing, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The real user id.
    pub uid: Option<u32>,
    /// The command and its arguments, without their secrets; empty where the process has none, as a thread of the kernel.
    pub command: Option<Vec<String>>,
    /// The kernel function that it waits in, or the system call.
    pub waits_in: Option<String>,
    /// The system call, where many wait in that function.
    pub call: Option<String>,
    /// Those of our outputs that it has open.
    pub holds: Option<Vec<Output>>,
    /// Its sockets.
    pub sockets: Option<Vec<Sockets>>,
}

/// One of our own standard descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

impl Output {
    /// Its name, as the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Where whoever waits for a socket, a terminal or a change of files waits.
pub const WAIT_WOKEN: &str = "wait_woken";

/// What makes an open file the same as another, whoever has it open.
#[derive(Debug, PartialEq, Eq)]
enum OpenFile {
    /// A pipe or a socket: `pipe:[4711]`, which is a number of its own.
    Named(Vec<u8>),
    /// A file or a terminal: the mount and the inode.
    Inode(Vec<u8>, Vec<u8>),
    /// What nobody waits for: a descriptor that only names a place, or the null device, which every
    /// daemon has open.
    Nobodys,
}

impl Proc {
    /// What answers at once, however stuck its memory is: the user and what it waits in.
    pub fn detail_without_waiting(&self, stat: &Stat) -> Detail {
        let uid = self.uid(stat.pid);
        if !self.may_ask(stat.pid) {
            return Detail { uid, ..Detail::default() };
        }
        let process = self.living_thread(stat);
        let waits_in = self.waits_in(&process);
        let says_little = waits_in.as_deref() == Some(WAIT_WOKEN);
        let call = says_little.then(|| self.call_of(&process)).flatten().map(str::to_owned);
        Detail { uid, waits_in, call, ..Detail::default() }
    }

    /// Where to look at a process: its own directory, or that of a thread that goes on where the
    /// main one has ended, and with it the view of what the process has.
    fn living_thread(&self, stat: &Stat) -> String {
        let process = stat.pid.to_string();
        if stat.threads <= 1 || stat.has_main_thread() {
            return process;
        }
        let tasks = format!("{process}/task");
        let threads = fs::read_dir(self.root.join(&tasks)).into_iter().flatten().flatten();
        let mut paths =
            threads.filter_map(|thread| Some(format!("{tasks}/{}", thread.file_name().to_str()?)));
        let lives = |path: &String| self.stat_at(path).is_some_and(|stat| stat.has_main_thread());
        paths.find(lives).unwrap_or(process)
    }

    /// The state of a process, or that of a thread which goes on where the main one has ended.
    pub fn living_state(&self, stat: &Stat) -> char {
        if stat.threads <= 1 || stat.has_main_thread() || !self.may_ask(stat.pid) {
            return stat.state;
        }
        self.stat_at(&self.living_thread(stat)).map_or(stat.state, |thread| thread.state)
    }

    /// The command line of a process, as it has it now: a process can change it. It has no word in the
    /// midst of an execve(2), or in a kernel thread.
    pub fn command(&self, stat: &Stat) -> Option<Vec<String>> {
        if !self.may_ask(stat.pid) {
            return None;
        }
        let path = format!("{}/cmdline", self.living_thread(stat));
        let line = self.read_at_most(&path, MOST_OF_A_COMMAND).ok()?;
        // A title that a process has written over its arguments is padded to their length.
        let end = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if line.is_empty() {
            return Some(vec![]);
        }
        let words = line[..end].split(|byte| *byte == 0);
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    fn link(&self, process: &str, fd: &str) -> Option<Vec<u8>> {
        let link = fs::read_link(self.root.join(process).join("fd").join(fd)).ok()?;
        Some(link.as_os_str().as_bytes().to_vec())
    }

    /// The descriptors of a process and what they are; `None` where we may not know.
    fn descriptors(&self, process: &str) -> Option<impl Iterator<Item = (String, Vec<u8>)>> {
        let entries = fs::read_dir(self.root.join(process).join("fd")).ok()?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        Some(names.filter_map(move |fd| self.link(process, &fd).map(|link| (fd, link))))
    }

    /// What a descriptor stands for, as far as it can be written to. It is not asked of the file: a
    /// file system that hangs would not answer.
    fn open_file(&self, process: &str, fd: &str, link: Vec<u8>) -> io::Result<OpenFile> {
        let info = self.read(&format!("{process}/fdinfo/{fd}"))?;
        let flags =
            status_field(&info, b"flags:").and_then(|flags| std::str::from_utf8(flags).ok());
        let flags = flags.and_then(|flags| i32::from_str_radix(flags, 8).ok());
        let only_reads =
            |flags: i32| flags & libc::O_PATH != 0 || flags & libc::O_ACCMODE == libc::O_RDONLY;
        if flags.is_some_and(only_reads) || link == b"/dev/null" {
            return Ok(OpenFile::Nobodys);
        }
        if !link.starts_with(b"/") {
            return Ok(OpenFile::Named(link));
        }
        // Linux before 5.14 does not tell the inode; then the path has to do.
        let inode = status_field(&info, b"ino:").unwrap_or(&link).to_vec();
        let mount = status_field(&info, b"mnt_id:").unwrap_or_default().to_vec();
        Ok(OpenFile::Inode(mount, inode))
    }
}

/// Looks at one process after another.
#[derive(Debug)]
pub struct Observer<'a> {
    proc: &'a Proc,
    /// Our own outputs; `None` where we could not find out what they are.
    outputs: Option<Vec<(Output, OpenFile)>>,
    /// The sockets of the network namespaces that have been met.
    networks: RefCell<HashMap<Vec<u8>, SocketTable>>,
}

impl<'a> Observer<'a> {
    /// An observer who knows our own standard output and error.
    pub fn new(proc: &'a Proc) -> Self {
        let outputs = [(Output::Stdout, "1"), (Output::Stderr, "2")];
        let open = outputs.into_iter().filter_map(|(output, fd)| {
            let link = proc.link("self", fd)?;
            Some(proc.open_file("self", fd, link).map(|file| (output, file)))
        });
        let mut outputs = open.collect::<io::Result<Vec<_>>>().ok();
        if let Some(outputs) = &mut outputs {
            outputs.retain(|(_, file)| *file != OpenFile::Nobodys);
        }
        Self { proc, outputs, networks: RefCell::default() }
    }

    /// The command line without its secrets, the user and what the process waits in.
    pub fn command(&self, stat: &Stat) -> Detail {
        let command = self.proc.command(stat).map(|command| cut(redact_all(&command)));
        Detail { command, ..self.proc.detail_without_waiting(stat) }
    }

    /// What the process has open. Of very many descriptors the first are looked at.
    pub fn files(&self, stat: &Stat) -> Detail {
        if !self.proc.may_ask(stat.pid) {
            return Detail::default();
        }
        let process = self.proc.living_thread(stat);
        let Some(descriptors) = self.proc.descriptors(&process) else { return Detail::default() };
        let mut held = vec![];
        let mut inodes = vec![];
        for (fd, link) in descriptors.take(MOST_DESCRIPTORS) {
            inodes.extend(sockets::inode_of(&link));
            held.extend(self.outputs_at(&process, &fd, link));
        }
        held.sort_unstable_by_key(|output| *output as u8);
        held.dedup();
        let sockets = self.sockets(&process, &inodes);
        let holds = self.outputs.is_some().then_some(held);
        Detail { holds, sockets: Some(sockets), ..Detail::default() }
    }

    /// Those of our outputs that a descriptor is.
    fn outputs_at(&self, process: &str, fd: &str, link: Vec<u8>) -> Vec<Output> {
        let outputs = self.outputs.iter().flatten();
        // Most descriptors are none of ours at first sight.
        if !outputs.clone().any(|(_, ours)| ours.may_be_at(&link)) {
            return vec![];
        }
        let Ok(theirs) = self.proc.open_file(process, fd, link) else { return vec![] };
        outputs.filter(|(_, ours)| *ours == theirs).map(|(output, _)| *output).collect()
    }

    fn sockets(&self, process: &str, inodes: &[u64]) -> Vec<Sockets> {
        if inodes.is_empty() {
            return vec![];
        }
        let namespace = fs::read_link(self.proc.root.join(format!("{process}/ns/net")));
        let namespace = namespace.map(|link| link.into_os_string().into_encoded_bytes());
        let mut networks = self.networks.borrow_mut();
        let table = networks
            .entry(namespace.unwrap_or_default())
            .or_insert_with(|| self.proc.socket_table(process));
        table.count(inodes)
    }
}

impl OpenFile {
    /// Whether a descriptor with this link can be the same file.
    fn may_be_at(&self, link: &[u8]) -> bool {
        match self {
            Self::Named(name) => name == link,
            Self::Inode(..) => link.starts_with(b"/"),
            Self::Nobodys => false,
        }
    }
}

/// Leaves out the end of a command line that nobody would read.
fn cut(command: Vec<String>) -> Vec<String> {
    let mut room = KEPT_OF_A_COMMAND;
    let mut kept = Vec::new();
    for word in command {
        let length = word.chars().count();
        if length > room {
            kept.push(word.chars().take(room).chain(['…']).collect());
            break;
        }
        room -= length;
        kept.push(word);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::tests::FakeProc;
    use super::*;

    fn command(bytes: &[u8]) -> Option<Vec<String>> {
        FakeProc::new().with("7/cmdline", bytes).open().command(&seven())
    }

    fn seven() -> Stat {
        Stat::parse(b"7 (p) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 7 0").unwrap()
    }

    #[test]
    fn command_lines_are_read_word_by_word() {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(command(b"git\0fetch\0"), words(&["git", "fetch"]));
        assert_eq!(command(b"a\0\0b\0"), words(&["a", "", "b"]));
        assert_eq!(command(b"\0"), words(&[""]));
        assert_eq!(command(b""), words(&[]));
        // A process that has written its title over its arguments.
        assert_eq!(command(b"sshd: me [priv]\0\0\0"), words(&["sshd: me [priv]"]));
        assert_eq!(command(b"\xff\n\0"), words(&["\u{fffd}\n"]));
        assert_eq!(FakeProc::new().open().command(&seven()), None);
    }

    #[test]
    fn a_long_command_line_is_cut() {
        let long = "x".repeat(1 << 20);
        assert_eq!(command(long.as_bytes()).unwrap()[0].len(), MOST_OF_A_COMMAND);
        let kept = cut(vec!["a".to_owned(), long, "b".to_owned()]);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1].chars().count(), KEPT_OF_A_COMMAND);
        assert!(kept[1].ends_with("x…"));
    }

    /// A machine of two processes; descriptors as `(process, fd, link, flags, mount, inode)`.
    fn machine(descriptors: &[(&str, u32, &str, u32, u32, u32)]) -> FakeProc {
        let mut proc = FakeProc::new();
        for (process, fd, link, flags, mount, inode) in descriptors {
            let info = format!("pos:\t0\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{inode}\n");
            proc = proc.with(&format!("{process}/fdinfo/{fd}"), info.as_bytes());
            proc = proc.with_link(&format!("{process}/fd/{fd}"), link);
        }
        proc
    }

    fn holds(descriptors: &[(&str, u32, &str, u32, u32, u32)]) -> Option<Vec<Output>> {
        let machine = machine(descriptors);
        Observer::new(&machine.open()).files(&seven()).holds
    }

    const PATH: u32 = libc::O_PATH.cast_unsigned();

    #[test]
    fn the_same_pipe_file_or_terminal_is_held() {
        use Output::{Stderr, Stdout};
        for (theirs, expected) in [
            (("7", 9, "pipe:[11]", 1, 14, 11), &[Stdout][..]),
            (("7", 9, "pipe:[12]", 1, 14, 12), &[]),
            (("7", 9, "/var/log/x", 1, 30, 99), &[Stderr]),
            // The same file by another name.
            (("7", 9, "/old/x", 1, 30, 99), &[Stderr]),
            // A file of the same name on another mount, or a new one.
            (("7", 9, "/var/log/x", 1, 31, 99), &[]),
            (("7", 9, "/var/log/x", 1, 30, 98), &[]),
            // Only its place is held.
            (("7", 9, "/var/log/x", PATH, 30, 99), &[]),
            // Who reads a log, or has the other end of the pipe, holds nothing open.
            (("7", 9, "/var/log/x", 0, 30, 99), &[]),
            (("7", 9, "pipe:[11]", 0, 14, 11), &[]),
        ] {
            let ours = [("self", 1, "pipe:[11]", 1, 14, 11), ("self", 2, "/var/log/x", 1, 30, 99)];
            let all = [ours[0], ours[1], theirs];
            assert_eq!(holds(&all), Some(expected.to_vec()), "{theirs:?}");
        }
    }

    #[test]
    fn what_nobody_waits_for_is_not_held() {
        for ours in [("/dev/null", 1), ("/", PATH)] {
            let (link, flags) = ours;
            let all = [("self", 1, link, flags, 5, 5), ("7", 0, link, flags, 5, 5)];
            assert_eq!(holds(&all), Some(vec![]), "{ours:?}");
        }
    }

    #[test]
    fn both_outputs_may_be_one() {
        let all = [
            ("self", 1, "pipe:[11]", 1, 14, 11),
            ("self", 2, "pipe:[11]", 1, 14, 11),
            ("7", 2, "pipe:[11]", 1, 14, 11),
        ];
        assert_eq!(holds(&all), Some(vec![Output::Stdout, Output::Stderr]));
    }

    #[test]
    fn what_we_may_not_see_is_not_known() {
        assert_eq!(holds(&[("self", 1, "pipe:[11]", 1, 14, 11)]), None);
    }
}
