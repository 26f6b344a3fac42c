//! `load.data-quality`

use super::standing::{living, start_standing};
use super::waterfall::reading::{Lane, READ, Reading, SUBJECT};
use crate::checks::STARTS;
use crate::jobs::{Jobs, Keep};
use crate::judge::{CONFIGURATIONS, configured};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::trial::Trial;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

register_check! {
    /// Thirty at the same time lose nothing.
    ///
    /// Thirty live jobs are started at once. Each that was accepted is still known, and has not ended, after ten seconds. Where
    /// the planned interface is deployed, thirty tasks are read beside each other for twenty seconds: each row begins where
    /// the one before it ended, and none comes twice. Nothing may be lost, 0 %.
    ///
    /// # Why it matters
    /// A view that is accepted and vanishes, or that leaves out rows, looks like a quiet fiber.
    ///
    /// # How to mend it
    /// Lost jobs: read the events of their pods, and whatever the server does after it has answered. Lost rows: look at the
    /// queue between analyzer and server, and at what it does when it is full. Rows that come twice hint at two readers of one
    /// queue.
    pub(super) struct DataQuality(QualityParams) {
        id: "load.data-quality",
        title: "Thirty at the same time lose nothing",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load", "data-quality"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.loses-jobs", "jobs-lost"), fault("focus-api.rows-lost", "rows-lost")],
    }
}

params! {
    /// How many, for how long, and how much may be lost.
    QualityParams {
        /// How many jobs, and how many tasks.
        jobs: u32 = 30,
        /// For how long jobs are watched; the server ends those to which nobody connects after 50 s.
        watch: HumanDuration = HumanDuration::secs(10),
        /// For how long rows are read.
        during: HumanDuration = HumanDuration::secs(20),
        /// How many rows a read asks for: more than come between two reads.
        rows: u32 = 500,
        /// How often each task is read.
        every: HumanDuration = HumanDuration::secs(1),
        /// The share of jobs, and of rows, that may be lost, in percent.
        loss: f64 = 0.0,
    }
}

/// Longer than this a job to which nobody connects may have ended by the server's own timer.
const LONGEST_WATCH: Duration = Duration::from_secs(45);

impl Profile for QualityParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Users { count: self.jobs, during: self.during })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(0.0)
    }

    fn sane(&self) -> Result<(), String> {
        if self.watch.0 > LONGEST_WATCH {
            let most = HumanDuration(LONGEST_WATCH);
            Err(format!(
                "`watch` is {}; after {most} jobs to which nobody connects may have ended by themselves",
                self.watch
            ))
        } else if self.rows == 0 || self.every.0.is_zero() {
            Err("`rows` and `every` must be more than nothing".to_owned())
        } else if self.every.0 > self.during.0 {
            Err(format!(
                "`every` ({}) exceeds `during` ({}): a task would be read once",
                self.every, self.during
            ))
        } else if !(0.0..=100.0).contains(&self.loss) {
            Err(format!("`loss` is {}; it is a share in percent, 0 to 100", self.loss))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for DataQuality {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mut cases = Cases::new();
        let jobs = Jobs::prepare(cx).await?.keeping(Keep::ToTheEnd);
        let kept = self.jobs(cx, &jobs).await;
        // Also where it went wrong: they would be in the way of the rows.
        jobs.end_all().await;
        cases.push(Case::new("jobs", &[], kept));
        cases.push(Case::new("rows", &[], self.rows(cx, &jobs).await));
        cases.verdict()
    }
}

/// How often jobs are looked at while they are watched.
const LOOKS: u32 = 5;

impl DataQuality {
    async fn jobs(&self, cx: &Context, jobs: &Jobs) -> Result<Verdict, CheckError> {
        let loaded = start_standing(cx, jobs, self.params.jobs).await?;
        configured(&loaded.report, jobs)?;
        let client = Arc::clone(&jobs.books.client);
        let accepted = jobs.books.living();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut last = Vec::new();
        let started = Instant::now();
        for look in 0..=LOOKS {
            let due = self.params.watch.0 / LOOKS * look;
            tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
            last = living(cx, &client, &accepted).await?;
            known.extend(last.iter().cloned());
            cx.progress(
                look.into(),
                LOOKS.into(),
                format!("{} of {} jobs are there", last.len(), accepted.len()),
            );
        }
        if known.is_empty() {
            return Err(CheckError::not_applicable(
                "the server knows none of its jobs, which focus-api.jobmeta.valid judges",
            ));
        }
        let gone: Vec<String> = accepted.iter().filter(|id| !last.contains(id)).cloned().collect();
        kept(accepted.len(), &gone, self.params.watch, self.params.loss)
    }

    async fn rows(&self, cx: &Context, jobs: &Jobs) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let what = (params.jobs, params.rows, params.every.0);
        let reading = Reading::prepare(cx, &jobs.books.client, what).await?;
        let loaded = Trial::of(params.plan()).named("rows").run(cx, reading.clone()).await?;
        let failed = loaded.report.operation(READ).map_or(0, |read| read.failures());
        let verdict = contiguous(&reading.lanes(), failed, params.loss)?;
        let verdict = verdict.with_series(series(&loaded.report));
        Ok(verdict.evidence(loaded.evidence))
    }
}

fn kept(accepted: usize, gone: &[String], watched: HumanDuration, loss: f64) -> Result<Verdict, CheckError> {
    let seen = Observation::counted(accepted as u64, "accepted jobs")?;
    let seen = format!("{}: {} gone within {watched}", seen.text(), gone.len());
    let share = count(gone.len() as u64) / count(accepted as u64) * 100.0;
    let measured = Measurement::new("jobs lost", share, Unit::Percent).held_to(Threshold::AtMost(loss));
    Ok(Verdict::of(Observation::seen(seen)).judged(measured, |_| {
        let some: Vec<&str> = gone.iter().take(5).map(String::as_str).collect();
        let message =
            format!("{} of {accepted} jobs that were accepted are gone within {watched}", gone.len());
        Finding::new("jobs-lost", Cause::Product, CONFIGURATIONS, message)
            .expected(format!("at most {loss} % lost"), format!("{share:.1} %"))
            .detail(format!("for example {}", some.join(", ")))
            .remedy("read the events of their pods, and what the server does after it has answered", "days")
    }))
}

fn contiguous(lanes: &[Lane], failed: u64, loss: f64) -> Result<Verdict, CheckError> {
    let rows: u64 = lanes.iter().map(|lane| lane.rows).sum();
    let seen = Observation::counted(rows, "rows")?;
    let sum = |of: fn(&Lane) -> i64| count(lanes.iter().map(|lane| of(lane).unsigned_abs()).sum());
    let share = sum(|lane| lane.missing) / sum(|lane| lane.span).max(1.0) * 100.0;
    let gaps: u64 = lanes.iter().map(|lane| lane.gaps).sum();
    let twice: u64 = lanes.iter().map(|lane| lane.twice).sum();
    let seen = format!("{} of {} tasks: {gaps} gaps, {twice} out of turn", seen.text(), lanes.len());
    let measured =
        Measurement::new("time without rows", share, Unit::Percent).held_to(Threshold::AtMost(loss));
    let repeated =
        Measurement::new("rows out of turn", count(twice), Unit::Count).held_to(Threshold::AtMost(0.0));
    Ok(Verdict::of(Observation::seen(seen))
        .judged(measured, |measured| {
            let torn = lanes.iter().filter(|lane| lane.gaps > 0).count();
            let message = format!(
                "{:.2} % of the time has no rows: {gaps} gaps in {torn} of {} tasks",
                measured.value,
                lanes.len()
            );
            let finding = Finding::new("rows-lost", Cause::Product, SUBJECT, message)
                .expected(format!("at most {loss} %"), format!("{:.2} %", measured.value))
                .remedy(
                    "look at the queue between analyzer and server, and at what it does when it is full",
                    "days",
                );
            let finding = match lanes.iter().find_map(|lane| lane.first_gap) {
                Some((from, to)) => {
                    finding.detail(format!("for example from {from} to {to}, in epoch milliseconds"))
                }
                None => finding,
            };
            if failed > 0 {
                finding.detail(format!("{failed} reads failed, which loses rows too"))
            } else {
                finding
            }
        })
        .judged(repeated, |_| {
            let message = format!("{twice} rows begin before the one before them ends");
            Finding::new("rows-repeated", Cause::Product, SUBJECT, message)
                .expected("none", twice)
                .remedy("look for two readers of one queue", "days")
        }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Params as _, Status};

    #[test]
    fn a_lost_job_is_a_loss() {
        let watched = HumanDuration::secs(10);
        assert_eq!(Outcome::from(kept(30, &[], watched, 0.0)).status, Status::Passed);
        let lost = vec!["1-5".to_owned(), "1-10".to_owned()];
        let outcome = Outcome::from(kept(30, &lost, watched, 0.0));
        insta::assert_snapshot!(outcome.findings[0].message, @"2 of 30 jobs that were accepted are gone within 10s");
        assert_eq!(Outcome::from(kept(30, &lost, watched, 10.0)).status, Status::Passed);
        assert!(kept(0, &[], watched, 0.0).is_err());
    }

    #[test]
    fn gaps_and_repetitions_have_findings_of_their_own() {
        let fine = Lane { rows: 100, span: 2000, ..Lane::default() };
        assert_eq!(Outcome::from(contiguous(std::slice::from_ref(&fine), 0, 0.0)).status, Status::Passed);
        let torn = Lane { missing: 100, gaps: 2, first_gap: Some((60, 100)), ..fine.clone() };
        let outcome = Outcome::from(contiguous(&[fine.clone(), torn], 1, 0.0));
        insta::assert_snapshot!(outcome.findings[0].message, @"2.50 % of the time has no rows: 2 gaps in 1 of 2 tasks");
        assert_eq!(outcome.findings[0].details.len(), 2);
        let repeated = Outcome::from(contiguous(&[Lane { twice: 3, ..fine }], 0, 0.0));
        assert_eq!(repeated.findings[0].code, "rows-repeated");
        assert!(contiguous(&[Lane::default()], 0, 0.0).is_err(), "no rows are no answer");
    }

    #[test]
    fn parameters_make_sense() {
        let params = QualityParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(QualityParams { watch: HumanDuration::secs(46), ..params() }.validate().is_err());
        assert!(QualityParams { rows: 0, ..params() }.validate().is_err());
        assert!(QualityParams { loss: -1.0, ..params() }.validate().is_err());
    }
}
