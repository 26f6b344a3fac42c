//! `load.sustained`

use super::STARTS;
use crate::judge::jobs_under;
use crate::profile::{Bounds, Profile, params};
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Plan};
use std::time::Duration;

register_check! {
    /// Somebody asks for a job every few seconds, for a while, and gets one each time.
    ///
    /// One request every 5 s for a minute; with the parameter `during` for as long as the environment can be watched (it
    /// was specified for an hour). At least 90 % must be served. The next request does not wait for the answer to the one
    /// before.
    ///
    /// # Why it matters
    /// This is an ordinary day. What breaks here breaks without anybody doing anything unusual.
    ///
    /// # How to mend it
    /// The finding says how requests failed and when that began: broken connections point at restarts and at the ingress,
    /// errors at the server's log.
    pub(super) struct Sustained(SustainedParams) {
        id: "load.sustained",
        title: "Jobs can be had again and again",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14801", "PZ-14800"],
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(90)),
        proofs: &[fault("focus-api.resets", "load-failed")],
    }
}

params! {
    /// How often, for how long, and what must come of it.
    SustainedParams {
        /// How long from one request to the next.
        every: HumanDuration = HumanDuration::secs(5),
        /// For how long; specified: one hour.
        during: HumanDuration = HumanDuration::secs(60),
        /// At least this share must be served, in percent.
        success: f64 = 90.0,
    }
}

impl Profile for SustainedParams {
    fn plan(&self) -> Plan {
        let per_second = 1.0 / self.every.0.as_secs_f64();
        Plan::single(Load::Rate { per_second, during: self.during, arrivals: Arrivals::Even })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.every.0.is_zero() {
            Err("`every` is 0s; expected a time from one request to the next".to_owned())
        } else if self.during.0 < self.every.0 * 10 {
            Err(format!(
                "`during` is {}; at one request every {} that is less than ten, too few to judge a share",
                self.during, self.every
            ))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for Sustained {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        jobs_under(cx, &self.params).await
    }
}
