//! `load.tasks.concurrent`

use crate::checks::STARTS_SEVERAL;
use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// A few workers start many jobs.
    ///
    /// Ten workers start twenty live jobs between them, each beginning the next when it has its answer, and end them. At
    /// least 90 % must be started.
    ///
    /// # Why it matters
    /// Programs that survey a fiber do this: more at a time than a person, and without pauses.
    ///
    /// # How to mend it
    /// Errors that begin with a certain number in flight point at something that there are only so many of: the finding
    /// says how many there were when it began.
    pub(super) struct Concurrent(ConcurrentParams) {
        id: "load.tasks.concurrent",
        title: "A few workers start many jobs",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13771"],
        tags: &["load"],
        requires: STARTS_SEVERAL,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.errors-under-load", "load-failed")],
    }
}

params! {
    /// How many workers and jobs, and what must come of it.
    ConcurrentParams {
        /// How many workers there are.
        workers: u32 = 10,
        /// How many jobs they start in all.
        jobs: u64 = 20,
        /// At least this share must be started, in percent.
        success: f64 = 90.0,
    }
}

impl Profile for ConcurrentParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Iterations { users: self.workers, count: self.jobs })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }
}

#[async_trait]
impl Check for Concurrent {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
