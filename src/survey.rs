//! Looking at processes that may hang whoever looks: in a forked child that gets so much time.
//!
//! To read `/proc/PID/cmdline` takes the memory lock of the process, which a thread of it that is
//! stuck in a page fault can hold for ever; any program can arrange that. The child is killed then,
//! and another one goes on behind the process that it was stuck at.

use std::io::Write;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::procfs::Proc;
use crate::sys::helper::{self, Helper, Streams};

/// A helper that is found to hang at the same process twice, with so much time between, hangs there.
const BLINK: Duration = Duration::from_millis(15);

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
    let until = Instant::now() + patience.all;
    let mut found = Vec::new();
    // Where one hangs for ever the next one would, too.
    while found.len() < items.len() && Instant::now() < until && helper::reap_undead() {
        let rest = &items[found.len()..];
        let work = |output| write_each(rest, &look, output);
        let Ok(helper) = Helper::start(Streams::LetGo, work) else { break };
        let mut records = Records::new(&helper);
        let mut next = || {
            let (mut time, mut hung) = (patience.each, false);
            loop {
                match records.next(until.min(Instant::now() + time)) {
                    Err(Missing::Late) if Instant::now() < until => {
                        // One that hangs does so twice; else it only waits for a processor.
                        let hangs = hangs(proc, &helper);
                        if hangs && hung {
                            return Err(Missing::Late);
                        }
                        (time, hung) = (BLINK, hangs);
                    }
                    result => return result,
                }
            }
        };
        let mut missing = Ok(());
        while missing.is_ok() && found.len() < items.len() {
            missing = next().map(|record| found.push(Reading::Done(record)));
        }
        match missing {
            Ok(()) => {}
            Err(Missing::Late) if hangs(proc, &helper) => found.push(Reading::TooLong),
            // Somebody has ended or stopped it, or the time is up: that tells nothing of the item.
            Err(_) => found.push(Reading::NotTried),
        }
    }
    found.resize_with(items.len(), || Reading::NotTried);
    found
}

/// What a helper comes back with that has asked `/proc`. A process at which one hangs is avoided from
/// then on, and another one is sent. `None` where nobody comes back until then.
pub fn ask<T: Serialize + DeserializeOwned>(
    proc: &Proc,
    until: Instant,
    ask: impl Fn(&Proc) -> T,
) -> Option<T> {
    while helper::reap_undead() {
        let work = |output| write_each(&[()], |()| ask(proc), output);
        let Ok(helper) = Helper::start(Streams::LetGo, work) else {
            // For want of processes we ask ourselves, and only what always answers.
            return Some(ask(&proc.avoiding_all()));
        };
        let mut records = Records::new(&helper);
        let mut hung_at = None;
        loop {
            match records.next(until.min(Instant::now() + BLINK)) {
                Ok(answer) => return Some(answer),
                Err(Missing::Ended) => return None,
                Err(Missing::Late) => {}
            }
            let hangs_at = hangs(proc, &helper).then(|| proc.marked());
            if hangs_at.is_some() && hangs_at == hung_at {
                break;
            }
            if Instant::now() >= until {
                return None;
            }
            hung_at = hangs_at;
        }
        drop(helper);
        if !proc.avoid_marked() {
            return None;
        }
    }
    None
}

/// Whether a helper that is late would not go on if it could: it waits in the kernel, and not for us.
fn hangs(proc: &Proc, helper: &Helper) -> bool {
    proc.stat_by_status(helper.pid()).is_some_and(|stat| stat.state == 'D')
}

/// Writes a record for each item, as soon as it is known. A record ends with a zero, which it does not
/// contain, see COBS.
fn write_each<I: Copy, T: Serialize>(items: &[I], look: impl Fn(I) -> T, mut output: impl Write) {
    for item in items {
        let Ok(record) = postcard::to_allocvec_cobs(&look(*item)) else { return };
        if output.write_all(&record).is_err() {
            return;
        }
    }
}

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It has not come yet.
    Late,
    /// The helper has ended.
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

    /// The next record, where it comes until then.
    fn next<T: DeserializeOwned>(&mut self, until: Instant) -> Result<T, Missing> {
        loop {
            if let Some(length) = self.bytes[self.searched..].iter().position(|byte| *byte == 0) {
                let end = self.searched + length;
                let mut record: Vec<u8> = self.bytes.drain(..=end).collect();
                self.searched = 0;
                return postcard::from_bytes_cobs(&mut record).map_err(|_| Missing::Ended);
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
