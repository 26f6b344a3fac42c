//! `load.gets`

use crate::judge::Question;
use crate::profile::{Bounds, Profile, params};
use crate::scenarios::{Choice, Reads};
use crate::series::{count, series};
use crate::served::Served;
use crate::trial::Trial;
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, HumanDuration, Measurement, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::plan::{Load, Phase, Plan};
use std::time::Duration;

register_check! {
    /// What only reads is served quickly to many at once.
    ///
    /// `GET /ack`, `/channels` and `/live_metadata` are each sent fifty times at the same moment, over a connection each.
    /// At least 99 % must be served, within half a second on average and 95 of 100 within a second. A case for each says
    /// also how much came back.
    ///
    /// # Why it matters
    /// Every view begins with these. They do no work of their own: where they wait, everything waits.
    ///
    /// # How to mend it
    /// Look at the number of workers, and at whether reading asks the database each time.
    pub(super) struct Gets(GetsParams) {
        id: "load.gets",
        title: "What only reads is served quickly to many at once",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["focus-api.ack.ok", "focus-api.channels.ok", "focus-api.livemeta.ok"],
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.reads-crowded", "load-slow")],
    }
}

params! {
    /// How many at once, and how quick they must be.
    GetsParams {
        /// How many requests are sent at once, to each.
        requests: u32 = 50,
        /// At least this share must be served, in percent.
        success: f64 = 99.0,
        /// The mean time may be at most this.
        mean: HumanDuration = HumanDuration::millis(500),
        /// The 95th percentile may be at most this.
        p95: HumanDuration = HumanDuration::secs(1),
    }
}

/// What is read.
const PATHS: [&str; 3] = ["/ack", "/channels", "/live_metadata"];

impl Profile for GetsParams {
    fn plan(&self) -> Plan {
        // After a burst the policy's rate is used up for a second.
        let phases = PATHS.iter().flat_map(|&path| {
            let pause = Load::Pause { during: HumanDuration::millis(1100) };
            let burst = Phase::measured(path, Load::Burst { count: self.requests });
            [burst, Phase::unmeasured(format!("after {path}"), pause)]
        });
        Plan::of(phases.take(2 * PATHS.len() - 1).collect::<Vec<_>>())
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), p95: Some(self.p95), ..Bounds::success(self.success) }
    }
}

#[async_trait]
impl Check for Gets {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let reads = Reads::of(&client, &PATHS, Choice::ByPhase)?;
        let loaded = Trial::of(self.params.plan()).run(cx, reads).await?;
        let (report, evidence) = (&loaded.report, &loaded.evidence);
        let mut cases = Cases::new();
        for phase in report.measured() {
            let operation = Reads::operation(&phase.name);
            let served = Served::within(&[phase], &operation);
            let question = Question::about(&operation, self.params.bounds());
            let bytes = phase.operation(&operation).map_or(0, |operation| operation.bytes);
            let answer = question.judge(&served, report, evidence);
            let received = Measurement::new("received", count(bytes), Unit::Bytes);
            cases.push(Case::new(operation.clone(), &[], answer.map(|verdict| verdict.measured(received))));
        }
        let verdict = cases.verdict()?.evidence(evidence.clone());
        Ok(verdict.with_series(series(report)))
    }
}
