//! What the API refuses, and how it says so: as an object of kind `Status`.

use super::kinds::Kind;
use serde_json::{Value, json};

/// A refusal, as the API server words it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) code: u16,
    /// The machine-readable reason, `NotFound`.
    pub(crate) reason: &'static str,
    /// For people.
    pub(crate) message: String,
    details: Option<Value>,
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn of(mut self, kind: &Kind, name: &str) -> Self {
        self.details = Some(json!({ "name": name, "group": kind.group, "kind": kind.plural }));
        self
    }

    /// 404: there is no such object.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).of(kind, name)
    }

    /// 404: there is no such path.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409: there is such an object already.
    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).of(kind, name)
    }

    /// 409: the object has changed since it was read, or a precondition does not hold.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).of(kind, name)
    }

    /// 422: the object is not a possible one.
    pub(crate) fn invalid(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is invalid: {why}", kind.kind);
        Self::new(422, "Invalid", message).of(kind, name)
    }

    /// 400: the request cannot be read.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401: the token is missing or wrong.
    pub(crate) fn unauthorised() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: the right is missing.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message)
    }

    /// 405: the path does not know the verb.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 410: the version asked for is no longer known.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 415: the body is of a kind that the path does not take.
    pub(crate) fn unsupported_media_type(given: &str) -> Self {
        let message = format!("the body of the request was in an unknown format: {given}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 503: not now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// 504: what was asked for is not there yet.
    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(504, "Timeout", message)
    }

    /// The object of kind `Status` that says it.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}
