//! `load.live.burst`

use super::climb::{Climb, Plan};
use shakedown_core::{
    Check, CheckError, Context, Effect, Gate, Severity, Verdict, async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// Thirty live views can be opened at once.
    ///
    /// Thirty live jobs are started at once, and one more every five seconds up to a hundred; their streams stay open. Steps
    /// are judged as those of `load.live.gradual`. "At once" is within what the environment's policy allows to be in flight.
    ///
    /// # Why it matters
    /// After an outage, or at the beginning of a shift, everybody opens their views in the same minute.
    ///
    /// # How to mend it
    /// Where the first step is bad, the server cannot serve configurations beside each other: compare with
    /// `load.live.gradual`, which comes to the same number slowly. Otherwise look at the first bad step in the evidence.
    pub(super) struct Burst(Climb<BurstPlan>) {
        id: "load.live.burst",
        title: "Thirty live views can be opened at once",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["load.live.quick"],
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(20)),
        proofs: &[fault("focus-api.low-capacity", "live-breaks")],
    }
}

/// See the documentation of the check.
struct BurstPlan;

impl Plan for BurstPlan {
    const JOBS: (u32, u32, u32) = (30, 1, 100);
    const SECONDS: (u64, u64) = (5, 0);
    const REQUIRED: u32 = 30;
}

#[async_trait]
impl Check for Burst {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        self.params.run(cx).await
    }
}
