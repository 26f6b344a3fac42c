//! `mongo.schema.unrecognized`

use super::rules::{self, Grade, Rule, Tally};
use crate::Mongo;
use crate::checks::shapes::Shape;
use crate::checks::survey::{GROUP, Survey, TIMEOUT};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};

const FIELDS: [&str; 3] = ["folder_name", "file_count", "update_time"];

/// The fields of a recording are not among them: what was not recognised has no start and no end.
const RULES: [Rule; 3] = [
    Rule { field: "folder_name", right: &["string"], tolerated: &[], doubtful: &[] },
    Rule { field: "file_count", right: &["int", "long"], tolerated: &["double"], doubtful: &[] },
    Rule { field: "update_time", right: &["date"], tolerated: &["int", "long", "double"], doubtful: &[] },
];

register_check! {
    /// The folders that were not recognised have the fields of such a folder, each of the right type.
    ///
    /// `folder_name` is text, `file_count` a whole number and `update_time` a date. The collection is judged by this
    /// schema of its own: it has no recordings in it, so that no field of a recording is expected. Where the collection
    /// does not exist, no folder has gone unrecognised, and the check is skipped.
    ///
    /// # Why it matters
    /// The list of these folders is where to look when a recording is missing. If it cannot be read, such a recording
    /// is lost without a trace.
    ///
    /// # How to mend it
    /// Find out what wrote the documents that the finding names, most often an older indexer, and index the folders anew.
    pub(crate) struct UnrecognizedSchema(NoParams) {
        id: "mongo.schema.unrecognized",
        title: "Folders that were not recognised have the right fields, of the right types",
        severity: Severity::Low,
        effect: Effect::Read,
        target: Some("mongo"),
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid"],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[fault("mongo.unrecognized-bad", "unrecognized-schema")],
    }
}

#[async_trait]
impl Check for UnrecognizedSchema {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = mongo.recordings(cx).await?.unrecognized.clone();
        if !mongo.collection_names(cx).await?.contains(&collection) {
            return Err(CheckError::not_applicable(format!(
                "there is no `{collection}`: no folder has gone unrecognised"
            )));
        }
        let survey = Survey::of(mongo, cx, collection);
        let shapes = survey.shapes(&FIELDS).await?;
        let folders = shapes.iter().map(|shape| shape.documents).sum();
        let verdict = Verdict::of(survey.counted(folders, "unrecognised folders")?);
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let tallies = [Grade::Wrong, Grade::Absent].map(|grade| Tally::of(grade, &RULES, &shapes));
        let Some(mut finding) = judge(&survey.subject(), &tallies) else {
            return Ok(verdict);
        };
        for tally in &tallies {
            finding.details.extend(tally.examples(&survey, &RULES).await?);
        }
        Ok(verdict.with(finding))
    }
}

fn judge(subject: &str, tallies: &[Tally<'_>]) -> Option<Finding> {
    let breaches: Vec<String> =
        tallies.iter().map(Tally::matters).filter(|matters| !matters.is_empty()).collect();
    (!breaches.is_empty()).then(|| {
        let breaches = breaches.join(", ");
        let message = format!("unrecognised folders break their schema: {breaches}");
        Finding::new("unrecognized-schema", Cause::Data, subject, message)
            .expected(rules::in_words(&RULES), breaches)
            .remedy("mend what writes these documents, then index the folders anew", "1 hour")
    })
}

#[cfg(test)]
mod tests {
    use super::rules::shape_of;
    use super::*;

    fn found(types: &[(&str, &str)]) -> Option<Finding> {
        let shape = shape_of(&RULES, 1, types);
        let tallies = [Grade::Wrong, Grade::Absent].map(|grade| Tally::of(grade, &RULES, &[&shape]));
        judge("abc-unrecognized_recordings", &tallies)
    }

    #[test]
    fn it_is_judged_by_its_own_schema() {
        let (name, count, time) =
            (("folder_name", "string"), ("file_count", "long"), ("update_time", "date"));
        assert_eq!(found(&[name, count, time]), None);
        assert_eq!(found(&[name, ("file_count", "double"), ("update_time", "long")]), None);
        let finding = found(&[("folder_name", "int"), ("file_count", "string")]).unwrap();
        assert_eq!(
            finding.message,
            "unrecognised folders break their schema: `file_count` is string (1), `folder_name` is int (1), \
             `update_time` is missing (1)"
        );
        assert!(!finding.message.contains("start_time"));
    }
}
