//! `load.live.quick`

use super::climb::{Climb, Plan};
use crate::checks::STARTS;
use shakedown_core::{
    Check, CheckError, Context, Effect, Severity, Verdict, async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// Ten live views can be held open.
    ///
    /// The short form of `load.live.gradual`: two live jobs, two more every five seconds up to ten, judged the same way. All
    /// ten must be held.
    ///
    /// # Why it matters
    /// It says within half a minute whether the long climb is worth its time.
    ///
    /// # How to mend it
    /// As for `load.live.gradual`. Streams that are lost with so few jobs are hardly a matter of room: read the log of a job's
    /// pod.
    pub(super) struct Quick(Climb<QuickPlan>) {
        id: "load.live.quick",
        title: "Ten live views can be held open",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.stream-drops", "live-breaks")],
    }
}

/// See the documentation of the check.
struct QuickPlan;

impl Plan for QuickPlan {
    const JOBS: (u32, u32, u32) = (2, 2, 10);
    const SECONDS: (u64, u64) = (5, 0);
    const REQUIRED: u32 = 10;
}

#[async_trait]
impl Check for Quick {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        self.params.run(cx).await
    }
}
