//! A job that a valid request started: what a check needs that asks about jobs rather than about requests.

use crate::client::{FocusClient, Room};
use crate::document;
use crate::outage;
use crate::request::ConfigureRequest;
use crate::response;
use crate::stream::{NotReady, Stream};
use crate::wording::words;
use serde_json::Value;
use shakedown_core::ledger::Resource;
use shakedown_core::{Cause, CheckError, Context, Finding, Verdict};
use shakedown_http::{Exchange, StatusCode};
use std::time::Duration;

impl ConfigureRequest {
    /// The same as a view of one channel.
    #[must_use]
    pub fn of_channel(&self, channel: i64) -> Self {
        self.clone().set("/channels/min", channel).set("/channels/max", channel).set("/view_type", 1)
    }
}

/// A job that runs, or is about to.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Its entry on the ledger.
    pub entry: Resource,
    /// What `/configure` said of it.
    pub answer: Value,
    /// Request and answer.
    pub exchange: Exchange,
    /// A note where the answer deviates from the contract.
    pub note: Option<Finding>,
    /// What it takes of the bound on jobs: as long as it may live, unless it is known to have [`ended`](Self::ended).
    pub(crate) room: Room,
}

impl FocusClient {
    /// Sends a valid request. The finding says that it started no job, and why.
    pub async fn try_start(
        &self,
        cx: &Context,
        request: &ConfigureRequest,
        what: &str,
    ) -> Result<Result<Job, (Exchange, Finding)>, CheckError> {
        let (exchange, booked) = self.configure_booked(cx, &request.text()).await?;
        let (Some((entry, room)), true) = (booked, exchange.status.is_success()) else {
            let finding = outage::explained(cx, &exchange, refused(what, &exchange));
            return Ok(Err((exchange, finding)));
        };
        let answer: Value = exchange.json().map_err(CheckError::unclear)?;
        let note = response::guard(request, &answer);
        Ok(Ok(Job { id: entry.id.clone(), entry, answer, exchange, note, room }))
    }

    /// Sends a valid request for a check whose question begins with a job; `focus-api.config.valid` judges requests.
    pub async fn start(&self, cx: &Context, request: &ConfigureRequest) -> Result<Job, CheckError> {
        match self.try_start(cx, request, "a valid request").await? {
            Ok(job) => Ok(job),
            Err((exchange, _)) => {
                outage::answered(cx, &exchange)?;
                Err(CheckError::unclear(format!("there is no job to look at: {}", exchange.summary())))
            }
        }
    }

    /// A verdict on a valid request that must start a job, which `judge` then looks at.
    pub async fn accepted(
        &self,
        cx: &Context,
        request: &ConfigureRequest,
        what: &str,
        judge: impl FnOnce(&Job) -> Vec<Finding>,
    ) -> Result<Verdict, CheckError> {
        match self.try_start(cx, request, what).await? {
            Err((exchange, finding)) => {
                outage::answered(cx, &exchange)?;
                document::verdict(cx, &exchange, &file_name(what), exchange.summary(), vec![finding])
            }
            Ok(job) => {
                let findings = judge(&job);
                job.verdict(cx, what, findings)
            }
        }
    }
}

/// That a valid request started no job.
pub fn refused(what: &str, exchange: &Exchange) -> Finding {
    let status = exchange.status;
    let message = if status.is_success() {
        format!("{what} is answered with {status}, but no `job_id`")
    } else {
        format!("{what} is answered with {status}")
    };
    let finding = Finding::new("valid-refused", Cause::Product, "POST /configure", message)
        .expected("200 and a job", status)
        .remedy("read the reason in the evidence, or the stack trace in the server's log", "hours");
    let words = words(exchange);
    match words.trim() {
        "" => finding,
        words => finding.detail(format!("the server says: {words}")),
    }
}

/// A name for a file of evidence.
pub fn file_name(what: &str) -> String {
    what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

impl Job {
    /// It is known to have ended: there is room for another one, and nothing to remove.
    pub fn ended(self, cx: &Context) -> Result<(), CheckError> {
        self.room.release();
        cx.removed(&self.entry)
    }

    /// A verdict that rests on the answer, with the note about it.
    pub fn verdict(
        &self,
        cx: &Context,
        what: &str,
        mut findings: Vec<Finding>,
    ) -> Result<Verdict, CheckError> {
        findings.extend(self.note.clone());
        let seen = format!("{what}: {}", self.exchange.summary());
        document::verdict(cx, &self.exchange, &file_name(what), seen, findings)
    }

    /// Connects to the job's stream, as soon as that is ready.
    pub async fn stream(&self, within: Duration) -> Result<Stream, NotReady> {
        let Some((host, port)) = self.place() else {
            return Err(NotReady::Closed("the answer names no host and port".to_owned()));
        };
        Stream::open(&host, port, within).await
    }

    /// Where the stream is; see [`place`].
    pub fn place(&self) -> Option<(String, u16)> {
        place(&self.answer)
    }

    /// The path of its metadata; none where the id is more than a word and could lead astray.
    pub fn metadata_path(&self) -> Result<String, CheckError> {
        let is_word =
            !self.id.is_empty() && self.id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if is_word {
            Ok(format!("/metadata/{}", self.id))
        } else {
            Err(CheckError::unclear(format!("the job's id is no word: {:?}", self.id)))
        }
    }

    /// What the server says of the job now; none where it does not know it (404).
    pub async fn metadata(
        &self,
        cx: &Context,
        client: &FocusClient,
    ) -> Result<(Exchange, Option<Value>), CheckError> {
        let exchange = client.get(cx, &self.metadata_path()?).await?;
        let known = exchange.status != StatusCode::NOT_FOUND;
        let body = known.then(|| exchange.json().ok()).flatten();
        Ok((exchange, body))
    }
}

/// Where the stream is that an answer of `/configure` names: a host, without scheme or path, and a port.
pub fn place(answer: &Value) -> Option<(String, u16)> {
    let (host, port) = response::stream(answer)?;
    let host = host.rsplit("://").next()?.split('/').next()?;
    // An IPv6 address stands in brackets; a port behind the name is told apart from `stream_port` by none.
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(())?;
    Some((host.to_owned(), u16::try_from(port).ok()?))
}

/// Whether metadata says that a job has come to its end.
pub fn has_ended(metadata: &Value) -> bool {
    const ENDS: [&str; 8] =
        ["completed", "complete", "finished", "ended", "done", "cancelled", "canceled", "stopped"];
    let status = metadata["status"].as_str().unwrap_or_default();
    ENDS.iter().any(|end| status.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;
    use serde_json::json;

    fn job(url: &str, id: &str) -> Job {
        let answer = json!({ "stream_url": url, "stream_port": "12301" });
        let entry = Resource {
            target: "focus-api".to_owned(),
            kind: FocusClient::JOB.to_owned(),
            id: id.to_owned(),
            ends_by: None,
        };
        Job {
            id: id.to_owned(),
            entry,
            answer,
            exchange: exchange(200, "{}"),
            note: None,
            room: Room::default(),
        }
    }

    #[test]
    fn the_stream_is_found_however_its_host_is_written() {
        for (url, host) in [
            ("focus.example.com", "focus.example.com"),
            ("http://focus.example.com", "focus.example.com"),
            ("grpc://focus.example.com:5000/x", "focus.example.com"),
            ("http://[::1]:5000", "::1"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(job(url, "1-1").place(), Some((host.to_owned(), 12301)), "{url}");
        }
        assert_eq!(job("", "1-1").place(), None);
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        assert_eq!(job("x", "1-3").metadata_path().unwrap(), "/metadata/1-3");
        assert!(job("x", "../ack").metadata_path().is_err());
    }

    #[test]
    fn refusals_repeat_what_the_server_says() {
        let finding = refused("channel 7", &exchange(400, r#"{"detail":"no"}"#));
        assert_eq!(finding.message, "channel 7 is answered with 400 Bad Request");
        assert_eq!(finding.details, ["the server says: no"]);
        assert!(refused("channel 7", &exchange(200, "{}")).message.ends_with("but no `job_id`"));
        assert!(has_ended(&json!({ "status": "Completed" })) && !has_ended(&json!({ "status": "running" })));
    }
}
