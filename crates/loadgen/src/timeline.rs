//! The numbers over time, in bounded space: where it gets long, neighbours are merged.

use crate::histogram::Histogram;
use crate::interval::Interval;
use crate::report::{OperationSecond, Second};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// More entries than this are merged in pairs.
pub(crate) const MOST: usize = 3600;

/// So many entries at the end are not packed.
const OPEN: usize = 4;

/// Entries of one length; the k-th holds what began within `[k, k + 1) · length`.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The length of an entry in seconds; it doubles where there would be too many.
    length: u64,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    from: Option<f64>,
    to: f64,
    phase: usize,
    /// Wanted arrivals; none where users come as they can.
    target: Option<f64>,
    started: u64,
    missed: u64,
    /// By worker.
    in_flight: BTreeMap<u32, u64>,
    operations: BTreeMap<String, Operation>,
    /// CPU time in seconds, of all workers.
    cpu: f64,
    lag: Sketch,
}

#[derive(Clone, Debug, Default)]
struct Operation {
    succeeded: u64,
    failed: u64,
    bytes: u64,
    rows: u64,
    latency: Sketch,
}

/// A histogram of two figures; packed, it takes some hundred bytes.
#[derive(Clone, Debug)]
enum Sketch {
    Open(Histogram),
    Packed(Vec<u8>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Packed(Vec::new())
    }
}

impl Sketch {
    fn add(&mut self, other: &Histogram) {
        if !other.is_empty() {
            let mut sum = match self {
                Self::Open(own) => return own.merge(other),
                Self::Packed(_) => self.unpack().into_owned(),
            };
            sum.merge(other);
            *self = Self::Open(sum);
        }
    }

    fn pack(&mut self) {
        if let Self::Open(own) = self {
            *self = Self::Packed(own.to_bytes());
        }
    }

    fn unpack(&self) -> Cow<'_, Histogram> {
        match self {
            Self::Open(own) => Cow::Borrowed(own),
            // These bytes were packed here; what cannot be read is nothing that was measured.
            Self::Packed(bytes) => {
                Cow::Owned(Histogram::from_bytes(bytes).unwrap_or_else(|_| Histogram::coarse()))
            }
        }
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self { length: 1, entries: BTreeMap::new() }
    }
}

impl Timeline {
    /// Adds what a worker measured.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since the start")]
    pub(crate) fn add(&mut self, interval: &Interval) {
        let key = interval.from.max(0.0) as u64 / self.length;
        if !self.entries.contains_key(&key) {
            // The entries before the last few are rarely added to.
            self.entries.values_mut().rev().skip(OPEN).take(1).for_each(Entry::pack);
        }
        self.entries.entry(key).or_default().add(interval);
        while self.entries.len() > MOST {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.length *= 2;
        let mut merged: BTreeMap<u64, Entry> = BTreeMap::new();
        for (key, entry) in std::mem::take(&mut self.entries) {
            match merged.get_mut(&(key / 2)) {
                Some(first) => {
                    first.merge(entry);
                    first.pack();
                }
                None => drop(merged.insert(key / 2, entry)),
            }
        }
        self.entries = merged;
    }

    /// All entries, for a report; `name` gives the name of a phase.
    pub(crate) fn seconds(&self, name: impl Fn(usize) -> String) -> Vec<Second> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a load")]
        let place = |key: u64| ((key * self.length) as f64, self.length as f64);
        self.entries.iter().map(|(key, entry)| entry.report(place(*key), &name)).collect()
    }

    /// The latency of the last entries that reach beyond `since`, and their attempts and failures.
    pub(crate) fn recent(&self, since: f64) -> (Histogram, u64, u64) {
        let mut latency = Histogram::coarse();
        let (mut attempts, mut failures) = (0, 0);
        for entry in self.entries.values().rev().take_while(|entry| entry.to > since) {
            for operation in entry.operations.values() {
                latency.merge(&operation.latency.unpack());
                attempts += operation.succeeded + operation.failed;
                failures += operation.failed;
            }
        }
        (latency, attempts, failures)
    }
}

impl Entry {
    fn add(&mut self, interval: &Interval) {
        let span = interval.to - interval.from;
        self.phase = self.phase.max(interval.phase);
        if span > 0.0 {
            self.from = Some(self.from.map_or(interval.from, |from| from.min(interval.from)));
            self.to = self.to.max(interval.to);
            let wanted = interval.target_rate.map(|rate| rate * span);
            self.target = sum(self.target, wanted);
        }
        self.started += interval.started;
        self.missed += interval.missed;
        let in_flight = self.in_flight.entry(interval.worker).or_default();
        *in_flight = if span > 0.0 { interval.in_flight } else { interval.in_flight.max(*in_flight) };
        for report in &interval.operations {
            let own = self.operations.entry(report.name.clone()).or_default();
            own.succeeded += report.succeeded.count;
            own.failed += report.failures();
            own.bytes += report.bytes;
            own.rows += report.rows;
            own.latency.add(&report.latency());
        }
        if let Some(vitals) = &interval.vitals {
            self.cpu += vitals.cpu * vitals.span;
            self.lag.add(&vitals.lag);
        }
    }

    fn pack(&mut self) {
        self.lag.pack();
        self.operations.values_mut().for_each(|operation| operation.latency.pack());
    }

    fn merge(&mut self, next: Self) {
        self.from = match (self.from, next.from) {
            (Some(own), Some(next)) => Some(own.min(next)),
            (own, next) => own.or(next),
        };
        self.to = self.to.max(next.to);
        self.phase = next.phase;
        self.target = sum(self.target, next.target);
        self.started += next.started;
        self.missed += next.missed;
        for (worker, in_flight) in next.in_flight {
            let own = self.in_flight.entry(worker).or_default();
            *own = in_flight.max(*own);
        }
        for (name, operation) in next.operations {
            let own = self.operations.entry(name).or_default();
            own.succeeded += operation.succeeded;
            own.failed += operation.failed;
            own.bytes += operation.bytes;
            own.rows += operation.rows;
            own.latency.add(&operation.latency.unpack());
        }
        self.cpu += next.cpu;
        self.lag.add(&next.lag.unpack());
    }

    /// `place` is where it is where it holds only what came after the end of the last phase.
    fn report(&self, place: (f64, f64), name: impl Fn(usize) -> String) -> Second {
        let (at, span) = self.from.map_or(place, |from| (from, self.to - from));
        let per_second = |amount: f64| amount / span;
        Second {
            at,
            span,
            phase: name(self.phase),
            target_rate: self.target.map(per_second),
            started: self.started,
            missed: self.missed,
            in_flight: self.in_flight.values().sum(),
            operations: self.operations.iter().map(|(name, own)| (name.clone(), own.report())).collect(),
            cpu: per_second(self.cpu),
            lag_p99: self.lag.unpack().percentile(99.0).map(as_milliseconds),
        }
    }
}

impl Operation {
    fn report(&self) -> OperationSecond {
        let latency = self.latency.unpack();
        let percentile = |percent| latency.percentile(percent).map(as_milliseconds);
        OperationSecond {
            succeeded: self.succeeded,
            failed: self.failed,
            bytes: self.bytes,
            rows: self.rows,
            p50: percentile(50.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
            max: latency.max().map(as_milliseconds),
        }
    }
}

fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

pub(crate) fn as_milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::OperationReport;

    fn interval(second: u32, worker: u32) -> Interval {
        let mut get = OperationReport::named("get");
        let took = Duration::from_micros(100 + u64::from(second % 1000) * 997);
        get.succeeded.record(took, took);
        get.bytes = 10;
        Interval {
            worker,
            from: second.into(),
            to: f64::from(second) + 10.0,
            planned: 30,
            started: 20,
            missed: 10,
            in_flight: 4,
            target_rate: Some(3.0),
            operations: vec![get],
            ..Interval::default()
        }
    }

    #[test]
    fn a_day_loses_nothing_but_resolution_and_stays_small() {
        let mut timeline = Timeline::default();
        for second in (0..86_400).step_by(10) {
            timeline.add(&interval(second, 0));
        }
        let seconds = timeline.seconds(|phase| phase.to_string());
        assert!((MOST / 2..=MOST).contains(&seconds.len()), "{}", seconds.len());
        assert_eq!(seconds.iter().map(|second| second.started).sum::<u64>(), 2 * 86_400);
        assert_eq!(seconds.iter().map(|second| second.missed).sum::<u64>(), 86_400);
        assert_eq!(seconds.iter().map(|second| second.operations["get"].succeeded).sum::<u64>(), 8640);
        assert!(seconds.iter().all(|second| (second.target_rate.unwrap() - 3.0).abs() < 1e-9));
        assert!(seconds.windows(2).all(|pair| (pair[0].at + pair[0].span - pair[1].at).abs() < 1e-9));
        let packed = |entry: &Entry| match &entry.operations["get"].latency {
            Sketch::Packed(bytes) => Some(bytes.len()),
            Sketch::Open(_) => None,
        };
        let sizes: Vec<_> = timeline.entries.values().filter_map(packed).collect();
        assert!(sizes.len() + OPEN + 1 >= seconds.len(), "{} of {} are packed", sizes.len(), seconds.len());
        assert!(sizes.iter().sum::<usize>() < 4 << 20, "{} bytes", sizes.iter().sum::<usize>());
    }

    #[test]
    fn workers_add_up_within_a_second() {
        let mut timeline = Timeline::default();
        timeline.add(&interval(7, 0));
        timeline.add(&interval(7, 1));
        let seconds = timeline.seconds(|_| "load".to_owned());
        assert_eq!(seconds.len(), 1);
        let second = &seconds[0];
        assert_eq!((second.started, second.in_flight, second.operations["get"].bytes), (40, 8, 20));
        assert_eq!((second.target_rate, second.span), (Some(6.0), 10.0));
    }
}
