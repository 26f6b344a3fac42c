//! What is to be asked.

use bytes::Bytes;
use http::{HeaderMap, Method};
use std::time::Duration;

/// A request relative to the client's base address.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, appended to that of the base address; it starts with a slash.
    pub path: String,
    /// The query, unescaped.
    pub query: Vec<(String, String)>,
    /// Headers beside those of the client.
    pub headers: HeaderMap,
    /// The body, sent byte for byte.
    pub body: Option<Bytes>,
    /// The media type of the body.
    pub content_type: Option<&'static str>,
    /// How long the whole exchange may take, from connecting to the last byte of the body.
    pub timeout: Duration,
    /// How many bytes the answer's body may have.
    pub max_body: usize,
}

impl Request {
    /// The bound on an answer's body, unless a request sets another.
    pub const MAX_BODY: usize = 1 << 20;

    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>, timeout: Duration) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            content_type: None,
            timeout,
            max_body: Self::MAX_BODY,
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>, timeout: Duration) -> Self {
        Self::new(Method::GET, path, timeout)
    }

    /// A `POST` of JSON text, which is sent as it is: it need not be valid.
    pub fn post_json(path: impl Into<String>, text: impl Into<Bytes>, timeout: Duration) -> Self {
        Self {
            body: Some(text.into()),
            content_type: Some("application/json"),
            ..Self::new(Method::POST, path, timeout)
        }
    }
}
