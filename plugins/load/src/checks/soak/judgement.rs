//! What a soak says: of its jobs, their latency, and the memory that the target uses.

use super::record::Record;
use shakedown_capacity::{Interval, Proportion, Trend};
use shakedown_core::measurement::Threshold;
use shakedown_core::series::Series;
use shakedown_core::{Cause, CheckError, Finding, Measurement, Observation, Unit, Verdict};

/// The bounds, in percent and in bytes per hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) success: f64,
    pub(super) latency: f64,
    pub(super) memory: f64,
    pub(super) memory_per_hour: f64,
}

/// A rate per hour is only held to its bound where it was watched for an hour: anything shorter would be multiplied.
const AN_HOUR: f64 = 3600.0;
const MEGABYTE: f64 = 1e6;
/// Latency that grows by less than this many milliseconds grows by nothing that anybody notices, whatever its share.
const LEAST_MILLIS: f64 = 10.0;

#[expect(clippy::cast_precision_loss, reason = "counts of jobs are far below 2^52")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// Whether enough jobs succeeded.
pub(super) fn jobs(record: &Record, bounds: Bounds) -> Result<Verdict, CheckError> {
    let share = Proportion::new(record.succeeded, record.asked)
        .ok_or_else(|| CheckError::no_data("no job was asked for"))?;
    let Interval { lower, upper } = share.interval().times(100.0);
    let seen = format!("{} of {} jobs came up and gave a sign of life", record.succeeded, record.asked);
    let measured = Measurement::new("jobs that succeeded", share.share() * 100.0, Unit::Percent)
        .held_to(Threshold::AtLeast(bounds.success));
    let verdict = Verdict::of(Observation::seen(&seen))
        .measured(Measurement::new("jobs asked for", number(record.asked), Unit::Count))
        .judged(measured, |measured| {
            let message = format!("{seen}: {:.1} % (95 % sure: {lower:.1}–{upper:.1} %)", measured.value);
            let finding = Finding::new("soak-failures", Cause::Product, "POST /configure", message)
                .expected(format!("at least {} %", bounds.success), format!("{:.1} %", measured.value))
                .remedy(
                    "read the server's log at the times of the failures; the classes are in the details",
                    "hours",
                );
            record
                .failures
                .iter()
                .fold(finding, |finding, (class, count)| finding.detail(format!("{count} × {class}")))
        });
    Ok(verdict)
}

/// Whether configurations take longer and longer.
pub(super) fn latency(record: &Record, bounds: Bounds) -> Result<Verdict, CheckError> {
    let points = record.latency.points();
    let trend = Trend::of(&points).map_err(CheckError::no_data)?;
    let change = trend.relative_change();
    let (change, interval) =
        change.ok_or_else(|| CheckError::no_data("no latency above zero to compare with"))?;
    let (change, interval) = (change * 100.0, interval.times(100.0));
    let seen =
        format!("latency from {:.1} to {:.1} ms, {}", trend.start, trend.end, sure(change, interval, "%"));
    let verdict = Verdict::of(Observation::seen(&seen))
        .measured(
            Measurement::new("change of latency", change, Unit::Percent)
                .held_to(Threshold::Below(bounds.latency)),
        )
        .series(Series::new("latency of configurations", Unit::Milliseconds, points));
    let finding = || {
        Finding::new(
            "latency-grows",
            Cause::Product,
            "POST /configure",
            format!("{seen} over {}", hours(&trend)),
        )
        .expected(format!("less than +{} %", bounds.latency), format!("{change:+.0} %"))
        .remedy("look for what the server keeps of jobs that have ended: tables, files, connections", "days")
    };
    if trend.end - trend.start < LEAST_MILLIS {
        return Ok(verdict);
    }
    Ok(beyond(verdict, (change, interval), bounds.latency, finding))
}

/// Whether somebody's memory grows and grows.
pub(super) fn memory(record: &Record, bounds: Bounds) -> Result<Verdict, CheckError> {
    let lasting: Vec<_> = record.lasting().map(|(subject, bins)| (subject, bins.points())).collect();
    if lasting.is_empty() {
        let why = record.unread.as_deref().unwrap_or("no target tells what it uses; configure the cluster");
        return Err(CheckError::not_applicable(format!("memory was not measured: {why}")));
    }
    let mut verdict = Verdict::of(Observation::counted(lasting.len() as u64, "memories over time")?);
    let mut told = 0;
    for (subject, points) in lasting {
        let Ok(trend) = Trend::of(&points) else { continue };
        let Some((change, interval)) = trend.relative_change() else { continue };
        told += 1;
        let (change, interval) = (change * 100.0, interval.times(100.0));
        verdict = verdict
            .measured(
                Measurement::new(format!("change of memory of {subject}"), change, Unit::Percent)
                    .held_to(Threshold::Below(bounds.memory)),
            )
            .series(Series::new(format!("memory of {subject}"), Unit::Bytes, points));
        let finding = |by: String, bound: String| {
            let message = format!(
                "memory of {subject} grows from {:.1} to {:.1} MB over {}: {by}",
                trend.start / MEGABYTE,
                trend.end / MEGABYTE,
                hours(&trend)
            );
            Finding::new("memory-grows", Cause::Product, subject, message).expected(bound, by).remedy(
                "look for what is kept of jobs that have ended; until then, restart it before its limit",
                "days",
            )
        };
        let per_hour = (trend.per_hour, trend.interval);
        let fast = trend.hours * 3600.0 >= AN_HOUR && per_hour.0 >= bounds.memory_per_hour;
        verdict = if change >= bounds.memory || !fast {
            let by = sure(change, interval, "%");
            beyond(verdict, (change, interval), bounds.memory, || {
                finding(by, format!("less than +{} %", bounds.memory))
            })
        } else {
            let by = sure(per_hour.0 / MEGABYTE, per_hour.1.times(1.0 / MEGABYTE), "MB/h");
            beyond(verdict, per_hour, bounds.memory_per_hour, || {
                finding(by, format!("less than {} MB/h", bounds.memory_per_hour / MEGABYTE))
            })
        };
    }
    if told == 0 {
        return Err(CheckError::no_data("memory was seen too seldom to tell a trend"));
    }
    Ok(verdict)
}

/// Adds the finding where a change is beyond its bound: a failure where that is sure, a warning where it may be chance.
fn beyond(
    verdict: Verdict,
    (change, interval): (f64, Interval),
    bound: f64,
    finding: impl FnOnce() -> Finding,
) -> Verdict {
    if interval.lower >= bound {
        verdict.with(finding())
    } else if change >= bound {
        verdict
            .with(finding().detail("the interval holds smaller changes too: watch longer to be sure").warn())
    } else {
        verdict
    }
}

/// A change with its uncertainty, in words.
fn sure(change: f64, interval: Interval, unit: &str) -> String {
    format!("{change:+.1} {unit} (95 % sure: {:+.1} to {:+.1})", interval.lower, interval.upper)
}

fn hours(trend: &Trend) -> String {
    if trend.hours >= 1.0 {
        format!("{:.1} h", trend.hours)
    } else {
        format!("{:.1} s", trend.hours * 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::early::Sample;
    use super::*;
    use jiff::Timestamp;
    use shakedown_core::finding::Weight;
    use shakedown_core::observe::{Observed, Reading};
    use shakedown_core::{Outcome, Status};

    const BOUNDS: Bounds =
        Bounds { success: 95.0, latency: 20.0, memory: 15.0, memory_per_hour: 50.0 * MEGABYTE };

    /// A day of one job every ten minutes, and of memory every ten minutes.
    fn day(latency: impl Fn(f64) -> f64, memory: impl Fn(f64) -> f64) -> Record {
        let mut record = Record::new(Timestamp::UNIX_EPOCH);
        for number in 0..144_u32 {
            let at = f64::from(number) * 600.0;
            record.job(at, Sample { millis: Some(latency(at / 3600.0)), alive: true }, None);
            let reading = Reading::new("pod/server", "memory", memory(at / 3600.0), Unit::Bytes);
            let seen = Observed {
                observer: "k8s.resources".into(),
                target: "k8s".into(),
                at: Timestamp::UNIX_EPOCH,
                readings: Ok(vec![reading]),
            };
            record.memory(at, &[seen]);
        }
        record
    }

    fn codes(verdict: Result<Verdict, CheckError>) -> (Status, Vec<(String, Weight)>) {
        let outcome: Outcome = verdict.into();
        let codes = outcome.findings.iter().map(|finding| (finding.code.clone(), finding.weight)).collect();
        (outcome.status, codes)
    }

    fn wobble(hours: f64) -> f64 {
        (hours * 7.3).sin()
    }

    #[test]
    fn what_stays_as_it_is_passes() {
        let record = day(|hours| 20.0 + wobble(hours), |hours| 500e6 + 5e6 * wobble(hours));
        assert_eq!(codes(jobs(&record, BOUNDS)), (Status::Passed, vec![]));
        assert_eq!(codes(latency(&record, BOUNDS)), (Status::Passed, vec![]));
        let quick = day(|hours| 3.0 + hours / 10.0, |_| 1e6);
        assert_eq!(codes(latency(&quick, BOUNDS)), (Status::Passed, vec![]), "from 3 to 5 ms");
        assert_eq!(codes(memory(&record, BOUNDS)), (Status::Passed, vec![]));
    }

    #[test]
    fn what_grows_fails() {
        let record = day(|hours| 20.0 + hours + wobble(hours), |hours| 500e6 + 10e6 * hours);
        assert_eq!(codes(latency(&record, BOUNDS)).1, [("latency-grows".to_owned(), Weight::Fail)]);
        let outcome: Outcome = memory(&record, BOUNDS).into();
        insta::assert_snapshot!(outcome.findings[0].message, @"memory of pod/server grows from 500.0 to 738.3 MB over 23.8 h: +47.7 % (95 % sure: +47.7 to +47.7)");
        assert_eq!(outcome.series.len(), 1);
    }

    #[test]
    fn a_big_process_may_grow_fast_and_yet_little() {
        let record = day(|_| 20.0, |hours| 20e9 + 60e6 * hours);
        let outcome: Outcome = memory(&record, BOUNDS).into();
        assert_eq!(outcome.findings[0].expected.as_deref(), Some("less than 50 MB/h"));
    }

    #[test]
    fn failures_are_counted_by_class() {
        let mut record = day(|_| 20.0, |_| 1e6);
        for _ in 0..16 {
            record.job(
                1.0,
                Sample { millis: None, alive: false },
                Some("503 Service Unavailable".to_owned()),
            );
        }
        let outcome: Outcome = jobs(&record, BOUNDS).into();
        insta::assert_snapshot!(outcome.findings[0].message, @"144 of 160 jobs came up and gave a sign of life: 90.0 % (95 % sure: 84.4–93.8 %)");
        assert_eq!(outcome.findings[0].details, ["16 × 503 Service Unavailable"]);
    }

    #[test]
    fn nothing_seen_is_nothing_passed() {
        let record = Record::new(Timestamp::UNIX_EPOCH);
        assert_eq!(codes(jobs(&record, BOUNDS)).0, Status::Errored);
        assert_eq!(codes(latency(&record, BOUNDS)).0, Status::Errored);
        assert_eq!(codes(memory(&record, BOUNDS)).0, Status::Skipped);
    }
}
