//! `focus-api.err.transport`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Evidence, Finding, Gate, HumanDuration, Observation,
    Params, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, HttpError, HttpErrorKind, Request, StatusCode};

register_check! {
    /// Every request is answered, in time, by the server itself.
    ///
    /// `rounds` times, `/ack`, `/channels` and `/live_metadata` are asked for, one right after the other and none twice. None may
    /// be answered by a gateway that gave up (502, 503 or 504), none may stay unanswered for `patience`, and no connection may
    /// be refused or broken. Where nothing is answered at all, the target is away, and this is no question.
    ///
    /// # Why it matters
    /// What fails once in thirty times is not seen by a check that asks once, and is seen by every user.
    ///
    /// # How to mend it
    /// For a 502 or 504 compare the gateway's time-out with the server's slowest answer. For connections that are refused or
    /// broken look for restarts of the pod, and for several of them of which one is not well.
    pub(super) struct Transport(TransportParams) {
        id: "focus-api.err.transport",
        title: "Every request is answered, in time, by the server itself",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14782", "PZ-14783", "PZ-14784"],
        tags: &["api", "errors"],
        requires: &["focus-api.ack.ok"],
        gate: Gate::Informational,
        proofs: &[
            fault("focus-api.flaky-gateway", "gateway-error"),
            fault("focus-api.stalls", "no-answer-in-time"),
            fault("focus-api.restarts", "connection-broken"),
        ],
    }
}

/// How often is asked, and how long waited.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TransportParams {
    /// How often each of the three is asked for.
    rounds: u32,
    /// How long an answer may take.
    patience: HumanDuration,
}

impl Default for TransportParams {
    fn default() -> Self {
        Self { rounds: 10, patience: HumanDuration::secs(3) }
    }
}

impl Params for TransportParams {
    fn validate(&self) -> Result<(), String> {
        if (1..=1000).contains(&self.rounds) {
            Ok(())
        } else {
            Err(format!("`rounds` is {}; it must lie between 1 and 1000", self.rounds))
        }
    }
}

const PATHS: [&str; 3] = ["/ack", "/channels", "/live_metadata"];

/// The ways in which a request can go without an answer of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Gateway,
    Late,
    Broken,
}

/// Each way, the name of its row, its key, and the code of its finding.
const WAYS: [(Way, &str, &str, &str); 3] = [
    (Way::Gateway, "answered by a gateway", "PZ-14782", "gateway-error"),
    (Way::Late, "not answered in time", "PZ-14783", "no-answer-in-time"),
    (Way::Broken, "refused or broken", "PZ-14784", "connection-broken"),
];

impl Way {
    fn of(answer: &Result<Exchange, HttpError>) -> Option<Self> {
        match answer {
            Ok(exchange) => matches!(
                exchange.status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            )
            .then_some(Self::Gateway),
            Err(error) if error.kind == HttpErrorKind::TimedOut => Some(Self::Late),
            Err(_) => Some(Self::Broken),
        }
    }
}

#[async_trait]
impl Check for Transport {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        // Whether anybody is there at all is not the question.
        client.get(cx, "/ack").await?;
        let TransportParams { rounds, patience } = self.params;
        let mut answers = Vec::new();
        for round in 0..rounds {
            cx.progress(round.into(), rounds.into(), "rounds");
            for path in PATHS {
                answers.push((path, client.try_ask(Request::get(path, patience.0)).await));
            }
        }
        let mut cases = Cases::new();
        for (way, name, key, code) in WAYS {
            cases.push(Case::new(name, &[key], row(cx, &answers, way, name, code)));
        }
        cases.verdict()
    }
}

fn row(
    cx: &Context,
    answers: &[(&str, Result<Exchange, HttpError>)],
    way: Way,
    name: &str,
    code: &str,
) -> Result<Verdict, CheckError> {
    let went: Vec<_> = answers.iter().filter(|(_, answer)| Way::of(answer) == Some(way)).collect();
    let counted = Observation::counted(answers.len() as u64, "requests")?;
    let verdict = Verdict::of(Observation::seen(format!("{}, {} {name}", counted.text(), went.len())));
    let Some((path, first)) = went.first() else { return Ok(verdict) };
    let seen = match first {
        Ok(exchange) => exchange.summary(),
        Err(error) => error.to_string(),
    };
    let evidence = match first {
        Ok(exchange) => exchange.to_evidence("first.txt"),
        Err(error) => Evidence::text("first.txt", error.to_string()),
    };
    let message = format!("{} of {} requests are {name}; the first: {seen}", went.len(), answers.len());
    let finding = Finding::new(code, Cause::Environment, format!("GET {path}"), message)
        .expected("every request is answered by the server", format!("{} are {name}", went.len()))
        .remedy(
            "compare the gateway's time-outs with the slowest answer; look for restarts, and for one bad pod of several",
            "hours",
        )
        .evidence(cx.attach(evidence)?);
    Ok(verdict.with(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn answers_of_the_server_itself_will_do() {
        let way = |status| Way::of(&Ok(exchange(status, "")));
        assert_eq!([200, 404, 429, 500].map(way), [None; 4]);
        assert_eq!([502, 503, 504].map(way), [Some(Way::Gateway); 3]);
        let none = TransportParams { rounds: 0, ..TransportParams::default() };
        insta::assert_snapshot!(none.validate().unwrap_err(), @"`rounds` is 0; it must lie between 1 and 1000");
    }
}
