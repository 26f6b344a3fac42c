//! `focus-api.recordings.invalid`

use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::recordings::{self, PATH};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// A range that does not run forward has no recordings: it is refused.
    ///
    /// An end before the start, and one that equals it, are answered with 400 or 422.
    ///
    /// # Why it matters
    /// An empty list for a mistaken range looks like a day on which nothing was recorded.
    ///
    /// # How to mend it
    /// Compare both ends before the query.
    pub(super) struct ReversedRange(NoParams) {
        id: "focus-api.recordings.invalid",
        title: "Recordings of a range that does not run forward are refused",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13552"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.recordings-unchecked", "reversed-listed")],
    }
}

const HOUR: i64 = 3600;

#[async_trait]
impl Check for ReversedRange {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let now = cx.clock.epoch_seconds();
        let mut cases = Cases::new();
        for (what, start, end) in [
            ("an end before the start", now - HOUR, now - 2 * HOUR),
            ("an end at the start", now - HOUR, now - HOUR),
        ] {
            let exchange = recordings::ask(cx, &client, start, end).await?;
            let findings = judge(what, &exchange).into_iter().collect();
            let answer = document::verdict(cx, &exchange, "recordings", exchange.summary(), findings);
            cases.push(Case::new(what, &["PZ-13552"], answer));
        }
        cases.verdict()
    }
}

fn judge(what: &str, exchange: &Exchange) -> Option<Finding> {
    let code = match exchange.status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => return None,
        status if status.is_success() => "reversed-listed",
        status if status.is_server_error() => "server-error",
        _ => "unexpected-status",
    };
    let message = format!("{what} is answered with {}", exchange.status);
    let finding = Finding::new(code, Cause::Product, format!("POST {PATH}"), message);
    Some(
        finding
            .expected("400 or 422", exchange.status)
            .remedy("compare both ends before the query", "an hour"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn only_refusals_will_do() {
        let code = |status| judge("x", &exchange(status, "[]")).map(|finding| finding.code);
        assert_eq!([400, 422].map(code), [None, None]);
        let codes = [200, 500, 404].map(|status| code(status).unwrap());
        assert_eq!(codes, ["reversed-listed", "server-error", "unexpected-status"]);
    }
}
