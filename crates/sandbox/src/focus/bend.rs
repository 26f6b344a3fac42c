//! Faults that change an answer on its way out, whatever made it.

use super::errors::answer;
use super::faults::{Fault, Faults};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

/// More of a body than this is not looked at.
const LIMIT: usize = 4 << 20;

const PASSWORDS: &str = "root:x:0:0:root:/root:/bin/sh\nfocus:x:1000:1000::/srv:/bin/sh\n";
const TRACE: &str = "Traceback (most recent call last):\n  File \"/app/focus_server/api.py\", line 214, in handle\n\
                     ValueError: cannot serve the request";

/// The answer to a request, as these faults leave it.
pub(super) async fn answer_to(faults: &Faults, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asks = request.method() == Method::OPTIONS;
    let path = request.uri().path().to_owned();
    if faults.has(Fault::ServesFiles) && path.to_ascii_lowercase().contains("..%2f") {
        return (StatusCode::OK, PASSWORDS).into_response();
    }
    let (request, sent) =
        if faults.has(Fault::ReflectsScript) { copied(request).await } else { (request, Bytes::new()) };
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() {
        response = refusal(faults, response, &path, &sent).await;
    }
    if let Some(origin) = origin.filter(|_| faults.has(Fault::TrustsAnyOrigin)) {
        if asks {
            *response.status_mut() = StatusCode::OK;
        }
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    response
}

/// A request, and a copy of its body.
async fn copied(request: Request) -> (Request, Bytes) {
    let (parts, body) = request.into_parts();
    let sent = to_bytes(body, LIMIT).await.unwrap_or_default();
    (Request::from_parts(parts, Body::from(sent.clone())), sent)
}

/// Whether markup was sent: only then does it show that nobody escapes it.
fn is_script(path: &str, sent: &[u8]) -> bool {
    path.contains("%3C") || String::from_utf8_lossy(sent).contains("<script")
}

/// A refusal, as these faults word it.
async fn refusal(faults: &Faults, response: Response, path: &str, sent: &Bytes) -> Response {
    let status = response.status();
    // At `/configure`, a 404 is the server's own: it says that nothing was recorded.
    let of_the_framework = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
        && !path.ends_with("/configure");
    if faults.has(Fault::VagueErrors)
        && matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)
    {
        answer(status, &json!({ "detail": "Bad request" }))
    } else if faults.has(Fault::ReflectsScript) && is_script(path, sent) {
        let path = path.replace("%3C", "<").replace("%3E", ">").replace("%2F", "/");
        let sent = String::from_utf8_lossy(sent);
        (status, Html(format!("<h1>{status}</h1><p>{path}</p><pre>{sent}</pre>"))).into_response()
    } else if faults.has(Fault::MixedErrorFormats) && of_the_framework {
        (status, Html(format!("<html><h1>{status}</h1></html>"))).into_response()
    } else if faults.has(Fault::StackTraceLeaked) {
        let body = to_bytes(response.into_body(), LIMIT).await.unwrap_or_default();
        let mut body = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
        if let Value::Object(fields) = &mut body {
            fields.insert("traceback".to_owned(), TRACE.into());
        }
        answer(status, &body)
    } else {
        response
    }
}
