//! `mongo.metadata.required`

use crate::brief;
use crate::checks::shapes::{Example, Shape};
use crate::checks::survey::{ABSENT, GROUP, Survey, TIMEOUT, and_more};
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use std::collections::BTreeMap;

/// The fields of a recording.
pub(in crate::checks) const FIELDS: [&str; 4] = ["uuid", "start_time", "end_time", "deleted"];

const KEYS: [&str; 2] = ["PZ-13812", "PZ-13685"];

/// What the case of the orphans is called; the others are called like their field.
const ORPHANS: &str = "orphans";

register_check! {
    /// Every document of the recordings has what makes it a recording: `uuid`, `start_time`, `end_time` and `deleted`.
    ///
    /// The server counts all documents, not a sample, in one pass; a field that is null is told from one that is missing.
    /// `end_time` may be null, which is what a live recording says. Each document is counted once: under its field if one
    /// is absent, and as an *orphan* if there are two or more. Types are judged by `mongo.schema.recordings`.
    ///
    /// # Why it matters
    /// A recording without `uuid` cannot be played, one without `start_time` is in no range of time, and one without
    /// `deleted` is neither shown nor cleaned up. An orphan is no recording at all, but is counted as one.
    ///
    /// # How to mend it
    /// Find out what wrote the documents that the finding names. Complete them from the recording's folder, where it still
    /// exists; mark the others as deleted. A missing `end_time` alone is harmless to queries: write null.
    pub(crate) struct RequiredMetadata(NoParams) {
        id: "mongo.metadata.required",
        title: "Every recording has its required fields",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &KEYS,
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[fault("mongo.metadata-missing", "metadata-missing"), fault("mongo.orphan", "orphan")],
    }
}

#[async_trait]
impl Check for RequiredMetadata {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let shapes = survey.shapes(&FIELDS).await?;
        let observation = survey.counted(shapes.iter().map(|shape| shape.documents).sum(), "recordings")?;
        let mut cases = Cases::new();
        for case in FIELDS.into_iter().chain([ORPHANS]) {
            let concerned: Vec<&Shape> = shapes.iter().filter(|shape| case_of(shape) == Some(case)).collect();
            let examples = survey.examples_of(&FIELDS, &concerned).await?;
            let verdict = Verdict::of(observation.clone());
            cases.push(Case::new(
                case,
                &KEYS,
                Ok(verdict.with_all(judge(&survey.subject(), case, &concerned, &examples))),
            ));
        }
        cases.verdict()
    }
}

/// The required fields that documents of this shape lack, each with what it is instead. A live recording's `end_time`
/// is null.
fn lacking(shape: &Shape) -> Vec<(&'static str, &str)> {
    let kinds = FIELDS.into_iter().map(|field| (field, shape.kind(field)));
    kinds
        .filter(|&(field, kind)| ABSENT.contains(&kind) && !(field == "end_time" && kind == "null"))
        .collect()
}

/// Whether documents of this shape lack so much that they are no recordings.
pub(in crate::checks) fn is_orphan(shape: &Shape) -> bool {
    lacking(shape).len() >= 2
}

/// The case that documents of this shape are counted under.
fn case_of(shape: &Shape) -> Option<&'static str> {
    match lacking(shape)[..] {
        [] => None,
        [(field, _)] => Some(field),
        _ => Some(ORPHANS),
    }
}

fn judge(subject: &str, case: &str, shapes: &[&Shape], examples: &[Example]) -> Option<Finding> {
    let documents: u64 = shapes.iter().map(|shape| shape.documents).sum();
    if documents == 0 {
        return None;
    }
    let recordings = brief::count(documents, "recording", "recordings");
    let finding = |code, message: String| Finding::new(code, Cause::Data, subject, message);
    let finding = match case {
        ORPHANS => {
            let documents = brief::count(documents, "document lacks", "documents lack");
            finding(
                "orphan",
                format!("{documents} two required fields or more, and so cannot be a recording"),
            )
            .severity(Severity::High)
            .expected("all of uuid, start_time, end_time and deleted", kinds(shapes))
            .detail("it is counted as a recording, and can be neither found nor played")
            .remedy(
                "find out what wrote it, and complete it from the recording's folder or mark it deleted",
                "1 hour",
            )
        }
        "end_time" => finding("end-time-missing", format!("{recordings} without an `end_time` field"))
            .warn()
            .severity(Severity::Low)
            .expected("a date, or null while the recording is live", kinds(shapes))
            .detail("queries take it for null, so that nothing is broken as yet")
            .remedy("write null where the recording is live, and its end where it has ended", "30 minutes"),
        field => finding("metadata-missing", format!("{recordings} without `{field}`"))
            .expected(format!("`{field}` in every document"), kinds(shapes))
            .detail(why(field))
            .remedy(
                "mend what writes these documents, then complete them from the recording's folder",
                "1 hour",
            ),
    };
    let line = |example: &Example| format!("{}: {}", example.name, in_words(&lacking(&example.shape)));
    Some(and_more(examples.iter().map(line).collect(), documents).into_iter().fold(finding, Finding::detail))
}

fn why(field: &str) -> &'static str {
    match field {
        "uuid" => "a recording without uuid cannot be played",
        "start_time" => {
            "a recording without start_time is in no range of time, so that history never shows it"
        }
        _ => "a recording without `deleted` is neither shown by history nor cleaned up",
    }
}

/// What is absent, by how: "`uuid` is missing (2), `uuid` is null (1)".
fn kinds(shapes: &[&Shape]) -> String {
    let mut kinds = BTreeMap::new();
    for shape in shapes {
        for (field, kind) in lacking(shape) {
            *kinds.entry(format!("`{field}` is {kind}")).or_insert(0) += shape.documents;
        }
    }
    kinds.iter().map(|(kind, documents)| format!("{kind} ({documents})")).collect::<Vec<_>>().join(", ")
}

fn in_words(lacking: &[(&str, &str)]) -> String {
    brief::and(&lacking.iter().map(|(field, kind)| format!("`{field}` is {kind}")).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::bson;

    fn shape(types: [&str; 4], documents: u64) -> Shape {
        Shape::new(&FIELDS, Some(&bson!(types.to_vec())), documents)
    }

    #[test]
    fn each_document_is_counted_under_one_case() {
        for (types, case) in [
            (["string", "date", "date", "bool"], None),
            (["string", "date", "null", "bool"], None),
            (["int", "bool", "array", "string"], None),
            (["null", "date", "null", "bool"], Some("uuid")),
            (["string", "undefined", "date", "bool"], Some("start_time")),
            (["string", "date", "missing", "bool"], Some("end_time")),
            (["string", "date", "date", "missing"], Some("deleted")),
            (["string", "date", "missing", "null"], Some(ORPHANS)),
            (["missing", "missing", "missing", "missing"], Some(ORPHANS)),
        ] {
            assert_eq!(case_of(&shape(types, 1)), case, "{types:?}");
            assert_eq!(is_orphan(&shape(types, 1)), case == Some(ORPHANS));
        }
    }

    #[test]
    fn null_is_told_from_missing() {
        let (null, missing) =
            (shape(["null", "date", "date", "bool"], 2), shape(["missing", "date", "date", "bool"], 11));
        let example = Example { name: "_id 7".to_owned(), shape: null.clone() };
        let finding = judge("c", "uuid", &[&null, &missing], &[example]).unwrap();
        assert_eq!(finding.message, "13 recordings without `uuid`");
        assert_eq!(finding.actual.as_deref(), Some("`uuid` is missing (11), `uuid` is null (2)"));
        assert_eq!(finding.details[1..], ["_id 7: `uuid` is null", "and 12 more"]);
        assert_eq!(judge("c", "uuid", &[], &[]), None);
    }

    #[test]
    fn an_orphan_is_told_with_all_that_it_lacks() {
        let orphan = shape(["string", "missing", "missing", "null"], 1);
        let finding = judge("c", ORPHANS, &[&orphan], &[]).unwrap();
        assert_eq!(
            (finding.message.as_str(), finding.actual.as_deref().unwrap()),
            (
                "1 document lacks two required fields or more, and so cannot be a recording",
                "`deleted` is null (1), `end_time` is missing (1), `start_time` is missing (1)"
            )
        );
    }
}
