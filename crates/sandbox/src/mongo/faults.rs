//! The faults of the sandbox's MongoDB, and how each is brought about.

use super::dataset::{Recording, date};
use super::seed::index;
use super::{BASE_PATH, Failure, RunningMongo, USER};
use crate::faults::typed_faults;
use crate::proxy::Mode;
use jiff::SignedDuration;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use std::time::Duration;
use uuid::Uuid;

typed_faults! { "mongo": Fault {
    /// The recordings collection has only its `_id` index.
    IndexMissing = "mongo.index-missing" keys ["PZ-13983"],
    /// The index on `uuid` exists and is not unique.
    IndexNotUnique = "mongo.index-not-unique" keys ["PZ-13983"],
    /// The index on `deleted` is missing; the others exist.
    IndexDeletedMissing = "mongo.index-deleted-missing",
    /// One recording started 117.3 hours ago, is not deleted and has no end.
    StaleRecording = "mongo.stale-recording",
    /// Start times of some old recordings are stored as text with and without a time zone, as epoch seconds and as
    /// fractions of them, instead of dates.
    NaiveDates = "mongo.naive-dates",
    /// One recording in five is malformed: half of those have no start time, the other half a `deleted` that is
    /// text. One more document has no field of a recording at all, and one has all of them in wrong types.
    BadDocument = "mongo.bad-document",
    /// Every second unrecognized recording lacks its folder name and has fields of a recording.
    UnrecognizedBad = "mongo.unrecognized-bad",
    /// `base_paths` has no document for the base path that is in use, only for the archived one.
    BasePathMissing = "mongo.base-path-missing",
    /// The database has no collections at all.
    DatabaseEmpty = "mongo.database-empty",
    /// The recordings collection does not exist.
    RecordingsMissing = "mongo.recordings-missing",
    /// The recordings collection has its indexes and no documents.
    RecordingsEmpty = "mongo.recordings-empty",
    /// Every request takes 300 ms longer.
    Slow = "mongo.slow",
    /// The password in the settings is not the user's.
    LoginRefused = "mongo.login-refused",
    /// Nothing listens on the port.
    Away = "mongo.away",
    /// Connections are accepted and requests never answered.
    Silent = "mongo.silent",
    /// Requests are answered with random bytes.
    Garbage = "mongo.garbage",
    /// The server answers 12 more requests, connecting included, and then goes away.
    GoesAwayMidrun = "mongo.goes-away-midrun",
} }

/// How much later each chunk of bytes arrives, in each direction, under `mongo.slow`.
const SLOW: Duration = Duration::from_millis(150);
/// How many requests are answered under `mongo.goes-away-midrun`.
const MIDRUN: u32 = 12;
/// 117.3 hours.
const STALE: SignedDuration = SignedDuration::from_mins(117 * 60 + 18);

impl RunningMongo {
    /// Brings a fault about.
    pub(super) async fn turn_on(&self, fault: Fault) -> Result<(), Failure> {
        let recordings = self.recordings();
        match fault {
            Fault::IndexMissing => recordings.drop_indexes().await?,
            Fault::IndexNotUnique => {
                drop_index(&recordings, "uuid_1").await?;
                recordings.create_index(index("uuid", false)).await?;
            }
            Fault::IndexDeletedMissing => drop_index(&recordings, "deleted_1").await?,
            Fault::StaleRecording => {
                let start = self.clock.now() - STALE;
                let uuid = Uuid::from_u128(0x5ade_0000_0000_4000_8000_0000_0000_1173).to_string();
                let stale = Recording { uuid, start, end: None, deleted: false };
                recordings.insert_one(stale.document()).await?;
            }
            Fault::NaiveDates => self.store_dates_otherwise(&recordings).await?,
            Fault::BadDocument => self.spoil_recordings(&recordings).await?,
            Fault::UnrecognizedBad => self.spoil_unrecognized().await?,
            Fault::BasePathMissing => {
                let in_use = doc! { "base_path": BASE_PATH, "is_archive": false };
                self.database.collection::<Document>("base_paths").delete_many(in_use).await?;
            }
            Fault::DatabaseEmpty => {
                for name in self.database.list_collection_names().await? {
                    self.database.collection::<Document>(&name).drop().await?;
                }
            }
            Fault::RecordingsMissing => recordings.drop().await?,
            Fault::RecordingsEmpty => {
                recordings.delete_many(doc! {}).await?;
            }
            Fault::LoginRefused => {
                if !self.has_user {
                    return Err("the user of a MongoDB given by a URI is not the sandbox's to change".into());
                }
                let other = Uuid::new_v4().to_string();
                self.database.run_command(doc! { "updateUser": USER, "pwd": other }).await?;
            }
            Fault::Slow => self.proxy.set(Mode::Slow(SLOW)).await,
            Fault::Away => self.proxy.set(Mode::Away).await,
            Fault::Silent => self.proxy.set(Mode::Silent).await,
            Fault::Garbage => self.proxy.set(Mode::Garbage).await,
            Fault::GoesAwayMidrun => self.proxy.set(Mode::PassFor(MIDRUN)).await,
        }
        Ok(())
    }

    fn recordings(&self) -> Collection<Document> {
        self.database.collection(&self.dataset.guid)
    }

    async fn store_dates_otherwise(&self, recordings: &Collection<Document>) -> Result<(), Failure> {
        // The oldest recordings, so that no check of recent ones is touched.
        for (number, uuid) in self.dataset.old().take(8).enumerate() {
            let Some(recording) = self.dataset.recordings.iter().find(|recording| recording.uuid == uuid)
            else {
                continue;
            };
            let start = recording.start;
            let stored = match number % 4 {
                0 => Bson::String(start.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
                1 => Bson::String(start.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
                2 => Bson::Int64(start.as_second()),
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time are far below 2^52")]
                _ => Bson::Double(start.as_millisecond() as f64 / 1000.0),
            };
            recordings.update_one(doc! { "uuid": uuid }, doc! { "$set": { "start_time": stored } }).await?;
        }
        Ok(())
    }

    async fn spoil_recordings(&self, recordings: &Collection<Document>) -> Result<(), Failure> {
        let every_tenth =
            |from: usize| self.dataset.recordings.iter().skip(from).step_by(10).map(|it| &it.uuid);
        let listed = |uuids: Vec<&String>| doc! { "uuid": { "$in": uuids } };
        let no_start = doc! { "$unset": { "start_time": "" } };
        recordings.update_many(listed(every_tenth(4).collect()), no_start).await?;
        let text = doc! { "$set": { "deleted": "false" } };
        recordings.update_many(listed(every_tenth(9).collect()), text).await?;
        let now = date(self.clock.now());
        let strange = [
            doc! { "comment": "not a recording" },
            doc! { "uuid": 17, "start_time": true, "end_time": [now], "deleted": "no" },
        ];
        recordings.insert_many(strange).await?;
        Ok(())
    }

    async fn spoil_unrecognized(&self) -> Result<(), Failure> {
        let unrecognized = self.database.collection::<Document>(&self.dataset.unrecognized_name());
        let folders: Vec<&str> =
            self.dataset.unrecognized.iter().step_by(2).map(|it| it.folder_name.as_str()).collect();
        let start = date(self.clock.now() - SignedDuration::from_hours(30));
        let change = doc! {
            "$unset": { "folder_name": "" },
            "$set": { "start_time": start, "deleted": false },
        };
        unrecognized.update_many(doc! { "folder_name": { "$in": folders } }, change).await?;
        Ok(())
    }
}

/// Drops an index, or leaves it gone: another fault may have dropped it.
async fn drop_index(recordings: &Collection<Document>, name: &str) -> Result<(), Failure> {
    const INDEX_NOT_FOUND: i32 = 27;
    match recordings.drop_index(name).await {
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if command.code == INDEX_NOT_FOUND => Ok(()),
            _ => Err(error.into()),
        },
        Ok(()) => Ok(()),
    }
}
