//! `mongo.lifecycle.classes`

use crate::brief;
use crate::checks::classes::Classes;
use crate::checks::recordings::census::{self, Census};
use crate::checks::recordings::stale::hours;
use crate::checks::survey::{GROUP, Survey, TIMEOUT, percent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::{Measurement, Unit};
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Observation, Params, Severity,
    Verdict, async_trait, fault, register_check,
};

const KEYS: [&str; 1] = ["PZ-13705"];

/// What counts as live, and how much must be history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClassesParams {
    /// An open recording that started longer ago than this is stale; a younger one is live.
    pub(crate) max_age: HumanDuration,
    /// More than this share of the recordings must be historical, in percent.
    pub(crate) historical_above_percent: f64,
    /// With so many recordings or fewer, shares say nothing.
    pub(crate) too_few: u64,
}

impl Default for ClassesParams {
    fn default() -> Self {
        Self { max_age: HumanDuration::secs(24 * 3600), historical_above_percent: 50.0, too_few: 10 }
    }
}

impl Params for ClassesParams {
    fn validate(&self) -> Result<(), String> {
        if self.max_age.0.is_zero() {
            return Err("`max_age` must be more than nothing".to_owned());
        }
        match self.historical_above_percent {
            0.0..=100.0 => Ok(()),
            other => Err(format!("`historical_above_percent` is {other}; it must be from 0 to 100")),
        }
    }
}

register_check! {
    /// Every recording is in one class of its life: historical, live, stale or deleted; and most are historical.
    ///
    /// A *historical* recording has ended and is not deleted. One without an end is *live* for 24 hours (`max_age`) and
    /// *stale* from then on. The classes follow from `start_time`, `end_time` and `deleted` alone; whether documents also
    /// have a field `status` is noted. With more than 10 recordings (`too_few`), more than 50 % must be historical
    /// (`historical_above_percent`).
    ///
    /// Stale recordings are only counted here: `mongo.recordings.stale` judges them. Nor is it a failure here that so many
    /// are deleted: `mongo.softdelete.totals` judges that.
    ///
    /// # Why it matters
    /// A recording in no class is one that no part of the system takes care of. If most recordings are open, they are not
    /// being closed: history is then not growing, however much is recorded.
    ///
    /// # How to mend it
    /// See whether what closes recordings runs, and since when it does not. Stale recordings are closed by
    /// `fix -E 'id(mongo.recordings.stale)'`.
    pub(crate) struct LifecycleClasses(ClassesParams) {
        id: "mongo.lifecycle.classes",
        title: "Every recording is historical, live, stale or deleted, and most are historical",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &KEYS,
        tags: &["data-quality"],
        requires: &[
            "mongo.connect", "mongo.basepaths.guid", "mongo.collections.required",
            "mongo.metadata.required", "mongo.schema.recordings",
        ],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[fault("mongo.live-majority", "historical-minority")],
    }
}

#[async_trait]
impl Check for LifecycleClasses {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let limit = cx
            .clock
            .now()
            .checked_sub(self.params.max_age.0)
            .map_err(|_| CheckError::unclear("`max_age` reaches beyond the calendar"))?;
        let classes = Classes::count(&survey).await?;
        survey.counted(classes.total, "recordings")?;
        let open = census::take(&survey, limit).await?;
        let subject = survey.subject();
        let seen = || Verdict::of(Observation::seen(in_words(&classes, &open, &hours(self.params.max_age))));
        let mut cases = Cases::new();
        cases.push(Case::new("classes", &KEYS, Ok(seen().with_all(judge_sum(&subject, &classes, &open)))));
        cases.push(Case::new("majority", &KEYS, judge_majority(&subject, &classes, &self.params)));
        cases.push(Case::new("fields", &KEYS, Ok(seen().with_all(judge_fields(&subject, &classes)))));
        cases.verdict()
    }
}

fn in_words(classes: &Classes, open: &Census, max_age: &str) -> String {
    format!(
        "{}: {} historical, {} live (open for less than {max_age}), {} stale, {} deleted",
        brief::count(classes.total, "recording", "recordings"),
        classes.historical,
        open.live,
        open.stale,
        classes.deleted()
    )
}

fn judge_sum(subject: &str, classes: &Classes, open: &Census) -> Vec<Finding> {
    let finding = |code, message: String| Finding::new(code, Cause::Data, subject, message);
    let mut findings = Vec::new();
    let without = classes.total.saturating_sub(classes.active() + classes.deleted());
    if without > 0 {
        let are = brief::count(without, "recording is", "recordings are");
        findings.push(
            finding("unclassified", format!("{are} neither historical, live, stale nor deleted"))
                .expected(
                    "historical + live + stale + deleted = total",
                    format!("{without} of {} left over", classes.total),
                )
                .remedy("find out what writes `deleted`, and convert it to true or false", "1 hour"),
        );
    }
    if open.undatable > 0 {
        let have = brief::count(open.undatable, "open recording has", "open recordings have");
        let message = format!("{have} a start that means no instant, and so may be live or stale");
        findings.push(finding("age-unknown", message).note());
    }
    findings
}

fn judge_majority(subject: &str, classes: &Classes, params: &ClassesParams) -> Result<Verdict, CheckError> {
    if classes.total <= params.too_few {
        return Err(CheckError::not_applicable(format!(
            "{} are too few for shares to say anything",
            brief::count(classes.total, "recording", "recordings")
        )));
    }
    let bound = params.historical_above_percent;
    let share = percent(classes.historical, classes.total);
    let verdict = Verdict::of(Observation::seen(format!("{share:.1} % of the recordings are historical")))
        .measured(Measurement::new("historical", share, Unit::Percent));
    if share > bound {
        return Ok(verdict);
    }
    let message = format!("only {share:.1} % of the recordings are historical");
    let finding = Finding::new("historical-minority", Cause::Data, subject, message)
        .severity(Severity::Medium)
        .expected(
            format!("more than {bound} %"),
            format!(
                "{} historical, {} open, {} deleted",
                classes.historical,
                classes.open,
                classes.deleted()
            ),
        )
        .remedy("see whether what closes recordings runs", "1 hour");
    // Where it is for the deleted ones only, the open ones are not the problem.
    let by_deletion = percent(classes.historical, classes.active()) > bound || classes.active() == 0;
    Ok(verdict.with(if by_deletion {
        finding.note().detail("most others are deleted, which `mongo.softdelete.totals` judges")
    } else {
        finding
    }))
}

fn judge_fields(subject: &str, classes: &Classes) -> Option<Finding> {
    (classes.with_status > 0).then(|| {
        let have = brief::count(classes.with_status, "recording has", "recordings have");
        Finding::new(
            "status-field",
            Cause::Expected,
            subject,
            format!("{have} a field `status`, which no class follows from"),
        )
        .note()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn classes(historical: u64, open: u64, deleted_ended: u64) -> Classes {
        Classes {
            total: historical + open + deleted_ended,
            historical,
            open,
            deleted_ended,
            ..Classes::default()
        }
    }

    fn majority(classes: &Classes) -> Outcome {
        judge_majority("c", classes, &ClassesParams::default()).into()
    }

    #[test]
    fn more_than_half_must_be_historical() {
        assert_eq!(majority(&classes(51, 49, 0)).status, Status::Passed);
        let half = majority(&classes(50, 50, 0));
        assert_eq!((half.status, half.findings[0].code.as_str()), (Status::Failed, "historical-minority"));
        assert_eq!(half.findings[0].actual.as_deref(), Some("50 historical, 50 open, 0 deleted"));
        assert_eq!(majority(&classes(4, 6, 0)).status, Status::Skipped);
    }

    #[test]
    fn deleted_ones_do_not_make_the_open_ones_a_majority() {
        let outcome = majority(&classes(30, 2, 68));
        assert_eq!((outcome.status, outcome.findings.len()), (Status::Passed, 1));
        assert_eq!(majority(&classes(0, 0, 20)).status, Status::Passed);
    }

    #[test]
    fn what_is_in_no_class_fails() {
        assert!(judge_sum("c", &classes(8, 1, 1), &Census::default()).is_empty());
        let findings = judge_sum(
            "c",
            &Classes { total: 12, ..classes(8, 1, 1) },
            &Census { undatable: 1, ..Census::default() },
        );
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["unclassified", "age-unknown"]);
        assert_eq!(findings[0].message, "2 recordings are neither historical, live, stale nor deleted");
    }

    #[test]
    fn a_status_is_only_noted() {
        assert_eq!(judge_fields("c", &classes(1, 0, 0)), None);
        assert!(judge_fields("c", &Classes { with_status: 1, ..classes(1, 0, 0) }).is_some());
        assert_eq!(
            in_words(&classes(8, 1, 1), &Census { live: 1, ..Census::default() }, "24 h"),
            "10 recordings: 8 historical, 1 live (open for less than 24 h), 0 stale, 1 deleted"
        );
    }
}
