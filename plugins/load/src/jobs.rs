//! Jobs under load: each arrival asks for a job, and sees to it that the job comes to an end.
//!
//! The books are kept as everywhere: room under `max_concurrent_jobs` before a request is sent, the ledger at once after
//! the answer, and off it again when the job has ended. Waiting for room is no latency of the server, so nobody waits: an
//! arrival without room is counted as limited by the policy, under an operation of its own.

mod books;
mod ending;

pub(crate) use books::Books;
pub(crate) use ending::Ending;

use crate::wire;
use async_trait::async_trait;
use books::Living;
use serde_json::Value;
use shakedown_core::{CheckError, Context, TargetErrorKind};
use shakedown_focus::client::{Fiber, FocusClient, Room};
use shakedown_focus::job::{Job, place};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Request, Wire};
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};
use std::sync::Arc;
use std::time::Duration;

/// The operations, by their numbers.
pub(crate) const CONFIGURE: usize = 0;
/// A job is ended.
pub(crate) const END: usize = 1;
/// What the server says of a job is read.
pub(crate) const POLL: usize = 2;
/// An arrival found no room under `max_concurrent_jobs`, so that nothing was sent.
pub(crate) const NO_ROOM: usize = 3;
/// An arrival came while the server had asked for patience (429), so that nothing was sent.
pub(crate) const HELD_BACK: usize = 4;

/// Their names in reports.
pub(crate) const OPERATIONS: [&str; 5] = ["configure", "end", "poll", "no room", "held back"];

/// How long an arrival without room takes: users who come as they can must not ask without a pause.
const ROOM_PAUSE: Duration = Duration::from_millis(100);
/// The same for one that is held back.
const BACKOFF_PAUSE: Duration = Duration::from_millis(250);

/// Longer than any load.
const A_LONG_TIME: Duration = Duration::from_hours(48);

/// How often the first job is asked for, and how long to wait in between.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// How long a job lives that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// For this long; the same arrival then ends it.
    For(Duration),
    /// Until the load is over, or [`Jobs::end_all`] is called.
    ToTheEnd,
}

/// How often the server is asked about a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polls {
    /// How often.
    pub(crate) count: u32,
    /// How long to wait before each.
    pub(crate) every: Duration,
}

/// The scenario. Clones share the books.
#[derive(Clone)]
pub(crate) struct Jobs {
    /// What is known of the fiber: what requests are made of.
    pub(crate) fiber: Fiber,
    /// How jobs are ended here.
    pub(crate) ending: Ending,
    /// The books.
    pub(crate) books: Arc<Books>,
    dialer: Dialer,
    body: String,
    keep: Keep,
    polls: Option<Polls>,
}

impl Jobs {
    /// Gets ready: asks for the fiber, starts one job, and finds out how jobs are ended here.
    ///
    /// # Errors
    /// As `focus-api.config.valid` where the server starts no job for somebody who asks alone.
    pub(crate) async fn prepare(cx: &Context) -> Result<Self, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let request = ConfigureRequest::live(&fiber);
        let first = first(cx, &client, &request).await?;
        let ending = Ending::find_out(cx, &client, first).await?;
        let dialer = wire::dialer(&client)?;
        let books = Arc::new(Books::new(cx.clone(), client));
        Ok(Self {
            fiber,
            ending,
            books,
            dialer,
            body: request.text(),
            keep: Keep::For(Duration::ZERO),
            polls: None,
        })
    }

    /// The same with another request.
    #[must_use]
    pub(crate) fn asking(mut self, request: &ConfigureRequest) -> Self {
        self.body = request.text();
        self
    }

    /// The same with jobs that live this long.
    #[must_use]
    pub(crate) const fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// The same with jobs that are asked about before they are ended.
    #[must_use]
    pub(crate) const fn polling(mut self, polls: Polls) -> Self {
        self.polls = Some(polls);
        self
    }

    /// How many requests an arrival sends, for the bound on requests per second.
    pub(crate) fn requests_per_arrival(&self) -> f64 {
        let ends = matches!(self.keep, Keep::For(_)) && self.ending != Ending::Timer;
        1.0 + f64::from(u8::from(ends)) + self.polls.map_or(0.0, |polls| f64::from(polls.count))
    }

    /// How long room stays taken by a job: what the policy's bound on jobs makes of a rate.
    pub(crate) fn lifetime(&self) -> Duration {
        let polls = self.polls.map_or(Duration::ZERO, |polls| polls.every * polls.count);
        match (self.ending, self.keep) {
            (Ending::Timer, _) => self.books.client.job_lifetime(),
            (ending, Keep::For(time)) => time + polls + ending.takes(),
            (_, Keep::ToTheEnd) => A_LONG_TIME,
        }
    }

    /// Ends a job that was started outside of the load. One that cannot be ended stays on the ledger.
    pub(crate) async fn end_own(&self, cx: &Context, job: Job) {
        let _ = Ending::find_out(cx, &self.books.client, job).await;
    }

    /// Ends all jobs that live, and says how many could not be ended.
    pub(crate) async fn end_all(&self) -> usize {
        self.ending.end_all(&self.books, &self.dialer).await
    }
}

#[async_trait]
impl Scenario for Jobs {
    fn operations(&self) -> Vec<String> {
        OPERATIONS.map(str::to_owned).to_vec()
    }

    async fn session(&self, _number: u64) -> Result<Box<dyn Session>, Failure> {
        let request = self.dialer.post("/configure", "application/json", self.body.clone());
        let request = request.map_err(Failure::Other)?;
        Ok(Box::new(User { jobs: self.clone(), wire: self.dialer.wire(), request }))
    }

    /// Jobs that are left stay on the ledger, from which the run removes them.
    async fn teardown(&self) -> Result<(), String> {
        match self.end_all().await {
            left if left == 0 || self.ending == Ending::Timer => Ok(()),
            left => Err(format!("{left} jobs could not be ended; they end by themselves")),
        }
    }
}

/// Somebody who asks for jobs, one at a time.
struct User {
    jobs: Jobs,
    wire: Wire,
    request: Request,
}

#[async_trait]
impl Session for User {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let books = Arc::clone(&self.jobs.books);
        if let Some(wait) = books.patience_asked_for() {
            let asked = Failure::Throttled { retry_after: Some(wait) };
            iteration.record(HELD_BACK, Duration::ZERO, Err(&asked));
            tokio::time::sleep(wait.min(BACKOFF_PAUSE)).await;
            return Ok(());
        }
        let Some(room) = books.room().await else {
            let none = Failure::Other("max_concurrent_jobs".to_owned());
            iteration.record(NO_ROOM, Duration::ZERO, Err(&none));
            tokio::time::sleep(ROOM_PAUSE).await;
            return Ok(());
        };
        let (id, bytes) =
            iteration.time(CONFIGURE, configure(&books, &mut self.wire, &self.request, room)).await?;
        iteration.transferred(CONFIGURE, bytes, 0);
        if let Some(polls) = self.jobs.polls {
            self.poll(iteration, polls, &id).await?;
        }
        let Keep::For(time) = self.jobs.keep else { return Ok(()) };
        tokio::time::sleep(time).await;
        match books.take(&id) {
            Some(job) if self.jobs.ending != Ending::Timer => {
                let end = self.jobs.ending.end(&books, &self.jobs.dialer, &mut self.wire, job);
                iteration.time(END, end).await
            }
            // Its room stays taken until the server has ended it.
            _ => Ok(()),
        }
    }
}

impl User {
    async fn poll(&mut self, iteration: &mut Iteration, polls: Polls, id: &str) -> Result<(), Failure> {
        let request = self.jobs.dialer.get(&format!("/metadata/{id}")).map_err(Failure::Other)?;
        for _ in 0..polls.count {
            tokio::time::sleep(polls.every).await;
            let wire = &mut self.wire;
            // What is lost is a failure of its own, and no reason not to ask about the others.
            let _ = iteration.time(POLL, async { wire.send(&request).await?.success().map(drop) }).await;
        }
        Ok(())
    }
}

/// Starts the first job. A server that loses a connection now and then, or is throttled by what ran before, is asked again:
/// how much of that it does under load is the question.
async fn first(cx: &Context, client: &FocusClient, request: &ConfigureRequest) -> Result<Job, CheckError> {
    let mut tries = 1;
    loop {
        match client.start(cx, request).await {
            Err(error) if tries < TRIES && is_passing(&error) => {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            answer => return answer,
        }
    }
}

/// Whether asking again may help.
const fn is_passing(error: &CheckError) -> bool {
    match error {
        CheckError::Target(error) => matches!(error.kind, TargetErrorKind::Lost),
        CheckError::Unclear(_) => true,
        CheckError::NotApplicable(_) | CheckError::NoData(_) => false,
    }
}

/// Sends the request, and books the job. Returns its id and the length of the answer.
pub(crate) async fn configure(
    books: &Books,
    wire: &mut Wire,
    request: &Request,
    room: Room,
) -> Result<(String, u64), Failure> {
    let answer = match wire.send(request).await.and_then(Answer::success) {
        Ok(answer) => answer,
        Err(failure) => {
            books.refused(room, &failure);
            return Err(failure);
        }
    };
    let bytes = answer.bytes;
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Content(format!("the answer is no JSON: {error}")))?;
    let Some(id) = body["job_id"].as_str().filter(|id| is_word(id)) else {
        return Err(Failure::Content("the answer names no `job_id`".to_owned()));
    };
    let resource = books.started(id).map_err(|error| Failure::Other(error.to_string()))?;
    books.keep(Living { resource, room, place: place(&body) });
    Ok((id.to_owned(), bytes))
}

/// Whether an id can stand in a path without leading astray.
fn is_word(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
