//! `mongo.recognition.rate`

use crate::brief;
use crate::checks::survey::{Survey, percent};
use mongodb::bson::Document;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::{Measurement, Threshold, Unit};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Observation, Params, Severity, Verdict, async_trait,
    fault, register_check,
};

/// How much must be recognised.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RateParams {
    /// The least share of folders that must be recognised as recordings, in percent.
    pub(crate) least_percent: f64,
}

impl Default for RateParams {
    fn default() -> Self {
        Self { least_percent: 80.0 }
    }
}

impl Params for RateParams {
    fn validate(&self) -> Result<(), String> {
        match self.least_percent {
            0.0..=100.0 => Ok(()),
            other => Err(format!("`least_percent` is {other}; it must be from 0 to 100")),
        }
    }
}

register_check! {
    /// Most of the folders that were indexed are recordings: at least 80 % are recognised.
    ///
    /// The rate is recordings / (recordings + unrecognised folders), by the number of documents that the server keeps for
    /// each collection. Where there is no collection of unrecognised folders, all were recognised. A lower rate
    /// (`least_percent`) is a warning.
    ///
    /// # Why it matters
    /// A folder that is not recognised is data on disk that history does not show. A few are broken recordings; many say
    /// that the indexer does not understand a format.
    ///
    /// # How to mend it
    /// Look at the folders that the collection `<guid>-unrecognized_recordings` names, the newest first. If they have
    /// something in common, the indexer is to be mended, and they have to be indexed anew.
    pub(crate) struct Rate(RateParams) {
        id: "mongo.recognition.rate",
        title: "At least 80 % of the indexed folders are recognised as recordings",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13598", "PZ-13809"],
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        proofs: &[fault("mongo.recognition-low", "recognition-low")],
    }
}

#[async_trait]
impl Check for Rate {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let unrecognized = survey.mongo.recordings(cx).await?.unrecognized.clone();
        // Where no recording is, nothing was recorded or nothing indexed, which `mongo.collections.required` reports.
        let recordings = survey.population("recordings").await?;
        let others = survey.mongo.database.collection::<Document>(&unrecognized);
        let others =
            survey.mongo.ask(cx, "count the unrecognised folders", others.estimated_document_count()).await?;
        let indexed = Observation::counted(recordings + others, "indexed folders")?;
        Ok(judge(&survey.subject(), indexed, (recordings, others), self.params.least_percent))
    }
}

fn judge(subject: &str, indexed: Observation, (recordings, others): (u64, u64), least: f64) -> Verdict {
    let rate = Measurement::new("recognised", percent(recordings, recordings + others), Unit::Percent)
        .held_to(Threshold::AtLeast(least));
    Verdict::of(indexed).judged(rate, |rate| {
        let folders = brief::count(others, "folder was", "folders were");
        Finding::new(
            "recognition-low",
            Cause::Data,
            subject,
            format!("{folders} not recognised as recordings"),
        )
        .warn()
        .expected(
            format!("at least {least} % recognised"),
            format!("{:.1} %: {recordings} of {}", rate.value, recordings + others),
        )
        .detail("data on disk that history does not show")
        .remedy(
            "look for what the newest unrecognised folders have in common, mend the indexer, index them anew",
            "half a day",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(recordings: u64, others: u64) -> Outcome {
        judge("c", Observation::seen("x"), (recordings, others), RateParams::default().least_percent).into()
    }

    #[test]
    fn four_in_five_are_enough() {
        assert_eq!(outcome(80, 20).status, Status::Passed);
        assert_eq!(outcome(10, 0).status, Status::Passed);
        let low = outcome(79, 21);
        assert_eq!(low.status, Status::Warned);
        assert_eq!(low.findings[0].message, "21 folders were not recognised as recordings");
        assert_eq!(low.findings[0].actual.as_deref(), Some("79.0 %: 79 of 100"));
    }

    #[test]
    fn the_rate_is_a_percentage() {
        assert!(RateParams::default().validate().is_ok());
        assert!(RateParams { least_percent: -1.0 }.validate().is_err());
    }
}
