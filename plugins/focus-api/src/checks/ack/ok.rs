//! `focus-api.ack.ok`

use crate::target::FocusApi;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_http::{Exchange, StatusCode};
use std::time::Duration;

register_check! {
    /// The server answers `GET /ack` with 200 within a second.
    ///
    /// The body is an empty JSON object, or empty. The answer says nothing about what the server depends on: it only
    /// shows that somebody is there.
    ///
    /// # Why it matters
    /// Load balancers and clients ask this first. Where it fails, nothing else can be expected to work, and every other
    /// check of the API is skipped.
    ///
    /// # How to mend it
    /// Look at the state and the restarts of the server's pod, and at its log. A slow answer from an idle server hints at
    /// a starved CPU or at a proxy in between.
    pub(super) struct AckOk(AckParams) {
        id: "focus-api.ack.ok",
        title: "The server acknowledges within a second",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14026"],
        tags: &["api", "smoke"],
        proofs: &[
            fault("focus-api.ack-broken", "ack-broken"),
            fault("focus-api.redirect-loop", "ack-broken"),
            fault("focus-api.ack-slow", "ack-slow"),
        ],
    }
}

/// Three tiers of slowness.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct AckParams {
    /// A slower answer is noted.
    note_above: HumanDuration,
    /// A slower answer is a warning.
    warn_above: HumanDuration,
    /// A slower answer fails.
    max: HumanDuration,
}

impl Default for AckParams {
    fn default() -> Self {
        Self {
            note_above: HumanDuration::millis(300),
            warn_above: HumanDuration::millis(500),
            max: HumanDuration::secs(1),
        }
    }
}

impl Params for AckParams {
    fn validate(&self) -> Result<(), String> {
        if self.note_above <= self.warn_above && self.warn_above <= self.max {
            Ok(())
        } else {
            Err(format!(
                "`note_above` ({}) ≤ `warn_above` ({}) ≤ `max` ({}) must hold",
                self.note_above, self.warn_above, self.max
            ))
        }
    }
}

#[async_trait]
impl Check for AckOk {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/ack").await?;
        let mut verdict = Verdict::of(Observation::seen(exchange.summary()));
        if let Some(problem) = problem(&exchange) {
            let evidence = cx.attach(exchange.to_evidence("ack.txt"))?;
            let finding = Finding::new("ack-broken", Cause::Product, "GET /ack", problem)
                .expected("200 with JSON or nothing", exchange.status)
                .remedy("look at the server's pod and its log", "minutes, once the cause is known")
                .evidence(evidence);
            verdict = verdict.with(finding);
        }
        let max = self.params.max.0.as_secs_f64() * 1000.0;
        let time = Measurement::new("time to answer", exchange.elapsed.millis(), Unit::Milliseconds);
        Ok(verdict
            .with_all(self.params.slow(exchange.elapsed.total))
            .measured(time.held_to(Threshold::Below(max))))
    }
}

/// What is wrong with the answer, apart from its speed.
fn problem(exchange: &Exchange) -> Option<String> {
    if exchange.status != StatusCode::OK {
        return Some(format!("the server acknowledges with {}", exchange.status));
    }
    if exchange.text().trim().is_empty() {
        return None;
    }
    exchange.json::<Value>().err().map(|error| error.to_string())
}

impl AckParams {
    fn slow(&self, elapsed: Duration) -> Option<Finding> {
        let tier = [self.max, self.warn_above, self.note_above].into_iter().find(|tier| elapsed >= tier.0)?;
        let message = format!("the acknowledgement takes {tier} or more");
        let finding = Finding::new("ack-slow", Cause::Capacity, "GET /ack", message)
            .expected(format!("less than {tier}"), format!("{:.0} ms", elapsed.as_secs_f64() * 1000.0))
            .remedy("look for a starved CPU, a proxy in between, or a distant network", "an hour");
        Some(match tier {
            tier if tier == self.max => finding,
            tier if tier == self.warn_above => finding.warn(),
            _ => finding.note(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;
    use shakedown_core::finding::Weight;

    #[test]
    fn json_or_nothing_will_do() {
        for body in ["", "{}", " \n", "\"ok\""] {
            assert_eq!(problem(&exchange(200, body)), None);
        }
        assert_eq!(
            problem(&exchange(503, "{}")).as_deref(),
            Some("the server acknowledges with 503 Service Unavailable")
        );
        assert!(problem(&exchange(200, "<html>")).unwrap().contains("not the expected JSON"));
    }

    #[test]
    fn slowness_has_three_tiers() {
        let weight = |ms| AckParams::default().slow(Duration::from_millis(ms)).map(|finding| finding.weight);
        assert_eq!(
            [299, 300, 500, 1000].map(weight),
            [None, Some(Weight::Note), Some(Weight::Warn), Some(Weight::Fail)]
        );
        let upside_down = AckParams { max: HumanDuration::millis(1), ..AckParams::default() };
        insta::assert_snapshot!(upside_down.validate().unwrap_err(), @"`note_above` (300ms) ≤ `warn_above` (500ms) ≤ `max` (1ms) must hold");
    }
}
