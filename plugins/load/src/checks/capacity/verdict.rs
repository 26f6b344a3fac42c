//! From jobs that were held to a verdict: how many ran, how long they took, and which bottleneck explains the rest.

use super::held::Held;
use crate::judge::{CONFIGURATIONS, of};
use crate::series::series;
use shakedown_capacity::bottleneck::{Analysis, Facts, Flag, failure_words};
use shakedown_capacity::proportion::Proportion;
use shakedown_capacity::resources::Resources;
use shakedown_core::measurement::Threshold;
use shakedown_core::{Cause, CheckError, Finding, Measurement, Observation, Series, Unit, Verdict};
use shakedown_loadgen::threshold::Statistic;

/// What must come of jobs that are held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    /// At least this share must run, in percent.
    pub(super) success: f64,
    /// The mean latency may be at most this, in milliseconds.
    pub(super) mean_ms: Option<f64>,
    /// The code of the finding where too few run.
    pub(super) short: &'static str,
    /// The code of the finding where they take too long.
    pub(super) slow: &'static str,
}

impl Held {
    /// What the numbers say of the target.
    pub(super) fn analysis(&self, resources: &Resources) -> Analysis {
        Analysis::of(&Facts {
            attempts: self.served.asked,
            succeeded: self.running,
            mean_latency_ms: self.mean_ms(),
            failures: &self.failures,
            resources,
            generator: None,
        })
    }

    /// The mean latency of successes, in milliseconds.
    pub(super) fn mean_ms(&self) -> Option<f64> {
        of(Statistic::Mean, &self.served.service)
    }

    /// The verdict, with the course of the load and of the resources in time.
    pub(super) fn verdict(&self, bar: Bar) -> Result<Verdict, CheckError> {
        let resources = self.resources();
        let verdict = self.judged(bar, &resources)?.with_all(self.left.clone());
        let verdict = verdict.with_series(series(&self.loaded.report));
        let verdict = verdict.with_series(usage(&resources));
        Ok(verdict.evidence(self.loaded.evidence.clone()))
    }

    /// The same without that, for one case of several.
    pub(super) fn judged(&self, bar: Bar, resources: &Resources) -> Result<Verdict, CheckError> {
        let share = self.share().ok_or_else(|| CheckError::no_data("no job was asked for"))?;
        let analysis = self.analysis(resources);
        let seen = format!("{} of {} jobs held at once", self.running, self.served.asked);
        let held = Measurement::new("held", share, Unit::Percent).held_to(Threshold::AtLeast(bar.success));
        let mut verdict =
            Verdict::of(Observation::seen(seen)).judged(held, |_| self.too_few(bar, share, &analysis));
        if let Some(mean) = self.mean_ms() {
            let mean = Measurement::new("mean", mean, Unit::Milliseconds);
            verdict = match bar.mean_ms {
                Some(bound) => verdict.judged(mean.held_to(Threshold::AtMost(bound)), |mean| {
                    self.too_slow(bar, mean, &analysis)
                }),
                None => verdict.measured(mean),
            };
        }
        let p95 = of(Statistic::Percentile(95.0), &self.served.service);
        verdict = p95
            .into_iter()
            .map(|p95| Measurement::new("p95", p95, Unit::Milliseconds))
            .fold(verdict, Verdict::measured);
        let rate =
            self.served.rate().map(|rate| Measurement::new("served per second", rate, Unit::PerSecond));
        Ok(rate.into_iter().fold(verdict, Verdict::measured))
    }

    fn too_few(&self, bar: Bar, share: f64, analysis: &Analysis) -> Finding {
        let message = format!(
            "{} of {} jobs are held at once: {share:.1} %, and it must be {} % at least",
            self.running, self.served.asked, bar.success
        );
        let actual = failure_words(&self.failures, self.served.asked).into_iter().next().unwrap_or_default();
        let mut finding = explained(bar.short, message, analysis)
            .expected(format!("at least {} % held", bar.success), actual);
        if let Some(interval) = Proportion::new(self.running, self.served.asked).map(Proportion::interval) {
            finding = finding.detail(format!(
                "95 % interval of that share: {:.1}–{:.1} %",
                interval.lower * 100.0,
                interval.upper * 100.0
            ));
        }
        let failures = failure_words(&self.failures, self.served.asked);
        failures.into_iter().fold(finding, Finding::detail).evidence(self.loaded.evidence.clone())
    }

    fn too_slow(&self, bar: Bar, mean: &Measurement, analysis: &Analysis) -> Finding {
        let bound = bar.mean_ms.unwrap_or_default();
        let message =
            format!("a job takes {:.0} ms on average to be accepted; it may take {bound:.0} ms", mean.value);
        explained(bar.slow, message, analysis)
            .expected(format!("at most {bound:.0} ms"), format!("{:.0} ms", mean.value))
            .evidence(self.loaded.evidence.clone())
    }
}

/// A finding that names the bottleneck: the first one decides who has to act, all are told.
pub(super) fn explained(code: &str, message: String, analysis: &Analysis) -> Finding {
    let first = analysis.found.first();
    let cause = first.map_or(Cause::Capacity, |found| cause(found.flag));
    let remedy = first.map_or(
        "let shakedown observe cluster and database meanwhile: no bottleneck was measured",
        |found| found.flag.remedy(),
    );
    let mut finding = Finding::new(code, cause, CONFIGURATIONS, message).remedy(remedy, "days");
    for found in &analysis.found {
        finding = finding.detail(format!(
            "bottleneck `{}`: {} ({})",
            found.flag,
            found.sentence,
            found.evidence.join("; ")
        ));
    }
    if !analysis.not_measured.is_empty() {
        finding = finding.detail(format!("not measured: {}", analysis.not_measured.join("; ")));
    }
    finding
}

const fn cause(flag: Flag) -> Cause {
    match flag {
        Flag::ServerErrors | Flag::Restarts => Cause::Product,
        Flag::Unanswered | Flag::Addresses | Flag::NodePressure => Cause::Environment,
        _ => Cause::Capacity,
    }
}

/// What the target used over time, as far as it has a limit: the closest to it first.
pub(super) fn usage(resources: &Resources) -> Vec<Series> {
    const MOST: usize = 6;
    let mut shares: Vec<(f64, Series)> = resources
        .usages
        .iter()
        .filter_map(|usage| {
            let (limit, share) = (usage.limit?, usage.share()?);
            let points = usage.points.iter().map(|[at, value]| [*at, 100.0 * value / limit]);
            let name = format!("{} {} of its limit", usage.subject, usage.what);
            Some((share.peak, Series::new(name, Unit::Percent, points)))
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    shares.into_iter().map(|(_, series)| series).take(MOST).collect()
}
