//! `focus-api.ack.headers`

use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::document;
use shakedown_focus::job::file_name;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

register_check! {
    /// Headers that `/ack` does not know change nothing, hostile ones included.
    ///
    /// Three ordinary headers are answered with 200. Three with a script, a path and a piece of SQL in them are answered
    /// with 200, or refused.
    ///
    /// # Why it matters
    /// Proxies and browsers add headers, and anybody can send any. A server that stumbles over one can be brought down
    /// by one.
    ///
    /// # How to mend it
    /// Find what reads the header that the finding names, often a piece of logging, and make it treat the value as text.
    pub(super) struct AckHeaders(NoParams) {
        id: "focus-api.ack.headers",
        title: "Headers that /ack does not know change nothing",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14029", "PZ-14030"],
        tags: &["api", "security"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.ack-header-crash", "header-breaks-ack")],
    }
}

/// A header, and whether it is there to do harm.
struct Sent {
    name: &'static str,
    value: &'static str,
    hostile: bool,
}

const HEADERS: [Sent; 6] = [
    Sent { name: "accept", value: "application/json", hostile: false },
    Sent { name: "accept-language", value: "he, en;q=0.5", hostile: false },
    Sent { name: "x-request-id", value: "shakedown-1", hostile: false },
    Sent { name: "x-note", value: "<script>alert(1)</script>", hostile: true },
    Sent { name: "x-file", value: "../../../../etc/passwd", hostile: true },
    Sent { name: "user-agent", value: "' OR '1'='1'; DROP TABLE jobs; --", hostile: true },
];

#[async_trait]
impl Check for AckHeaders {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut cases = Cases::new();
        for sent in HEADERS {
            let name = HeaderName::from_static(sent.name);
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(sent.value))]);
            let request = Request { headers, ..Request::get("/ack", patience(cx)) };
            let exchange = client.ask(request).await?;
            let what = format!("{}: {}", sent.name, sent.value);
            let findings = judge(&sent, &what, &exchange).into_iter().collect();
            let answer =
                document::verdict(cx, &exchange, &file_name(sent.name), exchange.summary(), findings);
            let key = if sent.hostile { "PZ-14030" } else { "PZ-14029" };
            cases.push(Case::new(what, &[key], answer));
        }
        cases.verdict()
    }
}

fn judge(sent: &Sent, what: &str, exchange: &Exchange) -> Option<Finding> {
    let status = exchange.status;
    let refusal = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    if status == StatusCode::OK || sent.hostile && refusal {
        return None;
    }
    let expected = if sent.hostile { "200, or a refusal" } else { "200" };
    let message = format!("with the header `{what}` the server acknowledges with {status}");
    let finding = Finding::new("header-breaks-ack", Cause::Product, "GET /ack", message);
    Some(finding.expected(expected, status).remedy("make what reads the header treat it as text", "a day"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn only_hostile_headers_may_be_refused() {
        let fine = |hostile, status| {
            judge(&Sent { name: "x-note", value: "y", hostile }, "x", &exchange(status, "")).is_none()
        };
        assert!(fine(false, 200) && fine(true, 200) && fine(true, 400) && fine(true, 403));
        assert!(!fine(false, 400) && !fine(true, 500) && !fine(false, 500) && !fine(true, 404));
    }
}
