//! Where the JSON report goes: `--report`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::console::Console;
use crate::report::words::show_word;
use crate::sys;
use crate::sys::append::Destination;
use crate::sys::helper::Helper;

/// How long a pipe's reader may keep us waiting.
const READER: Duration = Duration::from_secs(1);

/// How long a file system may.
const FILE_SYSTEM: Duration = Duration::from_secs(5);

/// A file, a descriptor, or `-` for standard error.
#[derive(Debug)]
pub struct ReportFile<'a> {
    name: &'a OsStr,
    destination: Destination,
}

impl<'a> ReportFile<'a> {
    /// The file of this name. A descriptor is looked at now, before others get its number; nothing
    /// is opened.
    pub fn prepare(name: &'a OsStr) -> Self {
        Self { name, destination: Destination::of(Path::new(name)) }
    }

    /// Appends the report. That it cannot be written is a warning and no more.
    ///
    /// A forked child writes: to open a file, or to write to it, can hang for ever.
    pub fn write(&self, line: &[u8], console: &Console) {
        let append = || errno_of(self.destination.append(line, READER));
        let error = match Helper::start(|told| tell(told, append())) {
            Ok(helper) => listen(&helper),
            // It may be for want of processes that there is something to report.
            Err(_) => append(),
        };
        if let Some(error) = error {
            if self.name == "-" {
                // A part of the line may stand there.
                console.write(b"\n");
            }
            let (name, reason) = (show_word(self.name), sys::reason(error));
            console.error(&format!("cannot write the report to {name}: {reason}"));
        }
    }
}

fn errno_of(result: std::io::Result<()>) -> Option<Errno> {
    let error = result.err()?;
    Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Tells the error number, or 0.
fn tell(mut told: File, error: Option<Errno>) {
    let number = error.map_or(0, |error| error as i32);
    // Who does not hear it takes it for a failure.
    let _ = told.write_all(&number.to_ne_bytes());
}

fn listen(helper: &Helper) -> Option<Errno> {
    let mut number = [0; size_of::<i32>()];
    match helper.read(&mut number, Instant::now() + FILE_SYSTEM) {
        Ok(length) if length == number.len() => {
            let number = i32::from_ne_bytes(number);
            (number != 0).then(|| Errno::from_raw(number))
        }
        Ok(_) => Some(Errno::EIO),
        Err(error) => Some(error),
    }
}
