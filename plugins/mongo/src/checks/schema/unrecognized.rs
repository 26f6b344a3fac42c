//! `mongo.schema.unrecognized`

use super::rules::{self, Report, Rule, Tally};
use crate::Mongo;
use crate::checks::schema::recordings::SampleParams;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Observation, Severity, Verdict, async_trait, fault,
    register_check,
};

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
    pub(crate) struct UnrecognizedSchema(SampleParams) {
        id: "mongo.schema.unrecognized",
        title: "Folders that were not recognised have the right fields, of the right types",
        severity: Severity::Low,
        effect: Effect::Read,
        target: Some("mongo"),
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid"],
        proofs: &[fault("mongo.unrecognized-bad", "unrecognized-schema")],
    }
}

#[async_trait]
impl Check for UnrecognizedSchema {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.unrecognized;
        if !mongo.collection_names(cx).await?.contains(collection) {
            return Err(CheckError::not_applicable(format!(
                "there is no `{collection}`: no folder has gone unrecognised"
            )));
        }
        let SampleParams { sample, search } = self.params;
        let examined = rules::examine(&mongo, cx, collection, &RULES, (sample, search)).await?;
        let observation = Observation::counted(examined.sampled, "randomly chosen unrecognised folders")?;
        let report = rules::judge(&RULES, &examined.shapes);
        Ok(Verdict::of(observation).with_all(finding(collection, &report, examined.capped)))
    }
}

fn finding(collection: &str, report: &Report, capped: bool) -> Option<Finding> {
    let tallies = [&report.wrong, &report.missing];
    let breaches: Vec<String> =
        tallies.map(Tally::matters).into_iter().filter(|matters| !matters.is_empty()).collect();
    (!breaches.is_empty()).then(|| {
        let breaches = breaches.join(", ");
        let more = if capped { ", and perhaps more" } else { "" };
        let subject = format!("collection `{collection}`");
        let message = format!("unrecognised folders break their schema: {breaches}{more}");
        let mut finding = Finding::new("unrecognized-schema", Cause::Data, subject, message)
            .expected(rules::in_words(&RULES), breaches)
            .remedy("mend what writes these documents, then index the folders anew", "1 hour");
        finding.details = tallies.iter().flat_map(|tally| tally.examples()).collect();
        finding
    })
}

#[cfg(test)]
mod tests {
    use super::rules::tests::shape;
    use super::*;

    fn found(types: &[(&str, &str)]) -> Option<Finding> {
        finding("abc-unrecognized_recordings", &rules::judge(&RULES, &[shape(&RULES, "1", types)]), false)
    }

    #[test]
    fn it_is_judged_by_its_own_schema() {
        assert_eq!(
            found(&[("folder_name", "string"), ("file_count", "long"), ("update_time", "date")]),
            None
        );
        assert_eq!(
            found(&[("folder_name", "string"), ("file_count", "double"), ("update_time", "long")]),
            None
        );
        let finding = found(&[("folder_name", "int"), ("file_count", "string")]).unwrap();
        assert_eq!(finding.code, "unrecognized-schema");
        assert_eq!(
            finding.message,
            "unrecognised folders break their schema: `file_count` is string (1), `folder_name` is int (1), \
             `update_time` is missing (1)"
        );
        assert!(!finding.message.contains("start_time"));
    }
}
