//! `focus-api.latency.configure`

use super::samples::{End, Sample, kinds, share, successes, table};
use super::survey::{self, Survey};
use crate::checks::{JOBS, STARTS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Evidence, EvidenceRef, Finding, HumanDuration,
    Measurement, Observation, Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::time::Duration;

register_check! {
    /// Somebody who asks alone gets a job quickly, and always about as quickly.
    ///
    /// Twenty valid live requests follow each other, each starting a small job that ends by itself. Held to their limits
    /// are the 95th and the 99th percentile, each single time, and the distance between the quickest and the slowest.
    /// `focus-api.latency.p95-p99` asks the same of requests that come together, and holds them to stricter limits.
    ///
    /// # Why it matters
    /// This is how long a user looks at an empty screen on a quiet day. Times that differ widely point at a network or a
    /// start-up that cannot be relied on.
    ///
    /// # How to mend it
    /// Look at the start of the job's pod and at the database first; where only the distance is large, at the network.
    pub(super) struct ConfigureAlone(AloneParams) {
        id: "focus-api.latency.configure",
        title: "/configure is quick for somebody who asks alone",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-14092", "PZ-13920", "PZ-14091", "PZ-13921", "PZ-14090", "PZ-13922", "PZ-14790", "PZ-14797",
            "PZ-14798",
        ],
        tags: &["api", "latency"],
        requires: STARTS,
        group: JOBS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.configure-slow", "configure-slow")],
    }
}

/// How many requests, and how quick they must be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct AloneParams {
    /// How many requests are sent; at least 10.
    requests: usize,
    /// The 95th percentile must be below this.
    p95: HumanDuration,
    /// The 99th percentile must be below this.
    p99: HumanDuration,
    /// Each request must take less than this.
    each: HumanDuration,
    /// The slowest may take longer than the quickest by this much.
    spread: HumanDuration,
    /// How many of a hundred requests may start no job before that is a failure.
    max_error_share: f64,
    /// A request without an answer after this time is an error.
    request_timeout: HumanDuration,
}

impl Default for AloneParams {
    fn default() -> Self {
        Self {
            requests: 20,
            p95: HumanDuration::millis(500),
            p99: HumanDuration::secs(1),
            each: HumanDuration::secs(2),
            spread: HumanDuration::secs(2),
            max_error_share: 5.0,
            request_timeout: HumanDuration::secs(10),
        }
    }
}

/// Fewer say nothing about percentiles.
const FEWEST: usize = 10;

impl Params for AloneParams {
    fn validate(&self) -> Result<(), String> {
        if self.requests < FEWEST {
            Err(format!("`requests` is {}; fewer than {FEWEST} say nothing about percentiles", self.requests))
        } else if !(0.0..=100.0).contains(&self.max_error_share) {
            Err(format!("`max_error_share` is {}; it is a percentage from 0 to 100", self.max_error_share))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Check for ConfigureAlone {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let params = &self.params;
        let planned = survey::planned(cx, params.requests, FEWEST)?;
        let client = cx.target::<FocusApi>().await?;
        let body = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let survey = Survey { cx, client: &client, body, concurrency: 1, timeout: params.request_timeout.0 };
        let samples = survey.send(planned).await?.samples;
        let Ok(times) = Samples::new("requests that started a job", successes(&samples)) else {
            let why = kinds(&samples, |end| !matches!(end, End::Started(_)));
            return Err(CheckError::unclear(format!("no request started a job: {why}")));
        };
        let evidence = cx.attach(Evidence::json("requests.json", &table(&samples)))?;
        params.cases(&times, &samples, &evidence).verdict()
    }
}

impl AloneParams {
    fn cases(&self, times: &Samples, samples: &[Sample], evidence: &EvidenceRef) -> Cases {
        let mut cases = Cases::new();
        for (name, keys, value, limit) in [
            ("95th percentile", &["PZ-14092", "PZ-13920"][..], times.percentile(95.0), self.p95),
            ("99th percentile", &["PZ-14091", "PZ-13921"], times.percentile(99.0), self.p99),
            ("each request", &["PZ-14090", "PZ-13922", "PZ-14790", "PZ-14797"], times.max(), self.each),
            ("slowest less quickest", &["PZ-14798"], times.max() - times.min(), self.spread),
        ] {
            let measured = Measurement::new(name, value, Unit::Milliseconds)
                .with_samples(times)
                .held_to(Threshold::Below(limit.0.as_secs_f64() * 1000.0));
            let seen = format!("{} requests that started a job", times.count());
            let verdict = Verdict::of(Observation::seen(seen)).judged(measured, |measured| {
                let message = format!("/configure is slow for somebody who asks alone: {measured}");
                Finding::new("configure-slow", Cause::Capacity, "POST /configure", message)
                    .expected(format!("below {limit}"), format!("{:.0} ms", measured.value))
                    .remedy("look at the start of the job's pod and at the database first", "days")
                    .evidence(evidence.clone())
            });
            cases.push(Case::new(name, keys, Ok(verdict)));
        }
        let errors = share(samples, |end| !matches!(end, End::Started(_)));
        let measured = Measurement::new("without a job", errors, Unit::Percent)
            .held_to(Threshold::AtMost(self.max_error_share));
        let mut verdict = Verdict::of(Observation::seen(format!("{} requests", samples.len())));
        if errors > 0.0 {
            let message = format!("some of {} requests, sent one at a time, started no job", samples.len());
            let finding = Finding::new("requests-failed", Cause::Product, "POST /configure", message)
                .expected("a job for each", kinds(samples, |end| !matches!(end, End::Started(_))))
                .remedy("read the server's log at these times", "hours")
                .evidence(evidence.clone());
            verdict = verdict.with(if measured.within() { finding.warn() } else { finding });
        }
        cases.push(Case::new("every request starts a job", &["PZ-14090"], Ok(verdict.measured(measured))));
        cases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(ends: Vec<End>) -> Outcome {
        let samples: Vec<Sample> =
            ends.into_iter().map(|end| Sample { number: 1, sent_ms: 0.0, end }).collect();
        let times = Samples::new("x", successes(&samples)).unwrap();
        let evidence = EvidenceRef {
            name: "x".to_owned(),
            path: "x".to_owned(),
            media_type: "x".to_owned(),
            bytes: 1,
            truncated: false,
        };
        AloneParams::default().cases(&times, &samples, &evidence).verdict().unwrap().into()
    }

    #[test]
    fn each_limit_is_judged_by_itself() {
        let failing = |ends| -> Vec<String> {
            let outcome = outcome(ends);
            let failed = outcome.cases.into_iter().filter(|case| case.outcome.status == Status::Failed);
            failed.map(|case| case.name).collect()
        };
        let mostly = |last| {
            let mut ends = vec![End::Started(20.0); 19];
            ends.push(last);
            ends
        };
        assert_eq!(failing(mostly(End::Started(30.0))), [""; 0]);
        assert_eq!(failing(mostly(End::Started(1200.0))), ["99th percentile"]);
        assert_eq!(
            failing(mostly(End::Started(3000.0))),
            ["99th percentile", "each request", "slowest less quickest"]
        );
        assert_eq!(failing(vec![End::Started(900.0); 20]), ["95th percentile"]);
        assert_eq!(failing(mostly(End::TimedOut)), [""; 0], "one of twenty is a warning");
        assert_eq!(failing(vec![End::Started(1.0), End::TimedOut]), ["every request starts a job"]);
        assert_eq!(outcome(mostly(End::TimedOut)).status, Status::Warned);
    }

    #[test]
    fn parameters_make_sense() {
        assert_eq!(AloneParams::default().validate(), Ok(()));
        assert!(AloneParams { requests: 9, ..AloneParams::default() }.validate().is_err());
        assert!(AloneParams { max_error_share: -1.0, ..AloneParams::default() }.validate().is_err());
    }
}
