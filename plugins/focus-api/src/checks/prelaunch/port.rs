//! `focus-api.prelaunch.port`

use crate::checks::{JOBS, READY};
use crate::client::Configured;
use crate::refusal::{mentions, words};
use crate::request::ConfigureRequest;
use crate::response;
use crate::target::FocusApi;
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_http::StatusCode;

register_check! {
    /// Two live jobs do not share a stream.
    ///
    /// Two valid live requests follow each other. The streams of both jobs have an address of their own; or the second is
    /// refused with 400 or 409, naming the port.
    ///
    /// # Why it matters
    /// Where two jobs are given one port, one of the two users sees the other's picture, or none.
    ///
    /// # How to mend it
    /// Let Kubernetes choose the port of each job's service, and return the one it chose.
    pub(super) struct StreamPorts(NoParams) {
        id: "focus-api.prelaunch.port",
        title: "Two live jobs do not share a stream",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14018"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.shared-port", "port-shared")],
    }
}

#[async_trait]
impl Check for StreamPorts {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?).text();
        let first = client.configure(cx, &request).await?;
        let Some(first_stream) = stream(&first) else {
            let seen = first.exchange.summary();
            return Err(CheckError::unclear(format!(
                "the first of two jobs has no stream to compare: {seen}"
            )));
        };
        let second = client.configure(cx, &request).await?;
        let seen = match stream(&second) {
            Some((host, port)) => {
                format!("streams at {}:{} and {host}:{port}", first_stream.0, first_stream.1)
            }
            None => format!("the second job: {}", second.exchange.summary()),
        };
        let verdict = Verdict::of(Observation::seen(seen));
        Ok(match judge(&first_stream, &second) {
            None => verdict,
            Some(finding) => {
                let first = cx.attach(first.exchange.to_evidence("first-job.txt"))?;
                let second = cx.attach(second.exchange.to_evidence("second-job.txt"))?;
                verdict.with(finding.evidence(first).evidence(second))
            }
        })
    }
}

fn stream(configured: &Configured) -> Option<(String, i64)> {
    configured.exchange.status.is_success().then_some(())?;
    response::stream(&configured.exchange.json::<Value>().ok()?)
}

fn judge(first: &(String, i64), second: &Configured) -> Option<Finding> {
    let status = second.exchange.status;
    let finding = |code, message: String| Finding::new(code, Cause::Product, "POST /configure", message);
    match stream(second) {
        Some(second) if second == *first => {
            let (host, port) = second;
            Some(
                finding("port-shared", format!("two live jobs share the stream at {host}:{port}"))
                    .expected("a port for each job", port)
                    .remedy(
                        "let Kubernetes choose the port of each job's service, and return that one",
                        "a day",
                    ),
            )
        }
        Some(_) => None,
        None if matches!(status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT)
            && mentions(&words(&second.exchange), &["port"]) =>
        {
            None
        }
        None if status.is_server_error() => Some(
            finding("server-error", format!("the server fails at the second of two live jobs with {status}"))
                .remedy("read the stack trace in the server's log", "hours"),
        ),
        None => Some(
            finding("second-job-refused", format!("the second of two live jobs has no stream: {status}"))
                .expected("another port, or 400 or 409 naming the port", status)
                .remedy("start the job, or say which port is in use", "a day"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;

    fn code(status: u16, body: &str) -> Option<String> {
        let second = Configured { exchange: exchange(status, body), job: None };
        judge(&("focus.example.com".to_owned(), 12301), &second).map(|finding| finding.code)
    }

    #[test]
    fn streams_must_differ_or_the_refusal_name_the_port() {
        let at = |host: &str, port: &str| {
            format!(r#"{{"job_id":"1-2","stream_url":"{host}","stream_port":{port}}}"#)
        };
        assert_eq!(code(200, &at("focus.example.com", "12302")), None);
        assert_eq!(code(200, &at("other.example.com", "12301")), None);
        assert_eq!(code(200, &at("focus.example.com", "\"12301\"")).as_deref(), Some("port-shared"));
        assert_eq!(code(409, r#"{"detail":"port 12301 is in use"}"#), None);
        assert_eq!(code(409, r#"{"detail":"conflict"}"#).as_deref(), Some("second-job-refused"));
        assert_eq!(code(200, "{}").as_deref(), Some("second-job-refused"));
        assert_eq!(code(500, "").as_deref(), Some("server-error"));
    }
}
