//! What a check asks for, and what must come of it; refused by `validate` where arithmetic rules it out.

use shakedown_core::measurement::Threshold as Bound;
use shakedown_core::{HumanDuration, Limits};
use shakedown_loadgen::feasible::{Facts, feasible};
use shakedown_loadgen::plan::Plan;
use shakedown_loadgen::threshold::{Metric, Statistic, Threshold};

/// What must come of an operation under load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// At least this share must be served, in percent.
    pub(crate) success: f64,
    /// The mean latency may be at most this.
    pub(crate) mean: Option<HumanDuration>,
    /// The 95th percentile of the latency may be at most this.
    pub(crate) p95: Option<HumanDuration>,
    /// Each may take at most this.
    pub(crate) longest: Option<HumanDuration>,
    /// So many must be served in a second.
    pub(crate) rate: Option<f64>,
}

impl Bounds {
    /// Only a share.
    pub(crate) const fn success(success: f64) -> Self {
        Self { success, mean: None, p95: None, longest: None, rate: None }
    }

    /// The latencies with their bounds, in milliseconds.
    pub(crate) fn latencies(&self) -> Vec<(Statistic, f64)> {
        [
            (Statistic::Mean, self.mean),
            (Statistic::Percentile(95.0), self.p95),
            (Statistic::Max, self.longest),
        ]
        .into_iter()
        .filter_map(|(statistic, bound)| Some((statistic, bound?.0.as_secs_f64() * 1000.0)))
        .collect()
    }

    /// The same as thresholds of the load engine.
    pub(crate) fn thresholds(&self, operation: &str) -> Vec<Threshold> {
        let mut all = Vec::new();
        if self.success > 0.0 {
            all.push(Threshold::new(Metric::Errors, Bound::AtMost(100.0 - self.success)).of(operation));
        }
        for (statistic, bound) in self.latencies() {
            all.push(Threshold::new(Metric::Latency(statistic), Bound::AtMost(bound)).of(operation));
        }
        if let Some(rate) = self.rate {
            all.push(Threshold::new(Metric::Rate, Bound::AtLeast(rate)).of(operation));
        }
        all
    }
}

/// What a check asks for.
pub(crate) trait Profile {
    /// The load.
    fn plan(&self) -> Plan;

    /// What must come of it.
    fn bounds(&self) -> Bounds;

    /// What is known of an arrival before it is sent.
    fn facts(&self) -> Facts {
        Facts::default()
    }

    /// What neither the plan nor the bounds say: that two parameters fit each other.
    fn sane(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Whether a load makes sense and its bounds can be kept at all, whatever the environment's policy says.
pub(crate) fn validate(profile: &impl Profile) -> Result<(), String> {
    let unlimited = Limits { requests_per_second: f64::MAX, requests_in_flight: usize::MAX };
    let bounds = profile.bounds();
    if !(0.0..=100.0).contains(&bounds.success) {
        return Err(format!("`success` is {}; it is a percentage from 0 to 100", bounds.success));
    }
    profile.sane()?;
    let mut plan = profile.plan();
    plan.check(unlimited).map_err(|wrong| wrong.join("; "))?;
    plan.thresholds = bounds.thresholds("configure");
    feasible(&plan, &profile.facts()).map(drop)
}

/// Declares the parameters of a check: documentation, name, type and default of each.
macro_rules! params {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty = $default:expr,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        struct $name {
            $($(#[doc = $field_doc])+ $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl shakedown_core::Params for $name {
            fn validate(&self) -> Result<(), String> {
                crate::profile::validate(self)
            }
        }
    };
}
pub(crate) use params;
