//! `focus-api.ack.ok`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Params, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use std::time::Duration;

register_check! {
    /// The server answers `GET /ack` with 200 within a second.
    ///
    /// The body is JSON and says so, or is empty. Where the server is reached over TLS, the handshake succeeds; a
    /// certificate that nobody signed will do where the configuration says so. The answer says nothing about what the
    /// server depends on: it only shows that somebody is there.
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
        keys: &["PZ-14026", "PZ-14031", "PZ-14032"],
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
        let mut cases = Cases::new();
        cases.push(Case::new("acknowledges", &["PZ-14026"], self.acknowledges(cx, &exchange)));
        cases.push(Case::new("says JSON or nothing", &["PZ-14031"], structure(cx, &exchange)));
        cases.push(Case::new("over TLS", &["PZ-14032"], tls(&client, &exchange)));
        cases.verdict()
    }
}

impl AckOk {
    fn acknowledges(&self, cx: &Context, exchange: &Exchange) -> Result<Verdict, CheckError> {
        let mut findings = Vec::new();
        if exchange.status != StatusCode::OK {
            let message = format!("the server acknowledges with {}", exchange.status);
            findings.push(
                Finding::new("ack-broken", Cause::Product, "GET /ack", message)
                    .expected("200 with JSON or nothing", exchange.status)
                    .remedy("look at the server's pod and its log", "minutes, once the cause is known"),
            );
        }
        findings.extend(self.params.slow(exchange.elapsed.total));
        let max = self.params.max.0.as_secs_f64() * 1000.0;
        let time = Measurement::new("time to answer", exchange.elapsed.millis(), Unit::Milliseconds);
        let verdict = document::verdict(cx, exchange, "ack", exchange.summary(), findings)?;
        Ok(verdict.measured(time.held_to(Threshold::Below(max))))
    }
}

fn structure(cx: &Context, exchange: &Exchange) -> Result<Verdict, CheckError> {
    if exchange.status != StatusCode::OK {
        return Err(CheckError::not_applicable("only the body of a 200 has a form"));
    }
    let seen = format!("{} bytes of {}", exchange.body.len(), content_type(exchange).unwrap_or("no type"));
    document::verdict(cx, exchange, "ack", seen, misshapen(exchange).into_iter().collect())
}

/// What is wrong with the form of a 200.
fn misshapen(exchange: &Exchange) -> Option<Finding> {
    if exchange.text().trim().is_empty() {
        return None;
    }
    let finding = |code, message: String| Finding::new(code, Cause::Product, "GET /ack", message);
    if let Err(error) = exchange.json::<Value>() {
        let finding = finding("ack-not-json", error.to_string());
        return Some(
            finding.expected("JSON or nothing", "something else").remedy(
                "look at what stands before the server: a proxy's page is the usual cause",
                "an hour",
            ),
        );
    }
    let named = content_type(exchange).unwrap_or_default().to_ascii_lowercase();
    (!named.contains("json")).then(|| {
        finding("ack-type", format!("the acknowledgement is JSON, but its type is \"{named}\""))
            .expected("application/json", named)
            .remedy("send the header `content-type: application/json`", "an hour")
            .warn()
    })
}

fn content_type(exchange: &Exchange) -> Option<&str> {
    exchange.headers.get("content-type")?.to_str().ok()
}

/// A handshake that failed would have left nothing to judge.
fn tls(client: &FocusClient, exchange: &Exchange) -> Result<Verdict, CheckError> {
    if !client.is_tls() {
        return Err(CheckError::not_applicable("`base_url` begins with http: there is no TLS to look at"));
    }
    let trust = match client.warnings() {
        [] => "the certificate is trusted".to_owned(),
        warnings => warnings.join("; "),
    };
    Ok(Verdict::of(Observation::seen(format!("{:?} over TLS; {trust}", exchange.version))))
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
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn json_or_nothing_will_do() {
        let code = |body: &str, kind: Option<&'static str>| {
            let mut exchange = exchange(200, body);
            if let Some(kind) = kind {
                exchange.headers.insert("content-type", kind.parse().unwrap());
            }
            misshapen(&exchange).map(|finding| finding.code)
        };
        for body in ["", "{}", " \n", "\"ok\""] {
            assert_eq!(code(body, Some("application/json; charset=utf-8")), None);
        }
        assert_eq!(code("", None), None);
        assert_eq!(code("{}", Some("application/problem+json")), None);
        assert_eq!(code("{}", Some("text/html")).as_deref(), Some("ack-type"));
        assert_eq!(code("<html>", Some("text/html")).as_deref(), Some("ack-not-json"));
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
