//! Looking at processes that may hang whoever looks: in a forked child that gets so much time.
//!
//! To read `/proc/PID/cmdline` takes the memory lock of the process, which a thread of it that is
//! stuck in a page fault can hold for ever; any program can arrange that. The child is killed then,
//! and another one goes on behind the process that it was stuck at.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::procfs::Proc;
use crate::sys::Errno;
use crate::sys::helper::{self, Helper, Streams};

/// A helper that is found to hang at the same process twice, with so much time between, hangs there.
const BLINK: Duration = Duration::from_millis(15);

/// How long a process is avoided at which a helper has hung.
const AVOIDED: Duration = Duration::from_secs(5);

/// How long to look. What takes longer is not known then, and who decides by it has to say what
/// that means.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// At one item; then we go on without it.
    pub each: Duration,
    /// At all of them; then we go on without the rest.
    pub all: Duration,
}

/// What became of the attempt to read something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// This is it.
    Done(T),
    /// It took too long: whoever read it hung.
    TooLong,
    /// The time was up before, or there was nobody to read it.
    NotTried,
}

impl<T> Reading<T> {
    /// What was read, if anything.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(found) => Some(found),
            Self::TooLong | Self::NotTried => None,
        }
    }
}

/// Reads something of each item, which `/proc` may hang at.
pub fn read<I: Copy, T: Serialize + DeserializeOwned>(
    proc: &Proc,
    items: &[I],
    patience: Patience,
    look: impl Fn(I) -> T,
) -> Vec<Reading<T>> {
    let look = |index: usize| record_of(&look(items[index]));
    let records = read_records(proc, items.len(), patience, &look);
    let read = |reading| match reading {
        Reading::Done(record) => told_by(record).map_or(Reading::NotTried, Reading::Done),
        Reading::TooLong => Reading::TooLong,
        Reading::NotTried => Reading::NotTried,
    };
    records.into_iter().map(read).collect()
}

/// What a helper comes back with that has asked `/proc`. A process at which one hangs is avoided from
/// then on, and another one is sent. `None` where nobody comes back until then.
pub fn ask<T: Serialize + DeserializeOwned>(
    proc: &Proc,
    until: Instant,
    ask: impl Fn(&Proc) -> T,
) -> Option<T> {
    ask_record(proc, until, &|proc| record_of(&ask(proc))).and_then(told_by)
}

/// What a helper tells of one item: some bytes, and a zero, which is not among them, see COBS.
type Record = Vec<u8>;

/// `None` for what has no such form, which is nothing of ours.
fn record_of<T: Serialize>(told: &T) -> Option<Record> {
    postcard::to_allocvec_cobs(told).ok()
}

fn told_by<T: DeserializeOwned>(mut record: Record) -> Option<T> {
    postcard::from_bytes_cobs(&mut record).ok()
}

fn read_records(
    proc: &Proc,
    count: usize,
    patience: Patience,
    look: &dyn Fn(usize) -> Option<Record>,
) -> Vec<Reading<Record>> {
    let until = Instant::now() + patience.all;
    let mut found = Vec::new();
    while found.len() < count && Instant::now() < until && helper::may_start() {
        proc.unmark();
        let mut rest = found.len()..count;
        let work = |output| write_each(&mut rest.clone().map_while(look), output);
        let Ok(helper) = Helper::start(Streams::LetGo, work) else { break };
        let mut records = Records::new(&helper);
        let missing = rest.try_for_each(|_| {
            found.push(Reading::Done(records.next_in(proc, patience.each, until)?));
            Ok(())
        });
        match missing {
            Ok(()) => {}
            Err(Missing::Hangs) => found.push(Reading::TooLong),
            // Somebody has ended or stopped it, or the time is up: that tells nothing of the item.
            Err(Missing::Late | Missing::Ended) => found.push(Reading::NotTried),
        }
    }
    found.resize_with(count, || Reading::NotTried);
    found
}

fn ask_record(
    proc: &Proc,
    until: Instant,
    ask: &dyn Fn(&Proc) -> Option<Record>,
) -> Option<Record> {
    proc.forget_avoided(Instant::now(), AVOIDED);
    loop {
        proc.unmark();
        let work = |output| write_each(&mut ask(proc).into_iter(), output);
        let helper = helper::may_start().then(|| Helper::start(Streams::LetGo, work));
        let Some(Ok(helper)) = helper else {
            // For want of helpers we ask ourselves, and only what always answers.
            return ask(&proc.avoiding_all());
        };
        match Records::new(&helper).next_in(proc, BLINK, until) {
            Ok(answer) => return Some(answer),
            Err(Missing::Hangs) if proc.avoid_marked(Instant::now()) => {}
            Err(_) => return None,
        }
    }
}

/// Writes each record as soon as it is known.
fn write_each(records: &mut dyn Iterator<Item = Record>, mut output: File) {
    for record in records {
        if output.write_all(&record).is_err() {
            return;
        }
    }
}

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It has not come in time.
    Late,
    /// Whoever was to write it hangs.
    Hangs,
    /// The helper has ended, or been stopped.
    Ended,
}

/// What a helper has written, record by record.
struct Records<'a> {
    helper: &'a Helper,
    bytes: Vec<u8>,
    /// How much of it has no end of a record.
    searched: usize,
}

impl<'a> Records<'a> {
    fn new(helper: &'a Helper) -> Self {
        Self { helper, bytes: Vec::new(), searched: 0 }
    }

    /// The next record, where it comes in so much time; but a helper that only waits for a processor,
    /// or goes on from one process to the next, has until the end.
    fn next_in(&mut self, proc: &Proc, each: Duration, until: Instant) -> Result<Record, Missing> {
        let (mut time, mut hung_at) = (each, None);
        loop {
            match self.next_until(until.min(Instant::now() + time)) {
                Err(Missing::Late) => {}
                result => return result,
            }
            let state = proc.stat_by_status(self.helper.pid()).map(|helper| helper.state);
            // It waits in the kernel, and not for us; or somebody has stopped it.
            let stays = matches!(state, Some('D' | 'T'));
            let hangs_at = stays.then(|| (state, proc.marked()));
            if hangs_at.is_some() && hangs_at == hung_at {
                return Err(if state == Some('D') { Missing::Hangs } else { Missing::Ended });
            }
            if Instant::now() >= until {
                return Err(Missing::Late);
            }
            (time, hung_at) = (BLINK, hangs_at);
        }
    }

    /// The next record, where it comes until then.
    fn next_until(&mut self, until: Instant) -> Result<Record, Missing> {
        loop {
            if let Some(length) = self.bytes[self.searched..].iter().position(|byte| *byte == 0) {
                let end = self.searched + length;
                self.searched = 0;
                return Ok(self.bytes.drain(..=end).collect());
            }
            self.searched = self.bytes.len();
            // Not on the stack, where whoever calls this would touch all of it at each start.
            let mut chunk = vec![0; 16 * 1024];
            match self.helper.read(&mut chunk, until) {
                Ok(0) => return Err(Missing::Ended),
                Ok(length) => self.bytes.extend_from_slice(&chunk[..length]),
                Err(Errno::ETIME) => return Err(Missing::Late),
                Err(_) => return Err(Missing::Ended),
            }
        }
    }
}
