//! Where the JSON report goes: `--report`.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::console::Console;
use crate::report::words::show_word;
use crate::sys;
use crate::sys::append::Destination;

/// How long a pipe's reader may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file, a descriptor, or `-` for standard error.
#[derive(Debug)]
pub struct ReportFile<'a> {
    name: &'a OsStr,
    /// `None` is standard error.
    destination: Option<Destination>,
}

impl<'a> ReportFile<'a> {
    /// The file of this name. A descriptor is looked at now, before others get its number; nothing
    /// is opened.
    pub fn prepare(name: &'a OsStr) -> Self {
        let destination = (name != "-").then(|| Destination::of(Path::new(name)));
        Self { name, destination }
    }

    /// Appends the report. That it cannot be written is a warning and no more.
    pub fn write(self, line: &[u8], console: &Console) {
        let Some(destination) = self.destination else { return console.write(line) };
        if let Err(error) = destination.append(line, PATIENCE) {
            let reason = sys::io_reason(&error);
            console
                .error(&format!("cannot write the report to {}: {reason}", show_word(self.name)));
        }
    }
}
