//! Looking at processes that may hang whoever looks: in a forked child that gets so much time.
//!
//! To read `/proc/PID/cmdline` takes the memory lock of the process, which a thread of it that is
//! stuck in a page fault can hold for ever; any program can arrange that. The child is killed then,
//! and another one goes on behind the process that it was stuck at.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::procfs::{Pid, Proc};
use crate::sys::helper::Helper;
use crate::sys::wait;

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

/// Sends the helpers, and knows those that never came back.
#[derive(Debug, Default)]
pub struct Surveyor {
    undead: RefCell<Vec<Pid>>,
}

impl Surveyor {
    /// The helpers that hang in the kernel where no signal reaches them. They are children of ours.
    pub fn undead(&self) -> Vec<Pid> {
        self.undead.borrow().clone()
    }

    /// Reads something of each item.
    pub fn read<I: Copy, T: Serialize + DeserializeOwned>(
        &self,
        items: &[I],
        patience: Patience,
        look: impl Fn(I) -> T,
    ) -> Vec<Reading<T>> {
        let until = Instant::now() + patience.all;
        let mut found = Vec::new();
        // Where one hangs for ever the next one would, too.
        while found.len() < items.len() && Instant::now() < until && self.reap_undead() {
            let rest = &items[found.len()..];
            let Ok(helper) = Helper::start(|output| write_each(rest, &look, output)) else { break };
            let mut lines = Lines { helper: &helper, bytes: Vec::new() };
            let next = || loop {
                match lines.next(until.min(Instant::now() + patience.each)) {
                    // It only waits for a processor, like everybody.
                    None if Instant::now() < until && has_no_time(&helper) => {}
                    line => return line,
                }
            };
            found.extend(std::iter::from_fn(next).take(rest.len()).map(Reading::Done));
            if found.len() < items.len() && !has_no_time(&helper) {
                found.push(Reading::TooLong);
            }
            self.undead.borrow_mut().extend(helper.end());
        }
        found.resize_with(items.len(), || Reading::NotTried);
        found
    }

    /// Reaps those that have come free after all. Returns whether nobody is left.
    fn reap_undead(&self) -> bool {
        let mut undead = self.undead.borrow_mut();
        undead.retain(|pid| matches!(wait::reap(*pid), Ok(None)));
        undead.is_empty()
    }
}

/// Whether a helper that is late would go on if it could: who hangs in the kernel is in state D.
fn has_no_time(helper: &Helper) -> bool {
    let stat = helper.pid().and_then(|pid| Proc::new("/proc").stat(pid));
    stat.is_some_and(|stat| matches!(stat.state, 'R' | 'S'))
}

/// Writes one line of JSON for each item, as soon as it is known.
fn write_each<I: Copy, T: Serialize>(items: &[I], look: impl Fn(I) -> T, mut output: impl Write) {
    for item in items {
        let Ok(line) = postcard::to_allocvec_cobs(&look(*item)) else { return };
        if output.write_all(&line).is_err() {
            return;
        }
    }
}

/// What a helper has written, line by line.
struct Lines<'a> {
    helper: &'a Helper,
    bytes: Vec<u8>,
}

impl Lines<'_> {
    /// The next line; `None` at the end, or where it does not come until then.
    fn next<T: DeserializeOwned>(&mut self, until: Instant) -> Option<T> {
        loop {
            if let Some(length) = self.bytes.iter().position(|byte| *byte == 0) {
                let mut line: Vec<u8> = self.bytes.drain(..=length).collect();
                return postcard::from_bytes_cobs(&mut line).ok();
            }
            // Not on the stack, where whoever calls this would touch all of it at each start.
            let mut chunk = vec![0; 16 * 1024];
            match self.helper.read(&mut chunk, until) {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.bytes.extend_from_slice(&chunk[..length]),
            }
        }
    }
}
