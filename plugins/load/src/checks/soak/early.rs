//! Early warnings of a long load: the last samples beside the first.

use serde::{Deserialize, Serialize};
use shakedown_core::{Cause, Finding};
use std::collections::VecDeque;

/// How many samples are compared.
const SAMPLES: usize = 10;

/// A response time that rose by less than this many milliseconds is none to warn of, whatever its share.
const LEAST: f64 = 25.0;

/// What came of one job.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// How long its configuration took, in milliseconds; none where it failed.
    pub(super) millis: Option<f64>,
    /// Whether it gave a sign of life.
    pub(super) alive: bool,
}

/// By how much the last samples may be worse than the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Response time, in percent.
    pub(super) response: f64,
    /// The share of configurations that fail, in percentage points.
    pub(super) errors: f64,
    /// The share of jobs without a sign of life, in percentage points.
    pub(super) dead: f64,
}

/// The first samples, the last ones, and what was warned of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    first: Vec<Sample>,
    last: VecDeque<Sample>,
    /// What was warned of: when first (seconds since the start), how often, and how bad it was at its worst.
    warned: Vec<Warned>,
}

/// One thing that was warned of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Warned {
    what: String,
    since: f64,
    looks: u64,
    worst: f64,
    bound: f64,
    unit: String,
}

/// Means of some samples: response time, and shares in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level {
    response: Option<f64>,
    errors: f64,
    dead: f64,
}

fn level<'a>(samples: impl ExactSizeIterator<Item = &'a Sample> + Clone) -> Level {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let all = number(samples.len()).max(1.0);
    let times: Vec<f64> = samples.clone().filter_map(|sample| sample.millis).collect();
    let dead = samples.filter(|sample| sample.millis.is_some() && !sample.alive).count();
    Level {
        response: (!times.is_empty()).then(|| times.iter().sum::<f64>() / number(times.len())),
        errors: (1.0 - number(times.len()) / all) * 100.0,
        dead: number(dead) / all * 100.0,
    }
}

impl Watch {
    /// Takes note of one more job.
    pub(super) fn note(&mut self, sample: Sample) {
        if self.first.len() < SAMPLES {
            self.first.push(sample);
            return;
        }
        self.last.push_back(sample);
        if self.last.len() > SAMPLES {
            self.last.pop_front();
        }
    }

    /// Compares, and remembers what is worse than it may be. Says so in words, for whoever looks on.
    pub(super) fn look(&mut self, at: f64, bounds: Bounds) -> Option<String> {
        if self.last.len() < SAMPLES {
            return None;
        }
        let (first, last) = (level(self.first.iter()), level(self.last.iter()));
        let slower = first
            .response
            .zip(last.response)
            .filter(|(first, last)| *first > 0.0 && last - first >= LEAST)
            .map(|(first, last)| (last / first - 1.0) * 100.0);
        let worse = [
            ("response time", slower, bounds.response, "%"),
            ("failed configurations", Some(last.errors - first.errors), bounds.errors, "points"),
            ("jobs without a sign of life", Some(last.dead - first.dead), bounds.dead, "points"),
        ];
        let mut said = Vec::new();
        for (what, by, bound, unit) in worse {
            let Some(by) = by.filter(|by| *by > bound) else { continue };
            said.push(format!("{what} +{by:.0} {unit}"));
            match self.warned.iter_mut().find(|warned| warned.what == what) {
                Some(warned) => {
                    warned.looks += 1;
                    warned.worst = warned.worst.max(by);
                }
                None => self.warned.push(Warned {
                    what: what.to_owned(),
                    since: at,
                    looks: 1,
                    worst: by,
                    bound,
                    unit: unit.to_owned(),
                }),
            }
        }
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// What was warned of: warnings, each with its number.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.warned.iter().map(Warned::finding).collect()
    }
}

impl Warned {
    fn finding(&self) -> Finding {
        let message = format!(
            "{} rose early: first {:.0} s after the start, in {} looks, by {:.0} {} at the worst",
            self.what, self.since, self.looks, self.worst, self.unit
        );
        Finding::new("early-warning", Cause::Capacity, &*self.what, message)
            .expected(format!("at most +{} {}", self.bound, self.unit), format!("+{:.0} {}", self.worst, self.unit))
            .remedy("look at the series of the run from that moment on; where it came back, at what else ran then", "hours")
            .warn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { response: 50.0, errors: 30.0, dead: 20.0 };

    fn after(first: Sample, last: Sample) -> Watch {
        let mut watch = Watch::default();
        for sample in [first; SAMPLES].into_iter().chain([last; SAMPLES]) {
            watch.note(sample);
        }
        watch
    }

    #[test]
    fn what_gets_worse_is_warned_of_once_and_counted() {
        let fine = Sample { millis: Some(100.0), alive: true };
        let mut watch = after(fine, Sample { millis: Some(160.0), alive: false });
        assert_eq!(
            watch.look(120.0, BOUNDS).unwrap(),
            "response time +60 %, jobs without a sign of life +100 points"
        );
        watch.note(Sample { millis: Some(10_000.0), alive: true });
        assert!(watch.look(240.0, BOUNDS).is_some());
        let findings = watch.findings();
        assert_eq!(findings.len(), 2);
        insta::assert_snapshot!(findings[0].message, @"response time rose early: first 120 s after the start, in 2 looks, by 1044 % at the worst");
        let text = serde_json::to_string(&watch).unwrap();
        assert_eq!(serde_json::from_str::<Watch>(&text).unwrap(), watch);
    }

    #[test]
    fn failures_are_no_response_times_and_bounds_are_kept() {
        let fine = Sample { millis: Some(100.0), alive: true };
        let mut watch = after(fine, Sample { millis: None, alive: false });
        assert_eq!(watch.look(1.0, BOUNDS).unwrap(), "failed configurations +100 points");
        let mut watch = after(fine, Sample { millis: Some(150.0), alive: true });
        assert_eq!(watch.look(1.0, BOUNDS), None, "+50 % is not more than +50 %");
        let quick = |millis| Sample { millis: Some(millis), alive: true };
        assert_eq!(after(quick(3.0), quick(9.0)).look(1.0, BOUNDS), None, "6 ms more are nothing to warn of");
        assert!(watch.findings().is_empty());
    }

    #[test]
    fn few_samples_say_nothing() {
        let mut watch = Watch::default();
        for _ in 0..19 {
            watch.note(Sample { millis: None, alive: false });
        }
        assert_eq!(watch.look(1.0, BOUNDS), None);
    }
}
