//! `load.requests.concurrent`

use crate::checks::STARTS_SEVERAL;
use crate::jobs::Jobs;
use crate::judge::{CONFIGURATIONS, Question, configured, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::report::Generator;
use std::time::Duration;

register_check! {
    /// Users who ask for one job after another at the same time are all served in good time.
    ///
    /// Ten users ask for a job, end it, and ask for the next. At least 80 % of the requests must be served, within 10 s on
    /// average and none later than after 20 s. What this program itself needs meanwhile, in memory and CPU, stands in
    /// cases of its own: more than it should is a note, since it says nothing about the server. Where this program is the
    /// bottleneck, the check has no answer.
    ///
    /// # Why it matters
    /// Requests that are served one after another look fine to somebody who asks alone, and make everybody else wait.
    ///
    /// # How to mend it
    /// Compare the median with the longest time: where they differ by the number of users, requests wait for each other.
    pub(super) struct Concurrent(ConcurrentParams) {
        id: "load.requests.concurrent",
        title: "Users who ask at the same time are served in good time",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-14793", "PZ-14795", "PZ-14796"],
        tags: &["load"],
        requires: STARTS_SEVERAL,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.queues", "load-slow")],
    }
}

params! {
    /// How many users, and what must come of it.
    ConcurrentParams {
        /// How many users there are.
        users: u32 = 10,
        /// How many requests they send in all.
        requests: u64 = 50,
        /// At least this share must be served, in percent.
        success: f64 = 80.0,
        /// The mean time may be at most this.
        mean: HumanDuration = HumanDuration::secs(10),
        /// Each request may take at most this.
        longest: HumanDuration = HumanDuration::secs(20),
        /// Memory that this program may need, in MB.
        client_memory: u64 = 500,
        /// CPU that this program may need on average, in percent of one core.
        client_cpu: f64 = 100.0,
    }
}

impl Profile for ConcurrentParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Iterations { users: self.users, count: self.requests })
    }

    fn bounds(&self) -> Bounds {
        Bounds { mean: Some(self.mean), longest: Some(self.longest), ..Bounds::success(self.success) }
    }
}

#[async_trait]
impl Check for Concurrent {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let jobs = Jobs::prepare(cx).await?;
        let loaded = put_on(cx, &jobs, params.plan(), "load").await?;
        let served = configured(&loaded.report, &jobs)?;
        let question = Question::about(CONFIGURATIONS, params.bounds());
        let requests = question.judge(&served, &loaded.report, &loaded.evidence);
        let mut cases = Cases::new();
        cases.push(Case::new("requests", &["PZ-14793"], requests));
        let generator = &loaded.report.generator;
        cases.push(Case::new("memory of this program", &["PZ-14795"], Ok(params.memory(generator))));
        cases.push(Case::new("CPU of this program", &["PZ-14796"], Ok(params.cpu(generator))));
        let verdict = cases.verdict()?.with_all(unended(&loaded.report)).evidence(loaded.evidence);
        Ok(verdict.with_series(series(&loaded.report)))
    }
}

impl ConcurrentParams {
    fn memory(&self, generator: &Generator) -> Verdict {
        let megabytes = 1_000_000;
        let measured = Measurement::new("memory", count(generator.memory), Unit::Bytes)
            .held_to(Threshold::AtMost(count(self.client_memory * megabytes)));
        let seen = format!("{} MB at most", generator.memory / megabytes);
        Verdict::of(Observation::seen(seen)).judged(measured, |measured| {
            own("client-memory", format!("this program needs much memory: {measured}"))
        })
    }

    fn cpu(&self, generator: &Generator) -> Verdict {
        let measured = Measurement::new("CPU", generator.cpu * 100.0, Unit::Percent)
            .held_to(Threshold::AtMost(self.client_cpu));
        let seen = format!("{:.2} of {} cores", generator.cpu, generator.cores);
        Verdict::of(Observation::seen(seen)).judged(measured, |measured| {
            own("client-cpu", format!("this program needs much CPU: {measured}"))
        })
    }
}

/// About this program, which says nothing about the server.
fn own(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Environment, "this program", message)
        .remedy("run it on a machine with less other work", "minutes")
        .note()
}
