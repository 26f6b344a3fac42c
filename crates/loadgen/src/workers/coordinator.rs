//! The coordinator's side: ships the plan to all workers, starts them together, and makes one report of what they bring.

use super::clock::ClockOffset;
use super::gather::Gathering;
use super::muster::{Recruit, Trouble};
use super::protocol::{Assignment, Shipment};
use super::registry::{self, ScenarioError};
use super::transport::Transport;
use crate::arrivals::Share;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::threshold::unknown_operations;
use futures_util::future::try_join_all;
use shakedown_core::{Clock, Limits};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long anything may take that is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// From the start of a worker to the end of the comparison of clocks.
    pub greeting: Duration,
    /// For the scenario's setup.
    pub setup: Duration,
    /// From the order to start until the start itself, so that it reaches all workers before.
    pub lead: Duration,
    /// For any sign of life while it runs.
    pub silence: Duration,
    /// Beyond the plan and its drain, for the end and the scenario's teardown.
    pub ending: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(20),
            setup: Duration::from_mins(1),
            lead: Duration::from_millis(500),
            silence: Duration::from_secs(10),
            ending: Duration::from_mins(1),
        }
    }
}

/// Why nothing was run. Once a worker has begun, what goes wrong stands in the report.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// The plan cannot be run.
    #[error("the plan cannot be run: {}", .0.join("; "))]
    Plan(Vec<String>),
    /// It cannot be shared.
    #[error("the load cannot be shared: {0}")]
    Share(String),
    /// The scenario cannot be had, or not there.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A worker could not be started.
    #[error("worker {index} could not be started: {why}")]
    Open {
        /// Which.
        index: u32,
        /// Why not.
        why: String,
    },
    /// A worker is of no use. The second part is what it said last, if anything.
    #[error("worker {index} cannot take part: {trouble}{said}")]
    Worker {
        /// Which.
        index: u32,
        /// Why not.
        trouble: Trouble,
        /// What it said last, as the end of a sentence.
        said: String,
    },
    /// Nobody waits for the answer any more.
    #[error("cancelled before anything was sent")]
    Cancelled,
}

/// Runs a plan on several workers.
pub struct Coordinator {
    pub(super) plan: Plan,
    pub(super) limits: Limits,
    pub(super) workers: u32,
    pub(super) waits: Waits,
    pub(super) clock: Clock,
    pub(super) cancelled: CancellationToken,
    pub(super) progress: Box<dyn Fn(&Progress) + Send + Sync>,
}

impl Coordinator {
    /// Runs this plan on so many workers, which together keep the limits.
    pub fn new(plan: Plan, limits: Limits, workers: u32) -> Self {
        Self {
            plan,
            limits,
            workers,
            waits: Waits::default(),
            clock: Clock::system(),
            cancelled: CancellationToken::new(),
            progress: Box::new(|_| {}),
        }
    }

    /// Waits this long at most.
    #[must_use]
    pub const fn waiting(mut self, waits: Waits) -> Self {
        self.waits = waits;
        self
    }

    /// Asks this clock for the time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Ends when this is cancelled: workers drain and clean up, and what they brought is in the report.
    #[must_use]
    pub fn cancelled_by(mut self, token: CancellationToken) -> Self {
        self.cancelled = token;
        self
    }

    /// Tells how it is doing, about once a second.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(tell);
        self
    }

    /// Runs it. Dropping this ends all workers.
    ///
    /// # Errors
    /// Why nothing was run.
    pub async fn run(
        self,
        transport: &dyn Transport,
        scenario: Shipment,
    ) -> Result<Report, CoordinatorError> {
        let parts = self.parts(transport, &scenario)?;
        let stop = self.cancelled.clone();
        let mustered = stop.run_until_cancelled(self.muster(transport, parts)).await;
        let recruits = mustered.ok_or(CoordinatorError::Cancelled)??;
        let operations = |at: usize| recruits[at].operations.join(", ");
        if let Some(odd) = (1..recruits.len()).find(|at| recruits[*at].operations != recruits[0].operations) {
            let why = format!("worker 0 times {}, but worker {odd} {}", operations(0), operations(odd));
            return Err(CoordinatorError::Share(why));
        }
        let unknown = unknown_operations(&self.plan.thresholds, &recruits[0].operations);
        if !unknown.is_empty() {
            return Err(CoordinatorError::Plan(unknown));
        }
        Ok(Gathering::new(self, recruits).run().await)
    }

    /// What each worker is to do. Nothing was started yet.
    fn parts(
        &self,
        transport: &dyn Transport,
        scenario: &Shipment,
    ) -> Result<Vec<Assignment>, CoordinatorError> {
        self.plan.check(self.limits).map_err(CoordinatorError::Plan)?;
        if transport.by_name() {
            // Whether it can be built at all is known before anything is started.
            registry::build(&scenario.name, &scenario.params, Share { index: 0, of: self.workers.max(1) })?;
        }
        let (of, limits) = (self.workers, self.limits);
        if of == 0 {
            return Err(CoordinatorError::Share("there must be at least one worker".to_owned()));
        }
        if of as usize > limits.requests_in_flight {
            // A worker whose part is nothing could never do anything.
            let allowed = limits.requests_in_flight;
            let why =
                format!("{of} workers are more than the {allowed} requests that the policy allows in flight");
            return Err(CoordinatorError::Share(why));
        }
        let part =
            |index| Assignment { plan: self.plan.clone(), scenario: scenario.clone(), index, of, limits };
        Ok((0..of).map(part).collect())
    }

    /// Starts all workers, at the same time, and waits until all are ready.
    async fn muster(
        &self,
        transport: &dyn Transport,
        parts: Vec<Assignment>,
    ) -> Result<Vec<Recruit>, CoordinatorError> {
        let trouble = |index| move |(trouble, said)| CoordinatorError::Worker { index, trouble, said };
        let recruits = try_join_all(parts.into_iter().map(|part| async move {
            let index = part.index;
            let link = transport.open(index).await.map_err(|why| CoordinatorError::Open { index, why })?;
            let recruit =
                Recruit::greet(link, &self.clock, self.waits.greeting).await.map_err(trouble(index))?;
            Ok::<_, CoordinatorError>((recruit, part))
        }))
        .await?;
        // Nobody sets anything up until all are there.
        try_join_all(recruits.into_iter().map(|(recruit, part)| async move {
            let index = part.index;
            recruit.enlist(part, self.waits.setup).await.map_err(trouble(index))
        }))
        .await
    }
}

/// An offset as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "offsets are far below 2^52 microseconds")]
pub(super) const fn milliseconds(offset: ClockOffset) -> f64 {
    offset.micros as f64 / 1000.0
}
