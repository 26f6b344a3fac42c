//! `focus-api.latency.p95-p99`

use super::samples::table;
use super::survey::{self, Survey, Surveyed};
use crate::checks::{JOBS, READY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Check, CheckError, Context, Effect, Evidence, HumanDuration, Observation, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::suspects;
use shakedown_focus::target::FocusApi;
use std::time::Duration;

register_check! {
    /// `/configure` is quick for nearly everybody, and does not fail when several ask at once.
    ///
    /// A hundred valid live requests are sent, four at a time, each starting a small job that ends by itself. The 95th and
    /// the 99th percentile of those that started a job are held to their limits. Whatever started none counts as an error,
    /// also a time-out; at most 5 % may be errors. If the server failed, the same request is then sent ten times by
    /// itself, which tells a fault that can be reproduced from one that needs concurrency.
    ///
    /// Where the policy allows fewer jobs than requests, fewer are sent, and the answer says so; where it allows fewer than
    /// twenty, the check is skipped.
    ///
    /// # Why it matters
    /// Every view that a user opens waits for this answer. Failures under concurrency hit users at random, and a client
    /// that asks again hides them.
    ///
    /// # How to mend it
    /// For 5xx answers read the server's log at the times that the finding names, and look at restarts, memory and the
    /// database. Findings of other checks are named as suspects. For slowness look at the start of the job's pod and at
    /// the database first.
    pub(super) struct ConfigureLatency(LatencyParams) {
        id: "focus-api.latency.p95-p99",
        title: "/configure is quick, also when several ask",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13770"],
        tags: &["api", "latency"],
        requires: READY,
        group: JOBS,
        alone: true,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[
            fault("focus-api.configure-slow", "p95-exceeded"),
            fault("focus-api.configure-slow", "p99-exceeded"),
            fault("focus-api.configure-5xx-under-concurrency", "server-errors"),
        ],
    }
}

/// How many requests, and how quick they must be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LatencyParams {
    /// How many requests are sent; at least 20.
    pub(super) requests: usize,
    /// How many of them at a time.
    pub(super) concurrency: usize,
    /// The 95th percentile must be below this.
    pub(super) p95: HumanDuration,
    /// The 99th percentile must be below this.
    pub(super) p99: HumanDuration,
    /// How many of a hundred requests may start no job.
    pub(super) max_error_share: f64,
    /// A request without an answer after this time is an error.
    pub(super) request_timeout: HumanDuration,
}

impl Default for LatencyParams {
    fn default() -> Self {
        Self {
            requests: 100,
            concurrency: 4,
            p95: HumanDuration::millis(300),
            p99: HumanDuration::millis(500),
            max_error_share: 5.0,
            request_timeout: HumanDuration::secs(10),
        }
    }
}

/// Fewer say nothing about a 95th percentile.
const FEWEST: usize = 20;

impl Params for LatencyParams {
    fn validate(&self) -> Result<(), String> {
        if self.requests < FEWEST {
            Err(format!(
                "`requests` is {}; fewer than {FEWEST} say nothing about a 95th percentile",
                self.requests
            ))
        } else if self.concurrency == 0 {
            Err("`concurrency` is 0; at least 1 is needed".to_owned())
        } else if self.p95 > self.p99 {
            Err(format!("`p95` ({}) must not exceed `p99` ({})", self.p95, self.p99))
        } else if !(0.0..=100.0).contains(&self.max_error_share) {
            Err(format!("`max_error_share` is {}; it is a percentage from 0 to 100", self.max_error_share))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for ConfigureLatency {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let planned = survey::planned(cx, params.requests, FEWEST)?;
        let client = cx.target::<FocusApi>().await?;
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let (concurrency, timeout) = (params.concurrency, params.request_timeout.0);
        let survey = Survey { cx, client: &client, body, concurrency, timeout };
        let Surveyed { samples, failing } = survey.send(planned).await?;
        if samples.len() < FEWEST {
            let sent = samples.len();
            let why = format!("only {sent} of {planned} requests could be sent in time; {FEWEST} are needed");
            return Err(CheckError::unclear(why));
        }

        let mut findings = params.too_slow(&samples);
        findings.extend(params.other_errors(&samples));
        if let Some(failing) = failing {
            let repeated = survey.repeat().await?;
            let suspects = suspects::lines(&cx.host.findings_so_far());
            let evidence = cx.attach(failing.to_evidence("failing-answer.txt"))?;
            findings.push(params.server_errors(&samples, repeated, &suspects).evidence(evidence));
        }
        let summary = Observation::seen(params.summary(samples.len(), planned));
        let verdict = params.measurements(&samples).into_iter().fold(Verdict::of(summary), Verdict::measured);
        if findings.is_empty() {
            return Ok(verdict);
        }
        let all = cx.attach(Evidence::json("requests.json", &table(&samples)))?;
        Ok(verdict.with_all(findings.into_iter().map(|finding| finding.evidence(all.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: fn() -> LatencyParams = LatencyParams::default;

    #[test]
    fn parameters_make_sense() {
        assert_eq!(PARAMS().validate(), Ok(()));
        for params in [
            LatencyParams { requests: 19, ..PARAMS() },
            LatencyParams { concurrency: 0, ..PARAMS() },
            LatencyParams { p95: HumanDuration::secs(1), ..PARAMS() },
            LatencyParams { max_error_share: 101.0, ..PARAMS() },
        ] {
            assert!(params.validate().is_err(), "{params:?}");
        }
    }
}
