//! `focus-api.sec.rate`

use crate::checks::{JOBS, READY};
use crate::hostile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Observation, Params, Severity,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};
use tokio::time::sleep;

register_check! {
    /// A burst of requests is served, or limited politely.
    ///
    /// `requests` requests to `/configure` without channels, which start nothing, follow each other every `interval`. Each is
    /// refused for what it is, or with 429 for being one too many; a 5xx is neither. Where no limit was met that is noted, and
    /// with `require_limit` it fails.
    ///
    /// # Why it matters
    /// A client that loops, or somebody who means harm, should meet a limit before the server meets its own.
    ///
    /// # How to mend it
    /// Limit the rate for each client at the ingress, and answer 429 with `Retry-After`.
    pub(super) struct RateLimit(RateParams) {
        id: "focus-api.sec.rate",
        title: "A burst of requests is served, or limited politely",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14777"],
        tags: &["api", "security"],
        requires: READY,
        group: JOBS,
        // What it provokes must not hit others.
        alone: true,
        gate: Gate::Informational,
        proofs: &[fault("focus-api.burst-500", "burst-failed")],
    }
}

/// The burst.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RateParams {
    /// How many requests are sent.
    requests: u32,
    /// How long after each other.
    interval: HumanDuration,
    /// Whether a limit must be met.
    require_limit: bool,
}

impl Default for RateParams {
    fn default() -> Self {
        Self { requests: 20, interval: HumanDuration::millis(100), require_limit: false }
    }
}

impl Params for RateParams {
    fn validate(&self) -> Result<(), String> {
        if (1..=200).contains(&self.requests) {
            Ok(())
        } else {
            Err(format!("`requests` is {}; it must lie between 1 and 200", self.requests))
        }
    }
}

#[async_trait]
impl Check for RateLimit {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let text = ConfigureRequest::live(&client.fiber(cx).await?).without("/channels").text();
        let mut answers = Vec::new();
        for number in 0..self.params.requests {
            if number > 0 {
                sleep(self.params.interval.0).await;
            }
            cx.progress(number.into(), self.params.requests.into(), "requests");
            let room = client.room(cx, patience(cx)).await?;
            let sent = client.configure_in(cx, room, &text, patience(cx)).await?;
            answers.push(sent.map_err(|error| shakedown_focus::client::away(&error))?.exchange);
        }
        if let Some(first) = answers.first()
            && first.status.is_server_error()
        {
            let seen = first.summary();
            return Err(CheckError::not_applicable(format!(
                "the first request fails already, burst or not, which another check judges: {seen}"
            )));
        }
        let of = |status: StatusCode| answers.iter().filter(|answer| answer.status == status).count();
        let limited = of(StatusCode::TOO_MANY_REQUESTS);
        let failed: Vec<&Exchange> =
            answers.iter().filter(|answer| answer.status.is_server_error()).collect();
        let counted = Observation::counted(answers.len() as u64, "requests")?;
        let seen = format!("{}: {limited} limited, {} failed", counted.text(), failed.len());
        let mut verdict = Verdict::of(Observation::seen(seen));
        if let Some(first) = failed.first() {
            let message = format!(
                "{} of {} requests in a burst fail, the first with {}",
                failed.len(),
                answers.len(),
                first.status
            );
            let evidence = cx.attach(first.to_evidence("first-failure.txt"))?;
            verdict = verdict.with(
                Finding::new("burst-failed", Cause::Product, "POST /configure", message)
                    .expected("served, or 429", first.status)
                    .remedy("limit the rate at the ingress with 429, and find what gives way first", "a day")
                    .evidence(evidence),
            );
        }
        Ok(verdict.with(self.params.limit(limited, answers.len())))
    }
}

impl RateParams {
    /// What there is to say about the limit.
    fn limit(&self, limited: usize, sent: usize) -> Finding {
        if limited > 0 {
            let message = format!("{limited} of {sent} requests are limited with 429");
            return hostile::seen("rate-limited", message);
        }
        let message = format!("{sent} requests, one every {}, meet no limit", self.interval);
        let finding = Finding::new("rate-unlimited", Cause::Environment, "POST /configure", message)
            .expected("429 for some of them", "none")
            .remedy("limit the rate for each client at the ingress", "an hour");
        if self.require_limit { finding } else { finding.note() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;

    #[test]
    fn a_missing_limit_is_noted_unless_one_is_required() {
        let weight = |params: RateParams, limited| params.limit(limited, 20).weight;
        let strict = || RateParams { require_limit: true, ..RateParams::default() };
        assert_eq!(weight(RateParams::default(), 0), Weight::Note);
        assert_eq!(weight(strict(), 0), Weight::Fail);
        assert_eq!(weight(strict(), 3), Weight::Note);
        let none = RateParams { requests: 0, ..RateParams::default() };
        insta::assert_snapshot!(none.validate().unwrap_err(), @"`requests` is 0; it must lie between 1 and 200");
    }
}
