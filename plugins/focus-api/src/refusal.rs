//! Refusals: whether nonsense is refused, with the right class of status, in words that help, and before anything starts.
//!
//! One judge for every request that has to be refused. How well it is refused has judges of its own, so that one habit
//! of a server is one failure: here it is only noted.

use shakedown_core::verdict::Case;
use shakedown_core::{Cause, CheckError, Context, Finding, Severity, Verdict};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::outage::answered;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::{Exchange, StatusCode};
use std::time::Duration;

/// A request that the server has to refuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonsense<'a> {
    /// What is wrong with it, for example "an NFFT of 0".
    pub(crate) what: &'a str,
    /// The code of the finding where it is accepted.
    pub(crate) accepted: &'static str,
    /// Words of which a good refusal uses one: the names of the field.
    pub(crate) fields: &'a [&'a str],
}

/// A slower refusal is noted.
const QUICK: Duration = Duration::from_secs(1);

/// Sends nonsense and judges the answer.
pub(crate) async fn examine(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
    nonsense: Nonsense<'_>,
) -> Result<Verdict, CheckError> {
    let configured = client.configure(cx, &request.text()).await?;
    answered(cx, &configured.exchange)?;
    let findings = judge(nonsense, &configured.exchange, configured.job.as_deref());
    verdict(cx, &configured.exchange, nonsense.what, findings)
}

/// The same, as one row of a table.
pub(crate) async fn case(
    cx: &Context,
    client: &FocusClient,
    (name, keys): (&str, &[&str]),
    request: &ConfigureRequest,
    nonsense: Nonsense<'_>,
) -> Case {
    Case::new(name, keys, examine(cx, client, request, nonsense).await)
}

/// A verdict on the answer to one request, with what was asked in words.
pub(crate) fn verdict(
    cx: &Context,
    exchange: &Exchange,
    what: &str,
    findings: Vec<Finding>,
) -> Result<Verdict, CheckError> {
    let name: String = what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    document::verdict(cx, exchange, &name, format!("{what}: {}", exchange.summary()), findings)
}

/// Whether a status refuses a request because of what it is.
pub(crate) fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::NOT_FOUND
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::PAYLOAD_TOO_LARGE
    )
}

/// What is wrong with the answer to nonsense.
pub(crate) fn judge(nonsense: Nonsense<'_>, exchange: &Exchange, job: Option<&str>) -> Vec<Finding> {
    let Nonsense { what, accepted, fields } = nonsense;
    let status = exchange.status;
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "POST /configure", message)
            .expected("refused with 400 or 422", status)
    };
    match status {
        status if is_refusal(status) => quality(exchange, what, fields, job),
        status if status.is_success() => {
            let started = job.map_or_else(
                || "the answer names no job".to_owned(),
                |id| format!("job {id} was started for it; it stands on the cleanup ledger"),
            );
            vec![
                finding(accepted, format!("the server accepts {what}"))
                    .detail(started)
                    .remedy(format!("refuse {what} before any work starts, naming the field"), "a day"),
            ]
        }
        status if status.is_server_error() => vec![server_error(what, status)],
        status => vec![finding("unexpected-status", format!("{what} is answered with {status}"))],
    }
}

/// That a server fails where it should refuse.
pub(crate) fn server_error(what: &str, status: StatusCode) -> Finding {
    let message = format!("the server fails at {what} with {status} instead of refusing it");
    Finding::new("server-error", Cause::Product, "POST /configure", message)
        .expected("refused with 400 or 422", status)
        .remedy("validate the field before it is used; the server's log has the stack trace", "a day")
}

/// How good a refusal is. None of this makes it wrong.
fn quality(exchange: &Exchange, what: &str, fields: &[&str], job: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(leaked(exchange, "POST /configure", what).map(Finding::note));
    findings.extend(started(what, job).map(Finding::note));
    findings.extend(slow(exchange, what, QUICK).map(Finding::note));
    if !mentions(&words(exchange), fields) {
        let message = format!("the refusal of {what} does not name the field ({})", fields.join(" or "));
        findings.push(Finding::new("field-unnamed", Cause::Product, "POST /configure", message).note());
    }
    findings
}

/// That an answer shows the inside of the server.
pub(crate) fn leaked(exchange: &Exchange, subject: &str, what: &str) -> Option<Finding> {
    let leak = leak(&exchange.text())?;
    let message = format!("the refusal of {what} shows internals of the server: `{leak}`");
    Some(
        Finding::new("internals-leaked", Cause::Product, subject, message).severity(Severity::Medium).remedy(
            "answer with the field and the rule only; keep stack traces and paths in the log",
            "an hour",
        ),
    )
}

/// That a refusal names a job all the same.
pub(crate) fn started(what: &str, job: Option<&str>) -> Option<Finding> {
    let job = job?;
    let message = format!("the refusal of {what} names job {job}: something was started");
    Some(
        Finding::new("job-left-behind", Cause::Product, "POST /configure", message)
            .expected("nothing is started", job)
            .remedy("validate the whole request before any work starts", "a day"),
    )
}

/// That a refusal takes long.
pub(crate) fn slow(exchange: &Exchange, what: &str, within: Duration) -> Option<Finding> {
    let elapsed = exchange.elapsed.total;
    (elapsed >= within).then(|| {
        let took = shakedown_core::duration::brief(elapsed);
        let message = format!("refusing {what} takes {took}");
        Finding::new("refusal-slow", Cause::Product, "POST /configure", message)
            .expected(format!("less than {}", shakedown_core::duration::brief(within)), took)
            .remedy("validate before anything else is asked or started", "a day")
    })
}

/// The first sign of a stack trace, of an internal path, or of a credential.
fn leak(text: &str) -> Option<&'static str> {
    const SIGNS: [&str; 14] = [
        "Traceback (most recent call last)",
        "site-packages",
        ".py\", line",
        "/usr/",
        "/home/",
        "/opt/",
        "/app/",
        "/var/",
        "panicked at",
        "Exception in thread",
        "pymongo.",
        "mongodb://",
        "amqp://",
        "PRIVATE KEY-",
    ];
    SIGNS.into_iter().find(|sign| mentions(text, &[sign]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    const NONSENSE: Nonsense<'_> =
        Nonsense { what: "an NFFT of 0", accepted: "nfft-accepted", fields: &["nfftSelection", "nfft"] };

    fn codes(status: u16, body: &str) -> Vec<(String, Weight)> {
        let job = (status == 200).then_some("1-3");
        let findings = judge(NONSENSE, &exchange(status, body), job);
        findings.into_iter().map(|finding| (finding.code, finding.weight)).collect()
    }

    #[test]
    fn every_form_of_refusal_will_do() {
        for (status, body) in [
            (400, r#"{"detail":"Invalid nfftSelection 0: must be positive"}"#),
            (
                422,
                r#"{"detail":[{"type":"greater_than","loc":["body","nfftSelection"],"msg":"too small","input":0}]}"#,
            ),
            (400, r#"{"error":"validation","details":{"field":"NFFT"}}"#),
            (404, "nfft 0 is not known"),
        ] {
            assert_eq!(codes(status, body), [], "{status} {body}");
        }
    }

    #[test]
    fn acceptance_and_crashes_fail() {
        let one = |code: &str, weight| vec![(code.to_owned(), weight)];
        assert_eq!(codes(200, r#"{"job_id":"1-3"}"#), one("nfft-accepted", Weight::Fail));
        assert_eq!(codes(500, "Internal Server Error"), one("server-error", Weight::Fail));
        assert_eq!(codes(302, ""), one("unexpected-status", Weight::Fail));
        assert_eq!(codes(400, "bad request"), one("field-unnamed", Weight::Note));
        let leaky = r#"{"detail":"nfft: File \"/app/main.py\", line 3"}"#;
        assert_eq!(codes(422, leaky), one("internals-leaked", Weight::Note));
    }

    #[test]
    fn how_well_it_is_refused_is_noted() {
        let mut late = exchange(400, r#"{"detail":"nfft","job_id":"1-3"}"#);
        late.elapsed.total = QUICK;
        let findings = judge(NONSENSE, &late, Some("1-3"));
        let seen: Vec<_> = findings.iter().map(|finding| (finding.code.as_str(), finding.weight)).collect();
        assert_eq!(seen, [("job-left-behind", Weight::Note), ("refusal-slow", Weight::Note)]);
        assert_eq!(findings[1].message, "refusing an NFFT of 0 takes 1.0 s");
    }

    #[test]
    fn what_was_accepted_is_named() {
        let finding = judge(NONSENSE, &exchange(200, "{}"), Some("1-3")).remove(0);
        assert_eq!(finding.message, "the server accepts an NFFT of 0");
        assert_eq!(finding.details, ["job 1-3 was started for it; it stands on the cleanup ledger"]);
    }
}
