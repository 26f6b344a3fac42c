//! The HTTP interface of the cluster: what a request asks for, whether it may, and the answer.
//!
//! [`path`] and [`query`] read what is asked, [`access`] says whether it is allowed, and each verb has a module.

mod access;
mod apply;
mod columns;
mod delete;
mod discovery;
mod form;
mod list;
mod logs;
mod metrics;
mod openapi;
mod patch;
mod path;
mod pod_cells;
mod protobuf;
mod query;
mod scale;
mod strategic;
mod table;
pub(super) mod tls;
mod watch;
mod write;

use super::cluster::Cluster;
use super::error::ApiError;
use super::faults::{Fault, Faults};
use super::kinds::POD;
use super::store::Store;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use form::Form;
use jiff::Timestamp;
use patch::Patch;
use path::{Path, Target};
use query::Query;
use serde_json::Value;
use shakedown_core::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// The largest body that is read.
const LARGEST_BODY: usize = 3 << 20;

/// The API server.
pub(super) struct Api {
    cluster: Arc<Cluster>,
    /// What a request has to show.
    token: String,
    shutdown: CancellationToken,
    /// How many requests there were.
    requests: AtomicU64,
}

/// A request that is let in.
struct Asked {
    method: Method,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
    form: Form,
}

impl Api {
    pub(super) fn new(cluster: Arc<Cluster>, token: String, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self { cluster, token, shutdown, requests: AtomicU64::new(0) })
    }

    /// What answers each request.
    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(handle).with_state(self)
    }

    fn store(&self) -> &Store {
        &self.cluster.store
    }

    fn clock(&self) -> &Clock {
        &self.cluster.clock
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn faults(&self) -> Faults {
        self.cluster.faults()
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults().has(fault)
    }

    async fn answer(&self, request: Request) -> Result<Response, ApiError> {
        self.let_in(request.headers())?;
        let path = Path::read(request.uri().path()).ok_or_else(ApiError::no_such_path)?;
        let (parts, body) = request.into_parts();
        let query = Query::read(parts.uri.query().unwrap_or_default());
        if let Some(access) = path.access(&parts.method, query.is_on("watch")) {
            access.check(&self.faults())?;
        }
        let too_large = |_| ApiError::bad_request("the body cannot be read, or is larger than 3 MiB");
        let body = to_bytes(body, LARGEST_BODY).await.map_err(too_large)?;
        let form = Form::read(&parts.headers, &query);
        let asked = Asked { method: parts.method, query, headers: parts.headers, body, form };
        match path {
            Path::Version => asked.only_get(discovery::version),
            Path::Health => asked.only_get(|| Value::from("ok")).map(|_| "ok".into_response()),
            Path::Discovery(path) => asked.read(discovery::answer(&path)),
            Path::OpenApi(path) => asked.read(openapi::answer(&path)),
            Path::Metrics(target) => asked.read(metrics::answer(self, &target, &asked.query)),
            Path::Review(plural) if asked.method == Method::POST => {
                let review = access::review(&self.faults(), &plural, asked.object()?)?;
                Ok(json_of(StatusCode::CREATED, review.to_string()))
            }
            Path::Objects(target) => self.objects(&target, &asked),
            Path::Review(_) => Err(ApiError::method_not_allowed()),
        }
    }

    /// Refuses who is not known, and every second request where the server flaps.
    fn let_in(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let faults = self.faults();
        let shown =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if shown.strip_prefix("Bearer ") != Some(&self.token) || faults.has(Fault::Unauthorised) {
            return Err(ApiError::unauthorised());
        }
        if self.requests.fetch_add(1, Ordering::Relaxed) % 2 == 1 && faults.has(Fault::Flapping) {
            return Err(ApiError::unavailable("the server is currently unable to handle the request"));
        }
        Ok(())
    }

    fn objects(&self, target: &Target, asked: &Asked) -> Result<Response, ApiError> {
        let Some(name) = &target.name else { return self.collection(target, asked) };
        let query = &asked.query;
        match (target.subresource.as_str(), asked.method.as_str()) {
            ("", "GET" | "HEAD") => list::get(self, target, name, asked.form).map(ok),
            ("" | "status", "PUT") if target.subresource.is_empty() || target.kind.status => {
                let object = write::replace(self, target, name, query, &asked.object()?)?;
                Ok(ok(asked.form.one(target.kind, &object, self.now())))
            }
            ("" | "status", "PATCH") if target.subresource.is_empty() || target.kind.status => {
                let (object, is_new) = patch::patch(self, target, name, query, &asked.patch()?)?;
                let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
                Ok(json_of(status, asked.form.one(target.kind, &object, self.now())))
            }
            ("status", "GET") if target.kind.status => list::get(self, target, name, asked.form).map(ok),
            ("", "DELETE") => {
                delete::delete(self, target, name, query, &asked.options()?).map(|gone| ok(gone.to_string()))
            }
            ("scale", "GET") if target.kind.scale => {
                scale::get(self, target, name).map(|scale| ok(scale.to_string()))
            }
            ("scale", "PUT") if target.kind.scale => {
                scale::put(self, target, name, query, &asked.object()?).map(|scale| ok(scale.to_string()))
            }
            ("scale", "PATCH") if target.kind.scale => {
                scale::patch(self, target, name, query, &asked.patch()?).map(|scale| ok(scale.to_string()))
            }
            ("log", "GET") if target.kind == &POD => logs::logs(self, target, name, query),
            ("eviction", "POST") if target.kind == &POD => {
                let status = delete::evict(self, target, name, query, &asked.object()?)?;
                Ok(json_of(StatusCode::CREATED, status.to_string()))
            }
            ("" | "status" | "scale" | "log" | "eviction", _) => Err(ApiError::method_not_allowed()),
            _ => Err(ApiError::no_such_path()),
        }
    }

    fn collection(&self, target: &Target, asked: &Asked) -> Result<Response, ApiError> {
        let query = &asked.query;
        match asked.method.as_str() {
            "GET" | "HEAD" if query.is_on("watch") => watch::watch(self, target, query, asked.form),
            "GET" | "HEAD" => list::list(self, target, query, asked.form).map(ok),
            "POST" => {
                let object = write::create(self, target, query, asked.object()?)?;
                Ok(json_of(StatusCode::CREATED, asked.form.one(target.kind, &object, self.now())))
            }
            "DELETE" => delete::delete_collection(self, target, query, &asked.options()?)
                .map(|gone| ok(gone.to_string())),
            _ => Err(ApiError::method_not_allowed()),
        }
    }
}

impl Asked {
    fn only_get(&self, answer: impl FnOnce() -> Value) -> Result<Response, ApiError> {
        self.read(Ok(answer()))
    }

    /// Answers what can only be read.
    fn read(&self, answer: Result<Value, ApiError>) -> Result<Response, ApiError> {
        if !matches!(self.method, Method::GET | Method::HEAD) {
            return Err(ApiError::method_not_allowed());
        }
        answer.map(|value| ok(value.to_string()))
    }

    /// The object in the body.
    fn object(&self) -> Result<Value, ApiError> {
        let given = self.content_type();
        if given.contains("protobuf") {
            return protobuf::read(&self.body).ok_or_else(|| ApiError::unsupported_media_type(given));
        }
        if given.contains("yaml") || given.contains("cbor") {
            return Err(ApiError::unsupported_media_type(given));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::bad_request(format!("the body cannot be decoded: {error}")))
    }

    /// The options in the body of a deletion, which may be empty.
    fn options(&self) -> Result<Value, ApiError> {
        if self.body.is_empty() { Ok(Value::Null) } else { self.object() }
    }

    fn patch(&self) -> Result<Patch, ApiError> {
        Patch::read(self.content_type(), &self.body)
    }

    fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn handle(State(api): State<Arc<Api>>, request: Request) -> Response {
    api.answer(request).await.unwrap_or_else(|refusal| {
        let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json_of(status, refusal.status().to_string())
    })
}

fn ok(text: String) -> Response {
    json_of(StatusCode::OK, text)
}

fn json_of(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
