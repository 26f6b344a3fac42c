//! The undo file: every change that fixes make, on disk before it is made, a line each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::fix::UndoLog;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The version of the format.
const VERSION: u32 = 1;

/// What an undo file says of itself, on its first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoHeader {
    /// The version of the format.
    pub version: u32,
    /// The application that it undoes.
    pub id: String,
    /// The environment that was written to.
    pub environment: String,
    /// When the application began, in UTC.
    pub applied: Timestamp,
    /// The addresses of the targets that were written to, by kind.
    pub targets: BTreeMap<String, String>,
}

impl UndoHeader {
    /// The header of an application that begins now.
    pub fn new(id: &str, environment: &str, applied: Timestamp, targets: BTreeMap<String, String>) -> Self {
        Self { version: VERSION, id: id.to_owned(), environment: environment.to_owned(), applied, targets }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Undo(UndoHeader),
    Change(Change),
    Withdrawn(u64),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Counts from 0.
    pub number: u64,
    /// The fix that made it.
    pub fix: String,
    /// What the fix needs to take it back.
    pub change: Value,
}

/// An undo file that is being written.
#[derive(Debug)]
pub struct UndoFile {
    path: PathBuf,
    state: Mutex<(File, u64)>,
}

impl UndoFile {
    /// A new one. It holds data of the target, so that only its owner may read it.
    ///
    /// # Errors
    /// Where it cannot be written, or is there already; the message names the path.
    pub fn create(path: &Path, header: &UndoHeader) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| named(path, &error))?;
        let undo = Self { path: path.to_owned(), state: Mutex::new((file, 0)) };
        undo.write(&[Line::Undo(header.clone())])?;
        Ok(undo)
    }

    /// The part of it that one fix writes to.
    pub fn of(self: &Arc<Self>, fix: &'static str) -> Arc<dyn UndoLog> {
        Arc::new(UndoOfFix { file: Arc::clone(self), fix })
    }

    /// How many changes were recorded, those that were withdrawn included.
    pub fn recorded(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Returns when the lines have reached the disk.
    fn write(&self, lines: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, _) = &mut *state;
        file.write_all(&text).and_then(|()| file.sync_data()).map_err(|error| named(&self.path, &error))
    }
}

struct UndoOfFix {
    file: Arc<UndoFile>,
    fix: &'static str,
}

impl UndoLog for UndoOfFix {
    fn record(&self, changes: &[Value]) -> io::Result<u64> {
        let first = {
            let mut state = self.file.state.lock().unwrap_or_else(PoisonError::into_inner);
            let first = state.1;
            state.1 += changes.len() as u64;
            first
        };
        let fix = self.fix.to_owned();
        let line = |(number, change): (u64, &Value)| {
            Line::Change(Change { number, fix: fix.clone(), change: change.clone() })
        };
        self.file.write(&(first..).zip(changes).map(line).collect::<Vec<_>>())?;
        Ok(first)
    }

    fn withdraw(&self, number: u64) -> io::Result<()> {
        self.file.write(&[Line::Withdrawn(number)])
    }
}

/// Why an undo file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("{path}:{line}: this is no line of an undo file: {why}")]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It has no header.
    #[error("{0} is no undo file: its first line does not say what was applied, and where")]
    NoHeader(String),
    /// It was written by another version of the program.
    #[error("{path} has the version {version} of the format, but this program reads {VERSION}")]
    Version {
        /// The file.
        path: String,
        /// Its version.
        version: u32,
    },
}

/// Reads an undo file: its header, and the changes that were not withdrawn, last one first, which is the order to undo
/// them in. A last line that was cut off is left out: the change that it announces was never made.
///
/// # Errors
/// See [`UndoError`].
pub fn read_undo(path: &Path) -> Result<(UndoHeader, Vec<Change>), UndoError> {
    let shown = || path.display().to_string();
    let file = File::open(path).map_err(|error| named(path, &error))?;
    let (mut header, mut changes, mut withdrawn) = (None, Vec::new(), BTreeSet::new());
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let mut line = Vec::new();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| named(path, &error))?;
        if read == 0 || line.last() != Some(&b'\n') {
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(Line::Undo(first)) if header.is_none() => header = Some(first),
            Ok(Line::Change(change)) => changes.push(change),
            Ok(Line::Withdrawn(change)) => drop(withdrawn.insert(change)),
            Ok(Line::Undo(_)) => {
                return Err(UndoError::Line {
                    path: shown(),
                    line: number,
                    why: "a second header".to_owned(),
                });
            }
            Err(error) => {
                return Err(UndoError::Line { path: shown(), line: number, why: error.to_string() });
            }
        }
    }
    let header: UndoHeader = header.ok_or_else(|| UndoError::NoHeader(shown()))?;
    if header.version != VERSION {
        return Err(UndoError::Version { path: shown(), version: header.version });
    }
    changes.retain(|change| !withdrawn.contains(&change.number));
    changes.reverse();
    Ok((header, changes))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header() -> UndoHeader {
        let targets = BTreeMap::from([("mongo".to_owned(), "db.example.com:27017".to_owned())]);
        UndoHeader::new("lab-1", "lab", Timestamp::UNIX_EPOCH, targets)
    }

    #[test]
    fn what_was_recorded_and_not_withdrawn_is_read_back_last_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("undo.jsonl");
        let file = Arc::new(UndoFile::create(&path, &header()).unwrap());
        let (close, create) = (file.of("mongo.recordings.close"), file.of("mongo.indexes.create"));
        assert_eq!(close.record(&[json!({ "_id": 1 }), json!({ "_id": 2 })]).unwrap(), 0);
        assert_eq!(create.record(&[json!("start_time_1")]).unwrap(), 2);
        close.withdraw(1).unwrap();
        let (read, changes) = read_undo(&path).unwrap();
        assert_eq!(read, header());
        let seen: Vec<_> = changes.iter().map(|change| (change.number, change.fix.as_str())).collect();
        assert_eq!(seen, [(2, "mongo.indexes.create"), (0, "mongo.recordings.close")]);
        assert_eq!(changes[1].change, json!({ "_id": 1 }));
        assert_eq!(UndoFile::create(&path, &header()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_cut_off_last_line_is_left_out_and_anything_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("undo.jsonl");
        UndoFile::create(&path, &header()).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        let with = |more: &str| {
            std::fs::write(&path, format!("{whole}{more}")).unwrap();
            read_undo(&path)
                .map(|(_, changes)| changes.len())
                .map_err(|error| error.to_string().replace(directory.path().to_str().unwrap(), "DIR"))
        };
        let change = "{\"change\":{\"number\":0,\"fix\":\"a.b\",\"change\":1}}";
        assert_eq!(with(&format!("{change}\n{{\"change\":{{\"num")), Ok(1));
        assert_eq!(with(change), Ok(0));
        insta::assert_snapshot!(with("{\"other\":1}\n").unwrap_err(), @"DIR/undo.jsonl:2: this is no line of an undo file: unknown variant `other`, expected one of `undo`, `change`, `withdrawn` at line 1 column 8");
        std::fs::write(&path, "").unwrap();
        insta::assert_snapshot!(read_undo(&path).unwrap_err().to_string().replace(directory.path().to_str().unwrap(), "DIR"), @"DIR/undo.jsonl is no undo file: its first line does not say what was applied, and where");
    }
}
