//! Where the JSON report goes: `--report`.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::console::Console;
use crate::report::words::show_word;
use crate::sys::append::Destination;
use crate::sys::helper::{self, Streams};
use crate::sys::{self, Errno};

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
        let append = || self.destination.append(line, READER).map_err(|error| errno_of(&error));
        let attempt = |streams| helper::attempt(streams, FILE_SYSTEM, append);
        let result = match attempt(Streams::LetGo) {
            // It leads to a stream that the helper has let go, as /dev/stdout does; and the file
            // system has answered.
            Err(Errno::EISDIR) => attempt(Streams::Kept),
            result => result,
        };
        if let Err(error) = result {
            if self.name == "-" {
                // A part of the line may stand there.
                console.write(b"\n");
            }
            let (name, reason) = (show_word(self.name), sys::reason(error));
            console.error(&format!("cannot write the report to {name}: {reason}"));
        }
    }
}

fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
