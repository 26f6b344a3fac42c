//! What the gap report says beyond its fixed fields.

use crate::bottleneck::{Analysis, Flag};
use crate::interval::Interval;
use crate::resources::Resources;
use crate::scalability::{Law, Point, Prediction, Unfitted};
use crate::search::Answer;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::series::Series;
use std::collections::BTreeMap;

/// Uncertainty, evidence, search, law and the data behind the drawings.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Details {
    /// The 95 % interval of the share of successes, 0–1; none without an attempt.
    pub success_interval: Option<Interval>,
    /// The failures, by class.
    pub failures: BTreeMap<String, u64>,
    /// Each bottleneck with what shows it and what to do.
    pub bottlenecks: Vec<Named>,
    /// What was not measured, and so is neither found nor denied.
    pub not_measured: Vec<String>,
    /// Percent, and the latency in milliseconds that so many successes do not exceed.
    pub percentiles: Vec<[f64; 2]>,
    /// The search for the highest sustainable number, where there was one.
    pub search: Option<Answer>,
    /// The law of its throughput, or why there is none.
    pub law: Option<Fitted>,
    /// Errors over time, by class.
    pub errors: Vec<Series>,
    /// What the target used, over time.
    pub resources: Resources,
}

impl Details {
    /// The same with the bottlenecks that were found, and what was not measured.
    #[must_use]
    pub fn analysed(self, analysis: &Analysis) -> Self {
        let named = analysis.found.iter().map(|found| Named {
            flag: found.flag,
            sentence: found.sentence.clone(),
            evidence: found.evidence.clone(),
            remedy: found.flag.remedy().to_owned(),
        });
        Self { bottlenecks: named.collect(), not_measured: analysis.not_measured.clone(), ..self }
    }
}

/// A bottleneck, with what shows it and what to do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Named {
    /// Which.
    pub flag: Flag,
    /// One sentence.
    pub sentence: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// A law that was fitted, or why none could be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Fitted {
    /// Fitted.
    Law(Box<LawCurve>),
    /// Not fitted.
    Not {
        /// Why not.
        why: String,
        /// The points that there were.
        points: Vec<Point>,
    },
}

/// A law, what it says of the number wanted, and its curve.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LawCurve {
    /// The law.
    pub law: Law,
    /// What it says of the number wanted.
    pub wanted: Prediction,
    /// What it says from 1 to beyond that number: the curve and its band.
    pub curve: Vec<Prediction>,
}

impl Fitted {
    /// Fits the law to `points` and asks it for `wanted`. The same seed gives the same intervals.
    pub fn to(points: &[Point], wanted: u32, seed: u64) -> Self {
        Self::from(Law::fit(points, seed), points, wanted)
    }

    fn from(law: Result<Law, Unfitted>, points: &[Point], wanted: u32) -> Self {
        const CURVE_POINTS: u32 = 60;
        match law {
            Err(why) => Self::Not { why: why.to_string(), points: points.to_vec() },
            Ok(law) => {
                let highest = points.iter().map(|point| point.concurrency).fold(f64::from(wanted), f64::max);
                let at = |step: u32| 1.0 + (1.1 * highest - 1.0) * f64::from(step) / f64::from(CURVE_POINTS);
                let curve = (0..=CURVE_POINTS).map(|step| law.predict(at(step))).collect();
                Self::Law(Box::new(LawCurve { wanted: law.predict(wanted.into()), curve, law }))
            }
        }
    }

    /// What it says, in a sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Not { why, .. } => format!("no scalability law: {why}"),
            Self::Law(fitted) => {
                let at = &fitted.wanted;
                let peak = fitted.law.peak.map_or_else(
                    || "throughput levels off without a peak".to_owned(),
                    |peak| {
                        let to = peak
                            .upper
                            .map_or_else(|| "no upper bound".to_owned(), |upper| format!("{upper:.0}"));
                        format!(
                            "throughput peaks at {:.0} at once (95 % interval {:.0} to {to})",
                            peak.concurrency, peak.lower
                        )
                    },
                );
                format!(
                    "by the scalability law {:.0} at once give {:.1}/s ({:.1} to {:.1}) at {:.0} ms each ({:.0} to {:.0}){}; {peak}",
                    at.concurrency,
                    at.throughput.value,
                    at.throughput.lower,
                    at.throughput.upper,
                    at.latency_ms.value,
                    at.latency_ms.lower,
                    at.latency_ms.upper,
                    if at.extrapolated { ", beyond what was measured" } else { "" },
                )
            }
        }
    }
}
