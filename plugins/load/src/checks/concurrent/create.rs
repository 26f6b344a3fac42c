//! `load.concurrent.create`

use crate::checks::STARTS;
use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// Several who ask for a job at the same moment get one.
    ///
    /// Ten requests for a small live job are sent at once, each over a connection of its own; each job is ended as soon as
    /// it is there. At least 80 % must be served, within 10 s on average.
    ///
    /// # Why it matters
    /// A shift begins, a page is reloaded after an alarm: people come together. This is the least load there is, and the
    /// other load checks require it.
    ///
    /// # How to mend it
    /// Where requests fail only when they overlap, look for state that they share: ports, names of files, sessions.
    pub(super) struct Create(CreateParams) {
        id: "load.concurrent.create",
        title: "Several who ask for a job at once get one",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14800"],
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.configure-5xx-under-concurrency", "load-failed")],
    }
}

params! {
    /// How many ask, and what must come of it.
    CreateParams {
        /// How many ask at the same moment.
        jobs: u32 = 10,
        /// At least this share must be served, in percent.
        success: f64 = 80.0,
        /// The mean time may be at most this.
        mean: HumanDuration = HumanDuration::secs(10),
    }
}

impl Profile for CreateParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Burst { count: self.jobs })
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), ..Bounds::success(self.success) }
    }
}

#[async_trait]
impl Check for Create {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
