//! Canned answers for unit tests.

use crate::client::{FocusClient, Room};
use crate::job::Job;
use crate::target::FocusApi;
use serde_json::Value;
use shakedown_core::Target as _;
use shakedown_core::ledger::Resource;
use shakedown_http::{Elapsed, Exchange, HeaderMap, RequestSummary, StatusCode};
use std::time::Duration;

/// An exchange with this answer.
pub fn exchange(status: u16, body: &str) -> Exchange {
    Exchange {
        request: RequestSummary {
            method: "POST".to_owned(),
            url: "https://focus.example.com/configure".to_owned(),
            headers: Vec::new(),
            body: None,
        },
        version: shakedown_http::Version::HTTP_11,
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        truncated: false,
        elapsed: Elapsed { headers: Duration::from_millis(5), total: Duration::from_millis(6) },
    }
}

/// A job that was accepted with this answer.
pub fn job(answer: Value) -> Job {
    let id = "1-1".to_owned();
    let entry = Resource {
        target: FocusApi::KIND.to_owned(),
        kind: FocusClient::JOB.to_owned(),
        id: id.clone(),
        ends_by: None,
    };
    Job { id, entry, answer, exchange: exchange(200, "{}"), note: None, room: Room::default() }
}
