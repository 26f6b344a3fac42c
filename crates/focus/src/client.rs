//! The client that checks share: reading is free; `/configure` goes through the books.

use crate::channels::Channels;
use crate::document;
use crate::doors::Doors;
use crate::metadata::LiveMetadata;
use crate::target::{FocusApi, bounded};
use serde_json::Value;
use shakedown_core::budget::Slot;
use shakedown_core::duration::brief;
use shakedown_core::ledger::Resource;
use shakedown_core::{CheckError, Context, Effect, Target, TargetError};
use shakedown_http::{
    Exchange, HttpClient, HttpError, HttpErrorKind, HttpSettings, Method, Request, StatusCode,
};
use std::time::Duration;
use tokio::time::timeout;

/// A connected Focus Server.
pub struct FocusClient {
    http: HttpClient,
    job_lifetime: Duration,
    patience: Duration,
    doors: Doors,
}

/// What the server says of the fiber it serves: what a valid request is made of.
#[derive(Clone, Copy, Debug)]
pub struct Fiber {
    /// The channels it has.
    pub channels: Channels,
    /// Pulses per second; half of it is the highest frequency that can be told apart.
    pub prr: f64,
}

impl Fiber {
    /// The Nyquist frequency in whole Hz.
    pub fn nyquist(&self) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast saturates, and no fiber is pulsed at 10^18 Hz"
        )]
        let nyquist = (self.prr / 2.0).floor() as i64;
        nyquist
    }
}

/// The answer to `POST /configure`.
#[derive(Debug)]
pub struct Configured {
    /// Request and answer.
    pub exchange: Exchange,
    /// The job that was started; it stands on the ledger.
    pub job: Option<String>,
}

impl FocusClient {
    /// The kind of resource that `/configure` creates.
    pub const JOB: &'static str = "job";

    /// A client of the server at the other end of `http`, in which jobs live this long and requests outside of checks may
    /// take that long.
    pub fn new(http: HttpClient, job_lifetime: Duration, patience: Duration) -> Self {
        Self { http, job_lifetime, patience: bounded(patience), doors: Doors::default() }
    }

    /// The same with other ways into the server.
    #[must_use]
    pub fn with_doors(self, doors: Doors) -> Self {
        Self { doors, ..self }
    }

    /// The other ways into the server.
    pub const fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The server's address, without credentials.
    pub fn address(&self) -> String {
        self.http.address()
    }

    /// How the server is reached, for a load engine with connections of its own. Jobs that it starts go through the same
    /// books: see [`Self::room`] and [`Self::book`].
    pub const fn settings(&self) -> &HttpSettings {
        self.http.settings()
    }

    /// How long a job to which nobody connects may still live.
    pub const fn job_lifetime(&self) -> Duration {
        self.job_lifetime
    }

    /// `GET /ack`, whatever the answer.
    pub async fn ack(&self) -> Result<Exchange, TargetError> {
        self.http.send(Request::get("/ack", self.patience)).await.map_err(|error| away(&error))
    }

    /// `DELETE /job/{id}`, whatever the answer.
    pub async fn delete_job(&self, id: &str) -> Result<Exchange, TargetError> {
        self.http
            .send(Request::new(Method::DELETE, format!("/job/{id}"), self.patience))
            .await
            .map_err(|error| away(&error))
    }

    /// Whether the server is reached over TLS.
    pub fn is_tls(&self) -> bool {
        self.address().starts_with("https:")
    }

    /// What the reader of a report should know of how the server is reached.
    pub fn warnings(&self) -> &[String] {
        self.http.warnings()
    }

    /// A `GET`, whatever the answer.
    pub async fn get(&self, cx: &Context, path: &str) -> Result<Exchange, CheckError> {
        self.ask(Request::get(path, patience(cx))).await
    }

    /// A `POST` of JSON to a path that starts no job, whatever the answer.
    pub async fn post(&self, cx: &Context, path: &str, body: &Value) -> Result<Exchange, CheckError> {
        self.ask(Request::post_json(path, body.to_string(), patience(cx))).await
    }

    /// Any request that starts no job, whatever the answer.
    pub async fn ask(&self, request: Request) -> Result<Exchange, CheckError> {
        Ok(self.try_ask(request).await.map_err(|error| away(&error))?)
    }

    /// The same for checks to which no answer is an answer.
    pub async fn try_ask(&self, request: Request) -> Result<Exchange, HttpError> {
        self.http.send(request).await
    }

    /// What a valid request is made of. Checks that ask for it require the checks that judge it.
    pub async fn fiber(&self, cx: &Context) -> Result<Fiber, CheckError> {
        let channels = self.document(cx, "/channels").await?;
        let channels = Channels::read(&channels).map_err(CheckError::unclear)?;
        if let Some(problem) = channels.problem() {
            return Err(CheckError::unclear(problem));
        }
        let metadata = self.document(cx, "/live_metadata").await?;
        let prr = LiveMetadata::read(&metadata).and_then(LiveMetadata::ready).map_err(CheckError::unclear)?;
        Ok(Fiber { channels, prr })
    }

    /// The JSON of a `GET`, for checks that leave judging it to another one.
    pub async fn document(&self, cx: &Context, path: &str) -> Result<Value, CheckError> {
        let exchange = self.get(cx, path).await?;
        document::json(&exchange, path).map_err(|finding| CheckError::unclear(finding.message))
    }

    /// `POST /configure` with exactly this text, which need not be valid.
    ///
    /// A job that it starts is put on the ledger, and counts against the bound on jobs as long as it may live. Nothing is
    /// asked twice: a server that is not ready is only burdened by it.
    pub async fn configure(&self, cx: &Context, body: &str) -> Result<Configured, CheckError> {
        let (exchange, booked) = self.configure_booked(cx, body).await?;
        Ok(Configured { exchange, job: booked.map(|(entry, _)| entry.id) })
    }

    /// The same with the job that it starts: its entry on the ledger, and the room that it takes.
    pub(crate) async fn configure_booked(
        &self,
        cx: &Context,
        body: &str,
    ) -> Result<(Exchange, Option<(Resource, Room)>), CheckError> {
        let room = self.room(cx, cx.remaining().mul_f32(0.9)).await?;
        let request = Request::post_json("/configure", body.to_owned(), patience(cx));
        let sent = self.send_and_book(cx, room, request).await?;
        Ok(sent.map_err(|error| away(&error))?)
    }

    /// Waits until there may be another job.
    pub async fn room(&self, cx: &Context, within: Duration) -> Result<Room, CheckError> {
        cx.require(Effect::Create)?;
        let limit = cx.jobs.limit();
        if limit == 0 {
            return Err(CheckError::not_applicable("the policy allows no jobs (max_concurrent_jobs = 0)"));
        }
        match timeout(within, cx.jobs.acquire()).await {
            Ok(slot) => Ok(Room { slot: Some(slot), lifetime: self.job_lifetime }),
            Err(_) => Err(CheckError::unclear(format!(
                "no room for a job within {}: all {limit} of max_concurrent_jobs may still be alive",
                brief(within)
            ))),
        }
    }

    /// Puts a job on the ledger. To be called at once after the server has named it.
    pub fn book(&self, cx: &Context, id: &str) -> Result<Resource, CheckError> {
        let resource = Resource {
            target: FocusApi::KIND.to_owned(),
            kind: Self::JOB.to_owned(),
            id: id.to_owned(),
            ends_by: Some(cx.clock.now() + self.job_lifetime),
        };
        cx.created(resource.clone())?;
        Ok(resource)
    }

    /// The same as [`configure`](Self::configure), once there is room, for checks to which no answer is an answer.
    pub async fn configure_in(
        &self,
        cx: &Context,
        room: Room,
        body: &str,
        within: Duration,
    ) -> Result<Result<Configured, HttpError>, CheckError> {
        self.configure_raw(cx, room, Request::post_json("/configure", body.to_owned(), within)).await
    }

    /// The same with any body and any headers. The path is that of `/configure`.
    pub async fn configure_raw(
        &self,
        cx: &Context,
        room: Room,
        request: Request,
    ) -> Result<Result<Configured, HttpError>, CheckError> {
        let sent = self.send_and_book(cx, room, request).await?;
        Ok(sent.map(|(exchange, booked)| Configured { exchange, job: booked.map(|(entry, _)| entry.id) }))
    }

    async fn send_and_book(
        &self,
        cx: &Context,
        room: Room,
        request: Request,
    ) -> Result<Result<(Exchange, Option<(Resource, Room)>), HttpError>, CheckError> {
        let sent = self.http.send(request).await;
        let mut room = Some(room);
        if !may_have_started(&sent)
            && let Some(room) = room.take()
        {
            room.release();
        }
        let exchange = match sent {
            Ok(exchange) => exchange,
            Err(error) => return Ok(Err(error)),
        };
        let entry = started_job(&exchange).map(|id| self.book(cx, &id)).transpose()?;
        Ok(Ok((exchange, entry.zip(room))))
    }
}

/// How long a single request may take within a check.
pub fn patience(cx: &Context) -> Duration {
    bounded(cx.remaining().mul_f32(0.9))
}

/// No answer, as the error of a check.
pub fn away(error: &HttpError) -> TargetError {
    error.for_target(FocusApi::KIND)
}

/// The id of the job that an answer reports as started, be it a refusal.
fn started_job(exchange: &Exchange) -> Option<String> {
    let body: Value = exchange.json().ok()?;
    body["job_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Whether a job may exist after this. A gateway's error says nothing about what happened behind it.
fn may_have_started(sent: &Result<Exchange, HttpError>) -> bool {
    match sent {
        Ok(exchange) => {
            let behind_gateway =
                [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT].contains(&exchange.status);
            exchange.status.is_success() || behind_gateway || started_job(exchange).is_some()
        }
        Err(error) => !matches!(
            error.kind,
            HttpErrorKind::Settings | HttpErrorKind::Refused | HttpErrorKind::Dns | HttpErrorKind::Tls
        ),
    }
}

/// Room for one job. Unless released, it stays taken as long as the job may live: also where the check was cancelled
/// before it knew the answer.
#[derive(Debug, Default)]
pub struct Room {
    slot: Option<Slot>,
    lifetime: Duration,
}

impl Room {
    /// There is no job.
    pub fn release(mut self) {
        self.slot = None;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.release_after(self.lifetime);
        }
    }
}
