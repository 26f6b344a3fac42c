//! `load.capacity.baseline`

use super::held::{Ask, allowed, hold};
use super::verdict::Bar;
use crate::checks::STARTS;
use crate::jobs::Jobs;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// A single job is accepted quickly, and runs.
    ///
    /// One standard job is asked for while nothing else is. It must be accepted within a second, and run: where a cluster is
    /// configured, its pods must have been placed.
    ///
    /// # Why it matters
    /// It is what every other number of capacity is held against: a server that is slow for one is not slow because of load.
    ///
    /// # How to mend it
    /// Look at what the server does before it answers: the start of pods, image pulls, the database. Load is not the reason.
    pub(super) struct Baseline(BaselineParams) {
        id: "load.capacity.baseline",
        title: "A single job is accepted quickly and runs",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14088", "PZ-13986", "PZ-13268"],
        tags: &["load", "capacity"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.configure-slow", "baseline-slow")],
    }
}

params! {
    /// How long one job may take.
    BaselineParams {
        /// It may take at most this to be accepted.
        mean: HumanDuration = HumanDuration::millis(1000),
        /// How long the job may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl BaselineParams {
    fn ask(&self) -> Ask {
        Ask::of(1, 1, self.settle, self.look_every)
    }
}

impl Profile for BaselineParams {
    fn plan(&self) -> Plan {
        self.ask().plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), ..Bounds::success(100.0) }
    }
}

#[async_trait]
impl Check for Baseline {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        allowed(cx, 1)?;
        let jobs = Jobs::prepare(cx).await?;
        let bar = Bar {
            success: 100.0,
            mean_ms: Some(self.params.mean.0.as_secs_f64() * 1000.0),
            short: "baseline-failed",
            slow: "baseline-slow",
        };
        hold(cx, &jobs, &self.params.ask()).await?.verdict(bar)
    }
}
