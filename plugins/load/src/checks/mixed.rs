//! `load.mixed`

use crate::jobs::{CONFIGURE, Jobs, OPERATIONS};
use crate::judge::{CONFIGURATIONS, Question, of, unended};
use crate::profile::{Bounds, Profile, params};
use crate::scenarios::{Choice, Reads};
use crate::series::series;
use crate::served::Served;
use crate::trial::{Loaded, Trial};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Measurement, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::Mix;
use shakedown_loadgen::feasible::Facts;
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::report::OperationReport;
use shakedown_loadgen::scenario::Scenario;
use shakedown_loadgen::threshold::Statistic;
use std::sync::Arc;
use std::time::Duration;

register_check! {
    /// Reading does not suffer from those who start and cancel jobs at the same time.
    ///
    /// First two readers by themselves, one request after another. Then twelve users at the same time, who read and start
    /// jobs in the proportion of 35 to 10, and end every job. At least 95 % of all of it must be served, and the median of
    /// the reads among the others may be at most three times that of the reads alone, and 200 ms.
    ///
    /// # Why it matters
    /// Nobody uses one operation at a time. Where reading waits for configuring, the pages of all users freeze whenever one
    /// of them opens a view.
    ///
    /// # How to mend it
    /// Give reads workers of their own, or take what blocks out of the event loop.
    pub(super) struct Mixed(MixedParams) {
        id: "load.mixed",
        title: "Reading does not suffer from those who start jobs",
        severity: Severity::Low,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: &["load.gets", "load.concurrent.create"],
        gate: Gate::Informational,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.reads-crowded", "interference")],
    }
}

params! {
    /// How many requests, and what must come of them.
    MixedParams {
        /// How many users there are in the mix.
        users: u32 = 12,
        /// How many reads and jobs there are in the mix.
        requests: u64 = 45,
        /// At least this share must be served, in percent.
        success: f64 = 95.0,
        /// The median of reads in the mix may be so many times that of reads alone,
        times: f64 = 3.0,
        /// and this much longer.
        slack: HumanDuration = HumanDuration::millis(200),
    }
}

/// What is read.
const PATHS: [&str; 3] = ["/ack", "/channels", "/live_metadata"];
/// How many readers there are by themselves.
const ALONE: u32 = 2;
/// The proportion of the mix.
const READS: u32 = 35;
const JOBS: u32 = 10;

impl Profile for MixedParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Iterations { users: self.users, count: self.requests })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.requests < 20 {
            Err(format!("`requests` is {}; fewer than 20 are no mix", self.requests))
        } else if self.times.is_finite() && self.times >= 1.0 {
            Ok(())
        } else {
            Err(format!("`times` is {}; expected 1 or more", self.times))
        }
    }
}

#[async_trait]
impl Check for Mixed {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let client = cx.target::<FocusApi>().await?;
        let reads = Reads::of(&client, &PATHS, Choice::InTurn)?;
        let jobs = Jobs::prepare(cx).await?;

        let by_themselves = Load::Iterations { users: ALONE, count: READS.into() };
        let alone = Trial::of(Plan::single(by_themselves)).named("alone").run(cx, reads.clone()).await?;
        let parts: [(u32, Arc<dyn Scenario>); 2] = [(READS, Arc::new(reads)), (JOBS, Arc::new(jobs.clone()))];
        let facts = Facts::default().holding(jobs.lifetime(), cx.jobs.limit() as u64);
        let trial = Trial::of(params.plan()).named("mixed").knowing(facts).costing(1.25);
        let mixed = trial.run(cx, Mix::new(parts)).await?;
        params.judge(&alone, &mixed)
    }
}

impl MixedParams {
    fn judge(&self, alone: &Loaded, mixed: &Loaded) -> Result<Verdict, CheckError> {
        let question = |subject| Question::about(subject, self.bounds());
        let jobs = mixed.report.operation(OPERATIONS[CONFIGURE]).unwrap_or_default();
        let jobs = Served::attempts(&jobs, mixed.report.elapsed.0);
        let verdict = question(CONFIGURATIONS).judge(&jobs, &mixed.report, &mixed.evidence)?;

        let (before, among) = (reads(alone), reads(mixed));
        let median = |of_reads: &Served, which: &str| {
            of(Statistic::Percentile(50.0), &of_reads.latency)
                .ok_or_else(|| CheckError::no_data(format!("no read {which} was served")))
        };
        let (before, median) = (median(&before, "alone")?, median(&among, "in the mix")?);
        let most = before * self.times + self.slack.0.as_secs_f64() * 1000.0;
        let measured = Measurement::new("median of reads in the mix", median, Unit::Milliseconds)
            .held_to(Threshold::AtMost(most));
        let verdict = verdict
            .measured(Measurement::new("median of reads alone", before, Unit::Milliseconds))
            .judged(measured, |_| {
                let message = format!(
                    "reads take {median:.0} ms beside {} requests for jobs, and {before:.0} ms alone",
                    jobs.asked
                );
                Finding::new("interference", Cause::Capacity, "GET", message)
                    .expected(format!("at most {most:.0} ms"), format!("{median:.0} ms"))
                    .detail(format!("medians of {} reads in the mix and {READS} alone", among.succeeded))
                    .remedy(
                        "give reads workers of their own, or take what blocks out of the event loop",
                        "days",
                    )
                    .evidence(mixed.evidence.clone())
            })
            .with_all(
                (among.share().unwrap_or_default() < self.success).then(|| self.reads_failed(&among, mixed)),
            )
            .with_all(unended(&mixed.report))
            .evidence(alone.evidence.clone())
            .evidence(mixed.evidence.clone());
        Ok(verdict.with_series(series(&mixed.report)))
    }

    fn reads_failed(&self, among: &Served, mixed: &Loaded) -> Finding {
        let (cause, remedy) = among.suspect();
        let message = format!(
            "{:.1} % of {} reads in the mix were served; it must be {} % at least",
            among.share().unwrap_or_default(),
            among.asked,
            self.success
        );
        let finding = Finding::new("load-failed", cause, "GET", message)
            .remedy(remedy, "days")
            .evidence(mixed.evidence.clone());
        among.failures().into_iter().fold(finding, Finding::detail)
    }
}

/// What came of all reads together.
fn reads(loaded: &Loaded) -> Served {
    let mut all = OperationReport::named("GET");
    for path in PATHS {
        if let Some(operation) = loaded.report.operation(&Reads::operation(path)) {
            all.merge(&operation);
        }
    }
    Served::attempts(&all, loaded.report.elapsed.0)
}
