//! Faults of single operations: some answer in place of the server, some change what it answers.

use super::errors::{Refusal, answer};
use super::faults::{Fault, Faults};
use super::live;
use super::routes::PREFIX;
use super::server::Server;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::fmt::rfc2822;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Larger bodies are left as they are.
const LIMIT: usize = 8 << 20;
/// How many `/ack` a server under [`Fault::AckCrowded`] serves at once, and how long each takes.
const ACKS: usize = 8;
const CROWDED_ACK: Duration = Duration::from_millis(40);
/// How many windows a server under [`Fault::FewWindows`] plays back.
const FEW_WINDOWS: i64 = 15;
const AN_HOUR: Duration = Duration::from_hours(1);

/// What these faults remember.
#[derive(Debug, Default)]
pub(super) struct Twists {
    acks: AtomicUsize,
    answers: AtomicUsize,
}

/// Serves a request as these faults leave it.
pub(super) async fn layer(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let faults = server.faults();
    if faults.is_empty() {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let (request, body) = if method == Method::POST && path.starts_with("/config") {
        copied(request).await
    } else {
        (request, Value::Null)
    };
    let instead = match path.as_str() {
        "/ack" => ack(&server.twists, &faults, &method, request.headers()).await,
        _ => instead(&faults, &method, &path, &body),
    };
    let response = match instead {
        Some(response) => response,
        None => next.run(request).await,
    };
    changed(&server, &faults, &method, &path, response).await
}

/// A request, and the JSON of its body.
async fn copied(request: Request) -> (Request, Value) {
    let (parts, body) = request.into_parts();
    let sent = to_bytes(body, LIMIT).await.unwrap_or_default();
    let body = serde_json::from_slice(&sent).unwrap_or_default();
    (Request::from_parts(parts, Body::from(sent)), body)
}

async fn ack(twists: &Twists, faults: &Faults, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let hostile = |value: &HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        ["<", "../", "'"].iter().any(|sign| value.contains(sign))
    };
    if faults.has(Fault::AckHeaderCrash) && headers.values().any(hostile) {
        return Some(Refusal::Crash.into_response());
    }
    if faults.has(Fault::AckAnyMethod) && method != Method::GET {
        return Some(answer(StatusCode::OK, &json!({})));
    }
    if faults.has(Fault::AckCrowded) {
        let others = twists.acks.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(CROWDED_ACK).await;
        twists.acks.fetch_sub(1, Ordering::Relaxed);
        return (others >= ACKS).then(|| Refusal::unavailable("Too many requests").into_response());
    }
    None
}

/// What is answered in place of the server.
fn instead(faults: &Faults, method: &Method, path: &str, body: &Value) -> Option<Response> {
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64);
    let is = |fault, wanted: Method, prefix: &str| {
        faults.has(fault) && *method == wanted && path.starts_with(prefix)
    };
    let refusal = if is(Fault::MetadataCrash, Method::GET, "/live_metadata")
        || is(Fault::TasksRefused, Method::POST, "/config/")
    {
        Refusal::Crash
    } else if is(Fault::JobMetadataUnknown, Method::GET, "/metadata/1-") {
        Refusal::not_found("Invalid job_id")
    } else if is(Fault::Cancel404, Method::DELETE, "/job/") {
        Refusal::not_found("Not Found")
    } else if is(Fault::LastChannelRefused, Method::POST, "/configure")
        && number("/channels/max") == Some(live::HIGHEST_CHANNEL)
    {
        Refusal::value(format!("Invalid channels.max: must be below {}", live::HIGHEST_CHANNEL))
    } else if is(Fault::FewWindows, Method::POST, "/configure")
        && let (Some(start), Some(end)) = (number("/start_time"), number("/end_time"))
        && end - start > FEW_WINDOWS * number("/displayTimeAxisDuration").unwrap_or_default()
    {
        Refusal::value(format!("Invalid time range: at most {FEW_WINDOWS} windows can be played back"))
    } else if is(Fault::CancelIgnored, Method::DELETE, "/job/") {
        return Some(answer(StatusCode::OK, &json!({ "status": "cancelled" })));
    } else if is(Fault::TasksUnchecked, Method::POST, "/config/") {
        return Some(answer(StatusCode::OK, &json!({ "status": "Config received successfully" })));
    } else {
        return None;
    };
    Some(refusal.into_response())
}

/// What is answered, as these faults change it.
async fn changed(
    server: &Server,
    faults: &Faults,
    method: &Method,
    path: &str,
    response: Response,
) -> Response {
    let mut response = response;
    if faults.has(Fault::ClockBehind)
        && let Ok(date) =
            rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&(server.clock.now() - AN_HOUR))
        && let Ok(date) = HeaderValue::from_str(&date)
    {
        response.headers_mut().insert(header::DATE, date);
    }
    if !faults.change_bodies() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, LIMIT).await.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let before = value.clone();
    let place = Place { faults, method, path, status: &mut parts.status };
    place.change(&mut value, &server.twists);
    if value == before {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Bytes::from(value.to_string())))
}

impl Faults {
    /// Whether a fault is on for which bodies have to be looked at.
    fn change_bodies(&self) -> bool {
        [
            Fault::ChannelsImplausible,
            Fault::JobMetadataForeign,
            Fault::JobMetadataForAnybody,
            Fault::RecordingsOutOfRange,
            Fault::ResponseIncomplete,
            Fault::FormulasOfAnotherPrr,
            Fault::SingleChannelManyStreams,
            Fault::AnswersMixed,
            Fault::ReadsUnsteady,
            Fault::AbsenceUnexplained,
            Fault::SensorsEmpty,
            Fault::TaskMetadataInvalid,
            Fault::TaskNeverRuns,
            Fault::WaterfallMalformed,
            Fault::WaterfallUnordered,
            Fault::DescriptionIncomplete,
            Fault::DescriptionLoose,
            Fault::DescriptionWrong,
        ]
        .into_iter()
        .any(|fault| self.has(fault))
    }
}

/// Which answer is changed.
struct Place<'a> {
    faults: &'a Faults,
    method: &'a Method,
    path: &'a str,
    status: &'a mut StatusCode,
}

impl Place<'_> {
    fn change(self, body: &mut Value, twists: &Twists) {
        let is = |fault| self.faults.has(fault);
        let number = || twists.answers.fetch_add(1, Ordering::Relaxed);
        match (self.method, self.path) {
            (&Method::GET, "/channels") => {
                if is(Fault::ChannelsImplausible) {
                    body["highest_channel"] = json!(1_000_000);
                }
                if is(Fault::ReadsUnsteady) {
                    body["highest_channel"] = json!(live::HIGHEST_CHANNEL - few(number()));
                }
            }
            (&Method::GET, "/live_metadata") if is(Fault::ReadsUnsteady) => {
                body["number_of_channels"] = json!(live::CHANNELS - few(number()));
            }
            (&Method::GET, "/sensors") if is(Fault::SensorsEmpty) => body["sensors"] = json!([]),
            (&Method::GET, "/openapi.json") => describe(self.faults, body),
            (&Method::POST, "/recordings_in_time_range") if is(Fault::RecordingsOutOfRange) => {
                body.as_array_mut().into_iter().for_each(|list| list.push(json!([1000, 2000])));
            }
            (&Method::POST, "/configure") if self.status.is_success() => {
                configured(self.faults, body, is(Fault::AnswersMixed) && number() % 2 == 1);
            }
            (&Method::POST, "/configure")
                if is(Fault::AbsenceUnexplained) && *self.status == StatusCode::NOT_FOUND =>
            {
                *body = json!({ "detail": "Not Found" });
            }
            (&Method::GET, path) if path.starts_with("/metadata/") => {
                metadata(self.faults, path.starts_with("/metadata/1-"), self.status, body);
            }
            (&Method::GET, path) if path.starts_with("/waterfall/") => {
                waterfall(self.faults, self.status, body);
            }
            _ => {}
        }
    }
}

/// How many channels are missing from the answer of that number: another count each time, never many.
fn few(number: usize) -> i64 {
    i64::try_from(number % 7).unwrap_or_default()
}

/// The answer to an accepted configuration.
fn configured(faults: &Faults, body: &mut Value, mixed: bool) {
    let scale = |value: &mut Value, factor: f64| {
        if let Some(number) = value.as_f64() {
            *value = json!(number * factor);
        }
    };
    if faults.has(Fault::ResponseIncomplete)
        && let Some(fields) = body.as_object_mut()
    {
        fields.remove("lines_dt");
        fields.remove("stream_amount");
    }
    if faults.has(Fault::FormulasOfAnotherPrr) {
        body["frequencies_list"].as_array_mut().into_iter().flatten().for_each(|bin| scale(bin, 0.5));
        scale(&mut body["lines_dt"], 2.0);
    }
    if faults.has(Fault::SingleChannelManyStreams) && body["view_type"] == 1 {
        body["stream_amount"] = json!(4);
        let streams = body["channel_to_stream_index"].as_object_mut();
        streams.into_iter().flat_map(|map| map.values_mut()).for_each(|stream| *stream = json!(3));
    }
    if mixed {
        body["previous"] = json!({ "nfftSelection": 512 });
    }
}

/// The metadata of a job or of a task.
fn metadata(faults: &Faults, of_job: bool, status: &mut StatusCode, body: &mut Value) {
    if of_job && status.is_success() {
        configured(faults, body, false);
    }
    if faults.has(Fault::JobMetadataForeign) && of_job && status.is_success() {
        body["job_id"] = json!("9-999");
        body["channel_amount"] = json!(77);
    }
    if faults.has(Fault::JobMetadataForAnybody) && *status == StatusCode::NOT_FOUND {
        *status = StatusCode::OK;
        *body = json!({ "job_id": "1-1", "status": "running" });
    }
    if *status == StatusCode::CREATED {
        if faults.has(Fault::TaskMetadataInvalid) {
            body["dx"] = json!(0.0);
            body["number_of_channels"] = json!(0);
        }
        if faults.has(Fault::TaskNeverRuns) {
            *status = StatusCode::OK;
            *body = json!({});
        }
    }
}

/// The rows of a waterfall.
fn waterfall(faults: &Faults, status: &mut StatusCode, body: &mut Value) {
    if *status != StatusCode::CREATED {
        return;
    }
    if faults.has(Fault::TaskNeverRuns) {
        *status = StatusCode::OK;
        *body = json!([]);
    }
    for block in body.as_array_mut().into_iter().flatten() {
        if faults.has(Fault::WaterfallMalformed) {
            block["current_min_amp"] = json!(2.0);
            let rows = block["rows"].as_array_mut().into_iter().flatten();
            rows.for_each(|row| row["endTimestamp"] = row["startTimestamp"].clone());
        }
        if faults.has(Fault::WaterfallUnordered) {
            block["rows"].as_array_mut().into_iter().for_each(|rows| rows.reverse());
        }
    }
}

/// The server's description of itself.
fn describe(faults: &Faults, body: &mut Value) {
    if faults.has(Fault::DescriptionIncomplete)
        && let Some(paths) = body["paths"].as_object_mut()
    {
        paths.remove("/recordings_in_time_range");
    }
    let schemas = &mut body["components"]["schemas"];
    if faults.has(Fault::DescriptionLoose)
        && let Some(request) = schemas["ConfigureRequest"].as_object_mut()
    {
        request.remove("required");
    }
    if faults.has(Fault::DescriptionWrong) {
        schemas["Channels"]["properties"]["lowest_channel"] = json!({ "type": "string" });
    }
}
