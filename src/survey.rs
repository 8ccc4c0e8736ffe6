//! Looking at processes that may hang whoever looks: in a forked child that gets so much time.
//!
//! To read `/proc/PID/cmdline` takes the memory lock of the process, which a thread of it that is
//! stuck in a page fault can hold for ever; any program can arrange that. The child is killed then,
//! and another one goes on behind the process that it was stuck at.

use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::procfs::Pid;
use crate::sys::helper::Helper;

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// At one process; then we go on without it.
    pub each: Duration,
    /// At all of them; then we go on without the rest.
    pub all: Duration,
}

/// Reads something of each process; `None` for those that could not be read in time.
pub fn read<T: Serialize + DeserializeOwned>(
    pids: &[Pid],
    patience: Patience,
    look: impl Fn(Pid) -> T,
) -> Vec<Option<T>> {
    let until = Instant::now() + patience.all;
    let mut found = Vec::new();
    while found.len() < pids.len() && Instant::now() < until {
        let rest = &pids[found.len()..];
        let Ok(helper) = Helper::start(|output| write_each(rest, &look, output)) else { break };
        let mut lines = Lines { helper: &helper, bytes: Vec::new() };
        let next = || lines.next(until.min(Instant::now() + patience.each));
        found.extend(std::iter::from_fn(next).take(rest.len()).map(Some));
        if found.len() < pids.len() {
            found.push(None);
        }
    }
    found.resize_with(pids.len(), || None);
    found
}

/// Writes one line of JSON for each process, as soon as it is known.
fn write_each<T: Serialize>(pids: &[Pid], look: impl Fn(Pid) -> T, mut output: impl Write) {
    for pid in pids {
        let Ok(mut line) = serde_json::to_vec(&look(*pid)) else { return };
        line.push(b'\n');
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
            if let Some(length) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=length).collect();
                return serde_json::from_slice(&line).ok();
            }
            let mut chunk = [0; 16 * 1024];
            match self.helper.read(&mut chunk, until) {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.bytes.extend_from_slice(&chunk[..length]),
            }
        }
    }
}
