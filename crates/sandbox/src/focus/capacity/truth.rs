//! What the server says that it did, for those who measure it to compare with.

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the simulated Focus Server did since it was started. All times are in microseconds, and moments are counted from
/// the start.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// When the server was started.
    pub started: Timestamp,
    /// What it did, by operation: `configure`, `ack`, `channels`, `live_metadata`, `metadata`, `recordings`,
    /// `description`, `config`, `sensors`, `waterfall`, `cancel`, `other`.
    pub operations: BTreeMap<&'static str, OperationTruth>,
    /// What became of jobs.
    pub jobs: JobTruth,
    /// What became of the rows of waterfalls.
    pub rows: RowTruth,
    /// When everything stood still, the latest thousand times.
    pub stalls: Vec<Stall>,
    /// The latest requests that have ended, in the order of their ends.
    pub log: Vec<Served>,
    /// How many have ended that the log no longer has.
    pub forgotten: u64,
}

/// What became of the requests of one operation.
#[derive(Clone, Debug, Serialize)]
pub struct OperationTruth {
    /// How many have come in.
    pub received: u64,
    /// How many of those have been answered.
    pub answered: u64,
    /// How many had their connection reset instead.
    pub reset: u64,
    /// How many nobody waited for any longer.
    pub abandoned: u64,
    /// How many are being served.
    pub in_service: u64,
    /// How many have been served at once.
    pub most_in_service: u64,
    /// How many were answered with each status.
    pub statuses: BTreeMap<u16, u64>,
    /// From when a request came in until it was answered.
    pub latency: Times,
    /// From when its turn came until it was answered.
    pub service: Times,
}

/// How long something took, in microseconds, to three digits; zeros where nothing was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The mean.
    pub mean: f64,
    /// Half take no longer.
    pub p50: u64,
    /// 95 of 100 take no longer.
    pub p95: u64,
    /// 99 of 100 take no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Times {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.50),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            max: histogram.max(),
        }
    }
}

/// What became of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobTruth {
    /// How many have been configured.
    pub created: u64,
    /// How many have ended as they should: by themselves, unattended, or cancelled.
    pub ended: u64,
    /// How many have vanished, or were cut off.
    pub lost: u64,
    /// How many were refused for want of room.
    pub refused: u64,
    /// How many are alive.
    pub alive: u64,
    /// How many have been alive at once.
    pub most_alive: u64,
}

/// What became of the rows of waterfalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowTruth {
    /// How many have been handed out.
    pub given: u64,
    /// How many have been left out.
    pub lost: u64,
}

/// A time in which everything stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stall {
    /// When it began.
    pub from: u64,
    /// When it ended, or will.
    pub until: u64,
}

/// A request that has been answered, or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The operation.
    pub operation: &'static str,
    /// When it came in.
    pub received: u64,
    /// When its turn came.
    pub begun: u64,
    /// When it was answered.
    pub finished: u64,
    /// The status; none where the connection was reset.
    pub status: Option<u16>,
    /// How many configurations were being served when this one came in; none for other operations.
    pub others: Option<usize>,
}
