//! What is kept of a day of 5,000 requests a second, and how long merging histograms takes.

use crate::table::{Row, print};
use crate::{Trouble, milliseconds};
use shakedown_core::{Clock, HumanDuration};
use shakedown_loadgen::fold::Fold;
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::{Arrivals, Histogram, Load, OperationReport, Plan};
use std::time::{Duration, Instant};

const A_DAY: u64 = 24 * 60 * 60;
const RATE: u64 = 5000;
const MERGED: usize = 1000;
const MOST_KILOBYTES: u64 = 64 << 10;

pub(crate) fn measure() -> Result<(), Trouble> {
    let before = resident().ok_or("this system does not tell how much memory a process takes")?;
    let began = Instant::now();
    let fold = a_day();
    let took = began.elapsed();
    let report = fold.report(Duration::from_secs(A_DAY));
    let (peak, recorded) = (most_resident().unwrap_or(before), report.total().attempts());
    let whole = recorded == A_DAY * RATE;
    let merging = merging();
    print(
        "memory: a day of 5,000 requests a second, recorded and folded",
        &[
            Row::judged("requests recorded", recorded.to_string(), "432000000", whole),
            Row::judged("memory at most", format!("{peak} KiB"), "at most 65536 KiB", peak <= MOST_KILOBYTES),
            Row::told("of which were there before", format!("{before} KiB")),
            Row::told("seconds in the report's timeline", report.timeline.len().to_string()),
            Row::told("it took", format!("{:.1} s", took.as_secs_f64())),
            Row::judged(
                "1,000 histograms merged in",
                milliseconds(Some(merging)),
                "at most 100 ms",
                merging <= Duration::from_millis(100),
            ),
        ],
    );
    Ok(())
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
pub(crate) fn resident() -> Option<u64> {
    status("VmRSS:")
}

fn most_resident() -> Option<u64> {
    status("VmHWM:")
}

fn status(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|text| text.strip_prefix(line))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
