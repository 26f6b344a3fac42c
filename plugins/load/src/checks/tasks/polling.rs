//! `load.tasks.polling`

use crate::jobs::{Jobs, OPERATIONS, POLL, Polls};
use crate::judge::{CONFIGURATIONS, Question, configured, put_on, unended};
use crate::profile::{Bounds, Profile, params};
use crate::series::series;
use crate::served::Served;
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, HumanDuration, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_loadgen::plan::{Load, Plan};
use std::time::Duration;

register_check! {
    /// Jobs that were started together are there when they are asked about.
    ///
    /// Ten jobs are started at once, and each is asked about five times, every two seconds, with `GET /metadata/{job_id}`,
    /// before it is ended. At least 80 % must be started, and at least 95 % of the questions answered: a job that was
    /// accepted and is not known afterwards is lost.
    ///
    /// # Why it matters
    /// A job that was answered with 200 and never ran is worse than one that was refused: its user waits for data that
    /// will not come, and does not know.
    ///
    /// # How to mend it
    /// Compare the lost jobs with the pods of the cluster: pods that stay pending, or are removed by clean-up, are the usual
    /// reasons.
    pub(super) struct Polling(PollingParams) {
        id: "load.tasks.polling",
        title: "Jobs that were started together are there when asked about",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        keys: &["PZ-13771"],
        tags: &["load"],
        requires: &["load.concurrent.create", "focus-api.jobmeta.valid"],
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.loses-jobs", "jobs-lost")],
    }
}

params! {
    /// How many jobs, how often they are asked about, and what must come of it.
    PollingParams {
        /// How many jobs are started at once.
        jobs: u32 = 10,
        /// How often each is asked about.
        polls: u32 = 5,
        /// How long from one question to the next.
        every: HumanDuration = HumanDuration::secs(2),
        /// At least this share of the jobs must be started, in percent.
        success: f64 = 80.0,
        /// At least this share of the questions must be answered, in percent.
        answered: f64 = 95.0,
    }
}

impl Profile for PollingParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Burst { count: self.jobs })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.polls == 0 {
            Err("`polls` is 0; a job that is never asked about cannot be missed".to_owned())
        } else if (0.0..=100.0).contains(&self.answered) {
            Ok(())
        } else {
            Err(format!("`answered` is {}; it is a percentage from 0 to 100", self.answered))
        }
    }
}

#[async_trait]
impl Check for Polling {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let polls = Polls { count: params.polls, every: params.every.0 };
        let jobs = Jobs::prepare(cx).await?.polling(polls);
        let mut plan = params.plan();
        plan.drain.0 += params.every.0 * params.polls;
        let loaded = put_on(cx, &jobs, plan, "load").await?;
        let (report, evidence) = (&loaded.report, &loaded.evidence);
        let mut cases = Cases::new();
        let started = configured(report, &jobs).and_then(|served| {
            Question::about(CONFIGURATIONS, params.bounds()).judge(&served, report, evidence)
        });
        cases.push(Case::new("started", &[], started));
        let polled = report.operation(OPERATIONS[POLL]).unwrap_or_default();
        let polled = Served::attempts(&polled, report.elapsed.0);
        let question = Question::about("GET /metadata/{job_id}", Bounds::success(params.answered))
            .coded("jobs-lost", "load-slow");
        cases.push(Case::new("there when asked about", &[], question.judge(&polled, report, evidence)));
        let verdict = cases.verdict()?.with_all(unended(report)).evidence(evidence.clone());
        Ok(verdict.with_series(series(report)))
    }
}
