//! Runs a plan against a scenario.

use crate::arrivals::Share;
use crate::conduct;
use crate::interval::Interval;
use crate::limits::{RESERVED_DESCRIPTORS, raise_descriptors};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::Scenario;
use shakedown_core::Clock;
use shakedown_core::limits::Limits;
use std::any::Any;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Runs a plan against a scenario, on threads of its own.
///
/// One thread paces the arrivals, some do the work, each with a runtime of its own, and one gathers what was measured.
/// The caller's runtime only waits.
pub struct Engine {
    pub(crate) plan: Plan,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) share: Share,
    pub(crate) threads: usize,
    pub(crate) starts: Option<Instant>,
    pub(crate) listeners: Listeners,
    cancelled: CancellationToken,
}

type Listener<T> = Box<dyn Fn(&T) + Send + Sync>;

/// Who is told while it runs.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) progress: Option<Listener<Progress>>,
    pub(crate) interval: Option<Listener<Interval>>,
}

/// Why a load was not put on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan cannot be run, or exceeds the limits. Nothing was sent.
    #[error("the plan cannot be run: {}", .0.join("; "))]
    Plan(Vec<String>),
    /// The scenario could not be set up. It was torn down again.
    #[error("the scenario could not be set up: {0}")]
    Setup(String),
    /// The system gave no thread or no runtime.
    #[error("the load engine could not start: {0}")]
    System(#[from] std::io::Error),
    /// A defect of the engine or of the scenario.
    #[error("the load engine broke off: {0}")]
    Broken(String),
}

impl Engine {
    /// An engine for this plan, within these limits.
    pub fn new(plan: Plan, limits: Limits) -> Self {
        // Half of the cores, so that the pacing, and where it is on this machine the target, have theirs.
        let threads = available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 8));
        Self {
            plan,
            limits,
            clock: Clock::system(),
            share: Share::WHOLE,
            threads,
            starts: None,
            listeners: Listeners::default(),
            cancelled: CancellationToken::new(),
        }
    }

    /// Tells how it is doing, four times a second. A call must not block.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.listeners.progress = Some(Box::new(tell));
        self
    }

    /// Hands out what was measured, once a second for each phase. A call must not block.
    #[must_use]
    pub fn on_interval(mut self, take: impl Fn(&Interval) + Send + Sync + 'static) -> Self {
        self.listeners.interval = Some(Box::new(take));
        self
    }

    /// Ends early when the token is cancelled: nothing more is begun, and what is in flight has the plan's time to end.
    #[must_use]
    pub fn cancelled_by(mut self, token: CancellationToken) -> Self {
        self.cancelled = token;
        self
    }

    /// The clock for the time at which it began.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Puts on only a worker's share of the plan, within the same share of the limits. Thresholds are left to the
    /// coordinator then.
    #[must_use]
    pub const fn share(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// Begins the first phase at this instant, after the setup.
    #[must_use]
    pub const fn starting_at(mut self, instant: Instant) -> Self {
        self.starts = Some(instant);
        self
    }

    /// How many threads do the work; half as many as there are cores, unless said otherwise.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Puts the load on.
    ///
    /// When this future is dropped, nothing more is begun, what is in flight is abandoned, and the scenario is torn down
    /// in the background.
    ///
    /// # Errors
    /// Why nothing was measured. What went wrong during the load is in the report.
    pub async fn run(self, scenario: Arc<dyn Scenario>) -> Result<Report, EngineError> {
        self.plan.check(self.limits).map_err(EngineError::Plan)?;
        // A connection each, and another one where this process is the server too, as with a sandbox.
        let in_flight = u64::try_from(self.limits.requests_in_flight).unwrap_or(u64::MAX);
        raise_descriptors(in_flight.saturating_mul(2).saturating_add(RESERVED_DESCRIPTORS));
        let stop = Arc::new(Stop { cancelled: self.cancelled.clone(), ..Stop::default() });
        let dropped = stop.dropped.clone().drop_guard();
        let (sender, result) = oneshot::channel();
        std::thread::Builder::new().name("load-pacer".to_owned()).spawn(move || {
            // Nobody listens where the future was dropped.
            let _ = sender.send(conduct::conduct(self, &scenario, &stop));
        })?;
        let result = result.await.map_err(|_| EngineError::Broken("its pacing thread panicked".to_owned()));
        dropped.disarm();
        result?
    }
}

/// Why a load ends early.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    cancelled: CancellationToken,
    dropped: CancellationToken,
    aborted: Mutex<Option<String>>,
    abort: CancellationToken,
}

impl Stop {
    pub(crate) fn is_raised(&self) -> bool {
        self.abort.is_cancelled() || self.is_dropped() || self.cancelled.is_cancelled()
    }

    /// Whether nobody waits for the result any more.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.is_cancelled()
    }

    /// Ends the load for this reason.
    pub(crate) fn abort(&self, why: String) {
        crate::record::lock(&self.aborted).get_or_insert(why);
        self.abort.cancel();
    }

    /// Why the load ended early, where it did.
    pub(crate) fn reason(&self) -> Option<String> {
        let aborted = crate::record::lock(&self.aborted).clone();
        aborted.or_else(|| self.is_raised().then(|| "cancelled".to_owned()))
    }
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
