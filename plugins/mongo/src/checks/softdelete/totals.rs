//! `mongo.softdelete.totals`

use crate::brief;
use crate::checks::classes::{Classes, deleted_open};
use crate::checks::survey::{GROUP, Survey, TIMEOUT, and_more, name, percent};
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::{Measurement, Threshold, Unit};
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};

/// A difference counts if it is still the same after so many counts: others may write in between.
const ROUNDS: usize = 3;

/// How much may be deleted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TotalsParams {
    /// The greatest share of deleted recordings that is nothing to wonder at, in percent.
    pub(crate) most_deleted_percent: f64,
}

impl Default for TotalsParams {
    fn default() -> Self {
        Self { most_deleted_percent: 20.0 }
    }
}

impl Params for TotalsParams {
    fn validate(&self) -> Result<(), String> {
        match self.most_deleted_percent {
            0.0..=100.0 => Ok(()),
            other => Err(format!("`most_deleted_percent` is {other}; it must be from 0 to 100")),
        }
    }
}

register_check! {
    /// Deletion by flag adds up: every recording is either deleted or not, and history sees exactly those that are not.
    ///
    /// Four things are asked. *Totals*: deleted and active recordings together are all recordings. *History*: the query
    /// that leaves out the deleted finds as many as a scan of all documents counts active; the query may use an index, the
    /// scan does not. *Share*: at most 20 % are deleted (`most_deleted_percent`); more is a warning. *Open*: what was
    /// deleted has an end; a recording that was deleted while it ran is a warning.
    ///
    /// # Why it matters
    /// Recordings are deleted by flag first, and physically later. If the flags do not add up, history shows what was
    /// deleted, or hides what was not. A great share of deleted ones says that clean-up is behind, or that somebody has
    /// deleted by mistake.
    ///
    /// # How to mend it
    /// If the query of history and the scan disagree, the index on `deleted` is damaged: build it anew. If the share is
    /// great, see whether clean-up runs and who deleted. If a deleted recording has no end, write the time of its last
    /// data.
    pub(crate) struct Totals(TotalsParams) {
        id: "mongo.softdelete.totals",
        title: "Deleted and active recordings add up, and history leaves out the deleted",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13812", "PZ-13705"],
        tags: &["data-quality"],
        requires: &[
            "mongo.connect", "mongo.basepaths.guid", "mongo.collections.required",
            "mongo.metadata.required", "mongo.schema.recordings",
        ],
        group: Some(GROUP),
        timeout: Some(TIMEOUT),
        proofs: &[
            fault("mongo.deleted-share-high", "deleted-share"),
            fault("mongo.deleted-open", "deleted-open"),
        ],
    }
}

#[async_trait]
impl Check for Totals {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let (classes, history) = count(&survey, cx).await?;
        let seen = survey.counted(classes.total, "recordings")?;
        let seen = || Verdict::of(seen.clone());
        let subject = survey.subject();

        let mut open = judge_open(&subject, classes.deleted_open);
        if let Some(finding) = &mut open {
            let rows = survey.examples(Vec::new(), deleted_open(), Document::new()).await?;
            finding.details.extend(and_more(rows.iter().map(name).collect(), classes.deleted_open));
        }
        let share = Measurement::new("deleted", percent(classes.deleted(), classes.total), Unit::Percent)
            .held_to(Threshold::AtMost(self.params.most_deleted_percent));

        let mut cases = Cases::new();
        cases.push(Case::new("totals", &["PZ-13812"], Ok(seen().with_all(judge_totals(&subject, &classes)))));
        cases.push(Case::new(
            "history",
            &[],
            Ok(seen().with_all(judge_history(&subject, &classes, history))),
        ));
        cases.push(Case::new("share", &[], Ok(seen().judged(share, |share| too_many(&subject, share)))));
        cases.push(Case::new("open", &["PZ-13705"], Ok(seen().with_all(open))));
        cases.verdict()
    }
}

/// The classes by a scan, and what the query of history finds. Where they differ, both are asked again, and only a
/// difference that stays is believed.
async fn count(survey: &Survey<'_>, cx: &Context) -> Result<(Classes, u64), CheckError> {
    let recordings = survey.mongo.database.collection::<Document>(&survey.collection);
    let mut last = None;
    for _ in 0..ROUNDS {
        let classes = Classes::count(survey).await?;
        let query = recordings.count_documents(doc! { "deleted": false });
        let history = survey.mongo.ask(cx, "count what history shows", query).await?;
        let gap = difference(&classes, history);
        if gap == 0 {
            return Ok((classes, history));
        }
        match last.replace((gap, classes, history)) {
            Some((before, ..)) if before != gap => {
                return Err(CheckError::unclear("the recordings change faster than they can be counted"));
            }
            _ => {}
        }
    }
    last.map(|(_, classes, history)| (classes, history))
        .ok_or_else(|| CheckError::unclear("the recordings were never counted"))
}

fn difference(classes: &Classes, history: u64) -> i128 {
    i128::from(history) - i128::from(classes.active())
}

fn judge_totals(subject: &str, classes: &Classes) -> Option<Finding> {
    let (deleted, active, total) = (classes.deleted(), classes.active(), classes.total);
    (deleted + active != total).then(|| {
        let message = format!("deleted and active recordings are {}, not {total}", deleted + active);
        Finding::new("totals-differ", Cause::Data, subject, message)
            .expected("deleted + active = total", format!("{deleted} + {active} of {total}"))
            .detail("the others are neither deleted nor active: their `deleted` is no boolean")
            .remedy("find out what writes `deleted`, and convert it to true or false", "1 hour")
    })
}

fn judge_history(subject: &str, classes: &Classes, history: u64) -> Option<Finding> {
    let active = classes.active();
    (difference(classes, history) != 0).then(|| {
        let what = if history > active {
            "shows recordings that are deleted"
        } else {
            "hides recordings that are not"
        };
        Finding::new("history-differs", Cause::Environment, subject, format!("the query of history {what}"))
            .expected(format!("{active} recordings with `deleted` false, as a scan counts"), history)
            .detail("a query and a scan that disagree point to a damaged index on `deleted`")
            .remedy(
                "build the index on `deleted` anew, and have the server validate the collection",
                "1 hour",
            )
    })
}

fn too_many(subject: &str, share: &Measurement) -> Finding {
    let message = format!("{:.1} % of the recordings are deleted", share.value);
    Finding::new("deleted-share", Cause::Data, subject, message)
        .warn()
        .severity(Severity::Low)
        .expected("a small share of deleted recordings", share)
        .remedy("see whether clean-up runs, and whether somebody deleted by mistake", "1 hour")
}

fn judge_open(subject: &str, open: u64) -> Option<Finding> {
    (open > 0).then(|| {
        let recordings = brief::count(open, "deleted recording has", "deleted recordings have");
        Finding::new("deleted-open", Cause::Data, subject, format!("{recordings} no end"))
            .warn()
            .severity(Severity::Low)
            .expected("an end_time in every deleted recording", open)
            .detail("most likely deleted while it was running")
            .remedy("write the time of the last data as its end", "30 minutes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Classes {
        Classes {
            total: 100,
            historical: 80,
            open: 4,
            deleted_ended: 15,
            deleted_open: 1,
            ..Classes::default()
        }
    }

    #[test]
    fn what_adds_up_is_right() {
        assert_eq!(judge_totals("c", &classes()), None);
        assert_eq!(judge_history("c", &classes(), 84), None);
    }

    #[test]
    fn what_is_neither_deleted_nor_active_is_missed() {
        let finding = judge_totals("c", &Classes { total: 103, ..classes() }).unwrap();
        assert_eq!(finding.message, "deleted and active recordings are 100, not 103");
        assert_eq!(finding.actual.as_deref(), Some("16 + 84 of 103"));
    }

    #[test]
    fn history_may_show_neither_more_nor_less() {
        let more = judge_history("c", &classes(), 85).unwrap();
        assert_eq!(more.message, "the query of history shows recordings that are deleted");
        let less = judge_history("c", &classes(), 80).unwrap();
        assert_eq!(
            (less.message.as_str(), less.actual.as_deref()),
            ("the query of history hides recordings that are not", Some("80"))
        );
    }

    #[test]
    fn deleted_without_end_is_a_warning() {
        assert_eq!(judge_open("c", 0), None);
        assert_eq!(judge_open("c", 2).unwrap().message, "2 deleted recordings have no end");
    }

    #[test]
    fn the_share_is_a_percentage() {
        assert!(TotalsParams::default().validate().is_ok());
        assert!(TotalsParams { most_deleted_percent: 101.0 }.validate().is_err());
        assert!(TotalsParams { most_deleted_percent: f64::NAN }.validate().is_err());
    }
}
