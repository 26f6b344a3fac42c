//! `focus-api.ack.methods`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Method, Request, StatusCode};

register_check! {
    /// `/ack` refuses every method but GET, at once.
    ///
    /// POST, PUT, DELETE and PATCH are answered with 405 or 400 within a second.
    ///
    /// # Why it matters
    /// A server that takes any method hides the mistakes of its clients, and may do work that nobody asked for.
    ///
    /// # How to mend it
    /// Register the route for GET only; the web framework then refuses the rest by itself.
    pub(super) struct AckMethods(MethodsParams) {
        id: "focus-api.ack.methods",
        title: "/ack refuses every method but GET",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14027"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.ack-any-method", "method-accepted")],
    }
}

/// How quick a refusal must be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MethodsParams {
    /// A slower refusal is a warning.
    max: HumanDuration,
}

impl Default for MethodsParams {
    fn default() -> Self {
        Self { max: HumanDuration::secs(1) }
    }
}

impl Params for MethodsParams {}

#[async_trait]
impl Check for AckMethods {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut cases = Cases::new();
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let name = method.to_string();
            let exchange = client.ask(Request::new(method, "/ack", patience(cx))).await?;
            let findings = self.params.judge(&name, &exchange);
            let answer = document::verdict(cx, &exchange, &name, exchange.summary(), findings);
            cases.push(Case::new(name, &["PZ-14027"], answer));
        }
        cases.verdict()
    }
}

impl MethodsParams {
    fn judge(&self, method: &str, exchange: &Exchange) -> Vec<Finding> {
        let status = exchange.status;
        let finding = |code, message: String| {
            Finding::new(code, Cause::Product, format!("{method} /ack"), message)
                .expected("405 or 400", status)
                .remedy("register the route for GET only", "an hour")
        };
        match status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => {
                let slow = exchange.elapsed.total > self.max.0;
                let message = || format!("{method} /ack is refused, but only after {} or more", self.max);
                slow.then(|| finding("refusal-slow", message()).warn()).into_iter().collect()
            }
            status if status.is_success() => {
                vec![finding("method-accepted", format!("{method} /ack is answered with {status}"))]
            }
            status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                vec![finding("server-error", format!("the server fails at {method} /ack with {status}"))]
            }
            // Not the documented refusal, but one.
            status => {
                vec![finding("unexpected-status", format!("{method} /ack is answered with {status}")).note()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn only_refusals_will_do() {
        let judged = |status| {
            let found = MethodsParams::default().judge("PUT", &exchange(status, ""));
            found.first().map(|finding| (finding.code.clone(), finding.weight))
        };
        assert_eq!([405, 400].map(judged), [None, None]);
        assert_eq!(judged(204), Some(("method-accepted".to_owned(), Weight::Fail)));
        assert_eq!(judged(500), Some(("server-error".to_owned(), Weight::Fail)));
        assert_eq!(judged(404), Some(("unexpected-status".to_owned(), Weight::Note)));
        let hasty = MethodsParams { max: HumanDuration::millis(1) };
        assert_eq!(hasty.judge("PUT", &exchange(405, ""))[0].code, "refusal-slow");
    }
}
