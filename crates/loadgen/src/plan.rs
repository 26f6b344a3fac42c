//! A plan: which load, one phase after another, and how late and how long anything may be.

use crate::threshold::Threshold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::HumanDuration;
use shakedown_core::limits::Limits;
use std::time::Duration;

/// Which load is put on, one phase after another. It is shipped to workers as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// One after another.
    pub phases: Vec<Phase>,
    /// How late an arrival may still be begun; later it is counted as missed.
    pub patience: HumanDuration,
    /// How long what is in flight may take to end after the last phase; then it is counted as abandoned.
    pub drain: HumanDuration,
    /// What random arrivals and mixes follow from: the same seed, the same plan.
    pub seed: u64,
    /// What the numbers must keep.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
}

/// A part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name, unique in the plan.
    pub name: String,
    /// What is sent in it.
    pub load: Load,
    /// Whether its numbers count; not those of a warm-up or of a wait for recovery.
    pub measured: bool,
}

/// What is sent in a phase.
///
/// In the open model arrivals come when they come, however long the answers take. In the closed model a user begins
/// anew when it has its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Load {
    /// Open: arrivals at one rate.
    Rate {
        /// Arrivals per second.
        per_second: f64,
        /// For how long.
        during: HumanDuration,
        /// How they are spread.
        #[serde(default)]
        arrivals: Arrivals,
    },
    /// Open: a rate that rises or falls evenly.
    Ramp {
        /// Arrivals per second at the beginning.
        from: f64,
        /// Arrivals per second at the end.
        to: f64,
        /// For how long.
        during: HumanDuration,
    },
    /// Open: a rate that rises or falls in equal steps of equal length.
    Steps {
        /// Arrivals per second on the first step.
        from: f64,
        /// Arrivals per second on the last step.
        to: f64,
        /// How many steps; at least two.
        steps: u32,
        /// For how long in all.
        during: HumanDuration,
    },
    /// Closed: a constant number of users.
    Users {
        /// How many.
        count: u32,
        /// For how long.
        during: HumanDuration,
    },
    /// Closed: users that join, or leave, evenly.
    RampUsers {
        /// How many at the beginning.
        from: u32,
        /// How many at the end.
        to: u32,
        /// For how long.
        during: HumanDuration,
    },
    /// So many users at the same moment, once each.
    Burst {
        /// How many.
        count: u32,
    },
    /// Closed: users that share a number of iterations.
    Iterations {
        /// How many users.
        users: u32,
        /// How many iterations in all.
        count: u64,
    },
    /// Nothing.
    Pause {
        /// For how long.
        during: HumanDuration,
    },
}

/// How arrivals are spread in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// At equal distances.
    #[default]
    Even,
    /// Independent of each other, as those of many people are.
    Poisson,
}

impl Phase {
    /// A phase whose numbers count.
    pub fn measured(name: impl Into<String>, load: Load) -> Self {
        Self { name: name.into(), load, measured: true }
    }

    /// A phase whose numbers do not count.
    pub fn unmeasured(name: impl Into<String>, load: Load) -> Self {
        Self { name: name.into(), load, measured: false }
    }
}

impl Plan {
    /// A plan of these phases: an arrival may be 5 s late, what is in flight has 30 s to end.
    pub fn of(phases: impl Into<Vec<Phase>>) -> Self {
        Self {
            phases: phases.into(),
            patience: HumanDuration::secs(5),
            drain: HumanDuration::secs(30),
            seed: 1,
            thresholds: Vec::new(),
        }
    }

    /// A plan of one measured phase named `load`.
    pub fn single(load: Load) -> Self {
        Self::of([Phase::measured("load", load)])
    }

    /// Looks for what cannot be run, or would exceed the limits.
    ///
    /// # Errors
    /// All that is wrong, each in words for the user.
    pub fn check(&self, limits: Limits) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        if self.phases.is_empty() {
            wrong.push("the plan has no phase".to_owned());
        }
        if limits.requests_per_second.is_nan()
            || limits.requests_per_second <= 0.0
            || limits.requests_in_flight == 0
        {
            wrong.push("the limits allow no request at all".to_owned());
        }
        for (index, phase) in self.phases.iter().enumerate() {
            if self.phases[..index].iter().any(|other| other.name == phase.name) {
                wrong.push(format!("two phases are named `{}`", phase.name));
            }
            wrong.extend(
                phase.load.check(limits).into_iter().map(|why| format!("phase `{}`: {why}", phase.name)),
            );
        }
        for threshold in &self.thresholds {
            if let Some(phase) = &threshold.phase
                && !self.phases.iter().any(|known| known.name == *phase)
            {
                wrong.push(format!("threshold `{threshold}`: there is no phase `{phase}`"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The same load in another time: every phase takes `time` times as long, at the same rates and with as many users.
    #[must_use]
    pub fn scaled(mut self, time: f64) -> Self {
        for phase in &mut self.phases {
            if let Load::Rate { during, .. }
            | Load::Ramp { during, .. }
            | Load::Steps { during, .. }
            | Load::Users { during, .. }
            | Load::RampUsers { during, .. }
            | Load::Pause { during } = &mut phase.load
            {
                during.0 = during.0.mul_f64(time);
            }
        }
        self
    }

    /// How many arrivals the plan has, as far as that is known before: those of users that come as they can are not.
    /// Where arrivals are random, the expected number.
    pub fn arrivals(&self) -> u64 {
        self.phases.iter().map(|phase| phase.load.arrivals().unwrap_or(0)).sum()
    }

    /// How long the phases take, as far as that is known before: those that end when their work is done count nothing.
    pub fn duration(&self) -> Duration {
        self.phases.iter().filter_map(|phase| phase.load.duration()).sum()
    }
}

impl Load {
    /// How long it takes; none where it ends when its work is done.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Rate { during, .. }
            | Self::Ramp { during, .. }
            | Self::Steps { during, .. }
            | Self::Users { during, .. }
            | Self::RampUsers { during, .. }
            | Self::Pause { during } => Some(during.0),
            Self::Burst { .. } | Self::Iterations { .. } => None,
        }
    }

    /// How many arrivals it has; none where users come as they can. Where arrivals are random, the expected number.
    pub fn arrivals(&self) -> Option<u64> {
        match self {
            Self::Rate { .. } | Self::Ramp { .. } | Self::Steps { .. } => {
                Some(crate::arrivals::Curve::of(self).total())
            }
            Self::Users { .. } | Self::RampUsers { .. } => None,
            Self::Burst { count } => Some((*count).into()),
            Self::Iterations { count, .. } => Some(*count),
            Self::Pause { .. } => Some(0),
        }
    }

    /// The rate that is wanted at a time since the beginning of the phase; none in the closed model.
    pub fn rate_at(&self, at: Duration) -> Option<f64> {
        match self {
            Self::Rate { .. } | Self::Ramp { .. } | Self::Steps { .. } => {
                Some(crate::arrivals::Curve::of(self).rate_at(at))
            }
            Self::Pause { .. } => Some(0.0),
            _ => None,
        }
    }

    /// The highest rate that it wants; none in the closed model.
    pub fn peak_rate(&self) -> Option<f64> {
        match self {
            Self::Rate { per_second, .. } => Some(*per_second),
            Self::Ramp { from, to, .. } | Self::Steps { from, to, .. } => Some(from.max(*to)),
            Self::Pause { .. } => Some(0.0),
            _ => None,
        }
    }

    /// How many users there are at most at the same time; none in the open model.
    pub fn users(&self) -> Option<u32> {
        match self {
            Self::Users { count, .. } | Self::Burst { count } => Some(*count),
            Self::RampUsers { from, to, .. } => Some(*from.max(to)),
            Self::Iterations { users, .. } => Some(*users),
            _ => None,
        }
    }

    fn check(&self, limits: Limits) -> Vec<String> {
        let mut wrong = Vec::new();
        let rates: &[f64] = match self {
            Self::Rate { per_second, .. } => &[*per_second],
            Self::Ramp { from, to, .. } | Self::Steps { from, to, .. } => &[*from, *to],
            _ => &[],
        };
        for rate in rates {
            if !rate.is_finite() || *rate < 0.0 {
                wrong.push(format!("a rate of {rate}/s is none; it must be 0 or more"));
            } else if *rate > limits.requests_per_second {
                wrong.push(format!(
                    "{rate} arrivals/s exceed the limit of {} requests/s",
                    limits.requests_per_second
                ));
            }
        }
        if !rates.is_empty() && rates.iter().all(|rate| *rate == 0.0) {
            wrong.push("a rate of 0/s sends nothing; say `pause`".to_owned());
        }
        if self.duration().is_some_and(|during| during.is_zero()) {
            wrong.push("a phase of no duration sends nothing".to_owned());
        }
        if let Self::Steps { steps: 0 | 1, .. } = self {
            wrong.push("there must be at least 2 steps".to_owned());
        }
        if let Self::Iterations { count: 0, .. } = self {
            wrong.push("0 iterations send nothing".to_owned());
        }
        match self.users() {
            Some(0) => wrong.push("0 users send nothing".to_owned()),
            Some(users) if users as usize > limits.requests_in_flight => wrong.push(format!(
                "{users} users exceed the limit of {} requests in flight",
                limits.requests_in_flight
            )),
            _ => {}
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { requests_per_second: 50.0, requests_in_flight: 20 };

    fn rate(per_second: f64) -> Load {
        Load::Rate { per_second, during: HumanDuration::secs(10), arrivals: Arrivals::Even }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut plan = Plan::of([
            Phase::measured("a", rate(51.0)),
            Phase::measured("a", Load::Users { count: 21, during: HumanDuration::secs(0) }),
            Phase::measured(
                "b",
                Load::Steps { from: 0.0, to: f64::NAN, steps: 1, during: HumanDuration::secs(1) },
            ),
        ]);
        let bound = shakedown_core::measurement::Threshold::AtMost(1.0);
        plan.thresholds = vec![Threshold::new(crate::threshold::Metric::Errors, bound).within("c")];
        insta::assert_snapshot!(plan.check(LIMITS).unwrap_err().join("\n"), @r"
        phase `a`: 51 arrivals/s exceed the limit of 50 requests/s
        two phases are named `a`
        phase `a`: a phase of no duration sends nothing
        phase `a`: 21 users exceed the limit of 20 requests in flight
        phase `b`: a rate of NaN/s is none; it must be 0 or more
        phase `b`: there must be at least 2 steps
        threshold `errors ≤ 1 %, in phase c`: there is no phase `c`
        ");
        assert!(Plan::of([]).check(LIMITS).is_err());
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let plan = Plan::of([
            Phase::unmeasured("warm-up", rate(50.0)),
            Phase::measured("users", Load::Users { count: 20, during: HumanDuration::secs(1) }),
            Phase::measured("burst", Load::Burst { count: 20 }),
        ]);
        assert_eq!(plan.check(LIMITS), Ok(()));
        assert_eq!((plan.arrivals(), plan.duration()), (520, Duration::from_secs(11)));
        let half = plan.scaled(0.5);
        assert_eq!((half.arrivals(), half.duration()), (270, Duration::from_millis(5500)));
    }

    #[test]
    fn a_plan_reads_as_people_write_it() {
        let text = r#"{"phases": [{"name": "day", "measured": true,
            "load": {"kind": "rate", "per_second": 2.5, "during": "10s", "arrivals": "poisson"}}],
            "patience": "1s", "drain": "5s", "seed": 7}"#;
        let plan: Plan = serde_json::from_str(text).unwrap();
        assert_eq!(plan.phases[0].load.peak_rate(), Some(2.5));
        assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
        assert!(serde_json::from_str::<Plan>(&text.replace("\"during\"", "\"for\"")).is_err());
    }
}
