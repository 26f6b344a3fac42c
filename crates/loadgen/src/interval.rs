//! What a worker measured in a second of a phase: the one unit from which every report is made.

use crate::histogram::Histogram;
use crate::report::OperationReport;
use serde::{Deserialize, Serialize};

/// What a worker measured in about a second of a phase.
///
/// A worker sends at least one each second, also where nothing happened. An iteration counts to the phase that it began
/// in, so that a phase may have intervals after its end: their `from` and `to` are the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The worker, from 0.
    pub worker: u32,
    /// Counts up by one with each interval of a worker, from 0.
    pub sequence: u64,
    /// The index of the phase in the plan.
    pub phase: usize,
    /// When it began, in seconds since the start.
    pub from: f64,
    /// When it ended, in seconds since the start.
    pub to: f64,
    /// Arrivals that came due.
    pub planned: u64,
    /// Arrivals that were begun.
    pub started: u64,
    /// Arrivals that could not be begun in time.
    pub missed: u64,
    /// Iterations that were given up at the end of the drain.
    pub abandoned: u64,
    /// Iterations that went on at its end.
    pub in_flight: u64,
    /// Iterations that went on at the same time, at most.
    pub most_in_flight: u64,
    /// Arrivals per second that this worker was to begin; none in the closed model.
    pub target_rate: Option<f64>,
    /// The operations that had attempts.
    pub operations: Vec<OperationReport>,
    /// How the worker itself did; in one interval of each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vitals: Option<Vitals>,
}

/// How a worker's process did in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// For how long, in seconds.
    pub span: f64,
    /// CPU used, in cores.
    pub cpu: f64,
    /// Cores that there are.
    pub cores: u32,
    /// The share of the time, 0–1, in which the busiest of its threads was not waiting.
    #[serde(default)]
    pub busy: f64,
    /// How late the generator itself was.
    pub lag: Histogram,
    /// Open descriptors.
    pub descriptors: u64,
    /// How many descriptors the process may open.
    pub descriptor_limit: Option<u64>,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Requests that waited because the policy's rate was reached.
    pub held_back: u64,
}
