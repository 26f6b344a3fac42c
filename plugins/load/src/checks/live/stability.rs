//! `load.live.stability`

use super::climb::{Climb, Plan};
use shakedown_core::{
    Check, CheckError, Context, Effect, Severity, Verdict, async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// Twenty-five live views stay open.
    ///
    /// Five live jobs are started, and five more every ten seconds up to twenty-five. All are then held for a minute, and
    /// asked for a sign of life every ten seconds. Steps are judged as those of `load.live.gradual`; all must be held.
    ///
    /// # Why it matters
    /// A server may start many jobs and keep few: what starts well can still end early.
    ///
    /// # How to mend it
    /// The evidence has every step. Jobs that end while they are watched leave their reason in the events and the log of their
    /// pods: out of memory, evicted, or ended by the clean-up job.
    pub(super) struct Stability(Climb<StabilityPlan>) {
        id: "load.live.stability",
        title: "Twenty-five live views stay open",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["load.live.quick"],
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.live-drops", "live-breaks")],
    }
}

/// See the documentation of the check.
struct StabilityPlan;

impl Plan for StabilityPlan {
    const JOBS: (u32, u32, u32) = (5, 5, 25);
    const SECONDS: (u64, u64) = (10, 60);
    const REQUIRED: u32 = 25;
}

#[async_trait]
impl Check for Stability {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        self.params.run(cx).await
    }
}
