//! Writes a data set into a database.

use super::dataset::Dataset;
use super::{BASE_PATH, Failure};
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};

/// How many documents are sent at once.
pub(super) const BATCH: usize = 1000;

/// Fills an empty database.
pub(super) async fn fill(database: &Database, dataset: &Dataset) -> Result<(), Failure> {
    let base_path = |is_archive: bool, guid: &str| {
        doc! { "base_path": BASE_PATH, "is_archive": is_archive, "guid": guid }
    };
    // The archived one has the same path: who does not look at the flag finds the wrong collection.
    let base_paths = [base_path(true, &dataset.archived_guid), base_path(false, &dataset.guid)];
    insert(&database.collection("base_paths"), base_paths).await?;

    let recordings = database.collection(&dataset.guid);
    insert(&recordings, dataset.recordings.iter().map(super::dataset::Recording::document)).await?;
    recordings.create_indexes(indexes()).await?;

    let unrecognized = database.collection(&dataset.unrecognized_name());
    insert(&unrecognized, dataset.unrecognized.iter().map(super::dataset::Unrecognized::document)).await
}

/// The indexes of the recordings.
pub(super) fn indexes() -> impl Iterator<Item = IndexModel> {
    let others = ["start_time", "end_time", "deleted"].map(|field| index(field, false));
    others.into_iter().chain([index("uuid", true)])
}

/// An ascending index on one field, under the name that the server would give it.
pub(super) fn index(field: &str, unique: bool) -> IndexModel {
    let options = IndexOptions::builder().unique(unique.then_some(true)).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

pub(super) async fn insert(
    collection: &Collection<Document>,
    documents: impl IntoIterator<Item = Document>,
) -> Result<(), Failure> {
    let documents: Vec<Document> = documents.into_iter().collect();
    for batch in documents.chunks(BATCH) {
        collection.insert_many(batch).await?;
    }
    Ok(())
}
