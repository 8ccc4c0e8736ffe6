//! Who descends from us: who of them is of the job, who is allowed to linger, and what they are.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::allowance::{Allowance, Verdict};
use super::strangers::Strangers;
use crate::allow::Allow;
use crate::policy::Target;
use crate::procfs::detail::{Detail, Observer};
use crate::procfs::stat::{Identity, Stat, UNKNOWN_STATE};
use crate::procfs::tree::Seen;
use crate::procfs::{Pid, Proc};
use crate::record::{Membership, Process};
use crate::survey::{self, Patience, Reading};
use crate::sys::{helper, process, wait};

/// How long to look at what is only told.
pub const TO_TELL: Patience =
    Patience { each: Duration::from_millis(100), all: Duration::from_millis(500) };

/// Of how many processes that could not be read in time we read what answers at once.
const QUICK_LOOKS: usize = 100;

/// How long a look may take that is to show all. Ten thousand processes need a quarter of it.
const AT_MOST: Duration = Duration::from_secs(1);

/// How long a helper may be late with what it has seen.
const LATE: Duration = Duration::from_millis(50);

/// The system's `/proc`, unless it numbers processes as another pid namespace does.
fn trusted_proc() -> Option<Proc> {
    let proc = Proc::new("/proc", helper::mark());
    proc.speaks_our_numbers(process::own_pid()).then_some(proc)
}

/// The children that we have before a command is started.
pub fn note_strangers() -> Strangers {
    Strangers::note(trusted_proc)
}

/// What there is to know about our descendants, asked anew each time.
#[derive(Debug)]
pub struct Census {
    /// Opened when it is needed first, and `None` where there is none that can be trusted.
    proc: OnceCell<Option<Proc>>,
    /// When those had started that were seen last, for one that is avoided the next time.
    starts: RefCell<HashMap<Pid, u64>>,
    /// When something else is to be done.
    deadline: Cell<Option<Instant>>,
    strangers: Strangers,
    /// The hook while it runs, which is our child and yet not of the job.
    hook: Option<Pid>,
    /// `None` when it has been reaped, and its number may be another's.
    leader: Option<Pid>,
    group: Pid,
    own_session: Pid,
    allowance: Allowance,
}

/// Those of a target that are alive, as far as one look shows them.
#[derive(Debug)]
pub struct Selection<'a> {
    /// Who certainly belongs to it, parents before children.
    pub members: Vec<&'a Stat>,
    /// Of whom it is not known.
    pub undecided: Vec<&'a Stat>,
}

impl Selection<'_> {
    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.undecided.is_empty()
    }
}

/// What is read of a process: what is most wanted comes first, in case there is no time for more.
#[derive(Clone, Copy)]
enum Part<'a> {
    Command(&'a Stat),
    Files(&'a Stat),
}

impl Census {
    /// The census of what descends from this leader, which began in this group.
    pub fn new(leader: Pid, group: Pid, strangers: Strangers, allow: Allow) -> Self {
        Self {
            proc: OnceCell::new(),
            starts: RefCell::default(),
            deadline: Cell::new(None),
            strangers,
            hook: None,
            leader: Some(leader),
            group,
            own_session: process::own_session(),
            allowance: Allowance::new(allow),
        }
    }

    /// The group in which the leader began.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// Whether this is the leader, not reaped.
    pub fn is_leader(&self, pid: Pid) -> bool {
        self.leader == Some(pid)
    }

    /// The leader has been reaped.
    pub fn forget_leader(&mut self) {
        self.leader = None;
    }

    /// From now on this child of ours, with its group, is none of the command's; or it is again.
    pub fn set_hook(&mut self, hook: Option<Pid>) {
        self.hook = hook;
    }

    /// Whether this is the hook.
    pub fn is_hook(&self, pid: Pid) -> bool {
        self.hook == Some(pid)
    }

    /// `/proc`, where it can be read and believed.
    pub fn proc(&self) -> Option<&Proc> {
        self.proc.get_or_init(trusted_proc).as_ref()
    }

    /// From now on looks that may take their time end at this time, if not sooner.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }

    /// Whether that time has come.
    pub fn is_late(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| deadline <= Instant::now())
    }

    fn at_most(&self) -> Instant {
        let at_most = Instant::now() + AT_MOST;
        self.deadline.get().map_or(at_most, |deadline| at_most.min(deadline))
    }

    /// Whether it was asked and can be neither read nor believed.
    pub fn is_blind(&self) -> bool {
        matches!(self.proc.get(), Some(None))
    }

    /// Whether every child of ours is one that has to go, so that nobody needs to be looked at:
    /// there are no strangers, and nobody is allowed to stay.
    pub fn takes_all(&self, target: Target) -> bool {
        let is_whole = matches!(target, Target::Lingering | Target::Tree);
        is_whole && self.allows_nobody() && self.has_no_strangers()
    }

    /// Whether nobody may linger.
    pub fn allows_nobody(&self) -> bool {
        self.allowance.is_empty()
    }

    /// Whether this one was found to be allowed to linger.
    pub fn is_allowed(&self, stat: &Stat) -> bool {
        self.allowance.is_known(stat)
    }

    /// Whether nobody can tell which of our children are of the command.
    pub fn cannot_tell(&self) -> bool {
        matches!(self.strangers, Strangers::Unknown)
    }

    /// Whether all children are of the command.
    pub fn has_no_strangers(&self) -> bool {
        matches!(self.strangers, Strangers::None) && self.hook.is_none()
    }

    /// What descends from us and from no stranger, dead or alive, and what a helper that has looked
    /// tells of it. `None` where it cannot be seen.
    pub fn look<T: Serialize + DeserializeOwned>(
        &self,
        until: Instant,
        tell: impl Fn(&Proc, &[Stat]) -> T,
    ) -> Option<(Seen, T)> {
        let own_pid = process::own_pid();
        let (mut seen, unseen, told) = self.ask(until, |proc| {
            let helper = proc.reader();
            let is_ours =
                |child: &Stat| Some(child.pid) != helper && self.is_ours(child.pid, child.pgid);
            let seen = proc.descendants(own_pid, is_ours, || Instant::now() < until)?;
            let met: HashSet<Pid> = seen.stats.iter().map(|stat| stat.pid).collect();
            let mut unseen = proc.children(own_pid).unwrap_or_default();
            unseen.retain(|pid| !met.contains(pid) && !matches!(proc.try_stat(*pid), Ok(Some(_))));
            let told = tell(proc, &seen.stats);
            Some((seen, unseen, told))
        })??;
        self.remember_starts(&mut seen.stats);
        seen.stats.extend(unseen.into_iter().filter_map(|pid| self.hidden_child(pid)));
        Some((seen, told))
    }

    /// Fills in when those have started of whom only a part was read.
    fn remember_starts(&self, stats: &mut [Stat]) {
        let mut known = self.starts.borrow_mut();
        for stat in stats.iter_mut().filter(|stat| stat.start == 0) {
            stat.start = known.get(&stat.pid).copied().unwrap_or(0);
        }
        *known = stats.iter().map(|stat| (stat.pid, stat.start)).collect();
    }

    /// The same, for who wants to know no more, and no less.
    pub fn descendants(&self) -> Option<Seen> {
        self.look(self.at_most(), |_, _| ()).map(|(seen, ())| seen)
    }

    /// Anything that is asked of `/proc`, by a helper: a process that is stuck makes who asks hang.
    pub fn ask<T: Serialize + DeserializeOwned>(
        &self,
        until: Instant,
        ask: impl Fn(&Proc) -> T,
    ) -> Option<T> {
        survey::ask(self.proc()?, until + LATE, ask)
    }

    /// Which of these are still the processes that were seen, as far as it can be told: one answer for
    /// each, or none at all.
    pub fn are_there(&self, seen: &[&Stat]) -> Vec<Option<bool>> {
        let is_there = |proc: &Proc, before: &Stat| match proc.try_stat(before.pid) {
            Ok(now) => Some(now.is_some_and(|now| now.is_same_as(before) && now.is_alive())),
            Err(_) => None,
        };
        let are_there = |proc: &Proc| -> Vec<Option<bool>> {
            seen.iter().map(|before| is_there(proc, before)).collect()
        };
        self.ask(self.at_most(), are_there).unwrap_or_default()
    }

    /// A child of ours that `/proc` does not show, as with its option `hidepid` those of another
    /// user: what the system calls tell of it. Nobody else reaps our children, so it has not gone.
    fn hidden_child(&self, pid: Pid) -> Option<Stat> {
        let group = process::group_of(pid).ok()?;
        if wait::peek(pid) != Ok(None) || !self.is_ours(pid, group) {
            return None;
        }
        Some(Stat {
            pid,
            name: "?".to_owned(),
            state: UNKNOWN_STATE,
            ppid: process::own_pid(),
            pgid: group,
            session: process::session_of(pid).ok()?,
            threads: 0,
            child_faults: 0,
            cpu_ticks: 0,
            start: 0,
        })
    }

    /// Whether a child of ours, in this process group, is of the command.
    pub fn is_ours(&self, child: Pid, group: Pid) -> bool {
        let is_of_hook = self.is_hook(child) || self.is_hook(group);
        Some(child) == self.leader || !(is_of_hook || self.strangers.include(child, group))
    }

    /// Those of the descendants, given parents before children, that are alive and of the target.
    pub fn select<'a>(&self, target: Target, descendants: &'a [Stat]) -> Selection<'a> {
        let alive = descendants.iter().filter(|stat| stat.is_alive());
        let mut members: Vec<&Stat> = alive.collect();
        match target {
            Target::Leader => members.retain(|stat| Some(stat.pid) == self.leader),
            Target::Group => members.retain(|stat| self.membership(stat) == Membership::Group),
            Target::Job => members.retain(|stat| self.is_of_job(stat)),
            Target::Tree => return self.without_allowed(members, |stat| self.is_of_job(stat)),
            Target::Lingering => return self.without_allowed(members, |_| false),
        }
        Selection { members, undecided: vec![] }
    }

    /// Leaves out who may linger, unless `cannot` says that it never may.
    fn without_allowed<'a>(
        &self,
        members: Vec<&'a Stat>,
        cannot: impl Fn(&Stat) -> bool,
    ) -> Selection<'a> {
        let judged: Vec<&Stat> = members.iter().copied().filter(|stat| !cannot(stat)).collect();
        let Some(proc) = self.proc() else {
            return Selection { members: vec![], undecided: members };
        };
        let verdicts = self.allowance.judge(proc, &judged);
        let verdicts: HashMap<Identity, Verdict> =
            judged.iter().map(|stat| stat.identity()).zip(verdicts).collect();
        let mut selection = Selection { members: vec![], undecided: vec![] };
        for stat in members {
            match verdicts.get(&stat.identity()) {
                None | Some(Verdict::NotAllowed) => selection.members.push(stat),
                Some(Verdict::Undecided) => selection.undecided.push(stat),
                Some(Verdict::Allowed) => {}
            }
        }
        selection
    }

    /// Whether what happens to this process, dead or alive, can change who is of the target.
    pub fn concerns(&self, target: Target, stat: &Stat) -> bool {
        match target {
            Target::Leader => Some(stat.pid) == self.leader,
            Target::Group | Target::Job => self.is_of_job(stat),
            Target::Tree => self.is_of_job(stat) || !self.is_allowed(stat),
            Target::Lingering => !self.is_allowed(stat),
        }
    }

    /// Whether this one is of the job, which a limit always ends.
    pub fn is_of_job(&self, stat: &Stat) -> bool {
        self.membership(stat) != Membership::Detached || Some(stat.pid) == self.leader
    }

    /// Whether one in this process group and session certainly is of the target, whoever it is.
    pub fn includes(&self, target: Target, group: Pid, session: Pid) -> bool {
        let membership = self.membership_in(group, session);
        match target {
            Target::Leader => false,
            Target::Group => membership == Membership::Group,
            Target::Job => membership != Membership::Detached,
            Target::Tree => membership != Membership::Detached || self.allows_nobody(),
            Target::Lingering => self.allows_nobody(),
        }
    }

    /// What a descendant still shares with the command.
    fn membership(&self, stat: &Stat) -> Membership {
        self.membership_in(stat.pgid, stat.session)
    }

    fn membership_in(&self, group: Pid, session: Pid) -> Membership {
        if group == self.group {
            Membership::Group
        } else if session == self.own_session {
            Membership::Job
        } else {
            Membership::Detached
        }
    }

    /// All there is to know about these processes, which were seen just now, as far as it can be
    /// read with so much patience; and whether that is all.
    pub fn describe(&self, stats: &[&Stat], patience: Patience) -> (Vec<Process>, bool) {
        let Some(proc) = self.proc() else { return (vec![], false) };
        let until = Instant::now() + patience.all;
        let observer = Observer::new(proc);
        let commands = stats.iter().map(|stat| Part::Command(stat));
        let files = stats.iter().map(|stat| Part::Files(stat));
        let parts: Vec<Part<'_>> = commands.chain(files).collect();
        let mut commands = survey::read(proc, &parts, patience, |part| match part {
            Part::Command(stat) => observer.command(stat),
            Part::Files(stat) => observer.files(stat),
        });
        let is_known = |stat: &&Stat| stat.state != UNKNOWN_STATE;
        let is_complete = commands.iter().all(|reading| matches!(reading, Reading::Done(_)))
            && stats.iter().all(is_known);
        let files = commands.split_off(stats.len());
        let commands = commands.into_iter().map(Reading::done).collect();
        let found = self.look_quickly(until, stats, commands);
        let (now, own_user) = (process::time_since_boot(), process::own_user());
        let describe = |((stat, (state, command)), files): ((&&Stat, _), Reading<Detail>)| {
            let Detail { holds, sockets, .. } = files.done().unwrap_or_default();
            let detail = Detail { holds, sockets, ..command };
            Process {
                age: (stat.start > 0).then(|| now.saturating_sub(process::since_boot(stat.start))),
                membership: self.membership(stat),
                is_foreign: detail.uid.is_some_and(|uid| uid != own_user),
                detail,
                stat: Stat { state, ..(*stat).clone() },
            }
        };
        (stats.iter().zip(found).zip(files).map(describe).collect(), is_complete)
    }

    /// What answers without waiting, of those of whom no more is known, but not of very many; and the
    /// state of those whose main thread has ended.
    fn look_quickly(
        &self,
        until: Instant,
        processes: &[&Stat],
        commands: Vec<Option<Detail>>,
    ) -> Vec<(char, Detail)> {
        let mut quick_looks = 0..QUICK_LOOKS;
        let mut wanted = |(stat, known): (&&Stat, &Option<Detail>)| {
            let quickly = known.is_none() && quick_looks.next().is_some();
            (quickly, quickly || !stat.has_main_thread())
        };
        let wanted: Vec<(bool, bool)> = processes.iter().zip(&commands).map(&mut wanted).collect();
        let look = |proc: &Proc| -> Vec<(char, Option<Detail>)> {
            let each = processes.iter().zip(&wanted).filter(|(_, (_, any))| *any);
            each.map(|(stat, (quickly, _))| {
                let detail = quickly.then(|| proc.detail_without_waiting(stat));
                (proc.living_state(stat), detail)
            })
            .collect()
        };
        let any = wanted.iter().any(|(_, any)| *any);
        let looked = any.then(|| self.ask(until, look)).flatten().unwrap_or_default();
        let mut looked = looked.into_iter();
        let mut next = |stat: &Stat, any: bool| {
            any.then(|| looked.next()).flatten().unwrap_or((stat.state, None))
        };
        let found = processes.iter().zip(commands).zip(wanted);
        let found = found.map(|((stat, command), (_, any))| {
            let (state, quick) = next(stat, any);
            (state, command.or(quick).unwrap_or_default())
        });
        found.collect()
    }
}
