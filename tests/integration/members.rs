//! The processes of a session, as `/proc` has them.

use std::fs;
use std::path::Path;

use crate::harness::PROGRAM;

/// A process of a session.
#[derive(Clone, Debug)]
pub struct Member {
    pub pid: i32,
    pub name: String,
    pub state: char,
    pub parent: i32,
    pub group: i32,
}

impl Member {
    /// For who reads of a failure.
    pub fn tell(&self) -> String {
        let Self { pid, name, state, parent, group } = self;
        format!("{pid} {name} is {state}, child of {parent}, in group {group}")
    }

    /// Whether it is our program, and not its child on the way to its own.
    pub fn is_ours(&self) -> bool {
        let exe = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).ok();
        let arguments = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).ok();
        exe(self.pid).is_some_and(|exe| exe == Path::new(PROGRAM))
            && (exe(self.pid) != exe(self.parent) || arguments(self.pid) != arguments(self.parent))
    }
}

/// The processes of a session, by age, without zombies.
pub fn members(session: i32) -> Vec<Member> {
    let processes = fs::read_dir("/proc").expect("there is a /proc");
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut members: Vec<Member> =
        pids.filter_map(|pid| member(pid, session)).filter(|member| member.state != 'Z').collect();
    members.sort_by_key(|member| member.pid);
    members
}

fn member(pid: i32, session: i32) -> Option<Member> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (beginning, rest) = stat.rsplit_once(") ")?;
    let name = beginning.split_once('(')?.1.to_owned();
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let mut number = || fields.next()?.parse::<i32>().ok();
    let (parent, group, own_session) = (number()?, number()?, number()?);
    (own_session == session).then_some(Member { pid, name, state, parent, group })
}

/// The process group of a process.
pub fn group_of(pid: i32) -> i32 {
    // SAFETY: the call takes a number.
    unsafe { libc::getpgid(pid) }
}

/// Sends a signal to a process group of a session of ours.
pub fn signal_group(group: i32, signal: i32) {
    assert!(group > 1);
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::kill(-group, signal) };
    assert_eq!(result, 0, "group {group} is gone");
}
