//! The one place for HTTP: one exchange, bounded in time and in size, and kept as evidence.
//!
//! What is sent is what the check wrote: nothing is retried, no redirect is followed, no cookie is kept and no proxy is
//! taken from the environment. Whatever the server answers is an [`Exchange`]; only what is no answer is an [`HttpError`].

mod client;
mod error;
mod exchange;
mod request;

pub use client::{HttpClient, HttpSettings};
pub use error::{HttpError, HttpErrorKind};
pub use exchange::{Elapsed, Exchange, NotJson, RequestSummary};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
pub use request::Request;
pub use url::Url;
