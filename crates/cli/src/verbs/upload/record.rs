//! What was uploaded, kept beside the run that it was made of.

use anyhow::Context as _;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_report::xray::Summary;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file in a run's directory.
const FILE_NAME: &str = "uploads.json";

/// One upload: what `upload --format json` prints, and an entry of `uploads.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "an upload")]
pub(crate) struct UploadRecord {
    /// Which system.
    pub(crate) to: String,
    /// When, in UTC.
    #[schemars(with = "String")]
    pub(crate) at: Timestamp,
    /// What became of it.
    #[serde(default)]
    pub(crate) fate: Fate,
    /// The project that it was sent to.
    #[serde(default)]
    pub(crate) project: String,
    /// What it became there; null where nobody knows.
    pub(crate) key: Option<String>,
    /// Where to look at it.
    pub(crate) link: Option<String>,
    /// What was said of each test.
    pub(crate) tests: Summary,
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// The other system took it.
    #[default]
    Uploaded,
    /// It was not answered as it should be, and may have happened.
    Unknown,
}

/// The uploads of a run.
pub(crate) struct Records {
    path: PathBuf,
    records: Vec<UploadRecord>,
}

impl Records {
    /// What the run's directory tells of uploads.
    pub(crate) fn read(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE_NAME);
        let records = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is no record of uploads", path.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        Ok(Self { path, records })
    }

    /// The latest upload.
    pub(crate) fn last(&self) -> Option<&UploadRecord> {
        self.records.last()
    }

    /// Adds to it.
    pub(crate) fn keep(&mut self, record: UploadRecord) -> anyhow::Result<()> {
        self.records.push(record);
        fs::write(&self.path, format!("{}\n", serde_json::to_string_pretty(&self.records)?))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}
