//! `load.peak`

use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Plan};
use std::time::Duration;

register_check! {
    /// The busiest minute is served as fast as it comes.
    ///
    /// Ten requests a second for a minute. At least 85 % must be served, and at least eight in every second on average:
    /// counted are those that were served, from the first request to the last answer, so that a server that is behind when
    /// the minute is over has not kept the rate.
    ///
    /// # Why it matters
    /// A server that serves less than what comes has a queue that grows as long as it lasts: everybody waits longer than
    /// the one before.
    ///
    /// # How to mend it
    /// Find what serves one at a time: compare the time of a single request with one second divided by the rate.
    pub(super) struct Peak(PeakParams) {
        id: "load.peak",
        title: "The busiest minute is served as fast as it comes",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14802", "PZ-14800"],
        tags: &["load"],
        requires: &["load.steady"],
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.queues", "rate-missed")],
    }
}

params! {
    /// How much, for how long, and what must come of it.
    PeakParams {
        /// Requests per second.
        rate: f64 = 10.0,
        /// For how long.
        during: HumanDuration = HumanDuration::secs(60),
        /// At least this share must be served, in percent.
        success: f64 = 85.0,
        /// So many must be served in a second.
        achieved: f64 = 8.0,
    }
}

impl Profile for PeakParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Rate { per_second: self.rate, during: self.during, arrivals: Arrivals::Even })
    }

    fn bounds(&self) -> Bounds {
        Bounds { rate: Some(self.achieved), ..Bounds::success(self.success) }
    }
}

#[async_trait]
impl Check for Peak {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
