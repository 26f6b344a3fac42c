//! `mongo.recordings.delete`

use super::stale::{self, Stale};
use super::{about, applied, counted, kept, restored_document, reverted, text, unwritable};
use crate::checks::recordings::stale::StaleParams;
use crate::{Mongo, MongoClient, brief, time};
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use shakedown_core::fix::{Applied, Standing, Step, UndoLog};
use shakedown_core::{CheckError, Context, Effect, Fix, async_trait, register_fix};

/// How many are deleted in a second, told low.
const PER_SECOND: u64 = 200;

register_fix! {
    /// Deletes every recording that was left open, physically.
    ///
    /// Use it only when you are certain that nobody needs them: `mongo.recordings.close`, which marks them as deleted, is
    /// what history and clean-up expect. It is used only when asked for by name. What counts as left open is what
    /// `mongo.recordings.stale` says, its `max_age` included.
    ///
    /// Every document is written to the undo file, whole, before it is deleted. Undoing inserts it again, and refuses
    /// where there is another one with its `_id` by then. The user of the target needs the privileges `remove` and, for
    /// undoing, `insert`; the role `readWrite` has both.
    pub(crate) struct DeleteRecordings(StaleParams) {
        id: "mongo.recordings.delete",
        title: "Delete recordings that were left open, physically",
        check: "mongo.recordings.stale",
        target: "mongo",
        instead_of: Some("mongo.recordings.close"),
        proofs: &["mongo.stale-recording"],
    }
}

#[async_trait]
impl Fix for DeleteRecordings {
    async fn plan(&self, cx: &Context) -> Result<Vec<Step>, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let stale = Stale::now(&mongo, cx, &self.params).await?;
        let number = stale.count(cx).await?;
        if number == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![Step {
            action: format!("delete {}, physically", documents(number)),
            subject: format!("collection `{}`", stale.collection),
            touches: format!("{} that started before {}", documents(number), time::utc(stale.limit)),
            examples: stale.examples(cx).await?,
            why: "it was asked for by name; `mongo.recordings.close` would only mark them as deleted"
                .to_owned(),
            risk: "the documents are gone from the database, and exist in the undo file alone: keep it"
                .to_owned(),
            duration: about(number, PER_SECOND),
            undo: "inserts the documents again as they were".to_owned(),
            blocked: None,
            data: stale.data(),
        }])
    }

    async fn apply(&self, cx: &Context, step: &Step, undo: &dyn UndoLog) -> Result<Applied, CheckError> {
        cx.require(Effect::Disrupt)?;
        let mongo = cx.target::<Mongo>().await?;
        let stale = Stale::of(&mongo, step)?;
        let collection = stale.collection;
        let total = stale.count(cx).await?;
        let (mut changed, mut passed_over) = (0, 0);
        let mut rows = stale.each(cx, &[], None).await?;
        while let Some(left) = rows.next(&mongo, cx).await? {
            if cx.cancelled.is_cancelled() {
                return Err(CheckError::unclear(format!("stopped after {}", documents(changed))));
            }
            match delete(&mongo, cx, collection, &left.id, undo).await {
                Ok(true) => changed += 1,
                Ok(false) => passed_over += 1,
                Err(error) => {
                    let done = documents(changed);
                    return Err(CheckError::unclear(format!(
                        "deleted {done}, then: {error}; apply again to go on"
                    )));
                }
            }
            cx.progress(changed + passed_over, total, "deleting recordings");
        }
        Ok(applied(format!("deleted {}", documents(changed)), changed, passed_over))
    }

    async fn standing(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        standing(&mongo, cx, text(change, "collection")?, &restored_document(change, "document")?).await
    }

    async fn revert(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        cx.require(Effect::Disrupt)?;
        let mongo = cx.target::<Mongo>().await?;
        let (collection, document) = (text(change, "collection")?, restored_document(change, "document")?);
        let documents = mongo.database.collection::<Document>(collection);
        // Somebody else may be quicker, or a document with its uuid may have come since.
        let answer = mongo.ask(cx, "insert a recording again", documents.insert_one(&document)).await;
        reverted(answer, standing(&mongo, cx, collection, &document).await?)
    }
}

fn documents(number: u64) -> String {
    counted(number, "document")
}

/// Deletes one, provided that it still is what was written down. Whether it did.
async fn delete(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    id: &Bson,
    undo: &dyn UndoLog,
) -> Result<bool, CheckError> {
    let documents = mongo.database.collection::<Document>(collection);
    let mut filter = stale::open();
    filter.insert("_id", doc! { "$eq": id });
    let Some(found) = mongo.ask(cx, "read a recording", documents.find_one(filter.clone())).await? else {
        return Ok(false);
    };
    let change =
        |document: &Document| json!({ "collection": collection, "document": kept(document.clone().into()) });
    let number = undo.record(&[change(&found)]).map_err(|error| unwritable(&error))?;
    let deleted = mongo.ask(cx, "delete a recording", documents.find_one_and_delete(filter)).await?;
    match deleted {
        Some(deleted) if deleted == found => Ok(true),
        Some(deleted) => {
            // It was changed between the two questions; what was deleted is what undoing has to bring back.
            undo.withdraw(number).map_err(|error| unwritable(&error))?;
            undo.record(&[change(&deleted)]).map_err(|error| unwritable(&error))?;
            Ok(true)
        }
        None => {
            undo.withdraw(number).map_err(|error| unwritable(&error))?;
            Ok(false)
        }
    }
}

async fn standing(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    document: &Document,
) -> Result<Standing, CheckError> {
    let id = document.get("_id").cloned().unwrap_or(Bson::Null);
    let documents = mongo.database.collection::<Document>(collection);
    let found = mongo.ask(cx, "read a recording", documents.find_one(doc! { "_id": { "$eq": &id } })).await?;
    Ok(match found {
        None => Standing::AsChanged,
        Some(found) if found == *document => Standing::AsBefore,
        Some(_) => {
            let shown = brief::show(Some(&id));
            Standing::MovedOn(format!("there is another document with the _id {shown} now"))
        }
    })
}
