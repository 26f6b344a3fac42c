//! A request that is built once and sent often.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use http::{Method, Uri, Version};
use http_body_util::Full;
use std::time::Duration;

/// A request that is built once and sent often. A [`Dialer`](super::Dialer) builds it; a clone shares the body.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    /// The path and query, as HTTP/1.1 sends them.
    pub(super) path: Uri,
    /// The whole address, as HTTP/2 wants it.
    pub(super) address: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Option<Duration>,
}

impl Request {
    /// The same with another body, of the same type.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Bounds the time of this request's answer, instead of what the settings say.
    #[must_use]
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(super) fn over_http1(&self, is_last: bool) -> http::Request<Full<Bytes>> {
        let mut request = self.with(self.path.clone());
        if is_last {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        request
    }

    pub(super) fn over_http2(&self) -> http::Request<Full<Bytes>> {
        let mut request = self.with(self.address.clone());
        *request.version_mut() = Version::HTTP_2;
        // The address says it.
        request.headers_mut().remove(HOST);
        request
    }

    fn with(&self, uri: Uri) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        request.headers_mut().clone_from(&self.headers);
        request
    }
}
