//! `focus-api.prelaunch.port`

use crate::checks::{JOBS, STARTS};
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::Configured;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::response;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::StatusCode;

register_check! {
    /// Live jobs do not share a stream.
    ///
    /// Three valid live requests follow each other. The streams of all jobs have an address of their own; or a request is
    /// refused with 400 or 409, naming the port. Which ports they are is reported, and nothing is expected of the numbers.
    ///
    /// # Why it matters
    /// Where two jobs are given one port, one of the two users sees the other's picture, or none.
    ///
    /// # How to mend it
    /// Let Kubernetes choose the port of each job's service, and return the one it chose.
    pub(super) struct StreamPorts(NoParams) {
        id: "focus-api.prelaunch.port",
        title: "Live jobs do not share a stream",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14018", "PZ-13873"],
        tags: &["api", "prelaunch"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.shared-port", "port-shared")],
    }
}

const JOBS_AT_ONCE: usize = 3;

#[async_trait]
impl Check for StreamPorts {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let request = ConfigureRequest::live(&fiber).channels(&fiber, 2).text();
        let first = client.configure(cx, &request).await?;
        outage::answered(cx, &first.exchange)?;
        let Some(address) = stream(&first) else {
            let seen = first.exchange.summary();
            return Err(CheckError::unclear(format!(
                "the first of several jobs has no stream to compare: {seen}"
            )));
        };
        let (mut streams, mut findings) = (vec![address], Vec::new());
        let mut evidence = vec![cx.attach(first.exchange.to_evidence("job-1.txt"))?];
        while streams.len() < JOBS_AT_ONCE && findings.is_empty() {
            let next = client.configure(cx, &request).await?;
            outage::answered(cx, &next.exchange)?;
            evidence.push(cx.attach(next.exchange.to_evidence(format!("job-{}.txt", evidence.len() + 1)))?);
            findings.extend(judge(&streams, &next));
            match stream(&next) {
                Some(address) => streams.push(address),
                // Refused, naming the port: as good an answer, and the last one.
                None => break,
            }
        }
        let seen: Vec<String> = streams.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let verdict = Verdict::of(Observation::seen(format!("streams at {}", seen.join(", "))));
        let with_evidence = |finding| evidence.iter().cloned().fold(finding, Finding::evidence);
        Ok(verdict.with_all(findings.into_iter().map(with_evidence)))
    }
}

fn stream(configured: &Configured) -> Option<(String, i64)> {
    configured.exchange.status.is_success().then_some(())?;
    response::stream(&configured.exchange.json::<Value>().ok()?)
}

fn judge(before: &[(String, i64)], next: &Configured) -> Option<Finding> {
    let status = next.exchange.status;
    let finding = |code, message: String| Finding::new(code, Cause::Product, "POST /configure", message);
    match stream(next) {
        Some((host, port)) if before.contains(&(host.clone(), port)) => Some(
            finding("port-shared", format!("two live jobs share the stream at {host}:{port}"))
                .expected("a port for each job", port)
                .remedy("let Kubernetes choose the port of each job's service, and return that one", "a day"),
        ),
        Some(_) => None,
        None if matches!(status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT)
            && mentions(&words(&next.exchange), &["port"]) =>
        {
            None
        }
        None if status.is_server_error() => Some(
            finding("server-error", format!("the server fails at one of several live jobs with {status}"))
                .remedy("read the stack trace in the server's log", "hours"),
        ),
        None => Some(
            finding("second-job-refused", format!("one of several live jobs has no stream: {status}"))
                .expected("another port, or 400 or 409 naming the port", status)
                .remedy("start the job, or say which port is in use", "a day"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    fn code(status: u16, body: &str) -> Option<String> {
        let second = Configured { exchange: exchange(status, body), job: None };
        judge(&[("focus.example.com".to_owned(), 12301)], &second).map(|finding| finding.code)
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
