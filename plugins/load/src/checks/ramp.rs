//! `load.ramp`

use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// More and more requests are served, step by step.
    ///
    /// Two requests a second, then more, up to eight in five steps, 30 s in all (specified: 1 to 10). At least 85 % must be
    /// served. Where it is fewer, the finding says at which rate it began. A server that answers 429 is left alone as long
    /// as it asks for; what was not sent meanwhile was not served.
    ///
    /// # Why it matters
    /// It shows at which rate the server begins to refuse, long before that happens to users.
    ///
    /// # How to mend it
    /// Where requests are throttled, compare the limit with what is needed; else look at what ran out at that rate.
    pub(super) struct Ramp(RampParams) {
        id: "load.ramp",
        title: "More and more requests are served",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14803"],
        tags: &["load"],
        requires: &["load.steady"],
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.throttles", "load-failed")],
    }
}

params! {
    /// From how much to how much, for how long, and what must come of it.
    RampParams {
        /// Requests per second on the first step; specified: 1.
        from: f64 = 2.0,
        /// Requests per second on the last step; specified: 10.
        to: f64 = 8.0,
        /// How many steps there are.
        steps: u32 = 5,
        /// How long all steps take together.
        during: HumanDuration = HumanDuration::secs(30),
        /// At least this share must be served, in percent.
        success: f64 = 85.0,
    }
}

impl Profile for RampParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Steps { from: self.from, to: self.to, steps: self.steps, during: self.during })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }
}

#[async_trait]
impl Check for Ramp {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
