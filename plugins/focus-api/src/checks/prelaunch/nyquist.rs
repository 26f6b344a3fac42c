//! `focus-api.prelaunch.nyquist`

use crate::checks::{JOBS, READY};
use crate::refusal::{self, Nonsense};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::{Configured, Fiber};
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{has_number, mentions, words};
use shakedown_http::Exchange;

register_check! {
    /// Frequencies above half the pulse rate are refused, naming the limit.
    ///
    /// The limit is computed from the pulse rate in live metadata, never assumed. A refusal with 400, 422 or 404 will do;
    /// it must say "Nyquist" or give the limit in Hz.
    ///
    /// # Why it matters
    /// Above half the pulse rate frequencies fold back: the picture shows signals that are not there. A user who is
    /// refused without being told the limit can only guess.
    ///
    /// # How to mend it
    /// Compare `frequencyRange.max` with `prr / 2` of the data set that is asked for, and put the limit into the message.
    pub(super) struct AboveNyquist(NoParams) {
        id: "focus-api.prelaunch.nyquist",
        title: "Frequencies above half the pulse rate are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13877", "PZ-13903", "PZ-13555"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[
            fault("focus-api.accepts-nyquist", "above-nyquist-accepted"),
            fault("focus-api.limit-unnamed", "limit-unnamed"),
        ],
    }
}

const ABOVE: i64 = 100;
const FIELDS: &[&str] = &["frequencyRange", "frequency"];

#[async_trait]
impl Check for AboveNyquist {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let frequency = fiber.nyquist() + ABOVE;
        let what = format!("{frequency} Hz at {} pulses per second", fiber.prr);
        let nonsense = Nonsense { what: &what, accepted: "above-nyquist-accepted", fields: FIELDS };
        let request = ConfigureRequest::live(&fiber).set("/frequencyRange/max", frequency);
        let Configured { exchange, job } = client.configure(cx, &request.text()).await?;
        outage::answered(cx, &exchange)?;
        let mut findings = refusal::judge(nonsense, &exchange, job.as_deref());
        findings.extend(limit_unnamed(&fiber, &exchange));
        refusal::verdict(cx, &exchange, &what, findings)
    }
}

/// A finding where a refusal does not say what the limit is. One that does not even name the field is a matter of
/// `focus-api.prelaunch.clarity`.
fn limit_unnamed(fiber: &Fiber, exchange: &Exchange) -> Option<Finding> {
    let status = exchange.status;
    let text = words(exchange);
    if !status.is_client_error()
        || !mentions(&text, FIELDS)
        || mentions(&text, &["nyquist"])
        || has_number(&text, fiber.nyquist())
    {
        return None;
    }
    let message = format!("the refusal does not name the limit of {} Hz", fiber.nyquist());
    Some(
        Finding::new("limit-unnamed", Cause::Product, "POST /configure", message)
            .expected(format!("\"Nyquist\" or {} Hz in the message", fiber.nyquist()), format!("\"{text}\""))
            .severity(Severity::Medium)
            .remedy("put the limit, `prr / 2`, into the message", "an hour"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::channels::Channels;
    use shakedown_focus::testing::exchange;

    #[test]
    fn the_limit_is_named_in_words_or_as_a_number() {
        let fiber = Fiber { channels: Channels { lowest: 1, highest: 9 }, prr: 2000.0 };
        let named = |status, body: &str| limit_unnamed(&fiber, &exchange(status, body)).is_none();
        assert!(named(400, r#"{"detail":"1100 exceeds the Nyquist frequency"}"#));
        assert!(named(
            422,
            r#"{"detail":[{"loc":["frequencyRange"],"msg":"too high","ctx":{"le":1000.0},"input":1100}]}"#
        ));
        assert!(!named(422, r#"{"detail":[{"loc":["frequencyRange"],"msg":"too high","input":1000}]}"#));
        assert!(!named(400, r#"{"detail":"Invalid frequencyRange"}"#));
        assert!(named(400, r#"{"detail":"Bad request"}"#), "which is worse, and judged by another check");
        assert!(named(200, "{}"), "an acceptance has its own finding");
    }
}
