//! The recordings that were left open, one at a time, however many there are.

use super::text;
use crate::checks::recordings::stale::StaleParams;
use crate::client::MongoClient;
use crate::{brief, number, time};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use mongodb::Cursor;
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use shakedown_core::fix::Step;
use shakedown_core::{CheckError, Context};

/// What is open and began before a moment.
pub(super) struct Stale<'a> {
    pub(super) mongo: &'a MongoClient,
    pub(super) collection: &'a str,
    /// Recordings that started before are stale.
    pub(super) limit: Timestamp,
}

/// A recording that was left open.
pub(super) struct Left {
    pub(super) id: Bson,
    /// Who it is and when it started, for a reader.
    pub(super) shown: String,
    /// The fields that were asked for, as they are.
    pub(super) fields: Document,
}

/// What must still hold of a recording in order to be mended: neither ended nor deleted.
pub(super) fn open() -> Document {
    doc! { "deleted": { "$ne": true }, "end_time": Bson::Null }
}

impl<'a> Stale<'a> {
    /// What is stale now, as the check has it.
    pub(super) async fn now(
        mongo: &'a MongoClient,
        cx: &Context,
        params: &StaleParams,
    ) -> Result<Self, CheckError> {
        let collection = &mongo.recordings(cx).await?.guid;
        let limit = cx.clock.now().checked_sub(params.max_age.0);
        let limit = limit.map_err(|_| CheckError::unclear("`max_age` reaches beyond the calendar"))?;
        Ok(Self { mongo, collection, limit })
    }

    /// What was stale when a step was planned.
    pub(super) fn of(mongo: &'a MongoClient, step: &'a Step) -> Result<Self, CheckError> {
        let limit = text(&step.data, "limit")?.parse();
        let limit = limit.map_err(|error| CheckError::unclear(format!("the step is damaged: {error}")))?;
        Ok(Self { mongo, collection: text(&step.data, "collection")?, limit })
    }

    /// What a step keeps of it.
    pub(super) fn data(&self) -> Value {
        json!({ "collection": self.collection, "limit": self.limit })
    }

    /// The ten oldest, for a reader.
    pub(super) async fn examples(&self, cx: &Context) -> Result<Vec<String>, CheckError> {
        let mut rows = self.each(cx, &[], Some(10)).await?;
        let mut examples = Vec::new();
        while let Some(left) = rows.next(self.mongo, cx).await? {
            examples.push(left.shown);
        }
        Ok(examples)
    }

    /// The aggregation that finds them, whatever form their start times have.
    fn pipeline(&self) -> Vec<Document> {
        let started = doc! { "$lt": ["$__started", time::date(self.limit)] };
        // A start time that means no instant is null, which sorts before every date.
        let is_date = doc! { "$eq": [{ "$type": "$__started" }, "date"] };
        vec![
            doc! { "$match": open() },
            doc! { "$addFields": { "__started": time::on_server("start_time") } },
            doc! { "$match": { "$expr": { "$and": [is_date, started] } } },
        ]
    }

    /// How many there are.
    pub(super) async fn count(&self, cx: &Context) -> Result<u64, CheckError> {
        let mut pipeline = self.pipeline();
        pipeline.push(doc! { "$count": "all" });
        let rows = self.mongo.rows(cx, "count the recordings left open", self.collection, pipeline).await?;
        let number = rows.first().and_then(|row| number::at(row, &["all"]));
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default())
    }

    /// All of them with these fields, oldest first where a reader looks at the first ten.
    pub(super) async fn each(
        &self,
        cx: &Context,
        fields: &[&str],
        first: Option<i64>,
    ) -> Result<Rows, CheckError> {
        let mut pipeline = self.pipeline();
        if let Some(first) = first {
            pipeline.extend([doc! { "$sort": { "__started": 1 } }, doc! { "$limit": first }]);
        }
        let mut projection = doc! { "__uuid": brief::field("uuid"), "__started": 1 };
        projection.extend(fields.iter().map(|&field| (field.to_owned(), Bson::Int32(1))));
        pipeline.push(doc! { "$project": projection });
        let documents = self.mongo.database.collection::<Document>(self.collection);
        let question = documents.aggregate(pipeline).batch_size(500);
        let cursor = self.mongo.ask(cx, "read the recordings left open", question).await?;
        Ok(Rows { cursor })
    }
}

/// Recordings as they come from the server.
pub(super) struct Rows {
    cursor: Cursor<Document>,
}

impl Rows {
    /// The next one.
    pub(super) async fn next(
        &mut self,
        mongo: &MongoClient,
        cx: &Context,
    ) -> Result<Option<Left>, CheckError> {
        let row = mongo.ask(cx, "read the recordings left open", self.cursor.try_next()).await?;
        Ok(row.map(Left::read))
    }
}

impl Left {
    fn read(mut row: Document) -> Self {
        let id = row.remove("_id").unwrap_or(Bson::Null);
        let (uuid, started) = (row.remove("__uuid"), row.remove("__started"));
        let who = match &uuid {
            Some(Bson::String(_)) => brief::show(uuid.as_ref()),
            _ => format!("_id {}", brief::show(Some(&id))),
        };
        let shown = format!("{who} started {}", brief::show(started.as_ref()));
        Self { id, shown, fields: row }
    }
}
