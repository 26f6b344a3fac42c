//! Questions to all recordings at once. The server counts, and names a few examples; documents never travel.

use crate::client::{MOST_ROWS, MongoClient, patience};
use crate::{Mongo, answer, brief, number};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{CheckError, Context, Observation};
use std::sync::Arc;
use std::time::Duration;

/// At most so many examples of each kind are named.
pub(super) const EXAMPLES: usize = 10;

/// How long a check may take that has the server look at every document.
pub(super) const TIMEOUT: Duration = Duration::from_mins(10);

/// The group of the checks that have the server look at every document, so that a configuration can say how many of
/// them may do so at once.
pub(super) const GROUP: &str = "mongo-scans";

/// The types of a field that holds nothing, as the server's `$type` names them.
pub(super) const ABSENT: [&str; 3] = ["missing", "null", "undefined"];

/// A collection that is examined as a whole.
pub(super) struct Survey<'a> {
    pub(super) mongo: Arc<MongoClient>,
    cx: &'a Context,
    pub(super) collection: String,
}

impl<'a> Survey<'a> {
    /// Of the recordings.
    pub(super) async fn of_recordings(cx: &'a Context) -> Result<Self, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = mongo.recordings(cx).await?.guid.clone();
        Ok(Self { mongo, cx, collection })
    }

    /// Of another collection.
    pub(super) const fn of(mongo: Arc<MongoClient>, cx: &'a Context, collection: String) -> Self {
        Self { mongo, cx, collection }
    }

    /// The rows of an aggregation, whose number and size the pipeline bounds. The server may use its disk where the
    /// groups do not fit into its memory. `what` completes "cannot …".
    pub(super) async fn rows(
        &self,
        what: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<Document>, CheckError> {
        let collection = self.mongo.database.collection::<Document>(&self.collection);
        let aggregate = collection.aggregate(pipeline).with_type::<RawDocumentBuf>();
        let aggregate = aggregate.max_time(patience(self.cx)).allow_disk_use(true);
        let rows = async { answer::rows(aggregate.await?, MOST_ROWS).await };
        Ok(self.mongo.ask(self.cx, what, rows).await?)
    }

    /// The sums over all documents that pass these stages; an empty document where none does.
    pub(super) async fn sums(
        &self,
        what: &str,
        mut stages: Vec<Document>,
        mut sums: Document,
    ) -> Result<Document, CheckError> {
        sums.insert("_id", Bson::Null);
        stages.push(doc! { "$group": sums });
        Ok(self.rows(what, stages).await?.pop().unwrap_or_default())
    }

    /// A few documents for which an expression is true after these stages: who they are, and these fields besides.
    pub(super) async fn examples(
        &self,
        mut stages: Vec<Document>,
        condition: Document,
        fields: Document,
    ) -> Result<Vec<Document>, CheckError> {
        let mut projection = doc! { "uuid": brief::field("uuid"), "id": brief::field("_id"), "_id": 0 };
        projection.extend(fields);
        stages.extend([
            doc! { "$match": { "$expr": condition } },
            doc! { "$limit": i64::try_from(EXAMPLES).unwrap_or(i64::MAX) },
            doc! { "$project": projection },
        ]);
        self.rows("read a few examples", stages).await
    }

    /// What was looked at.
    ///
    /// # Errors
    /// [`CheckError::NotApplicable`] where the collection is empty, which `mongo.collections.required` reports.
    pub(super) fn counted(&self, documents: u64, what: &str) -> Result<Observation, CheckError> {
        Observation::counted(documents, what).map_err(|_| self.nothing(what))
    }

    /// About how many documents there are, by the collection's metadata.
    ///
    /// # Errors
    /// As [`Self::counted`].
    pub(super) async fn population(&self, what: &str) -> Result<u64, CheckError> {
        match self.mongo.count_of(self.cx, &self.collection, what).await {
            Err(CheckError::NoData(_)) => Err(self.nothing(what)),
            other => other,
        }
    }

    fn nothing(&self, what: &str) -> CheckError {
        CheckError::not_applicable(format!(
            "there are no {what} to judge: the collection `{}` is empty",
            self.collection
        ))
    }

    /// What findings are about.
    pub(super) fn subject(&self) -> String {
        format!("collection `{}`", self.collection)
    }
}

/// 1 for each document for which an expression is true.
pub(super) fn count_if(condition: impl Into<Bson>) -> Document {
    doc! { "$sum": { "$cond": [condition.into(), 1, 0] } }
}

/// Whether a field is of one of these types. To a plain query, a list of texts would be a text.
pub(super) fn is_one_of(field: &str, types: &[&str]) -> Document {
    doc! { "$in": [{ "$type": format!("${field}") }, types.to_vec()] }
}

/// A whole number of a row; 0 where there is none.
pub(super) fn count(row: &Document, name: &str) -> u64 {
    row.get(name).and_then(number::whole).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

/// How a row of [`Survey::examples`] is named: by its uuid where that is text, and by its id.
pub(super) fn name(row: &Document) -> String {
    let id = brief::show(row.get("id"));
    match row.get("uuid") {
        Some(uuid @ Bson::String(_)) => format!("uuid {} (_id {id})", brief::show(Some(uuid))),
        _ => format!("_id {id}"),
    }
}

/// A few examples, and how many more there are.
pub(super) fn and_more(mut examples: Vec<String>, documents: u64) -> Vec<String> {
    let more = documents.saturating_sub(examples.len() as u64);
    examples.extend((more > 0 && !examples.is_empty()).then(|| format!("and {more} more")));
    examples
}

/// A share in percent.
#[expect(clippy::cast_precision_loss, reason = "counts of documents are far below 2^52")]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64 * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_are_read() {
        let row = doc! { "a": 3, "b": 4_i64, "c": 5.0, "d": "6", "e": -1 };
        assert_eq!(["a", "b", "c", "d", "e", "f"].map(|name| count(&row, name)), [3, 4, 5, 0, 0, 0]);
    }

    #[test]
    fn examples_are_named_and_the_rest_is_counted() {
        assert_eq!(name(&doc! { "id": 7, "uuid": "a\nb" }), r"uuid a\nb (_id 7)");
        assert_eq!(name(&doc! { "id": "x", "uuid": 5 }), "_id x");
        assert_eq!(and_more(vec!["a".to_owned()], 1), ["a"]);
        assert_eq!(and_more(vec!["a".to_owned()], 4), ["a", "and 3 more"]);
        assert!(and_more(Vec::new(), 4).is_empty());
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert!((percent(1, 4) - 25.0).abs() < 1e-9 && percent(0, 0).abs() < 1e-9);
    }
}
