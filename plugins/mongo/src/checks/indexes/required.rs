//! `mongo.indexes.required`

use super::explain;
use super::index::{Cover, Index, cover, is_unique};
use crate::{Mongo, MongoClient, brief};
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

/// The fields without whose index history is too slow to be of use.
const CRITICAL: [&str; 3] = ["start_time", "end_time", "uuid"];

register_check! {
    /// The recordings carry the indexes that history needs: on `start_time`, on `end_time`, on `uuid` (unique) and on
    /// `deleted`.
    ///
    /// Indexes are compared by their keys, not by their names. A compound index counts for its first key, in either
    /// direction. A hidden index does not count, since no query uses it, nor does a partial one, since only the queries
    /// within its filter use it. A sparse one counts with a warning: it leaves out the documents without the field.
    ///
    /// If an index is missing, the check has the server explain the query for the last day, and attaches the answer.
    ///
    /// # Why it matters
    /// Without these indexes every query of history reads the whole collection. In production it takes 10 to 60 seconds
    /// then, instead of 0.01 to 0.1, and loads the server for everybody else. Without a unique index on `uuid` nothing
    /// keeps a recording from being stored twice. An index on `deleted` helps the queries that leave out what was deleted.
    ///
    /// # How to mend it
    /// Create the missing indexes; the finding has the commands. The server builds them in the background, in about 15
    /// minutes. A unique index cannot be built while there are duplicates: look for them first.
    pub(crate) struct RequiredIndexes(NoParams) {
        id: "mongo.indexes.required",
        title: "The recordings carry the indexes that history needs",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13686", "PZ-13983", "PZ-13810"],
        tags: &["smoke", "data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        proofs: &[fault("mongo.index-missing", "index-missing")],
    }
}

#[async_trait]
impl Check for RequiredIndexes {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.guid;
        let indexes = list(&mongo, cx, collection).await?;
        let observation = Observation::counted(indexes.len() as u64, "indexes of the recordings")?;

        let mut findings = judge(collection, &indexes);
        if let Some(missing) = findings.iter_mut().find(|finding| finding.code == "index-missing") {
            let account = explain::last_day(&mongo, cx, collection).await?;
            missing.details.insert(1, account.words);
            missing.evidence.extend(account.evidence);
        }
        Ok(Verdict::of(observation).with_all(findings))
    }
}

async fn list(mongo: &MongoClient, cx: &Context, collection: &str) -> Result<Vec<Index>, CheckError> {
    let command = mongo.database.run_cursor_command(doc! { "listIndexes": collection });
    let documents = async { command.await?.try_collect::<Vec<_>>().await };
    match mongo.ask(cx, "list the indexes of the recordings", documents).await {
        Ok(documents) => Ok(documents.iter().map(Index::read).collect()),
        Err(trouble) if trouble.is_missing_namespace() => Err(CheckError::no_data(format!(
            "the collection `{collection}` of the recordings does not exist"
        ))),
        Err(trouble) => Err(trouble.into()),
    }
}

fn judge(collection: &str, indexes: &[Index]) -> Vec<Finding> {
    let mut missing = Vec::new();
    let mut reasons = Vec::new();
    let mut findings = Vec::new();
    for field in CRITICAL {
        match cover(indexes, field) {
            Cover::Full => {}
            Cover::Sparse(name) => findings.push(sparse(collection, field, &name)),
            Cover::None(why) => {
                missing.push(field);
                reasons.extend(why);
            }
        }
    }
    if !missing.contains(&"uuid") && !is_unique(indexes, "uuid") {
        findings.push(not_unique(collection));
    }
    if let Cover::None(why) = cover(indexes, "deleted") {
        findings.push(deleted_missing(collection, why));
    }
    if !missing.is_empty() {
        findings.insert(0, critical_missing(collection, &missing, reasons, indexes));
    }
    findings
}

fn finding(code: &str, collection: &str, message: impl Into<String>) -> Finding {
    Finding::new(code, Cause::Environment, format!("collection `{collection}`"), message)
}

fn critical_missing(collection: &str, missing: &[&str], reasons: Vec<String>, indexes: &[Index]) -> Finding {
    let plural = if missing.len() == 1 { "index" } else { "indexes" };
    let fields: Vec<String> = missing
        .iter()
        .map(|&field| if field == "uuid" { "uuid (unique)".to_owned() } else { field.to_owned() })
        .collect();
    let present: Vec<String> = indexes.iter().take(20).map(|index| format!("({})", index.keys())).collect();
    let message = format!("the recordings lack the {plural} on {}", brief::and(&fields));
    let mut finding = finding("index-missing", collection, message)
        .severity(Severity::Critical)
        .expected(
            "indexes on start_time, end_time and uuid (unique)",
            format!("indexes on {}", present.join(", ")),
        )
        .detail("history queries scan the whole collection: 10–60 s instead of 0.01–0.1 s")
        .remedy("`fix` creates them in the background, today", "about 15 minutes")
        .fix("mongo.indexes.create");
    finding.details.extend(reasons);
    finding
}

fn sparse(collection: &str, field: &str, name: &str) -> Finding {
    finding("index-sparse", collection, format!("only the sparse index `{name}` covers {field}"))
        .warn()
        .expected(
            format!("a plain index on {field}"),
            "a sparse one, which leaves out documents without the field",
        )
        .remedy("replace it by a plain index, built in the background", "about 15 minutes")
}

fn not_unique(collection: &str) -> Finding {
    finding("index-not-unique", collection, "the index on uuid is not unique")
        .warn()
        .expected("a unique index on uuid alone", "nothing keeps a recording from being stored twice")
        .remedy("remove duplicates, drop the index and build a unique one", "about 30 minutes")
}

fn deleted_missing(collection: &str, why: Vec<String>) -> Finding {
    let mut finding = finding("index-deleted-missing", collection, "the index on deleted is missing")
        .warn()
        .severity(Severity::Low)
        .expected("an index on deleted", "none: queries that leave out what was deleted read it all the same")
        .remedy("`fix` creates it in the background", "about 15 minutes")
        .fix("mongo.indexes.create");
    finding.details = why;
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::Document;
    use shakedown_core::{Outcome, Status};

    fn findings(documents: &[Document]) -> Vec<Finding> {
        judge("abc", &documents.iter().map(Index::read).collect::<Vec<_>>())
    }

    fn status(findings: Vec<Finding>) -> Status {
        Outcome::from(Verdict::of(Observation::seen("x")).with_all(findings)).status
    }

    fn codes(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    /// `_id` and all four, whose names say nothing of their keys.
    fn complete() -> Vec<Document> {
        vec![
            doc! { "name": "_id_", "key": { "_id": 1 } },
            doc! { "name": "a", "key": { "start_time": 1 } },
            doc! { "name": "b", "key": { "end_time": -1, "start_time": 1 } },
            doc! { "name": "c", "key": { "uuid": 1 }, "unique": true },
            doc! { "name": "d", "key": { "deleted": 1 } },
        ]
    }

    #[test]
    fn all_four_by_key_are_right() {
        assert!(findings(&complete()).is_empty());
    }

    #[test]
    fn only_the_id_is_one_failure_that_names_all_and_one_warning() {
        let findings = findings(&complete()[..1]);
        assert_eq!(codes(&findings), ["index-missing", "index-deleted-missing"]);
        let missing = &findings[0];
        assert_eq!(
            missing.message,
            "the recordings lack the indexes on start_time, end_time and uuid (unique)"
        );
        assert_eq!(missing.actual.as_deref(), Some("indexes on (_id)"));
        assert_eq!((missing.severity, missing.cause), (Some(Severity::Critical), Cause::Environment));
        assert_eq!(missing.effort.as_deref(), Some("about 15 minutes"));
        assert_eq!(missing.fix.as_deref(), Some("mongo.indexes.create"));
        assert_eq!(status(findings), Status::Failed);
    }

    #[test]
    fn an_index_that_does_not_count_is_explained() {
        let mut documents = complete();
        documents[2].insert("hidden", true);
        let findings = findings(&documents);
        assert_eq!(findings[0].message, "the recordings lack the index on end_time");
        assert_eq!(findings[0].details[1], "`b` is hidden, so no query uses it");
    }

    #[test]
    fn lesser_defects_are_warnings() {
        let mut documents = complete();
        documents[1].insert("sparse", true);
        documents[3].remove("unique");
        documents.pop();
        let findings = findings(&documents);
        assert_eq!(codes(&findings), ["index-sparse", "index-not-unique", "index-deleted-missing"]);
        assert_eq!(status(findings), Status::Warned);
    }
}
