//! A server with canned answers that follow the contract, each of which can be replaced.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Answers in place of the contract's, or leaves it to that.
type Twist = Box<dyn Fn(&str, &Value) -> Option<(u16, Value)> + Send + Sync>;

pub(crate) struct Server {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

struct Desk {
    twist: Twist,
    jobs: AtomicU64,
    serving: AtomicU64,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn healthy() -> Self {
        Self::with(|_, _| None).await
    }

    /// A server on which `twist`, given `METHOD /path` and the body, goes before the contract. A status of 0 stands for
    /// 500 to requests that come in while another is served.
    pub(crate) async fn with(
        twist: impl Fn(&str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/focus-server", listener.local_addr().unwrap());
        let desk = Desk { twist: Box::new(twist), jobs: AtomicU64::new(0), serving: AtomicU64::new(0) };
        let app = Router::new().fallback(answer).with_state(Arc::new(desk));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, task }
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    let path = request.uri().path().strip_prefix("/focus-server").unwrap_or("outside").to_owned();
    let route = format!("{} {path}", request.method());
    let bytes = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let others = desk.serving.fetch_add(1, Ordering::SeqCst);
    let (status, answer) = match (desk.twist)(&route, &body) {
        Some((0, answer)) => {
            // Long enough that requests sent together are also served together.
            tokio::time::sleep(Duration::from_millis(30)).await;
            if others > 0 { (500, answer) } else { contract(&desk, &route, &body) }
        }
        Some(twisted) => twisted,
        None => contract(&desk, &route, &body),
    };
    desk.serving.fetch_sub(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(status).unwrap();
    if answer.is_null() { status.into_response() } else { (status, answer.to_string()).into_response() }
}

pub(crate) fn metadata() -> Value {
    json!({
        "prr": 1500.0, "dx": 1.02, "number_of_channels": 64, "fiber_start_meters": 0, "fiber_length_meters": 70,
        "sw_version": "10.7.5", "fiber_description": "north", "num_samples_per_trace": 64, "dtype": "float32",
    })
}

fn contract(desk: &Desk, route: &str, body: &Value) -> (u16, Value) {
    match route {
        "GET /ack" => (200, json!({})),
        "GET /channels" => (200, json!({ "lowest_channel": 3, "highest_channel": 66 })),
        "GET /live_metadata" => (200, metadata()),
        "POST /configure" => match refusal(body) {
            Some((status, detail)) => (status, json!({ "detail": detail })),
            None => (200, job(body, desk.jobs.fetch_add(1, Ordering::SeqCst) + 1)),
        },
        _ => (404, json!({ "detail": "Not Found" })),
    }
}

fn refusal(body: &Value) -> Option<(u16, String)> {
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let (min, max) = (number("/channels/min"), number("/channels/max"));
    let (low, high) = (number("/frequencyRange/min"), number("/frequencyRange/max"));
    let (start, end) = (number("/start_time"), number("/end_time"));
    let bad = |detail: String| Some((400, detail));
    let nfft = number("/nfftSelection");
    if nfft < 1 || nfft.count_ones() != 1 {
        bad(format!("nfftSelection is {nfft}; it must be a positive power of two"))
    } else if min < 3 || max > 66 || min > max {
        bad(format!("channels {min} to {max} must lie within 3 to 66"))
    } else if high > 750 {
        bad(format!("frequencyRange.max is {high}; Nyquist allows 750 Hz"))
    } else if low >= high {
        bad(format!("frequencyRange.min ({low}) must be less than frequencyRange.max ({high})"))
    } else if number("/view_type") > 2 {
        bad("view_type must be 0, 1 or 2".to_owned())
    } else if start > 0 && (end <= start || end > 4_000_000_000) {
        bad("start_time must be before end_time, and neither in the future".to_owned())
    } else if start > 0 {
        Some((404, "No recordings found in the time range".to_owned()))
    } else {
        None
    }
}

pub(crate) fn job(body: &Value, number: u64) -> Value {
    let edge = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64).unwrap();
    let channels = edge("/channels/min")..=edge("/channels/max");
    let streams: serde_json::Map<String, Value> =
        channels.map(|channel| (channel.to_string(), json!(0))).collect();
    json!({
        "status": "", "job_id": format!("1-{number}"), "stream_url": "127.0.0.1", "stream_port": 12300 + number,
        "view_type": 0, "frequencies_list": [0.0, 1.5], "frequencies_amount": 2, "lines_dt": 0.25,
        "channel_amount": streams.len(), "stream_amount": 1, "channel_to_stream_index": streams,
    })
}
