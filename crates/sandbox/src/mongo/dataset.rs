//! What the healthy database holds: made up, always the same, as seen from the clock's present.

use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Bson, DateTime, Document, doc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Any number; it only has to stay the same.
const SEED: u64 = 0x5ade;
/// How far back recordings reach.
const DAYS: i64 = 60;
/// Recordings that are still running, by the minutes since they started.
const LIVE: [i64; 2] = [12, 200];
/// Recordings that ended lately, by the minutes since they started, each with its length in minutes.
const RECENT: [(i64, i64); 6] = [(20, 10), (34, 12), (52, 15), (75, 20), (110, 25), (150, 30)];
/// The share of deleted recordings.
const DELETED: f64 = 0.08;
/// One unrecognized recording for so many recordings.
const PER_UNRECOGNIZED: u32 = 20;

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recording {
    pub(super) uuid: String,
    pub(super) start: Timestamp,
    /// None while it is running.
    pub(super) end: Option<Timestamp>,
    pub(super) deleted: bool,
}

impl Recording {
    /// The document.
    pub(super) fn document(&self) -> Document {
        doc! {
            "uuid": &self.uuid,
            "start_time": date(self.start),
            "end_time": self.end.map_or(Bson::Null, |end| date(end).into()),
            "deleted": self.deleted,
        }
    }
}

/// A folder that could not be read as a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unrecognized {
    pub(super) folder_name: String,
    pub(super) file_count: i32,
    pub(super) update_time: Timestamp,
}

impl Unrecognized {
    /// The document.
    pub(super) fn document(&self) -> Document {
        doc! {
            "folder_name": &self.folder_name,
            "file_count": self.file_count,
            "update_time": date(self.update_time),
        }
    }
}

/// A BSON date, to the millisecond.
pub(super) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millisecond())
}

/// All that is seeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dataset {
    /// The name of the recordings collection.
    pub(super) guid: String,
    /// The GUID of an archived base path, whose collection is gone.
    pub(super) archived_guid: String,
    /// Newest first: running, recent, then older ones.
    pub(super) recordings: Vec<Recording>,
    pub(super) unrecognized: Vec<Unrecognized>,
}

impl Dataset {
    /// So many recordings, as seen at `now`.
    pub(super) fn new(count: u32, now: Timestamp) -> Self {
        let mut rng = StdRng::seed_from_u64(SEED);
        let (guid, archived_guid) = (uuid(&mut rng), uuid(&mut rng));
        let ago = |seconds: i64| now - SignedDuration::from_secs(seconds);
        let recording = |rng: &mut StdRng, started: i64, length: Option<i64>, deleted: bool| Recording {
            uuid: uuid(rng),
            start: ago(started),
            end: length.map(|length| ago(started - length)),
            deleted,
        };

        let mut recordings = Vec::new();
        for minutes in LIVE {
            recordings.push(recording(&mut rng, minutes * 60, None, false));
        }
        for (started, length) in RECENT {
            recordings.push(recording(&mut rng, started * 60, Some(length * 60), false));
        }
        let older = i64::from(count).saturating_sub_unsigned(recordings.len() as u64).max(0);
        // One recording in each slot of equal length, somewhere within it.
        let newest = 4 * 3600;
        for slot in 0..older {
            let width = (DAYS * 86_400 - newest) / older;
            let length = rng.random_range(5 * 60..=30 * 60);
            let started = newest + length + slot * width + rng.random_range(0..=(width - length).max(0));
            let deleted = rng.random_bool(DELETED);
            recordings.push(recording(&mut rng, started, Some(length), deleted));
        }
        let unrecognized = (0..(count / PER_UNRECOGNIZED).max(1))
            .map(|number| Unrecognized {
                folder_name: format!("unreadable-{number:04}"),
                file_count: rng.random_range(0..200),
                update_time: ago(rng.random_range(3600..DAYS * 86_400)),
            })
            .collect();
        Self { guid, archived_guid, recordings, unrecognized }
    }

    /// The name of the unrecognized collection.
    pub(super) fn unrecognized_name(&self) -> String {
        format!("{}-unrecognized_recordings", self.guid)
    }

    /// The uuids of recordings that have long ended and are not deleted, oldest first.
    pub(super) fn old(&self) -> impl Iterator<Item = &str> {
        let ordinary = &self.recordings[(LIVE.len() + RECENT.len()).min(self.recordings.len())..];
        ordinary.iter().rev().filter(|recording| !recording.deleted).map(|recording| recording.uuid.as_str())
    }
}

fn uuid(rng: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn now() -> Timestamp {
        "2025-11-23T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn it_is_the_same_each_time_and_healthy() {
        for count in [20, 300, 3000] {
            let data = Dataset::new(count, now());
            assert_eq!(data, Dataset::new(count, now()));
            assert_eq!(data.recordings.len(), count as usize);
            let uuids: BTreeSet<_> = data.recordings.iter().map(|recording| &recording.uuid).collect();
            assert_eq!(uuids.len(), count as usize);
            for recording in &data.recordings {
                assert!(
                    recording.start < recording.end.unwrap_or(now())
                        && recording.end.unwrap_or(now()) <= now()
                );
                assert!(now().duration_since(recording.start) < SignedDuration::from_hours(24 * DAYS + 2));
            }
            let live = data.recordings.iter().filter(|recording| recording.end.is_none());
            assert!(live.clone().all(|recording| !recording.deleted));
            assert_eq!(live.count(), LIVE.len());
        }
    }

    #[test]
    fn its_shares_are_as_designed() {
        let data = Dataset::new(3000, now());
        let deleted = data.recordings.iter().filter(|recording| recording.deleted).count();
        assert!((180..=300).contains(&deleted), "{deleted} deleted");
        assert_eq!(data.unrecognized.len(), 150);
        let last_hour = now() - SignedDuration::from_hours(1);
        assert_eq!(data.recordings.iter().filter(|recording| recording.end > Some(last_hour)).count(), 4);
        assert_eq!(data.old().count(), 3000 - LIVE.len() - RECENT.len() - deleted);
    }
}
