//! Thresholds: what a number of a run must keep, and their text for people.

mod judge;
mod sums;
pub(crate) mod supply;

pub use judge::Judge;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::HumanDuration;
use shakedown_core::measurement::{Threshold as Bound, Unit};
use shakedown_core::suggest::nearest;
use std::fmt;

/// What one number of a run must keep.
///
/// Only measured phases count, unless `phase` names another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Which number.
    pub metric: Metric,
    /// The operation; all operations together where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The phase; all measured phases together where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Each window of this length must keep it, rather than the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<HumanDuration>,
    /// The bound, in the unit of the metric.
    pub bound: Bound,
    /// Whether the run ends early once nothing that follows could keep it.
    #[serde(default)]
    pub abort: bool,
}

/// A number of a run. Times are in milliseconds, shares in percent, rates per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// How long it took from when it should have begun, whatever came out.
    Latency(Statistic),
    /// How long it took from when it was sent, whatever came out.
    Service(Statistic),
    /// How many were begun per second: arrivals, or attempts at the operation.
    Rate,
    /// How many rows came per second.
    Rows,
    /// The share of attempts that failed.
    Errors,
    /// The share of attempts that failed in one way, by the class of the failure, for example `status-503`.
    Failures(String),
    /// The share of planned arrivals that could not be begun in time.
    Missed,
}

/// What is made of many samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// The largest.
    Max,
    /// A percentile, 0–100.
    Percentile(f64),
}

/// How a threshold stands at the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdVerdict {
    /// What was asked.
    pub threshold: Threshold,
    /// The number, in the unit of the metric; with a window that of the worst one.
    pub value: Option<f64>,
    /// Whether it was kept.
    pub kept: Kept,
    /// What a reader should know besides: which window was the worst, or why there is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether a threshold was kept. Where there was nothing to measure it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The number is within the bound.
    Kept,
    /// The number is beyond the bound.
    Broken,
    /// There is no number.
    NoData,
}

impl Threshold {
    /// A threshold over all operations and measured phases, which does not end a run.
    pub const fn new(metric: Metric, bound: Bound) -> Self {
        Self { metric, operation: None, phase: None, window: None, bound, abort: false }
    }

    /// Of one operation only.
    #[must_use]
    pub fn of(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// In one phase only, measured or not.
    #[must_use]
    pub fn within(mut self, phase: impl Into<String>) -> Self {
        self.phase = Some(phase.into());
        self
    }

    /// Kept by each window of this length.
    #[must_use]
    pub const fn each(mut self, window: HumanDuration) -> Self {
        self.window = Some(window);
        self
    }

    /// Ends the run once it is hopeless.
    #[must_use]
    pub const fn or_abort(mut self) -> Self {
        self.abort = true;
        self
    }
}

impl Threshold {
    /// Whether a phase is one of those that it is about.
    pub fn covers(&self, phase: &str, measured: bool) -> bool {
        self.phase.as_ref().map_or(measured, |only| only == phase)
    }
}

/// What is wrong with thresholds on operations that the scenario does not have; they would never have a number.
pub(crate) fn unknown_operations(thresholds: &[Threshold], operations: &[String]) -> Vec<String> {
    let strange = thresholds.iter().filter_map(|threshold| {
        let asked = threshold.operation.as_ref().filter(|asked| !operations.contains(asked))?;
        let hint = match nearest(asked, operations.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has `{}`", operations.join("`, `")),
        };
        Some(format!("threshold `{threshold}`: the scenario has no operation `{asked}`; {hint}"))
    });
    strange.collect()
}

impl Metric {
    /// The unit of the number and of its bound.
    pub const fn unit(&self) -> Unit {
        match self {
            Self::Latency(_) | Self::Service(_) => Unit::Milliseconds,
            Self::Rate | Self::Rows => Unit::PerSecond,
            Self::Errors | Self::Failures(_) | Self::Missed => Unit::Percent,
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(statistic) => statistic.fmt(f),
            Self::Service(statistic) => write!(f, "{statistic} service time"),
            Self::Rate => f.write_str("rate"),
            Self::Rows => f.write_str("rows"),
            Self::Errors => f.write_str("errors"),
            Self::Failures(class) => write!(f, "`{class}`"),
            Self::Missed => f.write_str("missed arrivals"),
        }
    }
}

/// `p95 of configure < 500 ms`.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::Below(bound) => ("<", bound),
            Bound::AtMost(bound) => ("≤", bound),
            Bound::AtLeast(bound) => ("≥", bound),
        };
        self.metric.fmt(f)?;
        if let Some(operation) = &self.operation {
            write!(f, " of {operation}")?;
        }
        write!(f, " {sign} {bound}{}", self.metric.unit().symbol())?;
        if let Some(phase) = &self.phase {
            write!(f, ", in phase {phase}")?;
        }
        if let Some(window) = &self.window {
            write!(f, ", in each {window}")?;
        }
        Ok(())
    }
}
