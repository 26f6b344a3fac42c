//! `focus-api.err.json`

use crate::hostile::{self, Battery};
use crate::refusal::is_refusal;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Request};

register_check! {
    /// Text that is not JSON is refused.
    ///
    /// Truncated JSON, JSON with something behind it, single quotes, a word, bytes that are no text, and nothing at all are
    /// sent to `/configure` and to `/recordings_in_time_range`. Each must be refused with 400, 413, 415 or 422. None of it is a
    /// request, so nothing can start.
    ///
    /// # Why it matters
    /// A connection that breaks sends half a body. A server that fails at it counts as down where it is only unlucky.
    ///
    /// # How to mend it
    /// Answer what the parser says with 400 or 422, before any field is looked at.
    pub(super) struct InvalidJson(NoParams) {
        id: "focus-api.err.json",
        title: "Text that is not JSON is refused",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14785"],
        tags: &["api", "errors"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.broken-json-500", "server-error")],
    }
}

const BODIES: [(&str, &[u8]); 6] = [
    ("truncated JSON", b"{\"start_time\": 1000, \"end_time\": "),
    ("JSON with something behind it", b"{\"start_time\": 1000} }"),
    ("single quotes", b"{'start_time': 1000}"),
    ("a word", b"hello"),
    ("bytes that are no text", b"{\"start_time\": \"\xff\xfe\x80\"}"),
    ("nothing", b""),
];

#[async_trait]
impl Check for InvalidJson {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut battery = Battery::begin(cx, &client).await?;
        for path in ["/configure", "/recordings_in_time_range"] {
            for (what, body) in BODIES {
                let name = format!("{what} to {path}");
                let request = Request::post_json(path, body, patience(cx));
                battery.ask((&name, &["PZ-14785"]), request, |exchange| judge(what, exchange)).await;
            }
        }
        battery.end().await
    }
}

fn judge(what: &str, exchange: &Exchange) -> Vec<Finding> {
    let status = exchange.status;
    if is_refusal(status) || status.is_server_error() {
        return hostile::unharmed(what, exchange);
    }
    let message = format!("{what} is answered with {status}");
    vec![
        Finding::new("json-accepted", Cause::Product, hostile::subject(exchange), message)
            .expected("refused with 400 or 422", status)
            .remedy("answer what the parser says with 400 or 422", "a day"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn only_a_refusal_will_do() {
        let code = |status| judge("a word", &exchange(status, "")).pop().map(|finding| finding.code);
        assert_eq!([400, 415, 422].map(code), [None, None, None]);
        assert_eq!(code(200).as_deref(), Some("json-accepted"));
        assert_eq!(code(302).as_deref(), Some("json-accepted"));
        assert_eq!(code(500).as_deref(), Some("server-error"));
    }

    #[test]
    fn nothing_that_is_sent_is_json() {
        for (what, body) in BODIES {
            assert!(serde_json::from_slice::<serde_json::Value>(body).is_err(), "{what}");
        }
    }
}
