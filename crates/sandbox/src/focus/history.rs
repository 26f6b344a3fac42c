//! Recorded time: what the recordings in MongoDB cover.

use super::validate::Range;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take before MongoDB counts as down.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How many recordings are listed at most.
const MOST_LISTED: i64 = 10_000;

/// Where the recordings are, as MongoDB's part of the sandbox says it.
#[derive(Debug, Deserialize)]
struct Place {
    uri: String,
    #[serde(default = "default_database")]
    database: String,
    #[serde(default = "default_base_path")]
    base_path: String,
}

fn default_database() -> String {
    "prisma".to_owned()
}

fn default_base_path() -> String {
    "/prisma/root/recordings".to_owned()
}

/// Why there is no answer about recorded time.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryError {
    #[error("the settings of MongoDB cannot be used: {0}")]
    Settings(#[from] serde_json::Error),
    #[error("MongoDB cannot be asked: {0}")]
    Mongo(#[from] mongodb::error::Error),
    #[error("no document of base_paths names {base_path:?} with a guid")]
    NoGuid { base_path: String },
}

/// The recordings.
#[derive(Debug)]
pub(super) struct History {
    database: Database,
    base_path: String,
}

impl History {
    /// The recordings behind these settings of MongoDB. It connects when it is first asked.
    pub(super) async fn at(settings: &Value) -> Result<Self, HistoryError> {
        let place = Place::deserialize(settings)?;
        // The faults of the proxy before MongoDB are for MongoDB's own checks.
        let uri = crate::mongo::direct_uri(&place.database).unwrap_or(place.uri);
        let mut options = ClientOptions::parse(uri).await?;
        options.server_selection_timeout = Some(TIMEOUT);
        options.connect_timeout = Some(TIMEOUT);
        let database = Client::with_options(options)?.database(&place.database);
        Ok(Self { database, base_path: place.base_path })
    }

    /// Whether any recording overlaps `range` (epoch seconds).
    pub(super) async fn covers(&self, range: Range) -> Result<bool, HistoryError> {
        let recordings = self.recordings().await?;
        Ok(recordings.find_one(overlapping(range)).await?.is_some())
    }

    /// What was recorded of `range` (epoch seconds), earliest first; −1 ends a recording that still runs.
    pub(super) async fn within(&self, range: Range) -> Result<Vec<(i64, i64)>, HistoryError> {
        let recordings = self.recordings().await?;
        let found = recordings
            .find(overlapping(range))
            .sort(doc! { "start_time": 1 })
            .limit(MOST_LISTED)
            .projection(doc! { "start_time": 1, "end_time": 1 });
        let documents: Vec<Document> = found.await?.try_collect().await?;
        Ok(documents.iter().filter_map(|recording| clipped(recording, range)).collect())
    }

    async fn recordings(&self) -> Result<Collection<Document>, HistoryError> {
        let wanted = doc! { "base_path": &self.base_path, "is_archive": false };
        let found = self.database.collection::<Document>("base_paths").find_one(wanted).await?;
        let guid = found.as_ref().and_then(|document| document.get_str("guid").ok());
        let guid = guid.ok_or_else(|| HistoryError::NoGuid { base_path: self.base_path.clone() })?;
        Ok(self.database.collection(guid))
    }
}

/// Recordings that overlap `range` and are not deleted. One without an end still runs.
fn overlapping(range: Range) -> Document {
    let date = |seconds: i64| DateTime::from_millis(seconds.saturating_mul(1000));
    doc! {
        "deleted": false,
        "start_time": { "$lt": date(range.max) },
        "$or": [{ "end_time": { "$gt": date(range.min) } }, { "end_time": null }],
    }
}

fn clipped(recording: &Document, range: Range) -> Option<(i64, i64)> {
    let start = seconds(recording.get("start_time")?)?;
    let end = recording.get("end_time").and_then(seconds);
    Some((start.max(range.min), end.map_or(-1, |end| end.min(range.max))))
}

fn seconds(value: &Bson) -> Option<i64> {
    let Bson::DateTime(date) = value else { return None };
    Timestamp::from_millisecond(date.timestamp_millis()).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: i64) -> Bson {
        Bson::DateTime(DateTime::from_millis(seconds * 1000))
    }

    #[test]
    fn recordings_are_cut_to_the_range_that_was_asked_for() {
        let range = Range { min: 100, max: 200 };
        let clip = |start: Bson, end: Bson| clipped(&doc! { "start_time": start, "end_time": end }, range);
        assert_eq!(clip(date(90), date(150)), Some((100, 150)));
        assert_eq!(clip(date(120), date(300)), Some((120, 200)));
        assert_eq!(clip(date(120), Bson::Null), Some((120, -1)));
        assert_eq!(clip(Bson::String("noon".into()), date(300)), None);
    }
}
