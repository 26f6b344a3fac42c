//! `mongo.schema.recordings`

use super::rules::{self, Report, Rule, Tally};
use crate::{Mongo, brief};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Observation, Params, Severity, Verdict, async_trait,
    fault, register_check,
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

/// How many documents to look at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SampleParams {
    /// How many documents to choose at random: 1 to 10000.
    pub(crate) sample: u32,
    /// Whether the server also searches the whole collection for documents that break a rule, up to the same number.
    pub(crate) search: bool,
}

impl Default for SampleParams {
    fn default() -> Self {
        Self { sample: 100, search: true }
    }
}

impl Params for SampleParams {
    fn validate(&self) -> Result<(), String> {
        match self.sample {
            1..=10_000 => Ok(()),
            other => Err(format!("`sample` is {other}; it must be from 1 to 10000")),
        }
    }
}

register_check! {
    /// The recordings have the fields of a recording, each of the right type.
    ///
    /// `uuid` is text, `start_time` a date, `end_time` a date, or null while the recording is live or if it was deleted
    /// while it ran, and `deleted` strictly true or false. A time that is a number is tolerated with a note, a time that
    /// is text with a warning. The check looks at 100 documents chosen at random. It also has the server search the whole
    /// collection for documents that break a rule, so that a single one does not hide among thousands; `search = false`
    /// turns that off. Only the types of the fields leave the server.
    ///
    /// # Why it matters
    /// MongoDB compares values of the same type only: a query for a range of dates never finds a recording whose time
    /// is text. Such a recording is there and cannot be seen. A `deleted` that is not a boolean makes a recording
    /// neither deleted nor present.
    ///
    /// # How to mend it
    /// Find out what wrote the documents that the finding names: most often an older indexer, or an import by hand.
    /// Convert their fields, and mend the writer first.
    pub(crate) struct RecordingsSchema(SampleParams) {
        id: "mongo.schema.recordings",
        title: "The recordings have the right fields, of the right types",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13811", "PZ-13684", "PZ-13683"],
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        proofs: &[fault("mongo.bad-document", "wrong-type"), fault("mongo.bad-document", "field-missing")],
    }
}

#[async_trait]
impl Check for RecordingsSchema {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.guid;
        let SampleParams { sample, search } = self.params;
        let examined = rules::examine(&mongo, cx, collection, &RULES, (sample, search)).await?;
        let observation = Observation::counted(examined.sampled, "randomly chosen recordings")?;
        let report = rules::judge(&RULES, &examined.shapes);
        Ok(Verdict::of(observation).with_all(findings(collection, &report, examined.capped)))
    }
}

fn findings(collection: &str, report: &Report, capped: bool) -> Vec<Finding> {
    let finding = |code, tally: &Tally, at_least: bool, what: &str| {
        let at_least = if at_least { "at least " } else { "" };
        let documents = brief::count(tally.documents, "recording", "recordings");
        let subject = format!("collection `{collection}`");
        let mut finding = Finding::new(code, Cause::Data, subject, format!("{at_least}{documents} {what}"))
            .expected(rules::in_words(&RULES), tally.matters());
        finding.details = tally.examples();
        finding
    };
    let remedy = "mend what writes these documents, then convert them";
    let mut findings = Vec::new();
    if report.wrong.documents > 0 {
        findings.push(
            finding("wrong-type", &report.wrong, capped, "with a field of a wrong type")
                .remedy(remedy, "1 hour"),
        );
    }
    if report.doubtful.documents > 0 {
        findings.push(
            finding("time-as-text", &report.doubtful, capped, "with a time stored as text")
                .warn()
                .severity(Severity::Medium)
                .detail("a query for a range of dates does not find a time that is text")
                .remedy(remedy, "1 hour"),
        );
    }
    if report.missing.documents > 0 {
        findings.push(
            finding("field-missing", &report.missing, capped, "without a required field")
                .detail(
                    "a recording without its fields cannot be found, or cannot be told from a deleted one",
                )
                .remedy(remedy, "1 hour"),
        );
    }
    if report.tolerated.documents > 0 {
        findings.push(
            finding("number-as-date", &report.tolerated, true, "with a time stored as a number").note(),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::rules::tests::shape;
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(documents: &[&[(&str, &str)]]) -> Outcome {
        let shapes: Vec<_> =
            documents.iter().enumerate().map(|(id, types)| shape(&RULES, &id.to_string(), types)).collect();
        let report = rules::judge(&RULES, &shapes);
        Verdict::of(Observation::seen("x")).with_all(findings("abc", &report, false)).into()
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
    fn deleted_is_strictly_boolean_and_nothing_may_be_missing() {
        assert_eq!(codes(&outcome(&[&with("deleted", "int")])), ["wrong-type"]);
        assert_eq!(codes(&outcome(&[&with("deleted", "null")])), ["field-missing"]);
        assert_eq!(
            codes(&outcome(&[&with("start_time", "null"), &with("uuid", "object")])),
            ["wrong-type", "field-missing"]
        );
        assert_eq!(codes(&outcome(&[&ENDED[..2]])), ["field-missing"]);
    }

    #[test]
    fn where_the_search_was_cut_short_the_number_is_a_lower_bound() {
        let report = rules::judge(&RULES, &[shape(&RULES, "1", &[])]);
        assert_eq!(
            findings("abc", &report, true)[0].message,
            "at least 1 recording without a required field"
        );
    }

    #[test]
    fn a_sample_of_nothing_is_refused() {
        assert!(SampleParams { sample: 0, search: true }.validate().is_err());
    }
}
