//! A number with its unit and the threshold it is held against.

use crate::stats::Samples;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The unit of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// A plain number of things.
    Count,
    /// Percent, 0–100.
    Percent,
    /// Bytes.
    Bytes,
    /// Events per second.
    PerSecond,
    /// Hertz.
    Hertz,
    /// How many times as much as something else.
    Ratio,
}

impl Unit {
    /// The symbol that follows the number.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::Count | Self::Ratio => "",
            Self::Percent => " %",
            Self::Bytes => " B",
            Self::PerSecond => "/s",
            Self::Hertz => " Hz",
        }
    }
}

/// The bound a measurement is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Threshold {
    /// The value must be less than this.
    Below(f64),
    /// The value may be at most this.
    AtMost(f64),
    /// The value must be at least this.
    AtLeast(f64),
}

impl Threshold {
    /// Whether `value` keeps the bound. NaN keeps none.
    pub fn admits(self, value: f64) -> bool {
        match self {
            Self::Below(bound) => value < bound,
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

/// A number that a check observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// What was measured, for example `p95`.
    pub name: String,
    /// The value, in `unit`. What is no finite number is written as `null`, and keeps no bound.
    #[serde(deserialize_with = "number_or_null")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// The unit of `value`, of the threshold and of the samples.
    pub unit: Unit,
    /// The bound, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// The samples behind the value, sorted, at most [`Measurement::MAX_SAMPLES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<f64>,
}

/// JSON has no word for what is no number; `null` stands for it.
fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Measurement {
    /// More samples than this are thinned evenly, so that a report stays small.
    pub const MAX_SAMPLES: usize = 1000;

    /// A single observed value.
    pub fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, threshold: None, samples: Vec::new() }
    }

    /// Attaches the samples that the value summarises.
    #[must_use]
    pub fn with_samples(mut self, samples: &Samples) -> Self {
        let all = samples.sorted();
        let step = all.len().div_ceil(Self::MAX_SAMPLES).max(1);
        self.samples = all.iter().copied().step_by(step).collect();
        self
    }

    /// Holds the value against a bound.
    #[must_use]
    pub fn held_to(mut self, threshold: Threshold) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Whether the value keeps its bound; true where there is none.
    pub fn within(&self) -> bool {
        self.threshold.is_none_or(|threshold| threshold.admits(self.value))
    }
}

/// Something that was measured for its own sake, as benchmarks do, and the numbers that came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// What, with its size: `1000 checks`.
    pub subject: String,
    /// What came of it. The value of what this system does not tell is `null`.
    pub figures: Vec<Measurement>,
}

impl Measured {
    /// Without any number yet.
    pub fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), figures: Vec::new() }
    }

    /// With one more number, or with none where this system does not tell it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Option<f64>>, unit: Unit) -> Self {
        self.figures.push(Measurement::new(name, value.into().unwrap_or(f64::NAN), unit));
        self
    }

    /// The last number is held against a bound.
    #[must_use]
    pub fn held_to(mut self, threshold: Threshold) -> Self {
        if let Some(figure) = self.figures.last_mut() {
            figure.threshold = Some(threshold);
        }
        self
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: f64| {
            if value.fract().abs() < 1e-9 || value.abs() >= 1000.0 {
                format!("{value:.0}")
            } else {
                format!("{value:.2}")
            }
        };
        let unit = self.unit.symbol();
        write!(f, "{} {}{unit}", self.name, number(self.value))?;
        match self.threshold {
            Some(Threshold::Below(bound)) => write!(f, " (must be below {}{unit})", number(bound)),
            Some(Threshold::AtMost(bound)) => write!(f, " (at most {}{unit})", number(bound)),
            Some(Threshold::AtLeast(bound)) => write!(f, " (at least {}{unit})", number(bound)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_value_and_bound() {
        let p95 = Measurement::new("p95", 612.4, Unit::Milliseconds).held_to(Threshold::Below(500.0));
        assert!(!p95.within());
        assert_eq!(p95.to_string(), "p95 612.40 ms (must be below 500 ms)");
    }

    #[test]
    fn what_is_no_number_survives_and_keeps_no_bound() {
        let broken = Measurement::new("p95", f64::NAN, Unit::Count).held_to(Threshold::Below(5.0));
        let read: Measurement = serde_json::from_str(&serde_json::to_string(&broken).unwrap()).unwrap();
        assert!(read.value.is_nan() && !read.within());
    }

    #[test]
    fn samples_are_thinned() {
        let samples = Samples::new("x", (0..5000).map(f64::from).collect()).unwrap();
        let measurement = Measurement::new("x", samples.mean(), Unit::Count).with_samples(&samples);
        assert_eq!(measurement.samples.len(), Measurement::MAX_SAMPLES);
    }
}
