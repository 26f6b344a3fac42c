//! `mongo.indexes.required`

use super::explain::Query;
use super::index::{Cover, Index, Uniqueness, cover, uniqueness};
use super::list::{self, indexes};
use crate::{Mongo, MongoClient, brief};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

/// The fields without whose index history is too slow to be of use.
const CRITICAL: [&str; 3] = ["start_time", "end_time", "uuid"];

/// The fix that creates indexes.
const FIX: &str = "mongo.indexes.create";
const BY_FIX: &str = "let `fix` create them in the background, today";
/// How long a build takes in production.
const BUILD: &str = "about 15 minutes";

register_check! {
    /// The recordings carry the indexes that history needs: on `start_time`, on `end_time`, on `uuid` (unique) and on
    /// `deleted`.
    ///
    /// Indexes are compared by their keys, not by their names. A compound index counts for its first key, in either
    /// direction. What does not count, since the queries of history cannot use it: a hidden index, a partial one, a
    /// wildcard, hashed or text index, and on `uuid` one with a collation. A sparse index counts, with a note: it leaves
    /// out the documents without the field, and `mongo.indexes.used` shows what that costs. Unique means unique over all
    /// documents, so a partial or sparse unique index does not do.
    ///
    /// An index that the server is still building is a warning, with how far it is. An index that makes the server
    /// delete recordings after a time (`expireAfterSeconds`) is a finding of its own.
    ///
    /// If an index is missing, the check has the server explain the query for the last day, and attaches the answer. If
    /// the one on `uuid` is missing, it counts the duplicates that would keep it from being built.
    ///
    /// # Why it matters
    /// Without these indexes every query of history reads the whole collection. In production it takes 10 to 60 seconds
    /// then, instead of 0.01 to 0.1, and loads the server for everybody else. Without a unique index on `uuid` nothing
    /// keeps a recording from being stored twice. An index on `deleted` helps the queries that leave out what was deleted.
    ///
    /// # How to mend it
    /// `fix` creates what is missing. The server builds it in the background, in about 15 minutes. A unique index cannot
    /// be built while there are duplicates. An index that makes the server delete recordings is for you to judge: if
    /// nobody wants that, replace it by a plain one today.
    pub(crate) struct RequiredIndexes(NoParams) {
        id: "mongo.indexes.required",
        title: "The recordings carry the indexes that history needs",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13686", "PZ-13983", "PZ-13810"],
        tags: &["smoke", "data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        proofs: &[
            fault("mongo.index-missing", "index-missing"),
            fault("mongo.index-not-unique", "index-not-unique"),
            fault("mongo.index-deleted-missing", "index-deleted-missing"),
            fault("mongo.index-building", "index-building"),
            fault("mongo.index-expires", "index-deletes-recordings"),
        ],
    }
}

#[async_trait]
impl Check for RequiredIndexes {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.guid;
        let indexes = indexes(&mongo, cx, collection).await?;
        let observation = Observation::counted(indexes.len() as u64, "indexes of the recordings")?;

        let mut findings = judge(collection, &indexes);
        for finding in &mut findings {
            match finding.code.as_str() {
                "index-missing" => explain(&mongo, cx, collection, finding).await?,
                "index-building" => finding.details.push(list::progress(&mongo, cx, collection).await),
                _ => {}
            }
        }
        Ok(Verdict::of(observation).with_all(findings))
    }
}

/// Adds what the missing indexes cost, and what stands in the way of creating them. The finding stands without it, so
/// that no failure to find out may replace it.
async fn explain(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    missing: &mut Finding,
) -> Result<(), CheckError> {
    let query = Query::overlapping(collection, cx.clock.now());
    let words = match query.explain(mongo, cx).await {
        Ok(account) => {
            missing.evidence.push(account.attach(cx, "explain.json")?);
            account.plan.words()
        }
        Err(trouble) => format!("is not explained: {}", trouble.words()),
    };
    missing.details.insert(1, format!("explain: the query for {} {words}", query.name));
    if missing.message.contains("uuid") {
        missing.details.push(match list::repeated(mongo, cx, collection, "uuid").await {
            Ok(0) => "no uuid occurs twice, so nothing stands in the way of the unique index".to_owned(),
            Ok(values) => {
                let values = brief::count(u64::try_from(values).unwrap_or(0), "uuid occurs", "uuids occur");
                format!("{values} more than once: the unique index cannot be built before that is mended")
            }
            Err(trouble) => format!("whether duplicates stand in the way is not known: {}", trouble.words()),
        });
    }
    Ok(())
}

fn judge(collection: &str, indexes: &[Index]) -> Vec<Finding> {
    let (mut missing, mut reasons, mut building) = (Vec::new(), Vec::new(), Vec::new());
    let mut findings = Vec::new();
    for field in CRITICAL {
        match cover(indexes, field) {
            Cover::Full => {}
            Cover::Sparse(name) => findings.push(sparse(collection, field, &name)),
            Cover::Building(name) => building.push((field, name)),
            Cover::None(why) => {
                missing.push(field);
                reasons.extend(why);
            }
        }
    }
    let is_new = |field: &str| missing.contains(&field) || building.iter().any(|(name, _)| *name == field);
    if !is_new("uuid") {
        match uniqueness(indexes, "uuid") {
            Uniqueness::Full => {}
            Uniqueness::Building(name) => building.push(("uuid (unique)", name)),
            Uniqueness::None(why) => findings.push(not_unique(collection, why)),
        }
    }
    match cover(indexes, "deleted") {
        Cover::None(why) => findings.push(deleted_missing(collection, why)),
        Cover::Building(name) => building.push(("deleted", name)),
        Cover::Full | Cover::Sparse(_) => {}
    }
    if !building.is_empty() {
        findings.insert(0, being_built(collection, &building));
    }
    findings.splice(0..0, indexes.iter().filter_map(|index| deletes(collection, index)));
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
        .remedy(BY_FIX, BUILD)
        .fix(FIX);
    finding.details.extend(reasons);
    finding
}

fn being_built(collection: &str, building: &[(&str, String)]) -> Finding {
    let fields: Vec<String> = building.iter().map(|(field, _)| (*field).to_owned()).collect();
    let mut names: Vec<&str> = building.iter().map(|(_, name)| name.as_str()).collect();
    names.dedup();
    let fields = match fields.as_slice() {
        [one] => format!("index on {one} is"),
        several => format!("indexes on {} are", brief::and(several)),
    };
    finding("index-building", collection, format!("the {fields} still being built"))
        .warn()
        .expected("an index that queries can use", format!("the server is building {}", names.join(", ")))
        .remedy("wait for the build to end, then ask again", BUILD)
}

/// An index that makes the server delete recordings. On another field that may be meant; by a time of the recording
/// itself it empties the history.
fn deletes(collection: &str, index: &Index) -> Option<Finding> {
    let (field, seconds) = index.deletes()?;
    let (name, field) = (&index.name, brief::line(field, 64));
    let message =
        format!("the index `{name}` makes the server delete recordings {seconds} s after their {field}");
    let finding = finding("index-deletes-recordings", collection, message)
        .expected("an index without expireAfterSeconds", format!("expireAfterSeconds {seconds}"))
        .detail("what the server deletes by such an index does not come back, and nobody is told")
        .remedy(
            format!("unless that is meant, replace `{name}` by an index on {field} without expireAfterSeconds, today"),
            BUILD,
        );
    let by_time = ["start_time", "end_time"].contains(&field.as_str());
    Some(if by_time { finding.severity(Severity::Critical) } else { finding.warn() })
}

fn sparse(collection: &str, field: &str, name: &str) -> Finding {
    finding("index-sparse", collection, format!("only the sparse index `{name}` covers {field}"))
        .note()
        .expected(
            format!("a plain index on {field}"),
            "a sparse one, which leaves out documents without the field",
        )
        .remedy("replace it by a plain index, built in the background", BUILD)
}

fn not_unique(collection: &str, why: Vec<String>) -> Finding {
    let mut finding =
        finding("index-not-unique", collection, "the index on uuid is not unique over all documents")
            .warn()
            .expected("a unique index on uuid alone", "nothing keeps a recording from being stored twice")
            .remedy("remove duplicates, drop the index and build a unique one", "about 30 minutes");
    finding.details = why;
    finding
}

fn deleted_missing(collection: &str, why: Vec<String>) -> Finding {
    let mut finding = finding("index-deleted-missing", collection, "the index on deleted is missing")
        .warn()
        .severity(Severity::Low)
        .expected("an index on deleted", "none: queries that leave out what was deleted read it all the same")
        .remedy(BY_FIX, BUILD)
        .fix(FIX);
    finding.details = why;
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, Document, doc};
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

    #[test]
    fn an_index_that_is_being_built_is_not_missing() {
        let mut documents = complete();
        for index in [2, 3] {
            documents[index] = doc! { "spec": documents[index].clone(), "buildUUID": "x" };
        }
        let findings = findings(&documents);
        assert_eq!(codes(&findings), ["index-building"]);
        assert_eq!(findings[0].message, "the indexes on end_time and uuid are still being built");
        assert_eq!(status(findings), Status::Warned);
    }

    #[test]
    fn an_index_that_deletes_is_a_failure_by_a_time_of_the_recording() {
        let mut documents = complete();
        documents[1].insert("expireAfterSeconds", 60);
        let by_start = findings(&documents);
        assert_eq!(codes(&by_start), ["index-deletes-recordings"]);
        assert_eq!(
            by_start[0].message,
            "the index `a` makes the server delete recordings 60 s after their start_time"
        );
        assert_eq!(status(by_start), Status::Failed);
        documents[1].remove("expireAfterSeconds");
        documents.push(doc! { "name": "e", "key": { "exported": 1 }, "expireAfterSeconds": 60 });
        assert_eq!(status(findings(&documents)), Status::Warned);
    }

    #[test]
    fn only_a_unique_index_over_all_documents_will_do() {
        for (key, value, why) in [
            ("sparse", Bson::Boolean(true), "sparse"),
            ("partialFilterExpression", Bson::Document(doc! {}), "partial"),
        ] {
            let mut documents = complete();
            documents.push(doc! { "name": "plain", "key": { "uuid": 1 } });
            documents[3].insert(key, value);
            let findings = findings(&documents);
            assert_eq!(codes(&findings), ["index-not-unique"], "{key}");
            assert!(findings[0].details[0].contains(why), "{:?}", findings[0].details);
        }
    }
}
