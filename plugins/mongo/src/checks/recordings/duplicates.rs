//! `mongo.recordings.duplicates`

use crate::checks::survey::{EXAMPLES, GROUP, Survey, TIMEOUT, and_more, count};
use crate::{brief, time};
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

register_check! {
    /// No recording is stored twice: neither under the same `uuid`, nor under another one with the same start and end.
    ///
    /// The server compares all documents, whatever indexes there are. A `uuid` counts as stored twice also where one of the
    /// copies is deleted, since a unique index would refuse it all the same. *Identical* are recordings with different
    /// uuids that start at the same instant and end at the same instant; deleted ones are left out, so that deleting the
    /// surplus mends it. Documents without a `uuid` are judged by `mongo.metadata.required`.
    ///
    /// # Why it matters
    /// Who asks for a `uuid` that is stored twice gets either of the two, and the unique index that history needs cannot be
    /// built. Identical recordings are shown twice, and take the space of two.
    ///
    /// # How to mend it
    /// Find out which of the copies belongs to the folder on disk. Mark the others as deleted if they are identical
    /// recordings; give them a `uuid` of their own, or remove them, if they share one. Then build the unique index on
    /// `uuid`, which keeps it from happening again.
    pub(crate) struct Duplicates(NoParams) {
        id: "mongo.recordings.duplicates",
        title: "No recording is stored twice",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("mongo"),
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[
            fault("mongo.uuid-duplicate", "uuid-duplicate"),
            fault("mongo.recording-identical", "recording-identical"),
        ],
    }
}

/// What is stored several times.
#[derive(Debug, Default, PartialEq, Eq)]
struct Twins {
    /// How many things are stored several times.
    groups: u64,
    /// How many documents there are too many.
    surplus: u64,
    /// Some of them, those with the most documents first.
    examples: Vec<String>,
}

#[async_trait]
impl Check for Duplicates {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let documents = survey.population("recordings").await?;
        let subject = survey.subject();
        let seen = || Observation::counted(documents, "recordings").map(Verdict::of);
        let uuids = search(&survey, "count equal uuids", same_uuid(), of_uuid).await?;
        let what = "count recordings with equal times";
        let mut any = same_times(Document::new());
        any.push(doc! { "$limit": 1 });
        // To look at uuids costs more, and hardly ever is there a reason to.
        let times = match survey.rows(what, any).await?.as_slice() {
            [] => Twins::default(),
            _ => search(&survey, what, same_times_otherwise(), of_times).await?,
        };
        let mut cases = Cases::new();
        cases.push(Case::new("uuid", &[], seen().map(|seen| seen.with_all(uuid_finding(&subject, uuids)))));
        cases.push(Case::new(
            "start and end",
            &[],
            seen().map(|seen| seen.with_all(times_finding(&subject, times))),
        ));
        cases.verdict()
    }
}

/// Groups with a number `documents` each, of which those with several documents are counted.
async fn search(
    survey: &Survey<'_>,
    what: &str,
    mut pipeline: Vec<Document>,
    name: fn(&Document) -> String,
) -> Result<Twins, CheckError> {
    let fields = ["_id.start", "_id.end", "least", "most"].map(brief::field);
    let [start, end, least, most] = fields;
    let shown = doc! {
        "_id": 0, "documents": 1, "uuid": brief::field("_id"),
        "start": start, "end": end, "least": least, "most": most,
    };
    pipeline.push(doc! { "$facet": {
        "sums": [{ "$group": {
            "_id": Bson::Null,
            "groups": { "$sum": 1 },
            "surplus": { "$sum": { "$subtract": ["$documents", 1] } },
        } }],
        "examples": [
            { "$project": shown },
            { "$sort": { "documents": -1, "uuid": 1, "start": 1 } },
            { "$limit": i64::try_from(EXAMPLES).unwrap_or(i64::MAX) },
        ],
    } });
    let row = survey.rows(what, pipeline).await?.pop().unwrap_or_default();
    let rows = |name| row.get_array(name).into_iter().flatten().filter_map(Bson::as_document);
    let mut twins = Twins::default();
    if let Some(sums) = rows("sums").next() {
        (twins.groups, twins.surplus) = (count(sums, "groups"), count(sums, "surplus"));
    }
    let examples =
        rows("examples").map(|row| format!("{}, stored {} times", name(row), count(row, "documents")));
    twins.examples = and_more(examples.collect(), twins.groups);
    Ok(twins)
}

/// Missing ones are grouped with null.
fn same_uuid() -> Vec<Document> {
    vec![
        doc! { "$group": { "_id": "$uuid", "documents": { "$sum": 1 } } },
        doc! { "$match": { "documents": { "$gt": 1 }, "_id": { "$ne": Bson::Null } } },
    ]
}

/// Which spans of time have several recordings that are not deleted, with more `sums` of each.
fn same_times(sums: Document) -> Vec<Document> {
    let mut group = doc! {
        "_id": { "start": time::on_server("start_time"), "end": time::on_server("end_time") },
        "documents": { "$sum": 1 },
    };
    group.extend(sums);
    let several = doc! { "documents": { "$gt": 1 }, "_id.start": { "$ne": Bson::Null }, "_id.end": { "$ne": Bson::Null } };
    vec![
        doc! { "$match": { "deleted": { "$ne": true } } },
        doc! { "$group": group },
        doc! { "$match": several },
    ]
}

/// Those of them that are not copies under one `uuid`: where all are, it is that which is stored twice.
fn same_times_otherwise() -> Vec<Document> {
    let uuid = brief::field("uuid");
    let mut pipeline = same_times(doc! { "least": { "$min": &uuid }, "most": { "$max": uuid } });
    pipeline.push(doc! { "$match": { "$expr": { "$ne": ["$least", "$most"] } } });
    pipeline
}

fn of_uuid(row: &Document) -> String {
    format!("uuid {}", brief::show(row.get("uuid")))
}

fn of_times(row: &Document) -> String {
    let [start, end, least, most] = ["start", "end", "least", "most"].map(|name| brief::show(row.get(name)));
    format!("from {start} to {end} (uuid {least}, {most})")
}

fn uuid_finding(subject: &str, twins: Twins) -> Option<Finding> {
    (twins.groups > 0).then(|| {
        let uuids = brief::count(twins.groups, "uuid is", "uuids are");
        let surplus = brief::count(twins.surplus, "document", "documents");
        let message = format!("{uuids} stored more than once: {surplus} too many");
        let finding = Finding::new("uuid-duplicate", Cause::Data, subject, message)
            .severity(Severity::High)
            .expected("every uuid once", surplus)
            .detail("a unique index on uuid cannot be built while there are duplicates")
            .remedy("find out which copy belongs to the folder on disk, and remove the others", "1 hour");
        twins.examples.into_iter().fold(finding, Finding::detail)
    })
}

fn times_finding(subject: &str, twins: Twins) -> Option<Finding> {
    (twins.groups > 0).then(|| {
        let spans = brief::count(twins.groups, "span of time is", "spans of time are");
        let surplus = brief::count(twins.surplus, "recording", "recordings");
        let message = format!("{spans} recorded more than once under different uuids: {surplus} too many");
        let finding = Finding::new("recording-identical", Cause::Data, subject, message)
            .expected("no two recordings with the same start and end", surplus)
            .remedy(
                "find out which copy belongs to the folder on disk, and mark the others deleted",
                "1 hour",
            );
        twins.examples.into_iter().fold(finding, Finding::detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stored_twice_is_no_finding() {
        assert_eq!(uuid_finding("c", Twins::default()), None);
        assert_eq!(times_finding("c", Twins::default()), None);
    }

    #[test]
    fn groups_and_surplus_are_told_apart() {
        let twins = || Twins { groups: 2, surplus: 5, examples: vec!["uuid a, stored 6 times".to_owned()] };
        let finding = uuid_finding("c", twins()).unwrap();
        assert_eq!(finding.message, "2 uuids are stored more than once: 5 documents too many");
        assert_eq!(finding.details[1], "uuid a, stored 6 times");
        let finding = times_finding("c", Twins { groups: 1, surplus: 1, examples: vec![] }).unwrap();
        assert_eq!(
            finding.message,
            "1 span of time is recorded more than once under different uuids: 1 recording too many"
        );
    }
}
