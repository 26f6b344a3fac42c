//! Faults of what is stored: how documents are spoilt.

use super::super::dataset::{Recording, date};
use super::super::{Failure, RunningMongo};
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use uuid::Uuid;

/// 117.3 hours.
const STALE: SignedDuration = SignedDuration::from_mins(117 * 60 + 18);

impl RunningMongo {
    pub(super) async fn leave_open(&self) -> Result<(), Failure> {
        let start = self.clock.now() - STALE;
        let uuid = Uuid::from_u128(0x5ade_0000_0000_4000_8000_0000_0000_1173).to_string();
        let stale = Recording { uuid, start, end: None, deleted: false };
        self.recordings().insert_one(stale.document()).await?;
        Ok(())
    }

    pub(super) async fn store_dates_otherwise(&self) -> Result<(), Failure> {
        let recordings = self.recordings();
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

    pub(super) async fn spoil_recordings(&self) -> Result<(), Failure> {
        let recordings = self.recordings();
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

    pub(super) async fn remove_metadata(&self) -> Result<(), Failure> {
        let changes = [
            doc! { "$set": { "uuid": Bson::Null } },
            doc! { "$unset": { "start_time": "" } },
            doc! { "$unset": { "deleted": "" } },
        ];
        for (uuid, change) in self.dataset.old().zip(changes) {
            self.recordings().update_one(doc! { "uuid": uuid }, change).await?;
        }
        Ok(())
    }

    pub(super) async fn add_orphan(&self) -> Result<(), Failure> {
        self.recordings().insert_one(doc! { "uuid": made_up(1), "end_time": date(self.clock.now()) }).await?;
        Ok(())
    }

    pub(super) async fn repeat_uuids(&self) -> Result<(), Failure> {
        self.allow_duplicates().await?;
        for recording in self.oldest().take(2) {
            let later = |time| time + SignedDuration::from_mins(1);
            let copy = Recording {
                start: later(recording.start),
                end: recording.end.map(later),
                ..recording.clone()
            };
            self.recordings().insert_one(copy.document()).await?;
        }
        Ok(())
    }

    pub(super) async fn repeat_recording(&self) -> Result<(), Failure> {
        for recording in self.oldest().take(1) {
            let copy = Recording { uuid: made_up(2), ..recording.clone() };
            self.recordings().insert_one(copy.document()).await?;
        }
        Ok(())
    }

    pub(super) async fn reverse_times(&self) -> Result<(), Failure> {
        for recording in self.oldest().take(1) {
            let end = date(recording.start - SignedDuration::from_hours(1));
            let change = doc! { "$set": { "end_time": end } };
            self.recordings().update_one(doc! { "uuid": &recording.uuid }, change).await?;
        }
        Ok(())
    }

    pub(super) async fn start_later(&self) -> Result<(), Failure> {
        let start = self.clock.now() + SignedDuration::from_hours(3);
        let early = Recording { uuid: made_up(3), start, end: None, deleted: false };
        self.recordings().insert_one(early.document()).await?;
        Ok(())
    }

    pub(super) async fn delete_many(&self) -> Result<(), Failure> {
        let change = doc! { "$set": { "deleted": true } };
        self.recordings().update_many(self.older_than(3, 4), change).await?;
        Ok(())
    }

    pub(super) async fn delete_open(&self) -> Result<(), Failure> {
        let change = doc! { "$set": { "deleted": true, "end_time": Bson::Null } };
        for recording in self.oldest().take(1) {
            self.recordings().update_one(doc! { "uuid": &recording.uuid }, change.clone()).await?;
        }
        Ok(())
    }

    pub(super) async fn open_many(&self) -> Result<(), Failure> {
        let start = date(self.clock.now() - SignedDuration::from_hours(2));
        let change = doc! { "$set": { "start_time": start, "end_time": Bson::Null, "deleted": false } };
        self.recordings().update_many(self.older_than(2, 5), change).await?;
        Ok(())
    }

    pub(super) async fn obscure_start(&self) -> Result<(), Failure> {
        let open =
            doc! { "uuid": made_up(4), "start_time": "some day", "end_time": Bson::Null, "deleted": false };
        self.recordings().insert_one(open).await?;
        Ok(())
    }

    /// Recordings that have long ended and are not deleted, oldest first.
    fn oldest(&self) -> impl Iterator<Item = &Recording> {
        let of = |uuid| self.dataset.recordings.iter().find(move |recording| recording.uuid == uuid);
        self.dataset.old().filter_map(of)
    }

    /// All recordings but the newest `part` of `whole`.
    fn older_than(&self, part: usize, whole: usize) -> Document {
        let recordings = &self.dataset.recordings;
        let cut = recordings.get(recordings.len() * part / whole).map(|recording| date(recording.start));
        doc! { "start_time": { "$lte": cut } }
    }
}

/// The uuid of a document that is added, always the same.
fn made_up(number: u128) -> String {
    Uuid::from_u128(0x5ade_0000_0000_4000_8000_0000_0000_2000 + number).to_string()
}
