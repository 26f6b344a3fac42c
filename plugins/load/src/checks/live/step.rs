//! One step of a climb, and what all of them say together.

use super::held::Failed;
use super::sla::Sla;
use serde::Serialize;
use shakedown_core::{Cause, Finding, Samples};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one step saw.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Step {
    /// Seconds from the start of the climb to the end of the step.
    pub(super) at: f64,
    /// How many jobs were asked for so far.
    pub(super) asked: u32,
    /// How many this step added.
    pub(super) new: u32,
    /// How many of those came up.
    pub(super) came_up: u32,
    /// How many are up at the end of the step, new and old.
    pub(super) up: u32,
    /// How many were started anew because the server's own timer had closed an idle stream.
    pub(super) renewed: u32,
    /// How long each new job took until its stream was up.
    pub(super) millis: Vec<f64>,
    /// Starts, and signs of life asked for.
    pub(super) operations: u32,
    /// How many of those failed, by class.
    pub(super) failures: BTreeMap<String, u32>,
    /// How many of those the server refused for want of room.
    pub(super) refused: u32,
}

impl Step {
    pub(super) fn failed(&mut self, failed: &Failed) {
        *self.failures.entry(failed.class.clone()).or_default() += 1;
        self.refused += u32::from(failed.refused);
    }

    pub(super) fn came_up(&mut self, took: Duration) {
        self.came_up += 1;
        self.millis.push(took.as_secs_f64() * 1000.0);
    }

    fn failures(&self) -> u32 {
        self.failures.values().sum()
    }

    /// The share of the new jobs that came up, in percent; none where there were none.
    pub(super) fn success(&self) -> Option<f64> {
        share(self.came_up, self.new)
    }

    /// The share of starts and signs of life that failed, in percent; none where there were none.
    pub(super) fn errors(&self) -> Option<f64> {
        share(self.failures(), self.operations)
    }

    /// The 95th percentile of the time until a stream was up, in milliseconds.
    pub(super) fn p95(&self) -> Option<f64> {
        Samples::new("starts", self.millis.clone()).ok().map(|samples| samples.percentile(95.0))
    }

    /// In what the step breaks its bounds; empty where it keeps them.
    pub(super) fn breaks(&self, sla: &Sla) -> Vec<String> {
        let latency = sla.latency.0.as_secs_f64() * 1000.0;
        let low = self.success().filter(|share| *share < sla.success);
        let few = share(self.up, self.asked).filter(|share| *share < sla.success);
        let many = self.errors().filter(|share| *share > sla.errors);
        let slow = self.p95().filter(|p95| *p95 > latency);
        [
            low.map(|share| format!("{share:.0} % of the new jobs came up, not {} %", sla.success)),
            few.map(|share| format!("{share:.0} % of all jobs asked for are up, not {} %", sla.success)),
            many.map(|share| {
                format!("{share:.0} % of starts and signs of life failed, more than {} %", sla.errors)
            }),
            slow.map(|p95| format!("p95 until a stream was up: {p95:.0} ms, more than {}", sla.latency)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn share(of: u32, all: u32) -> Option<f64> {
    (all > 0).then(|| f64::from(of) / f64::from(all) * 100.0)
}

/// Where a climb broke off.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Break {
    /// The step at which it began, counted from 0.
    pub(super) step: usize,
    /// How many jobs had been asked for then.
    pub(super) asked: u32,
    /// How many were up at the end of the last step before it; 0 where the first was bad.
    pub(super) held: u32,
    /// What went wrong, by class, in the bad steps; the most frequent first.
    pub(super) failures: Vec<(String, u32)>,
    /// Whether most of what failed was refused for want of room.
    pub(super) refused: bool,
    /// In what the first of the bad steps broke its bounds.
    pub(super) breaks: Vec<String>,
}

/// How many of the last steps are bad, without a good one between.
pub(super) fn bad_run(steps: &[Step], sla: &Sla) -> usize {
    steps.iter().rev().take_while(|step| !step.breaks(sla).is_empty()).count()
}

/// Where it broke off: at the first of the last `run` steps.
pub(super) fn broken(steps: &[Step], sla: &Sla, run: usize) -> Option<Break> {
    let step = steps.len().checked_sub(run)?;
    let first = steps.get(step)?;
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (class, count) in steps[step..].iter().flat_map(|step| &step.failures) {
        *counts.entry(class).or_default() += count;
    }
    let mut failures: Vec<(String, u32)> =
        counts.into_iter().map(|(class, count)| (class.to_owned(), count)).collect();
    failures.sort_by(|(_, a), (_, b)| b.cmp(a));
    let (refused, all) = steps[step..]
        .iter()
        .fold((0, 0), |(refused, all), step| (refused + step.refused, all + step.failures()));
    Some(Break {
        step,
        asked: first.asked,
        held: step.checked_sub(1).map_or(0, |before| steps[before].up),
        failures,
        refused: refused * 2 > all,
        breaks: first.breaks(sla),
    })
}

impl Break {
    /// How it broke, in words.
    fn how(&self) -> String {
        if self.failures.is_empty() {
            return "it only got slow".to_owned();
        }
        let counts: Vec<String> =
            self.failures.iter().take(4).map(|(class, count)| format!("{count} × {class}")).collect();
        counts.join(", ")
    }

    /// That it broke: a failure below the number that must be held, a warning beyond.
    pub(super) fn finding(&self, required: u32) -> Finding {
        let message = format!(
            "the climb breaks when {} live jobs are asked for; {} were held before: {}",
            self.asked,
            self.held,
            self.how()
        );
        let (cause, remedy) = if self.refused {
            (Cause::Capacity, "give the cluster room for more jobs, or lower what clients may open at once")
        } else {
            (
                Cause::Product,
                "read the server's log and the events of the job pods at the time of the first bad step",
            )
        };
        let finding = Finding::new("live-breaks", cause, "live jobs", message)
            .expected(format!("at least {required} held"), format!("{} held", self.held))
            .remedy(remedy, "days");
        let finding = self.breaks.iter().fold(finding, |finding, line| finding.detail(line.clone()));
        if self.held >= required { finding.warn() } else { finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;

    fn step(asked: u32, new: u32, came_up: u32, up: u32) -> Step {
        let refused = new - came_up;
        Step {
            asked,
            new,
            came_up,
            up,
            millis: vec![20.0; came_up as usize],
            operations: new + up,
            failures: if refused > 0 {
                BTreeMap::from([("503 Service Unavailable".to_owned(), refused)])
            } else {
                BTreeMap::new()
            },
            refused,
            ..Step::default()
        }
    }

    #[test]
    fn it_breaks_at_the_first_of_the_bad_steps() {
        let sla = Sla::of_role(None);
        let steps =
            [step(5, 5, 5, 5), step(10, 5, 2, 7), step(15, 5, 5, 12), step(20, 5, 1, 13), step(25, 5, 0, 13)];
        assert_eq!(bad_run(&steps[..3], &sla), 0, "a good step ends a run of bad ones");
        assert_eq!(bad_run(&steps, &sla), 2);
        let broke = broken(&steps, &sla, 2).unwrap();
        assert_eq!((broke.step, broke.asked, broke.held, broke.refused), (3, 20, 12, true));
        insta::assert_snapshot!(broke.finding(30).message, @"the climb breaks when 20 live jobs are asked for; 12 were held before: 9 × 503 Service Unavailable");
        assert_eq!(broke.breaks, ["20 % of the new jobs came up, not 60 %"]);
        assert_eq!((broke.finding(12).weight, broke.finding(13).weight), (Weight::Warn, Weight::Fail));
    }

    #[test]
    fn lost_streams_and_slowness_are_bad_too() {
        let sla = Sla::of_role(None);
        let mut lost = step(5, 5, 5, 0);
        lost.operations = 10;
        lost.failures.insert("stream lost".to_owned(), 5);
        assert_eq!(
            lost.breaks(&sla),
            [
                "0 % of all jobs asked for are up, not 60 %",
                "50 % of starts and signs of life failed, more than 40 %"
            ]
        );
        let broke = broken(&[lost], &sla, 1).unwrap();
        assert!(!broke.refused && broke.finding(1).cause == Cause::Product);
        let slow = Step { millis: vec![61_000.0], ..step(5, 5, 5, 5) };
        assert_eq!(slow.breaks(&sla), ["p95 until a stream was up: 61000 ms, more than 1m"]);
        assert_eq!(broken(&[slow], &sla, 1).unwrap().how(), "it only got slow");
    }

    #[test]
    fn a_step_without_new_jobs_is_judged_by_signs_of_life() {
        let quiet = Step { asked: 5, up: 5, operations: 5, ..Step::default() };
        assert_eq!((quiet.success(), quiet.errors(), quiet.p95()), (None, Some(0.0), None));
        assert!(quiet.breaks(&Sla::of_role(None)).is_empty());
    }
}
