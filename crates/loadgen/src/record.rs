//! Where measurements are written down while they happen.
//!
//! Each thread has a sheet of its own. Its lock is free whenever the thread wants it, but for the moment each second in
//! which the sheet is taken away and replaced by an empty one.

use crate::failure::Failure;
use crate::gate::Gate;
use crate::histogram::Histogram;
use crate::report::OperationReport;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What everything on one thread of the engine shares.
#[derive(Debug)]
pub(crate) struct Lane {
    sheet: Mutex<Sheet>,
    operations: Arc<[String]>,
    pub(crate) gate: Option<Arc<Gate>>,
}

/// What was measured since the sheet was last taken away.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// By the index of the phase.
    pub(crate) phases: Vec<PhaseSheet>,
    /// How late the generator itself was.
    pub(crate) lag: Histogram,
}

#[derive(Debug, Default)]
pub(crate) struct PhaseSheet {
    pub(crate) planned: u64,
    pub(crate) started: u64,
    pub(crate) missed: u64,
    pub(crate) finished: u64,
    /// By the number of the operation; those without attempts may be missing at the end.
    pub(crate) operations: Vec<OperationReport>,
}

impl PhaseSheet {
    /// Adds all of another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.planned += other.planned;
        self.started += other.started;
        self.missed += other.missed;
        self.finished += other.finished;
        for (number, operation) in other.operations.iter().enumerate() {
            match self.operations.get_mut(number) {
                Some(own) => own.merge(operation),
                None => self.operations.push(operation.clone()),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.planned + self.started + self.missed + self.finished == 0
            && self.operations.iter().all(|operation| operation.attempts() == 0 && operation.bytes == 0)
    }
}

impl Lane {
    pub(crate) fn new(operations: Arc<[String]>, gate: Option<Arc<Gate>>) -> Self {
        Self { sheet: Mutex::default(), operations, gate }
    }

    /// Writes down an attempt.
    pub(crate) fn attempt(
        &self,
        phase: usize,
        operation: usize,
        latency: Duration,
        service: Duration,
        failure: Option<&Failure>,
    ) {
        self.with_operation(phase, operation, |entry| {
            let Some(failure) = failure else { return entry.succeeded.record(latency, service) };
            let class = failure.class();
            match entry.failed.get_mut(class.as_ref()) {
                Some(tally) => tally.record(latency, service),
                None => entry.failed.entry(class.into_owned()).or_default().record(latency, service),
            }
            if let Some(wait) = failure.retry_after() {
                entry.retry_after.record(wait);
            }
        });
    }

    /// Writes down what came with an operation.
    pub(crate) fn transferred(&self, phase: usize, operation: usize, bytes: u64, rows: u64) {
        self.with_operation(phase, operation, |entry| {
            entry.bytes += bytes;
            entry.rows += rows;
        });
    }

    /// Writes down how late the generator itself was.
    pub(crate) fn lag(&self, lag: Duration) {
        lock(&self.sheet).lag.record(lag);
    }

    /// Counts something of a phase.
    pub(crate) fn count(&self, phase: usize, what: impl FnOnce(&mut PhaseSheet)) {
        what(lock(&self.sheet).phase(phase));
    }

    /// Takes the sheet away.
    pub(crate) fn take(&self) -> Sheet {
        std::mem::take(&mut *lock(&self.sheet))
    }

    /// How many iterations were begun since the sheet was last taken away.
    pub(crate) fn started(&self) -> u64 {
        lock(&self.sheet).phases.iter().map(|phase| phase.started).sum()
    }

    fn with_operation(&self, phase: usize, operation: usize, write: impl FnOnce(&mut OperationReport)) {
        let mut sheet = lock(&self.sheet);
        let known = &mut sheet.phase(phase).operations;
        while known.len() <= operation.min(self.operations.len() - 1) {
            known.push(OperationReport::named(&self.operations[known.len()]));
        }
        // A number that the scenario did not declare counts to the last that it did.
        let last = known.len() - 1;
        write(&mut known[operation.min(last)]);
    }
}

impl Sheet {
    fn phase(&mut self, phase: usize) -> &mut PhaseSheet {
        if self.phases.len() <= phase {
            self.phases.resize_with(phase + 1, PhaseSheet::default);
        }
        &mut self.phases[phase]
    }
}

/// Locks, also after a panic: what these locks guard is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
