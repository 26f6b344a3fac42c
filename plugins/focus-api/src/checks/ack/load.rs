//! `focus-api.ack.load`

use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::{FocusClient, away};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, HttpError, Request, StatusCode};
use std::time::{Duration, Instant};

register_check! {
    /// The server acknowledges many at once, and many in a row.
    ///
    /// `GET /ack` is sent 10, 50 and 100 times at once, then ten times a second for a minute. Every request is answered
    /// with 200; the mean and the 95th percentile of the times keep their limits.
    ///
    /// # Why it matters
    /// Load balancers take a server out of service that is slow to say it is there. The request does no work: where it
    /// waits, it waits for something that everything else waits for, too.
    ///
    /// # How to mend it
    /// Look at the number of workers and at what blocks them, then at the limits of the ingress.
    pub(super) struct AckLoad(LoadParams) {
        id: "focus-api.ack.load",
        title: "The server acknowledges many at once",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14028", "PZ-14033"],
        tags: &["api", "latency"],
        requires: &["focus-api.ack.ok"],
        alone: true,
        timeout: Some(Duration::from_mins(10)),
        proofs: &[
            fault("focus-api.ack-crowded", "ack-failed"),
            fault("focus-api.ack-slow", "ack-slow-under-load"),
        ],
    }
}

/// How many requests, and how quick they must be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LoadParams {
    /// How many requests a second are sent in a row.
    rate: u32,
    /// For how long.
    duration: HumanDuration,
    /// The mean time must be below this.
    mean: HumanDuration,
    /// The 95th percentile must be below this where ten are sent at once, and where they are sent in a row.
    p95: HumanDuration,
    /// The same where fifty are sent at once.
    p95_of_50: HumanDuration,
    /// The same where a hundred are sent at once.
    p95_of_100: HumanDuration,
}

impl Default for LoadParams {
    fn default() -> Self {
        Self {
            rate: 10,
            duration: HumanDuration::secs(60),
            mean: HumanDuration::millis(500),
            p95: HumanDuration::millis(800),
            p95_of_50: HumanDuration::secs(1),
            p95_of_100: HumanDuration::millis(1500),
        }
    }
}

impl Params for LoadParams {
    fn validate(&self) -> Result<(), String> {
        if !(1..=50).contains(&self.rate) {
            Err(format!("`rate` is {}; expected 1 to 50 a second: more is a load test", self.rate))
        } else if self.duration > HumanDuration::secs(300) {
            Err(format!("`duration` is {}; expected five minutes at most", self.duration))
        } else {
            Ok(())
        }
    }
}

/// A request is an error when it has no answer after this time.
const PATIENCE: Duration = Duration::from_secs(10);

#[async_trait]
impl Check for AckLoad {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let params = &self.params;
        let mut cases = Cases::new();
        for (count, p95) in [(10, params.p95), (50, params.p95_of_50), (100, params.p95_of_100)] {
            let sent = stream::iter(0..count).map(|_| ack(&client)).buffer_unordered(count).collect().await;
            let name = format!("{count} at once");
            cases.push(Case::new(name, &["PZ-14028"], params.judge(cx, sent, p95)));
        }
        let name = format!("{} a second for {}", params.rate, params.duration);
        let sent = in_a_row(cx, &client, params.rate, params.duration.0).await;
        cases.push(Case::new(name, &["PZ-14033"], params.judge(cx, sent, params.p95)));
        cases.verdict()
    }
}

async fn ack(client: &FocusClient) -> Result<Exchange, HttpError> {
    client.try_ask(Request::get("/ack", PATIENCE)).await
}

/// Sends at a steady rate, whether or not the requests before were answered.
async fn in_a_row(
    cx: &Context,
    client: &FocusClient,
    rate: u32,
    duration: Duration,
) -> Vec<Result<Exchange, HttpError>> {
    let pause = Duration::from_secs(1) / rate;
    let total = (duration.as_millis() * u128::from(rate)).div_ceil(1000).max(1);
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let started = Instant::now();
    let requests = stream::iter(0..total).map(|number| async move {
        let due = pause * number;
        tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
        ack(client).await
    });
    // As many wait at once as can be unanswered within the patience, so that a late answer delays no other request.
    let mut requests = requests.buffer_unordered(usize::try_from(rate).unwrap_or(1) * 10);
    let mut sent = Vec::new();
    while let Some(one) = requests.next().await {
        sent.push(one);
        cx.progress(sent.len() as u64, total.into(), "acknowledgements");
    }
    sent
}

impl LoadParams {
    fn judge(
        &self,
        cx: &Context,
        sent: Vec<Result<Exchange, HttpError>>,
        p95: HumanDuration,
    ) -> Result<Verdict, CheckError> {
        let count = sent.len();
        let mut times = Vec::new();
        let mut failed: Vec<String> = Vec::new();
        let mut answered = false;
        let mut shown = None;
        let mut silence = None;
        for one in sent {
            match one {
                Ok(exchange) if exchange.status == StatusCode::OK => {
                    answered = true;
                    times.push(exchange.elapsed.millis());
                }
                Ok(exchange) => {
                    answered = true;
                    failed.push(exchange.status.to_string());
                    shown = Some(exchange);
                }
                Err(error) => {
                    failed.push(error.to_string());
                    silence = Some(error);
                }
            }
        }
        if let Some(error) = silence.filter(|_| !answered) {
            return Err(CheckError::Target(away(&error)));
        }
        let mut verdict = Verdict::of(Observation::counted(count as u64, "requests")?);
        if let Ok(times) = Samples::new("acknowledgements", times) {
            for (name, value, limit) in
                [("mean", times.mean(), self.mean), ("p95", times.percentile(95.0), p95)]
            {
                let measured = Measurement::new(name, value, Unit::Milliseconds)
                    .with_samples(&times)
                    .held_to(Threshold::Below(limit.0.as_secs_f64() * 1000.0));
                verdict = verdict.judged(measured, |measured| slow(measured, limit));
            }
        }
        if failed.is_empty() {
            return Ok(verdict);
        }
        let message = format!("{} of {count} requests were not acknowledged", failed.len());
        let first = failed.swap_remove(0);
        let mut finding = Finding::new("ack-failed", Cause::Capacity, "GET /ack", message)
            .expected("200 for each", first)
            .remedy("look at the number of workers and at the limits of the ingress", "hours");
        if let Some(exchange) = shown {
            finding = finding.evidence(cx.attach(exchange.to_evidence("failing-ack.txt"))?);
        }
        Ok(verdict.with(finding))
    }
}

fn slow(measured: &Measurement, limit: HumanDuration) -> Finding {
    let message = format!("the acknowledgement is slow: {measured}");
    Finding::new("ack-slow-under-load", Cause::Capacity, "GET /ack", message)
        .expected(format!("below {limit}"), format!("{:.0} ms", measured.value))
        .remedy("look at what blocks the server's workers", "hours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_test_is_something_else() {
        assert_eq!(LoadParams::default().validate(), Ok(()));
        assert!(LoadParams { rate: 0, ..LoadParams::default() }.validate().is_err());
        assert!(LoadParams { rate: 51, ..LoadParams::default() }.validate().is_err());
        assert!(
            LoadParams { duration: HumanDuration::secs(301), ..LoadParams::default() }.validate().is_err()
        );
    }
}
