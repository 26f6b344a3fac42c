//! The routes, and the faults that lie before all of them.

use super::bend;
use super::body::{self, Fields};
use super::capacity::{self, Visit};
use super::configure;
use super::errors::{Refusal, answer};
use super::faults::Fault;
use super::live;
use super::mishaps::{Befalls, SHORT_DOWN};
use super::openapi;
use super::planned;
use super::server::Server;
use super::twist;
use super::validate::{self, Range};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// What every path begins with.
pub(super) const PREFIX: &str = "/focus-server";
/// Where the server says what it did. A real one does not.
const TRUTH: &str = "/sandbox/truth";
/// How long `/ack` takes under [`Fault::AckSlow`].
const SLOW_ACK: Duration = Duration::from_millis(1500);

/// How long a read is held back under [`Fault::Stalls`].
const STALL: Duration = Duration::from_secs(5);

type Shared = State<Arc<Server>>;

/// All routes of both generations of the interface.
pub(super) fn router(server: Arc<Server>) -> Router {
    let at = |path: &str| format!("{PREFIX}{path}");
    Router::new()
        .route(&at("/ack"), get(ack))
        .route(&at("/channels"), get(async |State(server): Shared| live::channels(&server.faults())))
        .route(&at("/live_metadata"), get(live_metadata))
        .route(&at("/configure"), post(configure))
        .route(&at("/metadata/{id}"), get(metadata))
        .route(&at("/recordings_in_time_range"), post(recordings))
        .route(
            &at("/openapi.json"),
            get(async |State(server): Shared| openapi::description(server.planned.is_some())),
        )
        .route(&at("/config/{task_id}"), post(config))
        .route(&at("/sensors"), get(async |State(server): Shared| planned::sensors(&server)))
        .route(&at("/waterfall/{task_id}/{row_count}"), get(waterfall))
        .route(&at("/job/{job_id}"), delete(cancel))
        .method_not_allowed_fallback(async || {
            Refusal::Detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed".to_owned())
        })
        .fallback(async || Refusal::not_found("Not Found"))
        .layer(from_fn_with_state(Arc::clone(&server), twist::layer))
        .layer(from_fn_with_state(Arc::clone(&server), misbehave))
        .layer(from_fn_with_state(Arc::clone(&server), capacity::layer))
        // What goes round all faults, and stands in no book.
        .route(TRUTH, get(truth))
        .with_state(server)
}

/// What the server did, for whoever measures it. A real one has no such thing.
async fn truth(State(server): Shared) -> Response {
    match serde_json::to_value(server.truth()) {
        Ok(truth) => answer(StatusCode::OK, &truth),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn ack(State(server): Shared) -> Result<Response, Refusal> {
    let faults = server.faults();
    if faults.has(Fault::AckSlow) {
        tokio::time::sleep(SLOW_ACK).await;
    }
    if faults.has(Fault::AckBroken) {
        return Err(Refusal::Crash);
    }
    Ok(answer(StatusCode::OK, &json!({})))
}

async fn live_metadata(State(server): Shared) -> Response {
    answer(StatusCode::OK, &live::metadata(&server.faults()))
}

async fn configure(
    State(server): Shared,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    match configure::configure(&server, &visit, &headers, body).await {
        Err(Refusal::Down(duration)) => server.mishaps.go_down(duration).await,
        answer => {
            let response = answer.into_response();
            server.log_configuration(response.status());
            Ok(response)
        }
    }
}

/// The metadata of a job or, where the planned interface is served, of a task.
async fn metadata(State(server): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    if let Some(of_task) = planned::metadata(&server, &id) {
        return Ok(of_task);
    }
    let description = server.jobs.describe(&id, &server.faults());
    description
        .map(|found| answer(StatusCode::OK, &found))
        .ok_or_else(|| Refusal::not_found("Invalid job_id"))
}

async fn recordings(State(server): Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let faults = server.faults();
    let body = body::object_under(&faults, &headers, body).await?;
    let mut fields = Fields::under(&faults);
    let start = fields.integer(&body, &["start_time"], true);
    let end = fields.integer(&body, &["end_time"], true);
    fields.finish()?;
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Refusal::Crash);
    };
    let now = server.clock.epoch_seconds();
    if !server.faults().has(Fault::RecordingsUnchecked) {
        validate::check_order(start, end)?;
    }
    // What lies ahead holds no recordings; a range may reach there.
    let found = if start > now {
        Vec::new()
    } else {
        let range = Range { min: start, max: end };
        server.recorded(range).await?
    };
    Ok(answer(StatusCode::OK, &json!(found)))
}

async fn config(
    State(server): Shared,
    Path(task_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    planned::config(&server, &task_id, &headers, body).await
}

async fn waterfall(
    State(server): Shared,
    Path((task_id, row_count)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    planned::waterfall(&server, &task_id, &row_count)
}

/// `DELETE /job/{job_id}`, which is not deployed.
async fn cancel(State(server): Shared, Path(job_id): Path<String>) -> Result<Response, Refusal> {
    if server.planned.is_none() {
        return Err(Refusal::not_found("Not Found"));
    }
    let is_done = server.desk.cancels(&server.faults());
    let is_known = if is_done { server.jobs.cancel(&job_id) } else { server.jobs.knows(&job_id) };
    if !is_known {
        return Err(Refusal::not_found("Invalid job_id"));
    }
    Ok(answer(StatusCode::OK, &json!({ "job_id": job_id, "status": "cancelled" })))
}

/// The faults that do not depend on what is asked.
async fn misbehave(State(server): Shared, request: Request, next: Next) -> Response {
    let faults = server.faults();
    if faults.has(Fault::RedirectLoop) {
        let here = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, here)]).into_response();
    }
    if request.method() == Method::GET
        && let Some(befalls) = server.mishaps.of_next_read(&faults)
    {
        match befalls {
            Befalls::Gateway => return StatusCode::GATEWAY_TIMEOUT.into_response(),
            Befalls::Stall => tokio::time::sleep(STALL).await,
            Befalls::Restart => server.mishaps.go_down(SHORT_DOWN).await,
        }
    }
    let is_get = request.method() == Method::GET;
    let mut response = if faults.has(Fault::EndlessBody) && is_get {
        endless(&server)
    } else {
        bend::answer_to(&faults, request, next).await
    };
    if faults.has(Fault::HugeHeaders)
        && let Ok(padding) = HeaderValue::from_bytes(&vec![b'x'; 1 << 20])
    {
        response.headers_mut().insert("x-padding", padding);
    }
    response
}

/// JSON that begins well and never ends, as fast as it is read, within reason.
fn endless(server: &Server) -> Response {
    let chunk = Bytes::from(vec![b'a'; 64 * 1024]);
    let start = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"{\"padding\":\"")) });
    let shutdown = server.shutdown.clone();
    let rest = stream::unfold((chunk, shutdown), async |(chunk, shutdown)| {
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
        Some((Ok(chunk.clone()), (chunk, shutdown)))
    });
    let body = Body::from_stream(stream::StreamExt::chain(start, rest));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
