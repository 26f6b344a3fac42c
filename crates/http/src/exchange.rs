//! What was asked and what came back.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shakedown_core::Evidence;
use shakedown_core::duration::brief;
use shakedown_core::redact::MASK;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// A request and the answer to it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was asked.
    pub request: RequestSummary,
    /// The protocol version of the answer.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most [`Request::max_body`](crate::Request::max_body) bytes.
    pub body: Bytes,
    /// Whether the body is only a beginning. Never in an answer; only in [`HttpError::partial`](crate::HttpError::partial).
    pub truncated: bool,
    /// How long it took.
    pub elapsed: Elapsed,
}

/// How long an exchange took, counted from the moment it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// Until the answer's headers were there.
    pub headers: Duration,
    /// Until the last byte of its body was there.
    pub total: Duration,
}

impl Elapsed {
    /// The whole, in milliseconds.
    pub fn millis(self) -> f64 {
        self.total.as_secs_f64() * 1000.0
    }
}

/// A request as a report may show it: the address carries no credentials, and sensitive headers are masked.
#[derive(Clone, Debug)]
pub struct RequestSummary {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// The headers that the check or the configuration set.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
}

/// A body is not the JSON that was expected.
#[derive(Debug, thiserror::Error)]
#[error("the body is not the expected JSON: {reason}; it begins with `{beginning}`")]
pub struct NotJson {
    /// Why.
    pub reason: String,
    /// The beginning of the body.
    pub beginning: String,
}

impl Exchange {
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where the body is not JSON, or not of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NotJson> {
        serde_json::from_slice(&self.body)
            .map_err(|error| NotJson { reason: error.to_string(), beginning: beginning(&self.text()) })
    }

    /// One line: `GET /ack answered 200 in 12 ms`, with the path as it was requested.
    pub fn summary(&self) -> String {
        let path = self.request.url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
        format!(
            "{} {path} answered {} in {}",
            self.request.method,
            self.status.as_u16(),
            brief(self.elapsed.total)
        )
    }

    /// Request and answer as readable text; the values of sensitive headers are masked.
    pub fn to_evidence(&self, name: impl Into<String>) -> Evidence {
        Evidence::text(name, self.to_text())
    }

    fn to_text(&self) -> String {
        let mut text = format!("> {} {}\n", self.request.method, self.request.url);
        for (name, value) in &self.request.headers {
            let _ = writeln!(text, "> {name}: {value}");
        }
        text.push_str(&body_text(self.request.body.as_deref().unwrap_or_default()));
        let (status, elapsed) = (self.status, self.elapsed);
        let timing =
            format!("headers after {}, complete after {}", brief(elapsed.headers), brief(elapsed.total));
        let _ = writeln!(text, "\n< {:?} {status}  ({timing})", self.version);
        for (name, value) in &self.headers {
            let _ = writeln!(text, "< {name}: {}", shown_value(name.as_str(), value.as_bytes()));
        }
        text.push_str(&body_text(&self.body));
        if self.truncated {
            let _ = writeln!(text, "… (only the first {} bytes were read)", self.body.len());
        }
        text
    }
}

/// The first words of a body, on one line.
fn beginning(text: &str) -> String {
    let line: String = text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() { format!("{}…", line.trim_end()) } else { line }
}

/// A body on lines of its own; JSON is indented.
fn body_text(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(json) => format!("{json:#}"),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    format!("\n{text}\n")
}

/// A header's value as a report may show it.
pub(crate) fn shown_value(name: &str, value: &[u8]) -> String {
    if is_sensitive(name) { MASK.to_owned() } else { String::from_utf8_lossy(value).into_owned() }
}

/// Whether a header carries a credential, judged by its name.
fn is_sensitive(name: &str) -> bool {
    const WORDS: [&str; 8] =
        ["auth", "cookie", "token", "secret", "password", "session", "api-key", "apikey"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(body: &'static str) -> Exchange {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "access-token=abc".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        Exchange {
            request: RequestSummary {
                method: "POST".to_owned(),
                url: "https://focus.example.com/focus-server/configure?x=1".to_owned(),
                headers: vec![("x-api-key".to_owned(), shown_value("X-Api-Key", b"hunter2"))],
                body: Some(Bytes::from_static(b"{\"view_type\":999}")),
            },
            version: Version::HTTP_11,
            status: StatusCode::BAD_REQUEST,
            headers,
            body: Bytes::from_static(body.as_bytes()),
            truncated: false,
            elapsed: Elapsed { headers: Duration::from_millis(12), total: Duration::from_millis(13) },
        }
    }

    #[test]
    fn evidence_shows_both_sides_and_no_secret() {
        insta::assert_snapshot!(exchange(r#"{"detail":"view_type"}"#).to_text(), @r#"
        > POST https://focus.example.com/focus-server/configure?x=1
        > x-api-key: [redacted]

        {
          "view_type": 999
        }

        < HTTP/1.1 400 Bad Request  (headers after 12 ms, complete after 13 ms)
        < set-cookie: [redacted]
        < content-type: application/json

        {
          "detail": "view_type"
        }
        "#);
    }

    #[test]
    fn says_what_is_not_json() {
        let error = exchange("<html>\nnot json").json::<Value>().unwrap_err();
        insta::assert_snapshot!(error, @"the body is not the expected JSON: expected value at line 1 column 1; it begins with `<html> not json`");
        assert_eq!(exchange("").summary(), "POST /focus-server/configure?x=1 answered 400 in 13 ms");
    }
}
