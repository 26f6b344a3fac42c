//! Requests that no honest client sends: each is refused or without effect, and the server is well afterwards.

use crate::refusal::{self, leaked, server_error};
use shakedown_core::duration::brief;
use shakedown_core::verdict::Case;
use shakedown_core::{Cases, Cause, CheckError, Context, Finding, Observation, Severity, Verdict};
use shakedown_focus::client::{Configured, FocusClient, away, patience};
use shakedown_focus::document;
use shakedown_focus::job::file_name;
use shakedown_focus::outage;
use shakedown_http::{Exchange, HttpError, HttpErrorKind, Request, StatusCode};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A table of requests, sent one after the other as long as the server is up.
pub(crate) struct Battery<'a> {
    cx: &'a Context,
    client: &'a FocusClient,
    cases: Cases,
    /// That the server went down.
    down: Option<Down>,
}

/// A server that went down.
struct Down {
    /// What was sent.
    since: String,
    /// What was wrong then.
    why: String,
    /// After how long it was well again.
    back: Option<Duration>,
}

/// How long a server may take to come back before that is given up.
const RECOVERY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

impl<'a> Battery<'a> {
    /// Begins, with a server that answers.
    pub(crate) async fn begin(cx: &'a Context, client: &'a FocusClient) -> Result<Self, CheckError> {
        client.get(cx, "/ack").await?;
        Ok(Self { cx, client, cases: Cases::new(), down: None })
    }

    /// A request to `/configure` with this body.
    pub(crate) fn json(&self, body: impl Into<Vec<u8>>) -> Request {
        Request::post_json("/configure", body.into(), patience(self.cx))
    }

    /// Sends something to `/configure`; `judge` is given the answer and the job that was started.
    pub(crate) async fn configure(
        &mut self,
        (name, keys): (&str, &[&str]),
        request: Request,
        judge: impl FnOnce(&Configured) -> Vec<Finding>,
    ) {
        let answer = self.configured(name, request, judge).await;
        self.cases.push(Case::new(name, keys, answer));
    }

    /// Sends something that starts no job, whatever the server makes of it.
    pub(crate) async fn ask(
        &mut self,
        (name, keys): (&str, &[&str]),
        request: Request,
        judge: impl FnOnce(&Exchange) -> Vec<Finding>,
    ) {
        let answer = self.asked(name, request, judge).await;
        self.cases.push(Case::new(name, keys, answer));
    }

    async fn configured(
        &mut self,
        name: &str,
        request: Request,
        judge: impl FnOnce(&Configured) -> Vec<Finding>,
    ) -> Result<Verdict, CheckError> {
        self.still_up()?;
        let room = self.client.room(self.cx, self.cx.remaining().mul_f32(0.9)).await?;
        match self.client.configure_raw(self.cx, room, request).await? {
            Ok(configured) => {
                outage::answered(self.cx, &configured.exchange)?;
                let findings = judge(&configured);
                refusal::verdict(self.cx, &configured.exchange, name, findings)
            }
            Err(error) => self.unanswered(name, &error).await,
        }
    }

    async fn asked(
        &mut self,
        name: &str,
        request: Request,
        judge: impl FnOnce(&Exchange) -> Vec<Finding>,
    ) -> Result<Verdict, CheckError> {
        self.still_up()?;
        match self.client.try_ask(request).await {
            Ok(exchange) => {
                not_by_a_gateway(&exchange)?;
                let findings = judge(&exchange);
                refusal::verdict(self.cx, &exchange, name, findings)
            }
            Err(error) => self.unanswered(name, &error).await,
        }
    }

    fn still_up(&self) -> Result<(), CheckError> {
        match &self.down {
            Some(down) => {
                Err(CheckError::not_applicable(format!("not sent: the server went down over {}", down.since)))
            }
            None => Ok(()),
        }
    }

    /// A connection that breaks over what was sent is an answer; one that was never there is none.
    async fn unanswered(&mut self, name: &str, error: &HttpError) -> Result<Verdict, CheckError> {
        if matches!(error.kind, HttpErrorKind::Refused | HttpErrorKind::Dns | HttpErrorKind::Tls) {
            return Err(away(error).into());
        }
        let mut finding = Finding::new(
            "no-answer",
            Cause::Product,
            "POST /configure",
            format!("the server does not answer {name}: {error}"),
        )
        .expected("a refusal", "no answer")
        .severity(Severity::High)
        .remedy(
            "bound size and depth of bodies before they are parsed; look for a restart of the pod",
            "a day",
        );
        if let Some(why) = self.unwell().await {
            finding = finding.detail(&why);
            self.down = Some(Down { since: name.to_owned(), why, back: self.wait_until_well().await });
        }
        Ok(Verdict::of(Observation::seen(format!("{name}: no answer"))).with(finding))
    }

    /// Waits until the server is well again, so that what comes next does not meet it while it is down. Says how long that
    /// took, where it came back in time.
    async fn wait_until_well(&self) -> Option<Duration> {
        let down = Instant::now();
        let patience = self.cx.remaining().mul_f32(0.7).min(RECOVERY);
        while down.elapsed() < patience {
            sleep(PAUSE).await;
            if self.unwell().await.is_none() {
                return Some(down.elapsed());
            }
        }
        None
    }

    /// What is wrong with the server now.
    async fn unwell(&self) -> Option<String> {
        match self.client.ack().await {
            Ok(exchange) if exchange.status == StatusCode::OK => None,
            Ok(exchange) => Some(exchange.summary()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// All answers together, and whether the server is well after them.
    pub(crate) async fn end(self) -> Result<Verdict, CheckError> {
        let down = match self.unwell().await {
            Some(why) => self.down.or(Some(Down { since: "the last of it".to_owned(), why, back: None })),
            None => self.down,
        };
        let verdict = self.cases.verdict()?;
        let Some(Down { since, why, back }) = down else { return Ok(verdict) };
        let until = match back {
            Some(time) => format!("it came back after {}", brief(time)),
            None => "it has not come back".to_owned(),
        };
        let message = format!("the server goes down over {since}; {until}");
        let finding = Finding::new("server-down", Cause::Product, "GET /ack", message)
            .expected("200", why)
            .severity(Severity::Critical)
            .remedy("look at the restarts of the server's pod, and at its log", "hours");
        Ok(verdict.with(finding))
    }
}

/// That the server itself answers. How often a gateway gives up is the question of `focus-api.err.transport`.
pub(crate) fn not_by_a_gateway(exchange: &Exchange) -> Result<(), CheckError> {
    if [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT].contains(&exchange.status) {
        return Err(CheckError::unclear(format!(
            "a gateway answers, not the server: {}",
            exchange.summary()
        )));
    }
    Ok(())
}

/// What is wrong with an answer to something hostile: 4xx will do, and nothing else; `accepted` is the code where it is
/// taken for a valid request.
pub(crate) fn refused(what: &str, accepted: &'static str, answer: &Configured) -> Vec<Finding> {
    let Configured { exchange, job } = answer;
    let status = exchange.status;
    if status.is_success() {
        let started = job.as_ref().map_or_else(|| "no job".to_owned(), |id| format!("job {id}"));
        let message = format!("the server accepts {what}");
        return vec![
            Finding::new(accepted, Cause::Product, "POST /configure", message)
                .expected("refused with 4xx", format!("{status}, {started}"))
                .remedy(format!("refuse {what} before any work starts"), "a day"),
        ];
    }
    if !status.is_client_error() && !status.is_server_error() {
        let message = format!("{what} is answered with {status}");
        let finding = Finding::new("unexpected-status", Cause::Product, "POST /configure", message);
        return vec![finding.expected("refused with 4xx", status)];
    }
    unharmed(what, exchange)
}

/// What is wrong with an answer to something hostile that may also have no effect.
pub(crate) fn unharmed(what: &str, exchange: &Exchange) -> Vec<Finding> {
    if exchange.status.is_server_error() {
        return vec![Finding { subject: subject(exchange), ..server_error(what, exchange.status) }];
    }
    leaked(exchange, &subject(exchange), what).map(Finding::note).into_iter().collect()
}

/// What is wrong with an answer to something that is either refused or, if its field is not looked at, taken as it is; that
/// is judged by the check of the field, and only noted here.
pub(crate) fn refused_or_inert(what: &str, exchange: &Exchange) -> Vec<Finding> {
    if exchange.status.is_success() {
        return vec![seen("payload-inert", format!("the server accepts {what}, without visible effect"))];
    }
    unharmed(what, exchange)
}

/// The request, in words: `POST /configure`.
pub(crate) fn subject(exchange: &Exchange) -> String {
    let path = exchange.request.url.split_once("://").map_or(&*exchange.request.url, |(_, rest)| rest);
    let path = path.split_once('/').map_or("", |(_, path)| path);
    format!("{} /{path}", exchange.request.method)
}

/// A note of how something with more than one right answer was answered.
pub(crate) fn seen(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Expected, "POST /configure", message).note()
}

/// A verdict on one exchange.
pub(crate) fn verdict(
    cx: &Context,
    exchange: &Exchange,
    name: &str,
    findings: Vec<Finding>,
) -> Result<Verdict, CheckError> {
    document::verdict(cx, exchange, &file_name(name), exchange.summary(), findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    fn codes(status: u16, body: &str) -> Vec<String> {
        let configured = Configured { exchange: exchange(status, body), job: None };
        refused("a payload", "payload-accepted", &configured)
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn any_refusal_will_do_and_nothing_else() {
        for status in [400, 401, 404, 413, 415, 422] {
            assert_eq!(codes(status, ""), [""; 0], "{status}");
        }
        assert_eq!(codes(200, r#"{"job_id":"1-1"}"#), ["payload-accepted"]);
        assert_eq!(codes(500, ""), ["server-error"]);
        assert_eq!(codes(302, ""), ["unexpected-status"]);
        assert_eq!(codes(422, "Traceback (most recent call last)"), ["internals-leaked"], "a note");
    }

    #[test]
    fn the_subject_is_the_request() {
        assert_eq!(subject(&exchange(200, "")), "POST /configure");
    }
}
