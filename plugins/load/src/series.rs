//! What came of a load over time, for charts in the report of the run.

use crate::jobs::{HELD_BACK, NO_ROOM, OPERATIONS};
use shakedown_core::Unit;
use shakedown_core::series::Series;
use shakedown_loadgen::report::{OperationSecond, Report, Second};
use std::collections::BTreeSet;

/// Rates, what was in flight, and for each operation its latencies and failures.
pub(crate) fn series(report: &Report) -> Vec<Series> {
    let over_time = |name: &str, unit, value: &dyn Fn(&Second) -> Option<f64>| {
        let points = report.timeline.iter().filter_map(|second| Some([second.at, value(second)?]));
        Series::new(name, unit, points.collect::<Vec<_>>())
    };
    let mut all = vec![
        over_time("target rate", Unit::PerSecond, &|second| second.target_rate),
        over_time("achieved rate", Unit::PerSecond, &|second| rate(second.started, second.span)),
        over_time("missed", Unit::PerSecond, &|second| rate(second.missed, second.span)),
        over_time("in flight", Unit::Count, &|second| Some(count(second.in_flight))),
    ];
    let names: BTreeSet<&str> =
        report.timeline.iter().flat_map(|second| second.operations.keys().map(String::as_str)).collect();
    for name in names {
        let of = |value: &dyn Fn(&OperationSecond) -> Option<f64>, what: &str, unit| {
            over_time(&format!("{name} {what}"), unit, &|second| value(second.operations.get(name)?))
        };
        let per_second = |what: &str, of: &dyn Fn(&OperationSecond) -> u64| {
            over_time(&format!("{name} {what}"), Unit::PerSecond, &|second| {
                rate(second.operations.get(name).map_or(0, of), second.span)
            })
        };
        if [OPERATIONS[NO_ROOM], OPERATIONS[HELD_BACK]].contains(&name) {
            all.push(per_second("arrivals", &|operation| operation.failed));
            continue;
        }
        all.push(of(&|operation| operation.p50, "median", Unit::Milliseconds));
        all.push(of(&|operation| operation.p95, "p95", Unit::Milliseconds));
        all.push(per_second("succeeded", &|operation| operation.succeeded));
        all.push(per_second("failed", &|operation| operation.failed));
    }
    // What never happened needs no chart.
    all.retain(|series| series.points.iter().any(|[_, value]| *value != 0.0));
    all
}

fn rate(number: u64, span: f64) -> Option<f64> {
    (span > 0.0).then(|| count(number) / span)
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) const fn count(number: u64) -> f64 {
    number as f64
}
