//! Refusals, as the server's web framework words them.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// One thing that is wrong with the shape of a body.
#[derive(Debug)]
pub(super) struct Problem {
    /// The framework's word for it, for example `missing`.
    pub(super) kind: &'static str,
    /// Where it is, from `body` inwards.
    pub(super) loc: Vec<Value>,
    /// What the framework says about it.
    pub(super) msg: &'static str,
    /// What was sent.
    pub(super) input: Value,
    /// More about it, where the framework says more.
    pub(super) ctx: Option<Value>,
}

impl Problem {
    fn to_json(&self) -> Value {
        let mut object = json!({ "type": self.kind, "loc": self.loc, "msg": self.msg, "input": self.input });
        if let Some(ctx) = &self.ctx {
            object["ctx"] = ctx.clone();
        }
        object
    }
}

/// Why a request is not served.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 422: fields are missing or have the wrong type.
    Unprocessable(Vec<Problem>),
    /// A status with a sentence.
    Detail(StatusCode, String),
    /// A status without a body.
    Empty(StatusCode),
    /// 429: there is room for so many a second, and for the next one after so many seconds.
    Throttled { most: usize, seconds: u32 },
    /// 500: the server's own code has failed, and says nothing about it.
    Crash,
    /// No answer: the server goes down with the request, for this long.
    Down(Duration),
}

impl Refusal {
    /// Whether it is the request that is wrong, not the server.
    pub(super) fn is_of_the_request(&self) -> bool {
        match self {
            Self::Unprocessable(_) => true,
            Self::Detail(status, _) | Self::Empty(status) => status.is_client_error(),
            Self::Throttled { .. } | Self::Crash | Self::Down(_) => false,
        }
    }

    /// 400: a value that cannot be used.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::Detail(StatusCode::BAD_REQUEST, detail.into())
    }

    /// 404, with a sentence.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::Detail(StatusCode::NOT_FOUND, detail.into())
    }

    /// 503, with a sentence.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::Detail(StatusCode::SERVICE_UNAVAILABLE, detail.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unprocessable(problems) => {
                let detail: Vec<Value> = problems.iter().map(Problem::to_json).collect();
                answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": detail }))
            }
            Self::Detail(status, detail) => answer(status, &json!({ "detail": detail })),
            Self::Empty(status) => status.into_response(),
            Self::Throttled { most, seconds } => {
                let detail = format!("Too many requests: at most {most} configurations per second");
                let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &json!({ "detail": detail }));
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            // Whoever can take the server down has done so; this is what nobody gets to see.
            Self::Crash | Self::Down(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
            }
        }
    }
}

/// A JSON answer.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(body.to_string())).into_response()
}
