//! Faults of collections: what is in others than the recordings, and what kind of collection the recordings are.

use super::super::dataset::{Unrecognized, date};
use super::super::{BASE_PATH, Failure, RunningMongo, seed};
use futures_util::TryStreamExt;
use jiff::SignedDuration;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use uuid::Uuid;

/// Enough for every data set that the sandbox makes.
const CAP: u64 = 1 << 30;

impl RunningMongo {
    pub(super) async fn archive_only(&self) -> Result<(), Failure> {
        let in_use = doc! { "base_path": BASE_PATH, "is_archive": false };
        self.base_paths().delete_many(in_use).await?;
        Ok(())
    }

    pub(super) async fn drop_everything(&self) -> Result<(), Failure> {
        for name in self.database.list_collection_names().await? {
            self.database.collection::<Document>(&name).drop().await?;
        }
        Ok(())
    }

    pub(super) async fn add_base_path(&self) -> Result<(), Failure> {
        let second =
            doc! { "base_path": BASE_PATH, "is_archive": false, "guid": Uuid::from_u128(2).to_string() };
        self.base_paths().insert_one(second).await?;
        Ok(())
    }

    pub(super) async fn forget_guid(&self) -> Result<(), Failure> {
        let in_use = doc! { "base_path": BASE_PATH, "is_archive": false };
        self.base_paths().update_many(in_use, doc! { "$unset": { "guid": "" } }).await?;
        Ok(())
    }

    pub(super) async fn spoil_unrecognized(&self) -> Result<(), Failure> {
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

    pub(super) async fn recognise_less(&self) -> Result<(), Failure> {
        let update_time = self.clock.now() - SignedDuration::from_hours(5);
        let more = (0..self.dataset.recordings.len() * 2 / 3).map(|number| Unrecognized {
            folder_name: format!("unreadable-too-{number:06}"),
            file_count: 12,
            update_time,
        });
        let unrecognized = self.database.collection(&self.dataset.unrecognized_name());
        seed::insert(&unrecognized, more.map(|folder| folder.document())).await
    }

    pub(super) async fn add_metadata(&self) -> Result<(), Failure> {
        let metadata = self.database.collection::<Document>("metadata");
        metadata.insert_many([doc! { "fibre": "north" }, doc! {}]).await?;
        Ok(())
    }

    /// Copies the recordings, as they are, into a capped collection of the same name.
    pub(super) async fn cap_recordings(&self) -> Result<(), Failure> {
        let uncapped = self.move_away().await?;
        self.database.create_collection(&self.dataset.guid).capped(true).size(CAP).await?;
        let recordings = self.recordings();
        let mut batches = uncapped.find(doc! {}).await?.try_chunks(seed::BATCH);
        while let Some(batch) = batches.try_next().await? {
            recordings.insert_many(batch).await?;
        }
        recordings.create_indexes(seed::indexes()).await?;
        uncapped.drop().await?;
        Ok(())
    }

    pub(super) async fn hide_behind_view(&self) -> Result<(), Failure> {
        let hidden = self.move_away().await?;
        self.database.create_collection(&self.dataset.guid).view_on(hidden.name().to_owned()).await?;
        Ok(())
    }

    /// Gives the collection of the recordings another name.
    async fn move_away(&self) -> Result<Collection<Document>, Failure> {
        let (database, guid) = (self.database.name(), &self.dataset.guid);
        let other = format!("{guid}-moved");
        let rename =
            doc! { "renameCollection": format!("{database}.{guid}"), "to": format!("{database}.{other}") };
        self.database.client().database("admin").run_command(rename).await?;
        Ok(self.database.collection(&other))
    }

    fn base_paths(&self) -> Collection<Document> {
        self.database.collection("base_paths")
    }
}
