//! `load.live.gradual`

use super::climb::{Climb, Plan};
use shakedown_core::{
    Check, CheckError, Context, Effect, Severity, Verdict, async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// More and more live views can be held open.
    ///
    /// Five live jobs are started, and five more every ten seconds up to a hundred; their streams stay open. A step is good
    /// when enough of its new jobs come up, soon enough, and few starts and signs of life fail: the bounds are those of the
    /// environment's role, unless parameters say otherwise. After three bad steps in a row it has broken, and the finding
    /// says at how many jobs, how many were held before, and how: refused, slow, or streams lost. Thirty must be held, which
    /// is the most that clients open; breaking with more is a warning.
    ///
    /// A stream is asked for a sign of life, which HTTP/2 provides; no row is read.
    ///
    /// # Why it matters
    /// Views stay open all day, and more of them every morning. Where it breaks, and how, is what an operator has to know.
    ///
    /// # How to mend it
    /// Refusals for want of room: give the cluster more, and look at `load.capacity.200`. Streams lost: read the events and
    /// logs of the job pods at the time of the first bad step; the evidence has every step.
    pub(super) struct Gradual(Climb<GradualPlan>) {
        id: "load.live.gradual",
        title: "More and more live views can be held open",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["load.live.quick"],
        timeout: Some(Duration::from_mins(15)),
        proofs: &[fault("focus-api.low-capacity", "live-breaks")],
    }
}

/// See the documentation of the check.
struct GradualPlan;

impl Plan for GradualPlan {
    const JOBS: (u32, u32, u32) = (5, 5, 100);
    const SECONDS: (u64, u64) = (10, 0);
    const REQUIRED: u32 = 30;
}

#[async_trait]
impl Check for Gradual {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        self.params.run(cx).await
    }
}
