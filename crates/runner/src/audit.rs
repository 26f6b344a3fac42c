//! The audit record of what fixes wrote: who, when, where, what, and what came of it; a line each, as it happens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shakedown_core::Clock;
use shakedown_core::fix::{Applied, Standing, Step};
use shakedown_core::redact::Redactor;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When, in UTC.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum AuditEntry {
    /// Somebody began to write, or to take back what was written.
    Began {
        /// The application, or the one that is taken back.
        id: String,
        /// Whether it is taken back.
        undo: bool,
        /// The user of the operating system, where it names one.
        by: Option<String>,
        /// The program's version.
        version: String,
        /// The environment.
        environment: String,
        /// The addresses of its targets, by kind.
        targets: BTreeMap<String, String>,
    },
    /// A step is about to be done.
    Step {
        /// The fix.
        fix: String,
        /// What.
        step: Step,
    },
    /// A step was done.
    Applied {
        /// The fix.
        fix: String,
        /// What came of it.
        applied: Applied,
    },
    /// A change was to be taken back.
    Reverted {
        /// The fix that had made it.
        fix: String,
        /// Its number in the undo file.
        change: u64,
        /// How the target stands to it now.
        standing: Standing,
    },
    /// A step, or taking back a change, came to an end before its end.
    Failed {
        /// The fix.
        fix: String,
        /// Why.
        error: String,
    },
    /// Nothing more follows.
    Ended,
}

/// An audit record that is being written.
pub struct Audit {
    file: Mutex<File>,
    redactor: Redactor,
    clock: Clock,
}

impl Audit {
    /// Adds to the record at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be written; the message names the path.
    pub fn open(path: &Path, redactor: Redactor, clock: Clock) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file =
            file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(Self { file: Mutex::new(file), redactor, clock })
    }

    /// Writes a line, without secrets, and returns when it has reached the disk.
    ///
    /// # Errors
    /// Where it cannot be written: what it announces must then not be done.
    pub fn write(&self, entry: AuditEntry) -> io::Result<()> {
        let line = AuditLine { at: self.clock.now(), entry };
        let (_, mut line) = self.redactor.json(line)?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())?;
        file.sync_data()
    }
}
