//! Canned answers for unit tests.

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
