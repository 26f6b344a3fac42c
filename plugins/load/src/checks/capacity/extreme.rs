//! `load.capacity.extreme`

use super::HOLDS_ONE;
use super::held::{Ask, hold, light_jobs};
use super::verdict::Bar;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// Of a hundred jobs at once, most are held.
    ///
    /// A hundred light jobs are asked for, thirty requests at a time, and held together. More than half must run. How many do
    /// is reported, with the bottleneck that explains the rest.
    ///
    /// # Why it matters
    /// Half of what is wanted in the end. A system that does not hold even that fails its users on an ordinary busy day.
    ///
    /// # How to mend it
    /// The finding names the bottleneck and what shows it. `load.capacity.search` finds the number that is sustained.
    pub(super) struct Extreme(ExtremeParams) {
        id: "load.capacity.extreme",
        title: "Of a hundred jobs at once, most are held",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13986", "PZ-13268"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.low-capacity", "extreme-short")],
    }
}

params! {
    /// How many jobs, and how many of them must run.
    ExtremeParams {
        /// How many jobs are held at once.
        jobs: u32 = 100,
        /// How many requests are in flight at once.
        in_flight: u32 = 30,
        /// At least this share must run, in percent; a little above half, because half is not enough.
        success: f64 = 50.1,
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl ExtremeParams {
    fn ask(&self) -> Ask {
        Ask::of(self.jobs, self.in_flight, self.settle, self.look_every)
    }
}

impl Profile for ExtremeParams {
    fn plan(&self) -> Plan {
        self.ask().plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }
}

#[async_trait]
impl Check for Extreme {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = light_jobs(cx, self.params.jobs).await?;
        let bar =
            Bar { success: self.params.success, mean_ms: None, short: "extreme-short", slow: "extreme-slow" };
        hold(cx, &jobs, &self.params.ask()).await?.verdict(bar)
    }
}
