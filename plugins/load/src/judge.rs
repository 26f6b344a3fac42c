//! From what came of a load to a verdict: every finding has its numbers, says how and since when, and what to do next.

use crate::jobs::{CONFIGURE, Jobs, OPERATIONS};
use crate::profile::{Bounds, Profile};
use crate::series::{count, series};
use crate::served::{Served, began};
use crate::trial::{Loaded, Trial};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, CheckError, Context, EvidenceRef, Finding, Measurement, Observation, Unit, Verdict,
};
use shakedown_loadgen::feasible::Facts;
use shakedown_loadgen::histogram::Histogram;
use shakedown_loadgen::plan::Plan;
use shakedown_loadgen::report::Report;
use shakedown_loadgen::threshold::Statistic;
use std::time::Duration;

/// What most load is put on.
pub(crate) const CONFIGURATIONS: &str = "POST /configure";

/// How many of a hundred arrivals may find no room under `max_concurrent_jobs` before the load is another one than was
/// asked for.
const MOST_WITHOUT_ROOM: f64 = 5.0;

/// Asks for jobs as a profile says, ends them, and judges what came of it.
pub(crate) async fn jobs_under(cx: &Context, profile: &impl Profile) -> Result<Verdict, CheckError> {
    let jobs = Jobs::prepare(cx).await?;
    jobs_of(cx, jobs, profile).await
}

/// The same with jobs of a certain kind.
pub(crate) async fn jobs_of(cx: &Context, jobs: Jobs, profile: &impl Profile) -> Result<Verdict, CheckError> {
    let loaded = put_on(cx, &jobs, profile.plan(), "load").await?;
    let served = configured(&loaded.report, &jobs)?;
    let question = Question::about(CONFIGURATIONS, profile.bounds());
    Ok(question.verdict(&served, &loaded)?.with_all(unended(&loaded.report)))
}

/// Puts jobs on the server as a plan says.
pub(crate) async fn put_on(cx: &Context, jobs: &Jobs, plan: Plan, name: &str) -> Result<Loaded, CheckError> {
    let facts = Facts::default().holding(jobs.lifetime(), cx.jobs.limit() as u64);
    let trial = Trial::of(plan).named(name).costing(jobs.requests_per_arrival()).knowing(facts);
    trial.run(cx, jobs.clone()).await.map_err(|error| match error {
        CheckError::NotApplicable(why) => {
            CheckError::NotApplicable(format!("{why}; {}", jobs.ending.words()))
        }
        other => other,
    })
}

/// What came of the requests for jobs.
///
/// # Errors
/// Where so many arrivals found no room that another load was put on than was asked for.
pub(crate) fn configured(report: &Report, jobs: &Jobs) -> Result<Served, CheckError> {
    let served = Served::of(report, OPERATIONS[CONFIGURE]);
    with_room(&served, jobs)?;
    Ok(served)
}

/// Whether there was room under `max_concurrent_jobs` for what was asked.
///
/// # Errors
/// Where there was not, with the numbers.
pub(crate) fn with_room(served: &Served, jobs: &Jobs) -> Result<(), CheckError> {
    if served.without_room() <= MOST_WITHOUT_ROOM {
        return Ok(());
    }
    Err(CheckError::unclear(format!(
        "policy-limited: {} of {} arrivals found no room under max_concurrent_jobs, and were not sent; {}",
        served.no_room,
        served.asked + served.no_room,
        jobs.ending.words()
    )))
}

/// A note where jobs were left to the server's timer.
pub(crate) fn unended(report: &Report) -> Option<Finding> {
    let why = report.teardown.clone()?;
    let note = Finding::new("jobs-left", Cause::Environment, "DELETE /job/{job_id}", why)
        .remedy("wait until the server's timer has ended them", "about a minute");
    Some(note.note())
}

/// What is asked about what came of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// What was asked of the server, for example `POST /configure`.
    subject: &'a str,
    bounds: Bounds,
    /// The code of the finding where too little was served.
    failed: &'a str,
    /// The same where it took too long.
    slow: &'a str,
}

impl<'a> Question<'a> {
    /// Whether these bounds are kept.
    pub(crate) const fn about(subject: &'a str, bounds: Bounds) -> Self {
        Self { subject, bounds, failed: "load-failed", slow: "load-slow" }
    }

    /// The same with other codes of findings: where too little is served, and where it takes too long.
    #[must_use]
    pub(crate) const fn coded(mut self, failed: &'a str, slow: &'a str) -> Self {
        self.failed = failed;
        self.slow = slow;
        self
    }

    /// The verdict, with the course of the load in time.
    pub(crate) fn verdict(&self, served: &Served, loaded: &Loaded) -> Result<Verdict, CheckError> {
        let verdict = self.judge(served, &loaded.report, &loaded.evidence)?;
        Ok(verdict.with_series(series(&loaded.report)).evidence(loaded.evidence.clone()))
    }

    /// The verdict without it, for one case of several.
    pub(crate) fn judge(
        &self,
        served: &Served,
        report: &Report,
        evidence: &EvidenceRef,
    ) -> Result<Verdict, CheckError> {
        let subject = self.subject;
        let share = served.share().ok_or_else(|| CheckError::no_data(format!("{subject} was not asked")))?;
        let seen = format!("{} of {} requests to {subject} served", served.succeeded, served.asked);
        let mut verdict = Verdict::of(Observation::seen(seen));

        let measured =
            Measurement::new("served", share, Unit::Percent).held_to(Threshold::AtLeast(self.bounds.success));
        verdict = verdict.judged(measured, |_| self.too_few(served, report).evidence(evidence.clone()));
        for (statistic, bound) in self.bounds.latencies() {
            // Where nothing succeeded, that is what the finding above says.
            let Some(value) = of(statistic, &served.latency) else { continue };
            let measured = Measurement::new(statistic.to_string(), value, Unit::Milliseconds)
                .held_to(Threshold::AtMost(bound));
            verdict = verdict.judged(measured, |measured| {
                self.too_slow(measured, served, report).evidence(evidence.clone())
            });
        }
        if let Some(rate) = served.rate() {
            let measured = Measurement::new("served per second", rate, Unit::PerSecond);
            verdict = match self.bounds.rate {
                Some(least) => verdict.judged(measured.held_to(Threshold::AtLeast(least)), |measured| {
                    self.too_seldom(measured, served).evidence(evidence.clone())
                }),
                None => verdict.measured(measured),
            };
        }
        Ok(further(verdict, served))
    }

    fn too_few(&self, served: &Served, report: &Report) -> Finding {
        let (cause, remedy) = served.suspect();
        let share = served.share().unwrap_or_default();
        let message = format!(
            "{share:.1} % of {} requests were served; it must be {} % at least",
            served.asked, self.bounds.success
        );
        let failures = served.failures();
        let worst = failures.first().cloned().unwrap_or_default();
        let finding = Finding::new(self.failed, cause, self.subject, message)
            .expected(format!("at least {} % served", self.bounds.success), worst)
            .remedy(remedy, "days");
        let finding = failures.into_iter().fold(finding, Finding::detail);
        began(report, served).into_iter().fold(finding, Finding::detail)
    }

    fn too_slow(&self, measured: &Measurement, served: &Served, report: &Report) -> Finding {
        let message = format!("{} is slow under load: {measured}", self.subject);
        let mut finding = Finding::new(self.slow, Cause::Capacity, self.subject, message)
            .expected(bound(measured), format!("{:.0} ms", measured.value))
            .detail(format!("of {} that were served", served.succeeded));
        if let (Some(latency), Some(service)) =
            (served.latency.percentile(95.0), served.service.percentile(95.0))
        {
            finding = finding.detail(format!(
                "95 of 100 were answered within {} of being sent, and within {} of when they should have been",
                milliseconds(service),
                milliseconds(latency)
            ));
        }
        if let Some(stall) = longest_silence(report, &served.operation) {
            finding = finding.detail(stall);
        }
        finding.remedy(
            "look at what the server's workers wait for while it is loaded: locks, the database, the start of pods",
            "days",
        )
    }

    fn too_seldom(&self, measured: &Measurement, served: &Served) -> Finding {
        let message = format!("{} is served too seldom: {measured}", self.subject);
        let finding = Finding::new("rate-missed", Cause::Capacity, self.subject, message)
            .expected(bound(measured), format!("{:.2}/s", measured.value))
            .detail(format!(
                "{} of {} were served in {:.1} s",
                served.succeeded,
                served.asked,
                served.elapsed.as_secs_f64()
            ))
            .remedy(
                "add workers or pods, or shorten what each request takes; the longest queue shows where",
                "days",
            );
        served.failures().into_iter().fold(finding, Finding::detail)
    }
}

/// What is worth knowing besides, without a bound.
fn further(verdict: Verdict, served: &Served) -> Verdict {
    let time = |name, histogram: &Histogram, statistic| {
        of(statistic, histogram).map(|value| Measurement::new(name, value, Unit::Milliseconds))
    };
    let counted =
        |name, number: u64| (number > 0).then(|| Measurement::new(name, count(number), Unit::Count));
    [
        time("median", &served.latency, Statistic::Percentile(50.0)),
        time("p99", &served.latency, Statistic::Percentile(99.0)),
        time("p95 service time", &served.service, Statistic::Percentile(95.0)),
        counted("missed arrivals", served.missed),
        counted("held back after 429", served.held_back),
        counted("without room", served.no_room),
    ]
    .into_iter()
    .flatten()
    .fold(verdict, Verdict::measured)
}

/// A statistic in milliseconds; none without samples.
pub(crate) fn of(statistic: Statistic, histogram: &Histogram) -> Option<f64> {
    let value = match statistic {
        Statistic::Mean => histogram.mean(),
        Statistic::Max => histogram.max(),
        Statistic::Percentile(percent) => histogram.percentile(percent),
    };
    value.map(|value| value.as_secs_f64() * 1000.0)
}

fn bound(measured: &Measurement) -> String {
    let unit = measured.unit.symbol();
    match measured.threshold {
        Some(Threshold::Below(bound)) => format!("below {bound}{unit}"),
        Some(Threshold::AtMost(bound)) => format!("at most {bound}{unit}"),
        Some(Threshold::AtLeast(bound)) => format!("at least {bound}{unit}"),
        None => "no bound".to_owned(),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

/// The second in which an operation took longest: where one stands out, the server stood still.
fn longest_silence(report: &Report, operation: &str) -> Option<String> {
    let slow = |second: &shakedown_loadgen::report::Second| second.operations.get(operation)?.max;
    let worst =
        report.timeline.iter().max_by(|a, b| slow(a).unwrap_or(0.0).total_cmp(&slow(b).unwrap_or(0.0)))?;
    Some(format!(
        "the longest, {:.0} ms, ended {:.0} s after the start, in phase `{}`",
        slow(worst)?,
        worst.at + worst.span,
        worst.phase
    ))
}
