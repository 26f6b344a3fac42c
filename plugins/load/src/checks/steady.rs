//! `load.steady`

use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Plan};
use std::time::Duration;

register_check! {
    /// A steady flow of requests is served steadily.
    ///
    /// Five requests a second for 45 s (specified: 3 minutes). At least 90 % must be served, and 95 of 100 within 2 s,
    /// counted from when each should have been sent: a server that stands still for a moment does not hide that by making
    /// this program wait, too.
    ///
    /// # Why it matters
    /// Pauses of the whole server (collection of garbage, a lock, a blocked event loop) meet everybody who comes meanwhile,
    /// and show in no mean.
    ///
    /// # How to mend it
    /// The finding says when the longest wait was: look at what the server did then.
    pub(super) struct Steady(SteadyParams) {
        id: "load.steady",
        title: "A steady flow of requests is served steadily",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14805", "PZ-14800"],
        tags: &["load"],
        requires: &["load.sustained"],
        timeout: Some(Duration::from_mins(15)),
        proofs: &[fault("focus-api.freezes", "load-slow")],
    }
}

params! {
    /// How much, for how long, and what must come of it.
    SteadyParams {
        /// Requests per second.
        rate: f64 = 5.0,
        /// For how long; specified: 3 minutes.
        during: HumanDuration = HumanDuration::secs(45),
        /// At least this share must be served, in percent.
        success: f64 = 90.0,
        /// The 95th percentile may be at most this.
        p95: HumanDuration = HumanDuration::secs(2),
    }
}

impl Profile for SteadyParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Rate { per_second: self.rate, during: self.during, arrivals: Arrivals::Even })
    }

    fn bounds(&self) -> Bounds {
        Bounds { p95: Some(self.p95), ..Bounds::success(self.success) }
    }
}

#[async_trait]
impl Check for Steady {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
