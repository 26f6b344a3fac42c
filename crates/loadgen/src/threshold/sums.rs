//! What a threshold's number is made of, over some time.

use super::{Metric, Statistic, Threshold};
use crate::histogram::Histogram;
use crate::interval::Interval;
use shakedown_core::measurement::Threshold as Bound;
use std::time::Duration;

/// The class of arrivals that were begun and had not ended when the drain was over.
const ABANDONED: &str = "abandoned";

/// What a number is made of.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) seconds: f64,
    started: u64,
    missed: u64,
    attempts: u64,
    /// Those that failed; with a class, those that failed in that way.
    failed: u64,
    rows: u64,
    times: Histogram,
}

impl Sums {
    /// Adds an interval, which is one of several of the same time where there are several workers.
    pub(super) fn add(&mut self, threshold: &Threshold, interval: &Interval) {
        if self.seconds == 0.0 {
            (self.from, self.to) = (interval.from, interval.from);
        }
        self.seconds += (interval.to - interval.from.max(self.to)).max(0.0);
        self.to = self.to.max(interval.to);
        self.started += interval.started;
        self.missed += interval.missed;
        let wanted = |name: &str| threshold.operation.as_ref().is_none_or(|operation| operation == name);
        for operation in interval.operations.iter().filter(|operation| wanted(&operation.name)) {
            self.rows += operation.rows;
            self.attempts += operation.attempts();
            for (class, tally) in &operation.failed {
                if counts(&threshold.metric, class) {
                    self.failed += tally.count;
                }
            }
            let tallies = std::iter::once(&operation.succeeded).chain(operation.failed.values());
            match threshold.metric {
                Metric::Latency(_) => tallies.for_each(|tally| self.times.merge(&tally.latency)),
                Metric::Service(_) => tallies.for_each(|tally| self.times.merge(&tally.service)),
                _ => {}
            }
        }
        // What never ended has failed. Of which operation is not known, and how long it took neither.
        if threshold.operation.is_none() {
            self.attempts += interval.abandoned;
            if counts(&threshold.metric, ABANDONED) {
                self.failed += interval.abandoned;
            }
        }
    }

    /// Adds what directly followed.
    pub(super) fn merge(&mut self, next: &Self) {
        self.to = self.to.max(next.to);
        self.seconds += next.seconds;
        self.started += next.started;
        self.missed += next.missed;
        self.attempts += next.attempts;
        self.failed += next.failed;
        self.rows += next.rows;
        self.times.merge(&next.times);
    }

    /// The number, in the unit of the metric; nothing where nothing was seen.
    pub(super) fn value(&self, threshold: &Threshold) -> Option<f64> {
        let share = |part: u64, of: u64| (of > 0).then(|| ratio(part, of) * 100.0);
        match &threshold.metric {
            Metric::Latency(statistic) | Metric::Service(statistic) => {
                let time = match statistic {
                    Statistic::Mean => self.times.mean(),
                    Statistic::Max => self.times.max(),
                    Statistic::Percentile(percent) => self.times.percentile(*percent),
                };
                time.map(|time| time.as_secs_f64() * 1000.0)
            }
            Metric::Rate => self.per_second(self.begun(threshold), threshold),
            Metric::Rows => self.per_second(self.rows, threshold),
            Metric::Errors | Metric::Failures(_) => share(self.failed, self.attempts),
            Metric::Missed => share(self.missed, self.started + self.missed),
        }
    }

    /// That nothing came is a rate, too, where more was wanted. It is no sign that a bound above it is kept.
    fn per_second(&self, count: u64, threshold: &Threshold) -> Option<f64> {
        let seen = count > 0 || matches!(threshold.bound, Bound::AtLeast(_));
        (self.seconds > 0.0 && seen).then(|| number(count) / self.seconds)
    }

    const fn begun(&self, threshold: &Threshold) -> u64 {
        if threshold.operation.is_some() { self.attempts } else { self.started }
    }

    /// Why nothing that follows could keep it, if so many arrivals are planned, in so much time.
    ///
    /// What remains is taken to make as many attempts for each arrival as what has come so far.
    pub(super) fn hopeless(
        &self,
        threshold: &Threshold,
        planned: Option<f64>,
        seconds: Option<f64>,
    ) -> Option<String> {
        let beyond = |value: f64| !threshold.bound.admits(value);
        if let (Metric::Latency(Statistic::Max) | Metric::Service(Statistic::Max), Some(max)) =
            (&threshold.metric, self.value(threshold))
        {
            return beyond(max).then(|| format!("one took {max:.0} ms"));
        }
        let planned = planned?;
        let remaining = (planned - number(self.started + self.missed)).max(0.0);
        let each = if self.started > 0 { ratio(self.attempts, self.started).max(1.0) } else { 1.0 };
        let possible = number(self.attempts) + remaining * each;
        let upper = matches!(threshold.bound, Bound::Below(_) | Bound::AtMost(_));
        match &threshold.metric {
            Metric::Errors | Metric::Failures(_) if upper => {
                let least = number(self.failed) / possible * 100.0;
                (self.failed > 0 && beyond(least))
                    .then(|| format!("{} of at most {possible:.0} attempts failed", self.failed))
            }
            Metric::Missed if upper => (self.missed > 0 && beyond(number(self.missed) / planned * 100.0))
                .then(|| format!("{} of {planned:.0} arrivals were missed", self.missed)),
            Metric::Rate if !upper => {
                let begun = number(self.begun(threshold));
                let most = begun + remaining * if threshold.operation.is_some() { each } else { 1.0 };
                let most = most / seconds.filter(|seconds| *seconds > 0.0)?;
                beyond(most).then(|| format!("at most {most:.1}/s can still be reached"))
            }
            Metric::Latency(statistic) | Metric::Service(statistic) if upper => {
                self.slow(threshold.bound, *statistic, possible)
            }
            _ => None,
        }
    }

    /// Why the times so far are too long, were all that may follow instantaneous.
    fn slow(&self, bound: Bound, statistic: Statistic, possible: f64) -> Option<String> {
        let (Bound::Below(limit) | Bound::AtMost(limit)) = bound else { return None };
        match statistic {
            Statistic::Mean => {
                let total = self.times.mean()?.as_secs_f64() * 1000.0 * number(self.times.count());
                let least = total / possible.max(number(self.times.count()));
                (!bound.admits(least)).then(|| format!("the mean is at least {least:.0} ms by now"))
            }
            Statistic::Percentile(percent) => {
                let limit = Duration::try_from_secs_f64(limit / 1000.0).ok()?;
                let slow = (self.times.share_above(limit)? * number(self.times.count())).round();
                (slow > (1.0 - percent / 100.0) * possible + 1e-6)
                    .then(|| format!("{slow} of at most {possible:.0} attempts took longer"))
            }
            Statistic::Max => None,
        }
    }
}

/// Whether a failure of this class counts.
fn counts(metric: &Metric, class: &str) -> bool {
    !matches!(metric, Metric::Failures(only) if only != class)
}

/// Why there is no number.
pub(super) fn lacking(threshold: &Threshold) -> String {
    match (&threshold.metric, &threshold.operation) {
        (Metric::Missed, _) => "no arrival was due".to_owned(),
        (_, Some(operation)) => format!("{operation} was never attempted"),
        (_, None) => "nothing was attempted".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn ratio(part: u64, of: u64) -> f64 {
    number(part) / number(of)
}
