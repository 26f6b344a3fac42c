//! The server's own account of how it answers the queries of history.

use crate::client::{MOST_ROWS, MongoClient};
use crate::trouble::Trouble;
use crate::{answer, brief, number, time};
use jiff::{SignedDuration, Timestamp};
use mongodb::Database;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{CheckError, Context, Evidence, EvidenceRef, TargetErrorKind};
use std::time::Duration;

/// The longest that the server may take to explain: it has to run the query for that.
const LONGEST: Duration = Duration::from_secs(10);

/// A question of history, as the server gets it.
pub(in crate::checks) struct Query {
    /// What it asks for, as in "the query for …".
    pub(in crate::checks) name: &'static str,
    /// The command.
    command: Document,
}

impl Query {
    /// One of each kind.
    pub(in crate::checks) fn all(collection: &str, now: Timestamp) -> Vec<Self> {
        vec![
            Self::started(collection, now),
            Self::overlapping(collection, now),
            Self::kept(collection, now),
            Self::by_uuid(collection),
            Self::open(collection),
        ]
    }

    /// The recordings of the last day, by when they started.
    pub(super) fn started(collection: &str, now: Timestamp) -> Self {
        let filter = doc! { "start_time": { "$gte": time::date(day_before(now)), "$lte": time::date(now) } };
        Self::find("the recordings that started in the last day", collection, filter)
    }

    /// The recordings of which a part lies in the last day.
    pub(super) fn overlapping(collection: &str, now: Timestamp) -> Self {
        // In steps, as the range of the end is what singles out a few.
        let steps = vec![
            doc! { "$match": { "end_time": { "$gte": time::date(day_before(now)) } } },
            doc! { "$match": { "start_time": { "$lte": time::date(now) } } },
        ];
        Self::aggregate("the recordings of the last day", collection, steps)
    }

    /// The recordings of the last day that were not deleted.
    pub(super) fn kept(collection: &str, now: Timestamp) -> Self {
        let steps = vec![
            doc! { "$match": { "start_time": { "$gte": time::date(day_before(now)) } } },
            doc! { "$match": { "deleted": false } },
        ];
        Self::aggregate("the recordings of the last day that are not deleted", collection, steps)
    }

    /// One recording. It need not exist: how it is looked for is the same.
    pub(super) fn by_uuid(collection: &str) -> Self {
        let filter = doc! { "uuid": "00000000-0000-0000-0000-000000000000" };
        Self::find("a recording by its uuid", collection, filter)
    }

    /// The recordings that have no end, or not yet.
    pub(super) fn open(collection: &str) -> Self {
        Self::find("the recordings without an end", collection, doc! { "end_time": Bson::Null })
    }

    fn find(name: &'static str, collection: &str, filter: Document) -> Self {
        Self { name, command: doc! { "find": collection, "filter": filter } }
    }

    fn aggregate(name: &'static str, collection: &str, steps: Vec<Document>) -> Self {
        Self { name, command: doc! { "aggregate": collection, "pipeline": steps, "cursor": {} } }
    }

    /// Sends it, and reads what it finds.
    pub(in crate::checks) async fn run(&self, mongo: &MongoClient, limit: Duration) -> Result<(), Trouble> {
        self.run_in(mongo, &mongo.database, limit).await
    }

    /// The same by another client, whose database that is.
    pub(in crate::checks) async fn run_in(
        &self,
        mongo: &MongoClient,
        database: &Database,
        limit: Duration,
    ) -> Result<(), Trouble> {
        let command = database.run_cursor_command(self.command.clone());
        let rows = async { answer::rows(command.await?.with_type::<RawDocumentBuf>(), MOST_ROWS).await };
        mongo.ask_within(limit, "query recordings", rows).await.map(drop)
    }

    /// Has the server run and explain it; where it does not come to an end with that, only plan it.
    pub(in crate::checks) async fn explain(
        &self,
        mongo: &MongoClient,
        cx: &Context,
    ) -> Result<Account, Trouble> {
        let limit = LONGEST.min(cx.remaining() / 4);
        match self.ask(mongo, "executionStats", limit).await {
            Ok(reply) => Ok(Account { plan: Plan::read(&reply), reply }),
            Err(Trouble::Target(error)) if error.kind == TargetErrorKind::TimedOut => {
                let reply = self.ask(mongo, "queryPlanner", limit).await?;
                let plan = Plan { gave_up_after: Some(limit), ..Plan::read(&reply) };
                Ok(Account { plan, reply })
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn ask(&self, mongo: &MongoClient, verbosity: &str, limit: Duration) -> Result<Document, Trouble> {
        let command = doc! {
            "explain": &self.command,
            "verbosity": verbosity,
            "maxTimeMS": i64::try_from(limit.as_millis()).unwrap_or(i64::MAX),
        };
        // The server is to give up first, so that it does not go on without us.
        let patience = limit + limit / 4;
        mongo.ask_within(patience, "explain a query", answer::command(&mongo.database, command)).await
    }
}

fn day_before(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(now)
}

/// What the server said.
pub(in crate::checks) struct Account {
    pub(in crate::checks) plan: Plan,
    reply: Document,
}

impl Account {
    /// Keeps the server's words.
    pub(super) fn attach(&self, cx: &Context, name: &str) -> Result<EvidenceRef, CheckError> {
        let shown = serde_json::to_value(&self.reply).map_err(CheckError::unclear)?;
        cx.attach(Evidence::json(name, &shown))
    }
}

/// How a query is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::checks) struct Plan {
    /// Whether it reads the whole collection.
    pub(in crate::checks) scans: bool,
    /// The indexes that it uses.
    indexes: Vec<String>,
    /// Index entries that were examined.
    keys: Option<i64>,
    /// Documents that were examined.
    documents: Option<i64>,
    /// Documents that were found.
    pub(super) returned: Option<i64>,
    /// How long it took the server.
    pub(super) milliseconds: Option<i64>,
    /// Set where the server did not come to an end within this time.
    gave_up_after: Option<Duration>,
}

impl Plan {
    pub(in crate::checks) fn read(reply: &Document) -> Self {
        let mut plan = Self::default();
        plan.look_at_stages(reply);
        let mut stats = Vec::new();
        match reply.get_document("executionStats") {
            Ok(whole) => stats.push(whole),
            // Of an aggregation, or of several shards, each part has its own.
            Err(_) => parts(reply, &mut stats),
        }
        let sum = |name| {
            stats.iter().filter_map(|part| part.get(name).and_then(number::whole)).reduce(|a, b| a + b)
        };
        Self {
            keys: sum("totalKeysExamined"),
            documents: sum("totalDocsExamined"),
            returned: sum("nReturned"),
            milliseconds: stats.iter().filter_map(|part| number::at(part, &["executionTimeMillis"])).max(),
            ..plan
        }
    }

    fn look_at_stages(&mut self, plan: &Document) {
        self.scans |= plan.get_str("stage").is_ok_and(|stage| stage == "COLLSCAN");
        if let Ok(index) = plan.get_str("indexName") {
            let index = brief::line(index, 128);
            if !self.indexes.contains(&index) {
                self.indexes.push(index);
            }
        }
        for (_, value) in
            plan.iter().filter(|(name, _)| !["rejectedPlans", "command"].contains(&name.as_str()))
        {
            each_document(value, &mut |inner| self.look_at_stages(inner));
        }
    }

    /// The greater number of what was examined: entries of an index, or documents.
    pub(super) fn examined(&self) -> Option<i64> {
        self.keys.max(self.documents)
    }

    /// How the query is answered, as in "… scans the whole collection".
    pub(in crate::checks) fn words(&self) -> String {
        let way = match self.indexes.as_slice() {
            _ if self.scans => "scans the whole collection (COLLSCAN)".to_owned(),
            [] => "does not scan the whole collection".to_owned(),
            indexes => {
                let names: Vec<String> = indexes.iter().take(5).map(|name| format!("`{name}`")).collect();
                format!("uses {}", brief::and(&names))
            }
        };
        let mut parts = vec![way];
        if let (Some(examined), Some(returned)) = (self.examined(), self.returned) {
            let what = if self.keys > self.documents {
                "keys examined"
            } else {
                "documents examined (docsExamined)"
            };
            parts.push(format!("{examined} {what} for {returned} returned"));
        }
        if let Some(milliseconds) = self.milliseconds {
            parts.push(format!("in {milliseconds} ms"));
        }
        if let Some(limit) = self.gave_up_after {
            parts.push(format!("not done within {}", shakedown_core::duration::brief(limit)));
        }
        parts.join(", ")
    }
}

/// All parts of an answer that count what was examined.
fn parts<'a>(reply: &'a Document, found: &mut Vec<&'a Document>) {
    for (name, value) in reply {
        match value {
            Bson::Document(stats) if name == "executionStats" => found.push(stats),
            value => each_document(value, &mut |inner| parts(inner, found)),
        }
    }
}

/// Calls back for a document, or for each one in an array.
fn each_document<'a>(value: &'a Bson, see: &mut impl FnMut(&'a Document)) {
    match value {
        Bson::Document(document) => see(document),
        Bson::Array(items) => items.iter().filter_map(Bson::as_document).for_each(see),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_found_in_the_plan_that_won() {
        let scan = doc! {
            "queryPlanner": { "winningPlan": { "stage": "LIMIT", "inputStage": { "stage": "COLLSCAN" } } },
            "executionStats": { "totalDocsExamined": 3012, "nReturned": 4_i64, "executionTimeMillis": 12.0 },
        };
        let plan = Plan::read(&scan);
        assert!(plan.scans);
        assert_eq!(
            plan.words(),
            "scans the whole collection (COLLSCAN), 3012 documents examined (docsExamined) for 4 returned, in 12 ms"
        );
        let indexed = doc! { "queryPlanner": {
            "winningPlan": { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": "a_1" } },
            "rejectedPlans": [{ "stage": "COLLSCAN" }],
        } };
        assert_eq!(Plan::read(&indexed).words(), "uses `a_1`");
    }

    #[test]
    fn parts_of_an_answer_add_up() {
        let part = |keys: i32, documents: i32| {
            doc! { "stages": [{ "$cursor": {
                "queryPlanner": { "winningPlan": { "queryPlan": { "stage": "IXSCAN", "indexName": "b" } } },
                "executionStats": { "totalKeysExamined": keys, "totalDocsExamined": documents, "nReturned": 1 },
            } }] }
        };
        let plan = Plan::read(&doc! { "shards": { "one": part(30, 2), "two": part(12, 3) } });
        assert!(!plan.scans);
        assert_eq!(plan.words(), "uses `b`, 42 keys examined for 2 returned");
    }

    #[test]
    fn an_answer_of_another_form_says_little() {
        assert_eq!(
            Plan::read(&doc! { "ok": 1, "x": [1, "COLLSCAN"] }).words(),
            "does not scan the whole collection"
        );
    }
}
