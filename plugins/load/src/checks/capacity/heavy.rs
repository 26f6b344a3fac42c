//! `load.capacity.heavy`

use super::HOLDS_ONE;
use super::held::{Ask, allowed, hold};
use super::verdict::Bar;
use crate::jobs::Jobs;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// Ten heavy jobs at once are held.
    ///
    /// Ten jobs of 200 channels with an NFFT of 2048 are asked for at once and held together. At least 80 % must run. A fiber
    /// with fewer channels gives all that it has.
    ///
    /// # Why it matters
    /// Light jobs say how many fit; heavy ones say whether the system is made for work. They need some hundred times the
    /// memory and the arithmetic.
    ///
    /// # How to mend it
    /// Where light jobs are held and these are not, look at the memory and processor limits of the pods, and at the server's
    /// log: what it refuses or dies of is named there.
    pub(super) struct Heavy(HeavyParams) {
        id: "load.capacity.heavy",
        title: "Ten heavy jobs at once are held",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13986"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("focus-api.heavy-refused", "heavy-short")],
    }
}

params! {
    /// How many jobs, how heavy, and how many of them must run.
    HeavyParams {
        /// How many jobs are held at once.
        jobs: u32 = 10,
        /// Channels of each.
        channels: u32 = 200,
        /// NFFT of each.
        nfft: u32 = 2048,
        /// At least this share must run, in percent.
        success: f64 = 80.0,
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(10),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl HeavyParams {
    fn ask(&self) -> Ask {
        Ask::of(self.jobs, self.jobs, self.settle, self.look_every)
    }
}

impl Profile for HeavyParams {
    fn plan(&self) -> Plan {
        self.ask().plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }
}

#[async_trait]
impl Check for Heavy {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        allowed(cx, params.jobs)?;
        let jobs = Jobs::prepare(cx).await?;
        let heavy = ConfigureRequest::live(&jobs.fiber)
            .channels(&jobs.fiber, params.channels.into())
            .set("/nfftSelection", params.nfft);
        let jobs = jobs.asking(&heavy);
        let bar = Bar { success: params.success, mean_ms: None, short: "heavy-short", slow: "heavy-slow" };
        hold(cx, &jobs, &params.ask()).await?.verdict(bar)
    }
}
