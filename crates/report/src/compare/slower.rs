//! What has become slower or worse, and what is only noise.
//!
//! Where both runs kept samples, the medians are compared: they differ where the ranges that hold each with 95 %
//! certainty do not overlap, which needs no assumption about how samples are spread. Where there is only one number, it
//! must differ by a good part, and by more than a machine's mood.

use crate::html::quantity;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::measurement::Threshold;
use shakedown_core::run::CheckRecord;
use shakedown_core::{Measurement, Outcome, Unit};

/// Medians closer than this are alike, however certain the difference is.
const RATIO_OF_MEDIANS: f64 = 1.1;

/// Single numbers closer than this are alike.
const RATIO_OF_NUMBERS: f64 = 1.25;

/// Durations of checks closer than this are alike: they hold waiting and connecting too.
const RATIO_OF_DURATIONS: f64 = 1.5;

/// Fewer samples than this say nothing of their median.
const FEWEST_SAMPLES: usize = 10;

/// Shorter differences of single numbers are noise, in milliseconds.
const SHORTEST: f64 = 20.0;

/// Shorter differences of durations of checks are noise, in milliseconds.
const SHORTEST_OF_CHECKS: f64 = 1000.0;

/// A number that has become worse.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Slower {
    /// The check.
    pub check: String,
    /// The row within the check, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What was measured: a measurement's name, or `duration`.
    pub what: String,
    /// The unit of both values.
    pub unit: Unit,
    /// In the first run.
    pub before: f64,
    /// In the second run.
    pub after: f64,
    /// Whether samples of both runs show it, or only one number each.
    pub by_samples: bool,
}

impl Slower {
    /// `p95: 12 ms, now 40 ms`.
    pub fn words(&self) -> String {
        let row = self.case.as_ref().map(|case| format!(" [{case}]")).unwrap_or_default();
        let single = if self.by_samples { "" } else { ", by one number each" };
        let (before, after) = (quantity(self.before, self.unit), quantity(self.after, self.unit));
        format!("{}{row}: {before} before, {after} now{single}", self.what)
    }
}

/// What has become worse in a check that got an answer in both runs.
pub(super) fn of(before: &CheckRecord, after: &CheckRecord) -> Vec<Slower> {
    let answered = |record: &CheckRecord| record.outcome.status.satisfies();
    let mut slower = in_outcomes(&after.info.id, None, &before.outcome, &after.outcome);
    for row in &after.outcome.cases {
        if let Some(known) = before.outcome.cases.iter().find(|known| known.name == row.name) {
            slower.extend(in_outcomes(&after.info.id, Some(&row.name), &known.outcome, &row.outcome));
        }
    }
    let (was, is) = (before.duration_ms, after.duration_ms);
    if answered(before) && answered(after) && is > was * RATIO_OF_DURATIONS && is - was > SHORTEST_OF_CHECKS {
        slower.push(Slower {
            check: after.info.id.clone(),
            case: None,
            what: "duration".to_owned(),
            unit: Unit::Milliseconds,
            before: was,
            after: is,
            by_samples: false,
        });
    }
    slower
}

fn in_outcomes(check: &str, case: Option<&str>, before: &Outcome, after: &Outcome) -> Vec<Slower> {
    let pairs = after.measurements.iter().filter_map(|measurement| {
        let alike = |known: &&Measurement| known.name == measurement.name && known.unit == measurement.unit;
        Some((before.measurements.iter().find(alike)?, measurement))
    });
    let worse = pairs.filter_map(|(before, after)| {
        let by_samples = is_worse(before, after)?;
        Some(Slower {
            check: check.to_owned(),
            case: case.map(str::to_owned),
            what: after.name.clone(),
            unit: after.unit,
            before: before.value,
            after: after.value,
            by_samples,
        })
    });
    worse.collect()
}

/// Whether samples show that it is worse, or single numbers do; none where neither does.
fn is_worse(before: &Measurement, after: &Measurement) -> Option<bool> {
    let more_is_worse = match (after.threshold, after.unit) {
        (Some(Threshold::Below(_) | Threshold::AtMost(_)), _)
        | (None, Unit::Milliseconds | Unit::Seconds) => true,
        (Some(Threshold::AtLeast(_)), _) | (None, Unit::PerSecond) => false,
        // Nobody said which of two counts is the better one.
        (None, _) => return None,
    };
    // Of what may be negative nobody knows the zero, so that no ratio says anything.
    let exceeds = |better: f64, worse: f64, ratio: f64| better >= 0.0 && worse > better * ratio;
    let in_order = |before: f64, after: f64, ratio: f64| {
        if more_is_worse { exceeds(before, after, ratio) } else { exceeds(after, before, ratio) }
    };
    if let (Some(was), Some(is)) = (Median::of(&before.samples), Median::of(&after.samples)) {
        let apart = if more_is_worse { is.low > was.high } else { is.high < was.low };
        // A percentile may have got better while the middle got worse; then it is no news of this number.
        let by = |before, after| in_order(before, after, RATIO_OF_MEDIANS);
        return (apart && by(was.value, is.value) && by(before.value, after.value)).then_some(true);
    }
    let shortest = match after.unit {
        Unit::Milliseconds => SHORTEST,
        Unit::Seconds => SHORTEST / 1000.0,
        _ => 0.0,
    };
    let far = (after.value - before.value).abs() > shortest;
    (far && in_order(before.value, after.value, RATIO_OF_NUMBERS)).then_some(false)
}

/// A median, and the samples between which the true one lies with 95 % certainty.
struct Median {
    value: f64,
    low: f64,
    high: f64,
}

impl Median {
    /// From sorted samples; none where there are too few.
    fn of(samples: &[f64]) -> Option<Self> {
        if samples.len() < FEWEST_SAMPLES {
            return None;
        }
        // Order statistics: how many samples lie below the true median is binomial.
        let count = f64::from(u32::try_from(samples.len()).ok()?);
        let margin = 0.98 * count.sqrt();
        let at = |rank: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the rank is clamped to the samples"
            )]
            let index = rank.clamp(0.0, count - 1.0) as usize;
            samples[index]
        };
        Some(Self {
            value: at((count - 1.0) / 2.0),
            low: at((count / 2.0 - margin).floor()),
            high: at((count / 2.0 + margin).ceil()),
        })
    }
}
