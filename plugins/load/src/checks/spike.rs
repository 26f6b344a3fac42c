//! `load.spike`

use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Phase, Plan};
use std::time::Duration;

register_check! {
    /// A sudden rush is served.
    ///
    /// Three requests a second for 10 s, and then at once ten a second for 10 s (specified: 2 and 20). At least 80 % must
    /// be served.
    ///
    /// # Why it matters
    /// Whatever grows with the load (workers, pods, connections) grows with a delay. A rush comes before that.
    ///
    /// # How to mend it
    /// Keep as many workers ready as a rush needs, or let requests queue instead of failing.
    pub(super) struct Spike(SpikeParams) {
        id: "load.spike",
        title: "A sudden rush is served",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14804"],
        tags: &["load"],
        requires: &["load.peak"],
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.errors-under-load", "load-failed")],
    }
}

params! {
    /// How much before and within the rush, for how long, and what must come of it.
    SpikeParams {
        /// Requests per second before the rush; specified: 2.
        before: f64 = 3.0,
        /// For how long before the rush.
        calm: HumanDuration = HumanDuration::secs(10),
        /// Requests per second within the rush; specified: 20.
        rush: f64 = 10.0,
        /// For how long the rush lasts.
        during: HumanDuration = HumanDuration::secs(10),
        /// At least this share must be served, in percent.
        success: f64 = 80.0,
    }
}

impl Profile for SpikeParams {
    fn plan(&self) -> Plan {
        let rate = |per_second, during| Load::Rate { per_second, during, arrivals: Arrivals::Even };
        Plan::of([
            Phase::measured("calm", rate(self.before, self.calm)),
            Phase::measured("rush", rate(self.rush, self.during)),
        ])
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.rush > self.before {
            Ok(())
        } else {
            Err(format!("`rush` is {}/s, and `before` {}/s; a rush is more", self.rush, self.before))
        }
    }
}

#[async_trait]
impl Check for Spike {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
