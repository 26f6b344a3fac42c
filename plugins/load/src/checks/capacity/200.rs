//! `load.capacity.200`

use super::HOLDS_ONE;
use super::held::{Ask, Held, LIGHT, hold, light_jobs};
use super::verdict::Bar;
use crate::jobs::{CONFIGURE, OPERATIONS};
use crate::judge::of;
use crate::profile::{Bounds, Profile, params};
use crate::series::count;
use shakedown_capacity::bottleneck::Facts;
use shakedown_capacity::gap::{Details, GapFacts, Latency, index_percent};
use shakedown_capacity::{GapReport, Resources, page};
use shakedown_core::{
    Check, CheckError, Context, Effect, Evidence, HumanDuration, Series, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use shakedown_loadgen::threshold::Statistic;
use std::time::Duration;

register_check! {
    /// Two hundred jobs at once are held.
    ///
    /// Two hundred light jobs (10 channels, NFFT 512, 0–250 Hz, height 800, live) are asked for, 50 requests at a time, and
    /// held together; at least 95 % must run. A job runs when it was accepted, its pods were placed where a cluster is
    /// configured, and the server still knows it. Whenever fewer than 200 run, the *infrastructure gap report* is written
    /// beside the reports of the run, as JSON and as a page: how many are missing, which bottleneck explains it with what shows
    /// it, and what to do. All jobs are ended afterwards.
    ///
    /// It decides in environments whose `role` is `capacity-target`, and informs elsewhere. Where the policy allows fewer jobs
    /// (`max_concurrent_jobs`), it does not apply.
    ///
    /// # Why it matters
    /// Two hundred concurrent jobs are the promise to users. In production 40 of them succeeded, and the rest failed with 500,
    /// 502 and 504 after up to 47 s.
    ///
    /// # How to mend it
    /// The finding and the gap report name the bottlenecks, the most specific first: addresses, nodes, admission, processor,
    /// memory, database. What was not measured is said, too: configure the targets `k8s` and `mongo` so that it is.
    pub(super) struct TwoHundred(TwoHundredParams) {
        id: "load.capacity.200",
        title: "Two hundred jobs at once are held",
        severity: Severity::Critical,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14088", "PZ-13986"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        required_in: Some("capacity-target"),
        timeout: Some(Duration::from_mins(15)),
        proofs: &[fault("focus-api.capacity-150", "capacity-short")],
    }
}

params! {
    /// How many jobs, and how many of them must run.
    TwoHundredParams {
        /// How many jobs are held at once.
        jobs: u32 = 200,
        /// How many requests are in flight at once.
        in_flight: u32 = 50,
        /// At least this share must run, in percent.
        success: f64 = 95.0,
        /// How long jobs may take to run, where a cluster is configured.
        settle: HumanDuration = HumanDuration::secs(30),
        /// The distance between two looks at what the target uses.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl TwoHundredParams {
    fn ask(&self) -> Ask {
        Ask::of(self.jobs, self.in_flight, self.settle, self.look_every)
    }
}

impl Profile for TwoHundredParams {
    fn plan(&self) -> Plan {
        self.ask().plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }
}

#[async_trait]
impl Check for TwoHundred {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = light_jobs(cx, params.jobs).await?;
        let held = hold(cx, &jobs, &params.ask()).await?;
        let bar =
            Bar { success: params.success, mean_ms: None, short: "capacity-short", slow: "capacity-slow" };
        let mut verdict = held.verdict(bar)?;
        if held.running < params.jobs.into() {
            let report = params.report(cx, &held, &held.resources());
            let json = serde_json::to_value(&report)
                .map_err(|error| CheckError::unclear(format!("the gap report cannot be written: {error}")))?;
            let html = page::of_gap(&report).map_err(CheckError::unclear)?;
            verdict = verdict
                .evidence(cx.attach(Evidence::html(report.page_name(), html).as_report())?)
                .evidence(cx.attach(Evidence::json(report.file_name(), &json).as_report())?);
        }
        Ok(verdict)
    }
}

impl TwoHundredParams {
    fn report(&self, cx: &Context, held: &Held, resources: &Resources) -> GapReport {
        let served = &held.served;
        let times = &served.service;
        let number = times.count();
        let at = |share| of(Statistic::Percentile(index_percent(number, share)), times);
        let latency = held.mean_ms().zip(at(0.95)).zip(at(0.99)).zip(of(Statistic::Max, times));
        let percentiles = [1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 100.0];
        GapReport::of(GapFacts {
            environment: &cx.environment,
            is_target: cx.role.as_deref() == Some("capacity-target"),
            at: cx.clock.now(),
            wanted: self.jobs.into(),
            facts: Facts {
                attempts: served.asked,
                succeeded: held.running,
                mean_latency_ms: held.mean_ms(),
                failures: &held.failures,
                resources,
                generator: None,
            },
            latency: latency.map(|(((mean, p95), p99), max)| Latency { mean, p95, p99, max }),
            seconds: served.elapsed.as_secs_f64(),
            in_flight: self.in_flight.into(),
            configuration: LIGHT,
            details: Details {
                percentiles: percentiles
                    .into_iter()
                    .filter_map(|percent| Some([percent, of(Statistic::Percentile(percent), times)?]))
                    .collect(),
                errors: vec![errors(held)],
                ..Details::default()
            },
        })
    }
}

/// Failed requests over time.
fn errors(held: &Held) -> Series {
    let failed = held.loaded.report.timeline.iter().filter(|second| second.span > 0.0).map(|second| {
        let failed = second.operations.get(OPERATIONS[CONFIGURE]).map_or(0, |one| one.failed);
        [second.at, count(failed) / second.span]
    });
    Series::new("failed requests", Unit::PerSecond, failed.collect::<Vec<_>>())
}
