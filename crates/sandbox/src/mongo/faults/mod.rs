//! The faults of the sandbox's MongoDB, and how each is brought about.

mod collections;
mod data;
mod server;

use super::seed::index;
use super::{Failure, RunningMongo, USER};
use crate::faults::typed_faults;
use crate::proxy::Mode;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
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
    /// The index on `end_time` is sparse: it leaves out the recordings without an end.
    IndexSparse = "mongo.index-sparse" keys ["PZ-13687"],
    /// The index on `start_time` makes the server delete recordings, ten years after they started.
    IndexExpires = "mongo.index-expires",
    /// The index on `end_time` is listed as one that the server is still building.
    IndexBuilding = "mongo.index-building",
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
    /// A second document of `base_paths` has the path that is in use, with the GUID of a collection that does not exist.
    BasePathAmbiguous = "mongo.base-path-ambiguous",
    /// The document of `base_paths` for the path that is in use has no GUID.
    GuidMissing = "mongo.guid-missing",
    /// Three recordings lack one field each: a `uuid` is null, and a `start_time` and a `deleted` are missing.
    MetadataMissing = "mongo.metadata-missing",
    /// One more document among the recordings has a `uuid` and an `end_time`, and neither `start_time` nor `deleted`.
    Orphan = "mongo.orphan",
    /// The index on `uuid` is not unique, and two recordings share their uuid with another one.
    UuidDuplicate = "mongo.uuid-duplicate",
    /// One recording is stored a second time, with the same start and end, under another uuid.
    RecordingIdentical = "mongo.recording-identical",
    /// One recording ends an hour before it starts.
    EndBeforeStart = "mongo.end-before-start",
    /// One recording starts three hours from now.
    StartInFuture = "mongo.start-in-future",
    /// The oldest quarter of the recordings is deleted, too.
    DeletedShareHigh = "mongo.deleted-share-high",
    /// One recording is deleted and has no end.
    DeletedOpen = "mongo.deleted-open",
    /// Three recordings in five started two hours ago and have no end.
    LiveMajority = "mongo.live-majority",
    /// One open recording has a start time that is text and means nothing.
    StartUnreadable = "mongo.start-unreadable",
    /// There are two unrecognized folders for every three recordings.
    RecognitionLow = "mongo.recognition-low",
    /// There is a collection `metadata`, in which one document of two is empty.
    MetadataEmpty = "mongo.metadata-empty",
    /// The collection of the recordings is capped.
    RecordingsCapped = "mongo.recordings-capped",
    /// The GUID names a view of the collection in which the recordings are.
    RecordingsView = "mongo.recordings-view",
    /// The database has no collections at all.
    DatabaseEmpty = "mongo.database-empty",
    /// The recordings collection does not exist.
    RecordingsMissing = "mongo.recordings-missing",
    /// The recordings collection has its indexes and no documents.
    RecordingsEmpty = "mongo.recordings-empty",
    /// The server reports a release that has had no support since 2024.
    VersionOld = "mongo.version-old",
    /// The server reports that 970 of its 1000 connections are in use.
    ConnectionsExhausted = "mongo.connections-exhausted",
    /// The server reports a replica set whose secondary is seven minutes behind.
    ReplicaLagging = "mongo.replica-lagging",
    /// The server reports a query that has been running for twenty minutes.
    SlowOperation = "mongo.slow-operation",
    /// The server reports a full cache, a quarter of which is still to be written.
    CachePressure = "mongo.cache-pressure",
    /// The user may neither read documents nor list indexes.
    ReadDenied = "mongo.read-denied",
    /// The user may not see the status of the server, its replica set and its operations.
    StatusDenied = "mongo.status-denied",
    /// Every request takes 300 ms longer.
    Slow = "mongo.slow",
    /// Every query takes 400 ms longer; all other commands do not.
    SlowQueries = "mongo.slow-queries",
    /// The server takes ten connections at once, and closes further ones as soon as they are made.
    ConnectionsRefused = "mongo.connections-refused",
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

impl RunningMongo {
    /// Brings a fault about.
    pub(super) async fn turn_on(&self, fault: Fault) -> Result<(), Failure> {
        let recordings = self.recordings();
        match fault {
            Fault::IndexMissing => recordings.drop_indexes().await?,
            Fault::IndexNotUnique => self.allow_duplicates().await?,
            Fault::IndexDeletedMissing => drop_index(&recordings, "deleted_1").await?,
            Fault::IndexSparse => self.replace_index("end_time", server::sparse()).await?,
            Fault::IndexExpires => self.replace_index("start_time", server::expiring()).await?,
            Fault::IndexBuilding => self.answer_otherwise(&server::BUILDING).await?,
            Fault::StaleRecording => self.leave_open().await?,
            Fault::NaiveDates => self.store_dates_otherwise().await?,
            Fault::BadDocument => self.spoil_recordings().await?,
            Fault::UnrecognizedBad => self.spoil_unrecognized().await?,
            Fault::BasePathMissing => self.archive_only().await?,
            Fault::BasePathAmbiguous => self.add_base_path().await?,
            Fault::GuidMissing => self.forget_guid().await?,
            Fault::MetadataMissing => self.remove_metadata().await?,
            Fault::Orphan => self.add_orphan().await?,
            Fault::UuidDuplicate => self.repeat_uuids().await?,
            Fault::RecordingIdentical => self.repeat_recording().await?,
            Fault::EndBeforeStart => self.reverse_times().await?,
            Fault::StartInFuture => self.start_later().await?,
            Fault::DeletedShareHigh => self.delete_many().await?,
            Fault::DeletedOpen => self.delete_open().await?,
            Fault::LiveMajority => self.open_many().await?,
            Fault::StartUnreadable => self.obscure_start().await?,
            Fault::RecognitionLow => self.recognise_less().await?,
            Fault::MetadataEmpty => self.add_metadata().await?,
            Fault::RecordingsCapped => self.cap_recordings().await?,
            Fault::RecordingsView => self.hide_behind_view().await?,
            Fault::DatabaseEmpty => self.drop_everything().await?,
            Fault::RecordingsMissing => recordings.drop().await?,
            Fault::RecordingsEmpty => {
                recordings.delete_many(doc! {}).await?;
            }
            Fault::VersionOld => self.answer_otherwise(&[server::OLD_VERSION]).await?,
            Fault::ConnectionsExhausted => self.answer_otherwise(&[server::FEW_CONNECTIONS]).await?,
            Fault::ReplicaLagging => self.answer_otherwise(&[server::LAGGING]).await?,
            Fault::SlowOperation => self.answer_otherwise(&[server::SLOW_OPERATION]).await?,
            Fault::CachePressure => self.answer_otherwise(&[server::FULL_CACHE]).await?,
            Fault::ReadDenied => self.answer_otherwise(&[server::NO_READING]).await?,
            Fault::StatusDenied => self.answer_otherwise(&[server::NO_STATUS]).await?,
            Fault::SlowQueries => self.relay().await?.delay(server::SLOW_QUERIES),
            Fault::ConnectionsRefused => self.relay().await?.limit(server::FEW),
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

    /// Replaces the unique index on `uuid` by an ordinary one.
    async fn allow_duplicates(&self) -> Result<(), Failure> {
        drop_index(&self.recordings(), "uuid_1").await?;
        self.recordings().create_index(index("uuid", false)).await?;
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
