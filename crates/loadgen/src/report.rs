//! What came out of a load.

use crate::histogram::Histogram;
use crate::threshold::ThresholdVerdict;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::HumanDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// What came out of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// When the first phase began, in UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// How long all of it took, with the drain at the end.
    pub elapsed: HumanDuration,
    /// The phases that were begun.
    pub phases: Vec<PhaseReport>,
    /// How it went over time: a second each, or several where it was long.
    pub timeline: Vec<Second>,
    /// How the generator itself did, all workers together.
    pub generator: Generator,
    /// How each worker did.
    pub workers: Vec<WorkerReport>,
    /// Why it ended before its plan did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<String>,
    /// Whether all that was measured is in here.
    pub complete: Completeness,
    /// How the plan's thresholds stand.
    #[serde(default)]
    pub verdicts: Vec<ThresholdVerdict>,
    /// What the scenario could not clean up behind itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<String>,
}

/// Whether all that was measured is in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// All of it.
    Whole,
    /// A part is missing, for this reason.
    Degraded(String),
}

/// What came out of a phase.
///
/// What was `planned` was either `started` or `missed`, and what was started has ended or was `abandoned`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// Whether its numbers count.
    pub measured: bool,
    /// How long it was, in seconds.
    pub elapsed: f64,
    /// Arrivals that came due; in the closed model, iterations that were begun.
    pub planned: u64,
    /// Arrivals that were begun.
    pub started: u64,
    /// Arrivals that could not be begun in time.
    pub missed: u64,
    /// Iterations that were begun and had not ended when the drain was over.
    pub abandoned: u64,
    /// How many iterations went on at the same time, at most.
    pub most_in_flight: u64,
    /// What was timed, in the order of the scenario.
    pub operations: Vec<OperationReport>,
}

/// What came out of an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationReport {
    /// Its name.
    pub name: String,
    /// Attempts that succeeded.
    #[serde(default)]
    pub succeeded: Tally,
    /// Attempts that failed, by the class of the failure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, Tally>,
    /// Bytes received.
    #[serde(default)]
    pub bytes: u64,
    /// Rows received.
    #[serde(default)]
    pub rows: u64,
    /// How long the server asked to wait, where it refused for now.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub retry_after: Histogram,
}

/// Attempts with one outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How long they took from when they should have begun. This is what a user waits.
    pub latency: Histogram,
    /// How long they took from when they were begun. This is what the server took.
    pub service: Histogram,
}

/// How it went in a second, or in several where the load was long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// When it began, in seconds since the start.
    pub at: f64,
    /// How long it is, in seconds.
    pub span: f64,
    /// The phase.
    pub phase: String,
    /// Arrivals per second that the plan wanted; none where users come as they can.
    pub target_rate: Option<f64>,
    /// Arrivals that were begun.
    pub started: u64,
    /// Arrivals that could not be begun in time.
    pub missed: u64,
    /// Iterations that went on at its end; the most of them where it is several seconds.
    pub in_flight: u64,
    /// The operations that had attempts.
    pub operations: BTreeMap<String, OperationSecond>,
    /// CPU that the generator used, in cores.
    pub cpu: f64,
    /// The 99th percentile of the generator's own lag, in milliseconds.
    pub lag_p99: Option<f64>,
}

/// How an operation went in a second. Times are latencies in milliseconds, over all outcomes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationSecond {
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Rows received.
    pub rows: u64,
    /// The median.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

/// How the generator itself did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// CPU used on average, in cores, by the whole process.
    pub cpu: f64,
    /// CPU used in the busiest second, in cores.
    pub cpu_peak: f64,
    /// Cores that there are.
    pub cores: u32,
    /// The share of the time, 0–1, in which the busiest of its threads was not waiting. Where users come as they can, a
    /// number near 1 says that the rate is the generator's own.
    #[serde(default)]
    pub busy: f64,
    /// How late the generator itself was, its own series: with arrivals that a session was free for, and with tasks that
    /// were ready to run.
    pub lag: Histogram,
    /// Open descriptors, at most.
    pub descriptors: u64,
    /// How many descriptors the process may open.
    pub descriptor_limit: Option<u64>,
    /// Resident memory of the process in bytes, at most.
    pub memory: u64,
    /// Requests that waited because the policy's rate was reached.
    pub held_back: u64,
    /// Where the generator was the bottleneck: `generator-limited: …`. Then the numbers blame no one else.
    pub limited: Option<String>,
}

/// How a worker did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerReport {
    /// Its number, from 0.
    pub worker: u32,
    /// Arrivals that it began.
    pub started: u64,
    /// Intervals that it sent.
    pub intervals: u64,
    /// How far its clock is ahead of the coordinator's, in milliseconds, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<f64>,
    /// How it did.
    pub generator: Generator,
    /// Why a part of what it measured is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

impl Tally {
    /// Adds one attempt.
    pub fn record(&mut self, latency: Duration, service: Duration) {
        self.count += 1;
        self.latency.record(latency);
        self.service.record(service);
    }

    /// Adds all attempts of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
    }

    /// How many attempts there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The mean latency; none without attempts.
    pub fn mean(&self) -> Option<Duration> {
        self.latency.mean()
    }

    /// A percentile of the latency, 0–100; none without attempts.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        self.latency.percentile(percent)
    }

    /// The shortest latency; none without attempts.
    pub fn min(&self) -> Option<Duration> {
        self.latency.min()
    }

    /// The longest latency; none without attempts.
    pub fn max(&self) -> Option<Duration> {
        self.latency.max()
    }
}

impl OperationReport {
    /// Of an operation without attempts.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds all attempts of another one.
    pub fn merge(&mut self, other: &Self) {
        self.succeeded.merge(&other.succeeded);
        for (class, tally) in &other.failed {
            self.failed.entry(class.clone()).or_default().merge(tally);
        }
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.retry_after.merge(&other.retry_after);
    }

    /// Attempts with any outcome.
    pub fn attempts(&self) -> u64 {
        self.succeeded.count + self.failures()
    }

    /// Attempts that failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().map(|tally| tally.count).sum()
    }

    /// The share of attempts that succeeded, 0–1; none without attempts.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn success_rate(&self) -> Option<f64> {
        let attempts = self.attempts();
        (attempts > 0).then(|| self.succeeded.count as f64 / attempts as f64)
    }

    /// All attempts together, whatever came out.
    pub fn all(&self) -> Tally {
        let mut all = self.succeeded.clone();
        self.failed.values().for_each(|tally| all.merge(tally));
        all
    }

    /// The latency of all attempts, whatever came out.
    pub fn latency(&self) -> Histogram {
        self.all().latency
    }

    /// The service time of all attempts, whatever came out.
    pub fn service(&self) -> Histogram {
        self.all().service
    }
}

impl PhaseReport {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&OperationReport> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// Arrivals begun per second; none where the phase took no time.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn achieved_rate(&self) -> Option<f64> {
        (self.elapsed > 0.0).then(|| self.started as f64 / self.elapsed)
    }

    /// The share of planned arrivals that could not be begun in time, 0–1; none where none was planned.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn missed_share(&self) -> Option<f64> {
        (self.planned > 0).then(|| self.missed as f64 / self.planned as f64)
    }

    /// All operations together.
    pub fn total(&self) -> OperationReport {
        together(&self.operations, "all")
    }
}

impl Report {
    /// The phase of this name.
    pub fn phase(&self, name: &str) -> Option<&PhaseReport> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// The phases whose numbers count.
    pub fn measured(&self) -> impl Iterator<Item = &PhaseReport> {
        self.phases.iter().filter(|phase| phase.measured)
    }

    /// The operation of this name, over all measured phases; none where no measured phase knows it.
    pub fn operation(&self, name: &str) -> Option<OperationReport> {
        let mut found = self.measured().filter_map(|phase| phase.operation(name)).peekable();
        found.peek()?;
        Some(together(found, name))
    }

    /// All operations together, over all measured phases.
    pub fn total(&self) -> OperationReport {
        together(self.measured().flat_map(|phase| &phase.operations), "all")
    }

    /// Arrivals begun per second in the measured phases; none where they took no time.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn achieved_rate(&self) -> Option<f64> {
        let (started, elapsed) = self
            .measured()
            .fold((0, 0.0), |(started, elapsed), phase| (started + phase.started, elapsed + phase.elapsed));
        (elapsed > 0.0).then(|| started as f64 / elapsed)
    }
}

fn together<'a>(operations: impl IntoIterator<Item = &'a OperationReport>, name: &str) -> OperationReport {
    let mut all = OperationReport::named(name);
    operations.into_iter().for_each(|operation| all.merge(operation));
    all
}

/// Milliseconds for a reader: three significant figures.
pub(crate) fn milliseconds(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0} ms"),
        _ if value >= 9.995 => format!("{value:.1} ms"),
        _ => format!("{value:.2} ms"),
    }
}
