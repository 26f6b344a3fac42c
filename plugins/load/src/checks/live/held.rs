//! Live jobs whose streams are held open, as views that users leave open.

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use shakedown_core::ledger::Resource;
use shakedown_core::{CheckError, Context, TargetErrorKind};
use shakedown_focus::client::{FocusClient, Room};
use shakedown_focus::job::place;
use shakedown_focus::stream::{NotReady, Stream};
use shakedown_http::{Request, StatusCode};
use std::time::{Duration, Instant};

/// How long to wait for room under the bound on jobs: what earlier checks left behind ends within this time.
const ROOM: Duration = Duration::from_secs(90);

/// A job with its stream. Dropping it closes the stream, at which the server ends the job.
pub(in crate::checks) struct Held {
    /// The job's id.
    pub(in crate::checks) job: String,
    /// How long its configuration took to be answered.
    pub(in crate::checks) answered: Duration,
    /// How long it took until its stream was ready, the configuration included.
    pub(in crate::checks) ready: Duration,
    born: Instant,
    stream: Stream,
    place: (String, u16),
    since: Instant,
    resource: Resource,
    room: Room,
}

/// Why there is no such job, or no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checks) struct Failed {
    /// The class by which failures are counted, for example `503 Service Unavailable`.
    pub(in crate::checks) class: String,
    /// Whether the server says that it has no room: 429 or 503.
    pub(in crate::checks) refused: bool,
    /// How long the configuration took, where that was answered with a job and only its stream is missing.
    pub(in crate::checks) answered: Option<Duration>,
}

impl Failed {
    fn new(class: &str) -> Self {
        Self { class: class.to_owned(), refused: false, answered: None }
    }

    fn of_status(status: StatusCode) -> Self {
        let refused = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Self { class: status.to_string(), refused, answered: None }
    }
}

impl From<&NotReady> for Failed {
    fn from(why: &NotReady) -> Self {
        Self::new(match why {
            NotReady::Closed(_) => "stream port closed",
            NotReady::Silent => "stream silent",
            NotReady::Foreign(_) => "stream not HTTP/2",
            NotReady::Lost(_) => "stream lost",
        })
    }
}

impl Held {
    /// Configures a job and connects to its stream.
    ///
    /// # Errors
    /// [`CheckError`] where the policy leaves no room, or the books cannot be kept.
    pub(in crate::checks) async fn start(
        cx: &Context,
        client: &FocusClient,
        body: &str,
        (answer, ready): (Duration, Duration),
    ) -> Result<Result<Self, Failed>, CheckError> {
        let room = client.room(cx, ROOM.min(cx.remaining())).await?;
        let started = Instant::now();
        let request = Request::post_json("/configure", body.to_owned(), answer);
        let exchange = match client.try_ask(request).await {
            Ok(exchange) => exchange,
            // The room stays taken as long as a job may live: nobody knows whether there is one.
            Err(error) => return Ok(Err(Failed::new(TargetErrorKind::from(error.kind).as_str()))),
        };
        let description: Value = exchange.json().unwrap_or_default();
        let id = description["job_id"].as_str().filter(|id| !id.is_empty());
        let (Some(id), true) = (id, exchange.status.is_success()) else {
            let is_gateway = matches!(exchange.status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
            if !exchange.status.is_success() && !is_gateway && id.is_none() {
                room.release();
            }
            return Ok(Err(Failed::of_status(exchange.status)));
        };
        let answered = exchange.elapsed.total;
        let resource = client.book(cx, id)?;
        let Some(place) = place(&description) else {
            return Ok(Err(Failed { answered: Some(answered), ..Failed::new("no stream named") }));
        };
        Ok(match Stream::open(&place.0, place.1, ready).await {
            Ok(stream) => Ok(Self {
                job: id.to_owned(),
                answered,
                ready: started.elapsed(),
                born: started,
                stream,
                place,
                since: Instant::now(),
                resource,
                room,
            }),
            Err(why) => Err(Failed { answered: Some(answered), ..Failed::from(&why) }),
        })
    }

    /// Starts so many at once, no faster and no more at a time than the policy allows. `body` makes the request of each.
    pub(in crate::checks) async fn start_many(
        cx: &Context,
        client: &FocusClient,
        count: u32,
        body: impl Fn(u32) -> String,
        patience: (Duration, Duration),
    ) -> Result<Vec<Result<Self, Failed>>, CheckError> {
        let apart = Duration::from_secs_f64(1.0 / cx.limits.requests_per_second.max(0.001));
        let starts = (0..count).map(|number| {
            let body = body(number);
            async move {
                tokio::time::sleep(apart * (number + 1)).await;
                Self::start(cx, client, &body, patience).await
            }
        });
        let at_once = cx.limits.requests_in_flight.max(1);
        let started: Vec<_> = stream::iter(starts).buffer_unordered(at_once).collect().await;
        started.into_iter().collect()
    }

    /// How old the job is.
    pub(in crate::checks) fn job_age(&self) -> Duration {
        self.born.elapsed()
    }

    /// How old the stream is.
    pub(in crate::checks) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Asks the stream for a sign of life, which HTTP/2 provides. How long it took.
    pub(in crate::checks) async fn sign(&mut self, patience: Duration) -> Result<Duration, NotReady> {
        let asked = Instant::now();
        self.stream.ping(patience).await.map(|()| asked.elapsed())
    }

    /// Connects to the same job a second time, and leaves the first stream only then: a job that is left ends.
    pub(in crate::checks) async fn reattach(&mut self, ready: Duration) -> Result<(), NotReady> {
        self.stream = Stream::open(&self.place.0, self.place.1, ready).await?;
        self.since = Instant::now();
        Ok(())
    }

    /// Asks all for a sign of life. Those that gave one, with how long it took; and why the others did not, with their age.
    pub(in crate::checks) async fn signs(
        held: Vec<Self>,
        patience: Duration,
    ) -> (Vec<(Self, Duration)>, Vec<(Self, Failed)>) {
        let asked = held.into_iter().map(|mut held| async move {
            match held.sign(patience).await {
                Ok(took) => Ok((held, took)),
                Err(why) => Err((held, Failed::from(&why))),
            }
        });
        let (mut alive, mut lost) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(held) => alive.push(held),
                Err(failed) => lost.push(failed),
            }
        }
        (alive, lost)
    }

    /// Leaves the stream, at which the server ends the job at once.
    pub(in crate::checks) fn end(self, cx: &Context) -> Result<(), CheckError> {
        drop(self.stream);
        cx.removed(&self.resource)?;
        self.room.release();
        Ok(())
    }
}
