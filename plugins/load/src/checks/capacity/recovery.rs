//! `load.capacity.recovery`

use super::HOLDS_ONE;
use super::held::{Ask, hold, light_jobs};
use super::verdict::Bar;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Measurement, Severity, Unit, Verdict, async_trait,
    fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// After twenty jobs at once, a single one is accepted as quickly as ever.
    ///
    /// Twenty light jobs are asked for at once, held, and ended. After a rest of 30 s one job is asked for: only this is
    /// judged. It must be accepted within a second, and run.
    ///
    /// # Why it matters
    /// In production a single job took 2.5 s after such a stress. A server that does not recover has to be restarted.
    ///
    /// # How to mend it
    /// Look for what the stress used up and nobody gave back: pods that were not removed, connections of a pool, workers,
    /// queued requests whose senders are gone.
    pub(super) struct Recovery(RecoveryParams) {
        id: "load.capacity.recovery",
        title: "After twenty jobs at once, a single one is as quick as ever",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13986"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.no-recovery", "not-recovered")],
    }
}

params! {
    /// How hard the stress is, how long the rest, and how quick the server must be afterwards.
    RecoveryParams {
        /// How many jobs are held at once in the stress.
        jobs: u32 = 20,
        /// How long the server rests afterwards.
        rest: HumanDuration = HumanDuration::secs(30),
        /// A single job may then take at most this to be accepted.
        mean: HumanDuration = HumanDuration::millis(1000),
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl RecoveryParams {
    fn ask(&self, jobs: u32, name: &str) -> Ask {
        let name = name.to_owned();
        Ask { jobs, in_flight: jobs, settle: self.settle, look_every: self.look_every, name }
    }
}

impl Profile for RecoveryParams {
    fn plan(&self) -> Plan {
        self.ask(self.jobs, "stress").plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), ..Bounds::success(100.0) }
    }
}

#[async_trait]
impl Check for Recovery {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = light_jobs(cx, params.jobs).await?;
        let stress = hold(cx, &jobs, &params.ask(params.jobs, "stress")).await?;
        cx.progress(1, 2, "the server rests");
        tokio::time::sleep(params.rest.0).await;
        let after = hold(cx, &jobs, &params.ask(1, "afterwards")).await?;
        let bar = Bar {
            success: 100.0,
            mean_ms: Some(params.mean.0.as_secs_f64() * 1000.0),
            short: "not-recovered",
            slow: "not-recovered",
        };
        let share = stress.share().map(|share| Measurement::new("held in the stress", share, Unit::Percent));
        let mean =
            stress.mean_ms().map(|mean| Measurement::new("mean in the stress", mean, Unit::Milliseconds));
        Ok(share.into_iter().chain(mean).fold(after.verdict(bar)?, Verdict::measured))
    }
}
