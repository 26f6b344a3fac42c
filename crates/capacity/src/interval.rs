//! A range that holds a true value with 95 % confidence, and the few numbers that all estimates share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::stats::Samples;

/// The standard normal distribution has 95 % of its mass within this many standard deviations.
pub(crate) const Z_95: f64 = 1.959_963_984_540_054;

/// From where to where a true value lies, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

impl Interval {
    /// From `lower` to `upper`.
    pub const fn new(lower: f64, upper: f64) -> Self {
        Self { lower, upper }
    }

    /// The middle 95 % of `values`; none where there are none, or where one is not finite.
    pub(crate) fn of(values: Vec<f64>) -> Option<Self> {
        let samples = Samples::new("resamples", values).ok()?;
        Some(Self::new(samples.percentile(2.5), samples.percentile(97.5)))
    }

    /// Whether `value` lies within, ends included.
    pub fn contains(self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }

    /// Both ends multiplied by a factor that is not negative.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::new(self.lower * factor, self.upper * factor)
    }
}

/// A value that was estimated, with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The most likely value.
    pub value: f64,
    /// The lower end of its 95 % interval.
    pub lower: f64,
    /// The upper end of its 95 % interval.
    pub upper: f64,
}

impl Estimate {
    /// `value`, with the interval of its resamples, widened to hold it.
    pub(crate) fn of(value: f64, resamples: Vec<f64>) -> Self {
        let interval = Interval::of(resamples).unwrap_or(Interval::new(value, value));
        Self { value, lower: interval.lower.min(value), upper: interval.upper.max(value) }
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of jobs, requests and samples are far below 2^52")]
pub(crate) fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// The nearest whole number that is not below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and it is clamped"
)]
pub(crate) fn whole(value: f64) -> u64 {
    value.round().max(0.0) as u64
}
