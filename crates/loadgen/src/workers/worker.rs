//! The worker's side: builds the scenario, waits for the start, runs its part, and tells what it brought.

use super::frame::{FrameError, Reader, frame};
use super::protocol::{Assignment, Closing, Order, Shipment, VERSION, Word};
use super::registry;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::report::Report;
use crate::scenario::{Scenario, Session};
use jiff::Timestamp;
use shakedown_core::{Clock, async_trait};
use std::future::Future;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often a worker says that it is there.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// Where a worker takes its scenario from.
pub(super) enum Scenarios {
    /// From whoever started it, in the same process.
    Given(Arc<dyn Scenario>),
    /// From what is registered, by the name in the assignment.
    ByName,
}

/// Why a worker ended without having done its part.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The coordinator could not be understood, or is gone.
    #[error("the coordinator was lost: {0}")]
    Coordinator(#[from] FrameError),
    /// The coordinator said something else than is its turn.
    #[error("the coordinator said {0}, which is not its turn")]
    OutOfTurn(&'static str),
    /// It could not begin, or not go on; the coordinator was told.
    #[error("{0}")]
    Failed(String),
    /// Nobody speaks to it.
    #[error("its standard streams are no pipes; a worker is started by the program that it works for")]
    Standalone,
    /// The system gave no runtime, or no streams.
    #[error("the worker could not start: {0}")]
    System(#[from] io::Error),
}

/// Does a worker's part over this process's standard streams, with registered scenarios: what a program does that
/// [`Processes`](super::Processes) has started.
///
/// Nothing else may be written to the standard output after this has begun.
///
/// # Errors
/// As [`worker`]; and that the standard streams are no pipes.
pub async fn worker_main(clock: Clock) -> Result<(), WorkerError> {
    let input = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?);
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?);
    let (Ok(input), Ok(output)) = (input, output) else { return Err(WorkerError::Standalone) };
    worker(input, output, clock).await
}

/// Does a worker's part over any two streams, with registered scenarios. It ends when its part is done, or when the
/// coordinator says so or is gone; then what it has begun is drained and cleaned up.
///
/// # Errors
/// Why its part was not done.
pub async fn worker(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Send + Unpin + 'static,
    clock: Clock,
) -> Result<(), WorkerError> {
    serve(input, output, Scenarios::ByName, clock).await
}

/// The same on this thread, on a runtime of its own.
pub(super) fn run(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Send + Unpin + 'static,
    scenarios: Scenarios,
    clock: Clock,
) -> Result<(), WorkerError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(input, output, scenarios, clock))
}

/// The worker's words, on their way out.
#[derive(Clone)]
struct Mouth(mpsc::UnboundedSender<Vec<u8>>);

impl Mouth {
    /// Says it, unless nobody listens any more: that shows where the orders come from.
    fn say(&self, word: &Word) -> Result<(), FrameError> {
        let _nobody_listens = self.0.send(frame(word)?);
        Ok(())
    }
}

async fn serve(
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Send + Unpin + 'static,
    scenarios: Scenarios,
    clock: Clock,
) -> Result<(), WorkerError> {
    // Unbounded, so that a slow reader never holds the engine up; there is one message in a while.
    let (sender, mut outbox) = mpsc::unbounded_channel::<Vec<u8>>();
    let writer = tokio::spawn(async move {
        while let Some(bytes) = outbox.recv().await {
            if output.write_all(&bytes).await.is_err() || output.flush().await.is_err() {
                break;
            }
        }
    });
    let mouth = Mouth(sender);
    let mut worker = Worker { orders: Reader::new(input), mouth: mouth.clone(), clock };
    let outcome = worker.part(scenarios).await;
    if let Err(WorkerError::Failed(why)) = &outcome {
        mouth.say(&Word::Failed { why: why.clone() })?;
    }
    drop((worker, mouth));
    let _written = writer.await;
    outcome
}

struct Worker<R> {
    orders: Reader<R>,
    mouth: Mouth,
    clock: Clock,
}

impl<R: AsyncRead + Unpin> Worker<R> {
    async fn part(&mut self, scenarios: Scenarios) -> Result<(), WorkerError> {
        // What a program says before it becomes a worker may lack the end of its line.
        let _nobody_listens = self.mouth.0.send(b"\n".to_vec());
        let hello = Word::Hello { version: VERSION, pid: std::process::id(), clock: self.clock.now() };
        self.mouth.say(&hello)?;
        let Some(assignment) = self.assignment().await? else { return Ok(()) };
        let scenario = match scenarios {
            Scenarios::Given(scenario) => scenario,
            Scenarios::ByName => {
                let Shipment { name, params } = &assignment.scenario;
                let built = registry::build(name, params, assignment.share());
                built.map_err(|error| WorkerError::Failed(error.to_string()))?
            }
        };
        // Set up before it is ready, so that no worker begins later than the others because of that.
        let ready = tokio::select! {
            set_up = scenario.setup() => match set_up {
                Ok(()) => self.start(scenario.operations()).await,
                Err(why) => Err(WorkerError::Failed(format!("the scenario could not be set up: {why}"))),
            },
            order = self.orders.next() => match order {
                Ok(Order::Abort { .. }) => Ok(None),
                Ok(_) => Err(WorkerError::OutOfTurn("something before the worker was ready")),
                Err(error) => Err(error.into()),
            },
        };
        match ready {
            Ok(Some(at)) => self.run(*assignment, scenario, at).await,
            Ok(None) => scenario.teardown().await.map_err(WorkerError::Failed),
            Err(error) => {
                let _the_first_error_counts = scenario.teardown().await;
                Err(error)
            }
        }
    }

    /// The assignment; nothing where the coordinator has changed its mind.
    async fn assignment(&mut self) -> Result<Option<Box<Assignment>>, WorkerError> {
        loop {
            match self.orders.next().await? {
                Order::Ping { number } => self.pong(number)?,
                Order::Assignment(assignment) => return Ok(Some(assignment)),
                Order::Abort { .. } => return Ok(None),
                Order::Start { .. } => return Err(WorkerError::OutOfTurn("start before the assignment")),
            }
        }
    }

    /// When to start; nothing where the coordinator has changed its mind.
    async fn start(&mut self, operations: Vec<String>) -> Result<Option<Timestamp>, WorkerError> {
        self.mouth.say(&Word::Ready { operations })?;
        loop {
            match self.orders.next().await? {
                Order::Ping { number } => self.pong(number)?,
                Order::Start { at } => return Ok(Some(at)),
                Order::Abort { .. } => return Ok(None),
                Order::Assignment(_) => return Err(WorkerError::OutOfTurn("a second assignment")),
            }
        }
    }

    fn pong(&self, number: u32) -> Result<(), FrameError> {
        self.mouth.say(&Word::Pong { number, clock: self.clock.now() })
    }

    async fn run(
        &mut self,
        assignment: Assignment,
        scenario: Arc<dyn Scenario>,
        at: Timestamp,
    ) -> Result<(), WorkerError> {
        let cancelled = CancellationToken::new();
        let (sent, started) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let share = assignment.share();
        let engine = Engine::new(assignment.plan, assignment.limits)
            .share(share)
            .starting_at(self.instant(at))
            .cancelled_by(cancelled.clone())
            .clock(self.clock.clone())
            .on_interval({
                let (mouth, sent, started) = (self.mouth.clone(), Arc::clone(&sent), Arc::clone(&started));
                move |interval| {
                    sent.fetch_add(1, Ordering::Relaxed);
                    started.fetch_add(interval.started, Ordering::Relaxed);
                    let _too_long_is_missed_at_the_end =
                        mouth.say(&Word::Interval(Box::new(interval.clone())));
                }
            });
        let mut abort = Abort { token: cancelled, why: None, lost: None };
        let outcome = self.attend(engine.run(Arc::new(SetUp(scenario))), &mut abort).await;
        if let Some(lost) = abort.lost {
            return Err(lost.into());
        }
        let report = outcome.map_err(|error| WorkerError::Failed(error.to_string()))?;
        self.mouth.say(&Word::Done(Box::new(Closing {
            intervals: sent.load(Ordering::Relaxed),
            started: started.load(Ordering::Relaxed),
            aborted: abort.why.or(report.aborted),
            teardown: report.teardown,
        })))?;
        Ok(())
    }

    /// Listens to the coordinator while the engine runs.
    async fn attend<E>(
        &mut self,
        engine: impl Future<Output = Result<Report, E>>,
        abort: &mut Abort,
    ) -> Result<Report, E> {
        let mut engine = std::pin::pin!(engine);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                outcome = &mut engine => return outcome,
                _ = heartbeat.tick() => {
                    let _nobody_listens = self.mouth.say(&Word::Alive);
                }
                order = self.orders.next::<Order>(), if !abort.token.is_cancelled() => abort.take(order),
            }
        }
    }

    /// The same instant on the clock that never jumps. One that has passed stays in the past: what is late then is
    /// counted as late.
    fn instant(&self, at: Timestamp) -> Instant {
        let (ahead, now) = (at.duration_since(self.clock.now()), Instant::now());
        let length = ahead.unsigned_abs();
        if ahead.is_negative() { now.checked_sub(length).unwrap_or(now) } else { now + length }
    }
}

/// Whether and why the engine is to end.
struct Abort {
    token: CancellationToken,
    why: Option<String>,
    lost: Option<FrameError>,
}

impl Abort {
    fn take(&mut self, order: Result<Order, FrameError>) {
        match order {
            Ok(Order::Abort { why }) => self.why = Some(why),
            Ok(_) => return,
            // Nobody would hear what comes, and nobody could stop it.
            Err(error) => self.lost = Some(error),
        }
        self.token.cancel();
    }
}

/// A scenario that is set up already.
struct SetUp(Arc<dyn Scenario>);

#[async_trait]
impl Scenario for SetUp {
    fn operations(&self) -> Vec<String> {
        self.0.operations()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        self.0.session(number).await
    }

    async fn teardown(&self) -> Result<(), String> {
        self.0.teardown().await
    }
}
