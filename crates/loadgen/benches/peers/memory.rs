//! What is kept of a day of 5,000 requests a second, and how long merging histograms takes.

use crate::{Trouble, count, milliseconds};
use shakedown_core::measurement::{Measured, Threshold};
use shakedown_core::{Clock, HumanDuration, Unit};
use shakedown_loadgen::fold::Fold;
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::{Arrivals, Histogram, Load, OperationReport, Plan};
use std::time::{Duration, Instant};

const A_DAY: u64 = 24 * 60 * 60;
const RATE: u64 = 5000;
const MERGED: usize = 1000;
const MOST_BYTES: u64 = 64 << 20;

pub(crate) fn measure() -> Result<Measured, Trouble> {
    let before = resident().ok_or("this system does not tell how much memory a process takes")?;
    let began = Instant::now();
    let fold = a_day();
    let took = began.elapsed();
    let report = fold.report(Duration::from_secs(A_DAY));
    let (peak, recorded) = (most_resident().unwrap_or(before), report.total().attempts());
    let merging = merging();
    Ok(Measured::of("memory: a day of 5,000 requests a second, recorded and folded")
        .with("requests recorded", count(recorded), Unit::Count)
        .held_to(Threshold::AtLeast(count(A_DAY * RATE)))
        .with("memory at most", count(peak << 10), Unit::Bytes)
        .held_to(Threshold::AtMost(count(MOST_BYTES)))
        .with("of which were there before", count(before << 10), Unit::Bytes)
        .with("seconds in the report's timeline", count(report.timeline.len() as u64), Unit::Count)
        .with("it took", took.as_secs_f64(), Unit::Seconds)
        .with("1,000 histograms merged in", milliseconds(Some(merging)), Unit::Milliseconds)
        .held_to(Threshold::AtMost(100.0)))
}

/// A day of intervals, a second each, as a running engine records and folds them.
fn a_day() -> Fold {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let load =
        Load::Rate { per_second: RATE as f64, during: HumanDuration::secs(A_DAY), arrivals: Arrivals::Even };
    let mut fold = Fold::new(Plan::single(load), vec!["get".to_owned()], Clock::system().now());
    let mut times = Times(1);
    for second in 0..A_DAY {
        let mut operation = OperationReport::named("get");
        for _ in 0..RATE {
            let service = times.next();
            operation.succeeded.record(service + Duration::from_micros(20), service);
        }
        #[expect(clippy::cast_precision_loss, reason = "a day has few seconds")]
        let from = second as f64;
        fold.add(&Interval {
            sequence: second,
            from,
            to: from + 1.0,
            planned: RATE,
            started: RATE,
            operations: vec![operation],
            ..Interval::default()
        });
    }
    fold
}

/// How long it takes to merge the histograms of 1,000 intervals.
fn merging() -> Duration {
    let mut times = Times(7);
    let parts: Vec<Histogram> = (0..MERGED).map(|_| (0..RATE).map(|_| times.next()).collect()).collect();
    let began = Instant::now();
    let mut all = Histogram::new();
    for part in &parts {
        all.merge(part);
    }
    let took = began.elapsed();
    assert_eq!(all.count(), RATE * MERGED as u64, "merging lost something");
    took
}

/// Service times from 0.1 ms to some seconds, the long ones rare.
struct Times(u64);

impl Times {
    fn next(&mut self) -> Duration {
        // Xorshift: quick, and the same in every run.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let scale = self.0.trailing_zeros().min(15);
        Duration::from_micros(100 + (((self.0 >> 32) % 200) << scale))
    }
}

/// The memory that this process takes, in KiB.
fn resident() -> Option<u64> {
    status("VmRSS:")
}

fn most_resident() -> Option<u64> {
    status("VmHWM:")
}

fn status(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|text| text.strip_prefix(line))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
