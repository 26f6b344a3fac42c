//! `mongo.recordings.close`

use super::stale::Stale;
use super::{about, applied, counted, kept, restored, restored_document, text, unwritable};
use crate::checks::recordings::stale::StaleParams;
use crate::{Mongo, MongoClient, brief, time};
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use shakedown_core::fix::{Applied, Standing, Step, UndoLog};
use shakedown_core::{CheckError, Context, Effect, Fix, async_trait, register_fix};

/// The fields that closing writes.
const FIELDS: [&str; 3] = ["deleted", "end_time", "note"];
/// So many are written down at once before they are closed.
const BATCH: usize = 200;
/// How many are closed in a second, told low.
const PER_SECOND: u64 = 200;

register_fix! {
    /// Marks every recording that was left open as deleted, with an end time and a note.
    ///
    /// What counts as left open is what `mongo.recordings.stale` says, its `max_age` included. The end time is the moment
    /// of closing, since nobody knows when the recording really ended; the note says so. The recording's data stays.
    /// A recording that somebody has ended, deleted or changed in the meantime is passed over.
    ///
    /// Undoing restores the three fields exactly as they were, and refuses where one of them has changed since. The user
    /// of the target needs the privilege `update`; the role `readWrite` has it.
    pub(crate) struct CloseRecordings(StaleParams) {
        id: "mongo.recordings.close",
        title: "Mark recordings that were left open as deleted",
        check: "mongo.recordings.stale",
        target: "mongo",
        instead_of: None,
        proofs: &["mongo.stale-recording"],
    }
}

#[async_trait]
impl Fix for CloseRecordings {
    async fn plan(&self, cx: &Context) -> Result<Vec<Step>, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let stale = Stale::now(&mongo, cx, &self.params).await?;
        let number = stale.count(cx).await?;
        if number == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![Step {
            action: format!("set deleted = true, end_time = now and a note on {}", recordings(number)),
            subject: format!("collection `{}`", stale.collection),
            touches: format!("{} that started before {}", recordings(number), time::utc(stale.limit)),
            examples: stale.examples(cx).await?,
            why: "they look as if they were still running: history shows them without an end, and players wait for data \
                  that never comes"
                .to_owned(),
            risk: "a recording that is in truth still being written would be closed: make sure that nothing writes them \
                   any more. Single updates by `_id`, no load to speak of"
                .to_owned(),
            duration: about(number, PER_SECOND),
            undo: "restores the three fields exactly, unless somebody changes them in between".to_owned(),
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
        let mut closing = Closing { mongo: &mongo, cx, collection, undo, changed: 0, passed_over: 0 };
        let mut rows = stale.each(cx, &FIELDS, None).await?;
        let mut batch = Vec::new();
        loop {
            let next = rows.next(&mongo, cx).await?;
            let last = next.is_none();
            batch.extend(next.map(|left| Change::of(collection, left.id, left.fields, cx)));
            if batch.len() == BATCH || last {
                closing.close(std::mem::take(&mut batch)).await?;
                cx.progress(closing.changed + closing.passed_over, total, "closing recordings");
            }
            if last {
                break;
            }
            if cx.cancelled.is_cancelled() {
                let done = closing.changed;
                return Err(CheckError::unclear(format!("stopped after {}", recordings(done))));
            }
        }
        let Closing { changed, passed_over, .. } = closing;
        Ok(applied(format!("closed {}", recordings(changed)), changed, passed_over))
    }

    async fn standing(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        Change::read(change)?.standing(&mongo, cx).await
    }

    async fn revert(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError> {
        cx.require(Effect::Disrupt)?;
        let mongo = cx.target::<Mongo>().await?;
        let change = Change::read(change)?;
        let documents = mongo.database.collection::<Document>(&change.collection);
        let question = documents.update_one(change.filter(&change.after), Change::update(&change.before));
        mongo.ask(cx, "restore a recording", question).await?;
        change.standing(&mongo, cx).await
    }
}

fn recordings(number: u64) -> String {
    counted(number, "recording")
}

/// An application under way.
struct Closing<'a> {
    mongo: &'a MongoClient,
    cx: &'a Context,
    collection: &'a str,
    undo: &'a dyn UndoLog,
    changed: u64,
    passed_over: u64,
}

impl Closing<'_> {
    /// Writes the changes down, then makes them, each only where the recording still is as it was read.
    async fn close(&mut self, changes: Vec<Change>) -> Result<(), CheckError> {
        if changes.is_empty() {
            return Ok(());
        }
        let written: Vec<Value> = changes.iter().map(Change::write).collect();
        let first = self.undo.record(&written).map_err(|error| unwritable(&error))?;
        let documents = self.mongo.database.collection::<Document>(self.collection);
        for (number, change) in (first..).zip(&changes) {
            let question = documents.update_one(change.filter(&change.before), Change::update(&change.after));
            let answer = self.mongo.ask(self.cx, "close a recording", question).await.map_err(|trouble| {
                let done = recordings(self.changed);
                CheckError::unclear(format!("closed {done}, then: {}; apply again to go on", trouble.words()))
            })?;
            if answer.matched_count == 0 {
                self.passed_over += 1;
                self.undo.withdraw(number).map_err(|error| unwritable(&error))?;
            } else {
                self.changed += 1;
            }
        }
        Ok(())
    }
}

/// What closing one recording changes.
struct Change {
    collection: String,
    id: Bson,
    /// The fields as they were; those that were missing are missing here.
    before: Document,
    /// The fields as they are then.
    after: Document,
}

impl Change {
    fn of(collection: &str, id: Bson, before: Document, cx: &Context) -> Self {
        let now = cx.clock.now();
        let note =
            format!("left open; marked as deleted by shakedown ({}), the end time is that moment", cx.run);
        let after = doc! { "deleted": true, "end_time": time::date(now), "note": note };
        Self { collection: collection.to_owned(), id, before, after }
    }

    fn write(&self) -> Value {
        json!({
            "collection": self.collection,
            "id": kept(self.id.clone()),
            "before": kept(self.before.clone().into()),
            "after": kept(self.after.clone().into()),
        })
    }

    fn read(change: &Value) -> Result<Self, CheckError> {
        Ok(Self {
            collection: text(change, "collection")?.to_owned(),
            id: restored(&change["id"])?,
            before: restored_document(change, "before")?,
            after: restored_document(change, "after")?,
        })
    }

    /// Matches the recording only where its fields are exactly these: null and missing are told apart.
    fn filter(&self, fields: &Document) -> Document {
        let mut filter = doc! { "_id": { "$eq": &self.id } };
        for field in FIELDS {
            let is = match fields.get(field) {
                None => doc! { "$exists": false },
                Some(Bson::Null) => doc! { "$type": "null" },
                Some(value) => doc! { "$eq": value },
            };
            filter.insert(field, is);
        }
        filter
    }

    /// Makes the fields these.
    fn update(fields: &Document) -> Document {
        let (mut set, mut unset) = (Document::new(), Document::new());
        for field in FIELDS {
            match fields.get(field) {
                Some(value) => set.insert(field, value),
                None => unset.insert(field, ""),
            };
        }
        let mut update = Document::new();
        for (operator, fields) in [("$set", set), ("$unset", unset)] {
            if !fields.is_empty() {
                update.insert(operator, fields);
            }
        }
        update
    }

    async fn standing(&self, mongo: &MongoClient, cx: &Context) -> Result<Standing, CheckError> {
        let documents = mongo.database.collection::<Document>(&self.collection);
        let projection = doc! { "deleted": 1, "end_time": 1, "note": 1 };
        let question = documents.find_one(doc! { "_id": { "$eq": &self.id } }).projection(projection);
        let found = mongo.ask(cx, "read a recording", question).await?;
        let shown = brief::show(Some(&self.id));
        let Some(mut found) = found else {
            return Ok(Standing::MovedOn(format!("the recording with _id {shown} is gone")));
        };
        found.remove("_id");
        Ok(if same(&found, &self.after) {
            Standing::AsChanged
        } else if same(&found, &self.before) {
            Standing::AsBefore
        } else {
            let fields = FIELDS.map(|field| format!("{field} = {}", brief::show(found.get(field))));
            Standing::MovedOn(format!("the recording with _id {shown} has {} now", fields.join(", ")))
        })
    }
}

/// Whether the fields are the same, whatever their order.
fn same(one: &Document, other: &Document) -> bool {
    FIELDS.iter().all(|field| one.get(field) == other.get(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_matches_and_restores_exactly() {
        let change = Change {
            collection: "c".to_owned(),
            id: Bson::Int32(1),
            before: doc! { "end_time": Bson::Null, "deleted": false },
            after: doc! { "deleted": true, "end_time": 5, "note": "n" },
        };
        assert_eq!(
            change.filter(&change.before),
            doc! {
                "_id": { "$eq": 1 }, "deleted": { "$eq": false }, "end_time": { "$type": "null" },
                "note": { "$exists": false },
            }
        );
        assert_eq!(
            Change::update(&change.before),
            doc! { "$set": { "deleted": false, "end_time": Bson::Null }, "$unset": { "note": "" } }
        );
        assert_eq!(
            Change::update(&change.after),
            doc! { "$set": { "deleted": true, "end_time": 5, "note": "n" } }
        );
        let read = Change::read(&change.write()).unwrap();
        assert_eq!((read.id, read.before, read.after), (change.id, change.before, change.after));
    }
}
