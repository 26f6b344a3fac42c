//! What one arrival does, as it is measured.

use crate::failure::Failure;
use crate::record::Lane;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// One arrival, handed to a session. It times what the session does.
#[derive(Debug)]
pub struct Iteration {
    number: u64,
    phase: usize,
    intended: Instant,
    /// Whether the first operation is counted from `intended`: in the open model.
    open: bool,
    lane: Arc<Lane>,
    ending: CancellationToken,
    /// The numbers of a mixed scenario's operations, by those of its part.
    operations: Option<Arc<[usize]>>,
    last: Option<usize>,
    timing: Option<Timing>,
    /// Whether a failure was recorded.
    failed: bool,
    ended: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Timing {
    due: Instant,
    started: Instant,
}

/// A request that is under way.
#[must_use]
pub(crate) struct Timed {
    operation: usize,
    timing: Timing,
}

impl Iteration {
    pub(crate) fn new(lane: Arc<Lane>, ending: CancellationToken, phase: usize, open: bool) -> Self {
        let now = Instant::now();
        Self {
            number: 0,
            phase,
            intended: now,
            open,
            lane,
            ending,
            operations: None,
            last: None,
            timing: None,
            failed: false,
            ended: now,
        }
    }

    /// Begins the next one.
    pub(crate) fn begin(&mut self, number: u64, intended: Instant) {
        self.number = number;
        self.intended = intended;
        self.operations = None;
        self.last = None;
        self.timing = None;
        self.failed = false;
        self.lane.count(self.phase, |phase| {
            phase.started += 1;
            phase.planned += u64::from(!self.open);
        });
    }

    /// Writes down how it ended. A failure that no operation has returned is one attempt of the last operation.
    pub(crate) fn end(&mut self, result: Result<(), &Failure>) {
        if let (Err(failure), false) = (result, self.failed) {
            let now = Instant::now();
            let from = self.timing.unwrap_or(Timing { due: self.intended, started: self.intended });
            let operation = self.last.unwrap_or_else(|| self.operation(0));
            self.lane.attempt(self.phase, operation, now - from.due, now - from.started, Some(failure));
            self.ended = now;
        }
        self.lane.count(self.phase, |phase| phase.finished += 1);
    }

    /// When the last operation ended, or the iteration.
    pub(crate) const fn ended(&self) -> Instant {
        self.ended
    }

    /// From here on, operations have other numbers: those of a part of a mix.
    pub(crate) fn renumber(&mut self, operations: Arc<[usize]>) {
        self.operations = Some(operations);
    }

    /// Its number, counted over the whole plan from 0.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it should have begun. In the closed model, when it was begun.
    pub const fn intended(&self) -> Instant {
        self.intended
    }

    /// The index of the phase in the plan.
    pub const fn phase(&self) -> usize {
        self.phase
    }

    /// Cancelled when no more arrivals come. What goes on for long, such as a stream, should then end.
    pub const fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Times one request and records what came out; in the open model, the first one's latency counts from
    /// [`intended`](Self::intended).
    ///
    /// Waits first where the policy's rate is reached.
    ///
    /// # Errors
    /// That of `work`.
    pub async fn time<T>(
        &mut self,
        operation: usize,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let timed = self.start(operation).await;
        let result = work.await;
        self.finish(timed, result.as_ref().err());
        result
    }

    /// Begins to time a request, where the policy's rate lets it begin. What [`time`](Self::time) does, without moving the
    /// request: that costs where it is large.
    pub(crate) async fn start(&mut self, operation: usize) -> Timed {
        if let Some(gate) = &self.lane.gate {
            let waited = gate.pass().await;
            if self.open && !waited.is_zero() {
                // The plan wanted it earlier: that is the generator's doing.
                self.lane.lag(waited);
            }
        }
        let operation = self.operation(operation);
        let started = Instant::now();
        let due = if self.open && self.last.is_none() { self.intended.min(started) } else { started };
        self.last = Some(operation);
        let timing = Timing { due, started };
        self.timing = Some(timing);
        Timed { operation, timing }
    }

    /// Records what came out of a request.
    pub(crate) fn finish(&mut self, Timed { operation, timing }: Timed, failure: Option<&Failure>) {
        self.ended = Instant::now();
        self.timing = None;
        let (latency, service) = (self.ended - timing.due, self.ended - timing.started);
        self.lane.attempt(self.phase, operation, latency, service, failure);
        self.failed |= failure.is_some();
    }

    /// Adds a duration that was measured elsewhere, for example from a request to the first row of a stream.
    pub fn record(&mut self, operation: usize, duration: Duration, result: Result<(), &Failure>) {
        let operation = self.operation(operation);
        self.last = Some(operation);
        self.failed |= result.is_err();
        self.lane.attempt(self.phase, operation, duration, duration, result.err());
    }

    /// Counts what came with an operation.
    pub fn transferred(&mut self, operation: usize, bytes: u64, rows: u64) {
        let operation = self.operation(operation);
        self.lane.transferred(self.phase, operation, bytes, rows);
    }

    fn operation(&self, number: usize) -> usize {
        match &self.operations {
            Some(numbers) => numbers.get(number).or(numbers.last()).copied().unwrap_or(number),
            None => number,
        }
    }
}
