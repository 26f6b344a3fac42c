//! `load.recovery`

use super::STARTS_SEVERAL;
use crate::jobs::{CONFIGURE, Jobs, OPERATIONS};
use crate::judge::{CONFIGURATIONS, Question, configured, of, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use crate::served::Served;
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Measurement, Severity, Unit, Verdict, async_trait,
    fault, register_check,
};
use shakedown_loadgen::plan::{Arrivals, Load, Phase, Plan};
use shakedown_loadgen::threshold::Statistic;
use std::time::Duration;

register_check! {
    /// After a rush the server is as it was before.
    ///
    /// Fifteen users ask for jobs as fast as they get them, for a minute. After a rest of 30 s, two requests a second are
    /// sent for 30 s: only these are judged. At least 90 % of them must be served, within 5 s on average.
    ///
    /// # Why it matters
    /// A server that does not recover by itself has to be restarted by somebody, and until then every user pays for a rush
    /// that is long over.
    ///
    /// # How to mend it
    /// Look for what the rush used up and nobody gave back: connections in a pool, workers, queued requests whose senders
    /// are gone.
    pub(super) struct Recovery(RecoveryParams) {
        id: "load.recovery",
        title: "After a rush the server is as it was before",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14806"],
        tags: &["load"],
        requires: STARTS_SEVERAL,
        timeout: Some(Duration::from_mins(10)),
        proofs: &[fault("focus-api.no-recovery", "no-recovery")],
    }
}

params! {
    /// How hard the rush is, how long the rest, and what must come of it afterwards.
    RecoveryParams {
        /// How many users there are in the rush.
        users: u32 = 15,
        /// For how long.
        rush: HumanDuration = HumanDuration::secs(60),
        /// How long the server rests after it.
        rest: HumanDuration = HumanDuration::secs(30),
        /// Requests per second afterwards.
        rate: f64 = 2.0,
        /// For how long afterwards.
        during: HumanDuration = HumanDuration::secs(30),
        /// At least this share must be served afterwards, in percent.
        success: f64 = 90.0,
        /// The mean time afterwards may be at most this.
        mean: HumanDuration = HumanDuration::secs(5),
    }
}

impl Profile for RecoveryParams {
    fn plan(&self) -> Plan {
        let after = Load::Rate { per_second: self.rate, during: self.during, arrivals: Arrivals::Even };
        Plan::of([
            Phase::unmeasured(RUSH, Load::Users { count: self.users, during: self.rush }),
            Phase::unmeasured("rest", Load::Pause { during: self.rest }),
            Phase::measured("afterwards", after),
        ])
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), ..Bounds::success(self.success) }
    }
}

const RUSH: &str = "rush";

#[async_trait]
impl Check for Recovery {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = Jobs::prepare(cx).await?;
        let loaded = put_on(cx, &jobs, self.params.plan(), "load").await?;
        let afterwards = configured(&loaded.report, &jobs)?;
        let question =
            Question::about(CONFIGURATIONS, self.params.bounds()).coded("no-recovery", "no-recovery");
        let mut verdict = question.verdict(&afterwards, &loaded)?.with_all(unended(&loaded.report));
        if let Some(rush) = loaded.report.phase(RUSH) {
            let rush = Served::within(&[rush], OPERATIONS[CONFIGURE]);
            let share =
                rush.share().map(|share| Measurement::new("served in the rush", share, Unit::Percent));
            let median = of(Statistic::Percentile(50.0), &rush.latency)
                .map(|median| Measurement::new("median in the rush", median, Unit::Milliseconds));
            verdict = share.into_iter().chain(median).fold(verdict, Verdict::measured);
        }
        Ok(verdict)
    }
}
