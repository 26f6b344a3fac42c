//! `mongo.schema.recordings`

use super::rules::{self, Grade, Rule, Tally};
use crate::brief;
use crate::checks::metadata::required::{FIELDS, is_orphan};
use crate::checks::shapes::Shape;
use crate::checks::survey::{GROUP, Survey, TIMEOUT};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

const NUMBERS: &[&str] = &["int", "long", "double"];
const TEXT: &[&str] = &["string"];

/// `end_time` is null while a recording is live, and stays so if it is deleted while it runs.
const RULES: [Rule; 4] = [
    Rule { field: "uuid", right: &["string"], tolerated: &[], doubtful: &[] },
    Rule { field: "start_time", right: &["date"], tolerated: NUMBERS, doubtful: TEXT },
    Rule { field: "end_time", right: &["date", "null"], tolerated: NUMBERS, doubtful: TEXT },
    Rule { field: "deleted", right: &["bool"], tolerated: &[], doubtful: &[] },
];

register_check! {
    /// What the recordings hold is of the right type, in every document.
    ///
    /// `uuid` is text, `start_time` a date, `end_time` a date, or null while the recording is live or if it was deleted
    /// while it ran, and `deleted` strictly true or false. A time that is a number is tolerated with a note, a time that
    /// is text with a warning. The server counts all documents by the types of these fields, in one pass, so that a
    /// single bad one does not hide among a million; only types leave it, and a few ids as examples.
    ///
    /// What is missing or null is judged by `mongo.metadata.required`. So is a document that lacks two fields or more:
    /// it is no recording, whatever the types of the rest.
    ///
    /// # Why it matters
    /// MongoDB compares values of the same type only: a query for a range of dates never finds a recording whose time
    /// is text. Such a recording is there and cannot be seen. A `deleted` that is not a boolean makes a recording
    /// neither deleted nor present.
    ///
    /// # How to mend it
    /// Find out what wrote the documents that the finding names: most often an older indexer, or an import by hand.
    /// Convert their fields, and mend the writer first.
    pub(crate) struct RecordingsSchema(NoParams) {
        id: "mongo.schema.recordings",
        title: "The fields of all recordings are of the right types",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13811", "PZ-13684", "PZ-13683", "PZ-13812"],
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[
            fault("mongo.bad-document", "wrong-type"),
            fault("mongo.naive-dates", "time-as-text"),
        ],
    }
}

#[async_trait]
impl Check for RecordingsSchema {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let shapes = survey.shapes(&FIELDS).await?;
        survey.counted(shapes.iter().map(|shape| shape.documents).sum(), "recordings")?;
        let shapes: Vec<&Shape> = shapes.iter().filter(|shape| !is_orphan(shape)).collect();
        let examined = shapes.iter().map(|shape| shape.documents).sum();
        let Ok(observation) = Observation::counted(examined, "recordings") else {
            return Err(CheckError::not_applicable(
                "no document is a recording: each lacks two required fields or more",
            ));
        };
        let mut verdict = Verdict::of(observation);
        for (tally, finding) in judge(&survey.subject(), &shapes) {
            let mut finding = finding;
            if tally.grade != Grade::Tolerated {
                finding.details.extend(tally.examples(&survey, &RULES).await?);
            }
            verdict = verdict.with(finding);
        }
        Ok(verdict)
    }
}

fn judge<'a>(subject: &str, shapes: &[&'a Shape]) -> Vec<(Tally<'a>, Finding)> {
    let tallies = [Grade::Wrong, Grade::Doubtful, Grade::Tolerated];
    let tallies = tallies.map(|grade| Tally::of(grade, &RULES, shapes));
    let found = tallies.into_iter().filter(|tally| tally.documents > 0);
    found
        .map(|tally| {
            let finding = finding(subject, &tally);
            (tally, finding)
        })
        .collect()
}

fn finding(subject: &str, tally: &Tally<'_>) -> Finding {
    let documents = brief::count(tally.documents, "recording", "recordings");
    let finding = |code, what: &str| {
        Finding::new(code, Cause::Data, subject, format!("{documents} with {what}"))
            .expected(rules::in_words(&RULES), tally.matters())
    };
    let remedy = "mend what writes these documents, then convert them";
    match tally.grade {
        Grade::Doubtful => finding("time-as-text", "a time stored as text")
            .warn()
            .severity(Severity::Medium)
            .detail("a query for a range of dates does not find a time that is text")
            .remedy(remedy, "1 hour"),
        Grade::Tolerated => finding("number-as-date", "a time stored as a number").note(),
        _ => finding("wrong-type", "a field of a wrong type").remedy(remedy, "1 hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::rules::shape_of;
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(documents: &[&[(&str, &str)]]) -> Outcome {
        let shapes: Vec<Shape> = documents.iter().map(|types| shape_of(&RULES, 1, types)).collect();
        let findings =
            judge("abc", &shapes.iter().collect::<Vec<_>>()).into_iter().map(|(_, finding)| finding);
        Verdict::of(Observation::seen("x")).with_all(findings).into()
    }

    fn codes(outcome: &Outcome) -> Vec<&str> {
        outcome.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    const ENDED: [(&str, &str); 4] =
        [("uuid", "string"), ("start_time", "date"), ("end_time", "date"), ("deleted", "bool")];

    fn with(field: &'static str, kind: &'static str) -> Vec<(&'static str, &'static str)> {
        ENDED.into_iter().map(|(name, right)| (name, if name == field { kind } else { right })).collect()
    }

    #[test]
    fn ended_and_live_recordings_are_right() {
        let outcome = outcome(&[&ENDED, &with("end_time", "null")]);
        assert_eq!((outcome.status, outcome.findings.len()), (Status::Passed, 0));
    }

    #[test]
    fn times_as_numbers_are_a_note_and_as_text_a_warning() {
        let numbers = outcome(&[&with("start_time", "int"), &with("end_time", "double")]);
        assert_eq!((numbers.status, codes(&numbers)), (Status::Passed, vec!["number-as-date"]));
        let text = outcome(&[&ENDED, &with("start_time", "string")]);
        assert_eq!((text.status, codes(&text)), (Status::Warned, vec!["time-as-text"]));
        assert_eq!(text.findings[0].message, "1 recording with a time stored as text");
        assert_eq!(text.findings[0].actual.as_deref(), Some("`start_time` is string (1)"));
    }

    #[test]
    fn deleted_is_strictly_boolean() {
        let outcome =
            outcome(&[&with("deleted", "int"), &with("deleted", "string"), &with("uuid", "object")]);
        assert_eq!(codes(&outcome), ["wrong-type"]);
        assert_eq!(
            outcome.findings[0].actual.as_deref(),
            Some("`deleted` is int (1), `deleted` is string (1), `uuid` is object (1)")
        );
    }

    #[test]
    fn what_is_missing_is_judged_elsewhere() {
        let outcome = outcome(&[&with("deleted", "null"), &with("end_time", "missing")]);
        assert!(outcome.findings.is_empty(), "{outcome:?}");
    }
}
