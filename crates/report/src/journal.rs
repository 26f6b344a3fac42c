//! `events.jsonl`: the run as it happens, one event a line, and the run read back from it.

use shakedown_core::event::Event;
use shakedown_core::run::{Run, RunError};
use shakedown_core::sink::Sink;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// The name of the journal within a run's directory.
pub const FILE_NAME: &str = "events.jsonl";

/// No event is longer than this; a longer line shows that the file is something else.
const LONGEST_LINE: u64 = 64 << 20;

/// Writes events as they happen. What a call returned for has reached the operating system: `kill -9` loses none of it.
pub struct Journal {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
    /// Bytes of whole lines.
    length: u64,
    broken: bool,
}

impl Journal {
    /// A new journal. A file that already holds something is left alone: it may be all that is left of another run.
    ///
    /// # Errors
    /// Where the file cannot be opened or is not empty; the message names the path.
    pub fn create(path: &Path) -> io::Result<Self> {
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            match file.metadata()?.len() {
                0 => Ok(file),
                length => Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("it holds {length} bytes already"),
                )),
            }
        };
        let file = open().map_err(|error| named("cannot begin", path, &error))?;
        Ok(Self { path: path.to_owned(), file, line: Vec::with_capacity(1 << 10), length: 0, broken: false })
    }

    /// The journal of a run that is gone on with: what a killed process left of a last line is cut off.
    ///
    /// # Errors
    /// Where the file cannot be opened; the message names the path.
    pub fn resume(path: &Path) -> io::Result<Self> {
        let open = || {
            let file = OpenOptions::new().read(true).append(true).open(path)?;
            let mut lines = BufReader::new(&file);
            let (mut length, mut line) = (0, Vec::new());
            while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
                length += line.len() as u64;
                line.clear();
            }
            file.set_len(length)?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| named("cannot go on with", path, &error))?;
        Ok(Self { path: path.to_owned(), file, line: Vec::with_capacity(1 << 10), length, broken: false })
    }

    /// Writes the line with one call, so that no other writer and no signal can come between its parts.
    fn write_line(&mut self) -> io::Result<()> {
        loop {
            match self.file.write(&self.line) {
                Ok(written) if written == self.line.len() => return Ok(()),
                Ok(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::StorageFull,
                        "only part of a line could be written",
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Sink for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn event(&mut self, _event: &Event, line: &str) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other(format!(
                "the journal {} is closed after an error",
                self.path.display()
            )));
        }
        self.line.clear();
        self.line.extend_from_slice(line.as_bytes());
        self.line.push(b'\n');
        match self.write_line() {
            Ok(()) => {
                self.length += self.line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.broken = true;
                // Part of a line may be there. A reader tolerates it, so failing to cut it off does no harm.
                let _ = self.file.set_len(self.length);
                Err(named("cannot write", &self.path, &error))
            }
        }
    }
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} the journal {}: {error}", path.display()))
}

/// Why a file cannot be read as a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read at all.
    #[error("cannot read the journal {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no whole event.
    #[error("the journal {} holds no event: the run ended before it began", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The first event is not the beginning of a run.
    #[error("{}: {source}", path.display())]
    NoStart {
        /// The file.
        path: PathBuf,
        /// What is missing.
        source: RunError,
    },
    /// A line is not an event.
    #[error("{}, line {line}: not an event of a run: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Counts from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// The run that a journal tells, line by line; what was in flight when the process ended is errored.
///
/// A last line without its end is what a killed process leaves, and is passed over.
///
/// # Errors
/// See [`JournalError`].
pub fn read(path: &Path) -> Result<Run, JournalError> {
    let io_error = |source| JournalError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(io_error)?);
    let mut bytes = Vec::new();
    let mut run: Option<Run> = None;
    for line in 1.. {
        bytes.clear();
        let foreign = |reason: String| JournalError::Foreign { path: path.to_owned(), line, reason };
        let length = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).map_err(io_error)?;
        if length == 0 {
            break;
        }
        let whole = bytes.ends_with(b"\n");
        if !whole && length as u64 == LONGEST_LINE {
            return Err(foreign(format!("longer than {LONGEST_LINE} bytes")));
        }
        let event: Event = match serde_json::from_slice(&bytes) {
            Ok(event) => event,
            Err(_) if !whole => break,
            Err(error) => return Err(foreign(error.to_string())),
        };
        if let Some(run) = &mut run {
            run.apply(&event);
        } else {
            let begun = Run::begin(&event);
            run = Some(begun.map_err(|source| JournalError::NoStart { path: path.to_owned(), source })?);
        }
    }
    run.ok_or_else(|| JournalError::Empty { path: path.to_owned() })
}
