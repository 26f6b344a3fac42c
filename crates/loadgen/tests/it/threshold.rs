//! Thresholds: their text, what keeps them, what breaks them, and when a run is hopeless.

use shakedown_core::{HumanDuration, measurement::Threshold as Bound};
use shakedown_loadgen::histogram::Histogram;
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::plan::{Arrivals, Load, Phase, Plan};
use shakedown_loadgen::report::{OperationReport, Tally};
use shakedown_loadgen::threshold::{Judge, Kept, Metric, Statistic, Threshold, ThresholdVerdict};
use std::time::Duration;

const P95: Metric = Metric::Latency(Statistic::Percentile(95.0));

/// 10 arrivals per second for 10 s, after a warm-up of 2 s.
fn plan(thresholds: impl Into<Vec<Threshold>>) -> Plan {
    let rate = |seconds| Load::Rate {
        per_second: 10.0,
        during: HumanDuration::secs(seconds),
        arrivals: Arrivals::Even,
    };
    let phases = [Phase::unmeasured("warm-up", rate(2)), Phase::measured("steady", rate(10))];
    Plan { thresholds: thresholds.into(), ..Plan::of(phases) }
}

fn tally(times: &[u64]) -> Tally {
    let times: Histogram = times.iter().copied().map(Duration::from_millis).collect();
    let service = times.values().flat_map(|(time, count)| (0..count).map(move |_| time / 2)).collect();
    Tally { count: times.count(), latency: times, service }
}

/// A second in which `configure` took these times, and so many failed at once.
fn second(at: u32, times: &[u64], refused: u64) -> Interval {
    let mut operation = OperationReport::named("configure");
    operation.succeeded = tally(times);
    operation.rows = 7 * times.len() as u64;
    if refused > 0 {
        operation.failed.insert("status-503".to_owned(), tally(&vec![1; usize::try_from(refused).unwrap()]));
    }
    let started = times.len() as u64 + refused;
    Interval {
        phase: usize::from(at >= 2),
        from: at.into(),
        to: f64::from(at) + 1.0,
        planned: 10,
        started,
        missed: 10_u64.saturating_sub(started),
        operations: vec![operation],
        ..Interval::default()
    }
}

fn judge(threshold: Threshold, intervals: &[Interval]) -> ThresholdVerdict {
    let mut judge = Judge::new(&plan([threshold]));
    for interval in intervals {
        judge.take(interval);
    }
    judge.verdicts().remove(0)
}

/// After how many of the intervals the run is given up, and why.
fn given_up(threshold: Threshold, intervals: &[Interval]) -> Option<(usize, String)> {
    let mut judge = Judge::new(&plan([threshold.or_abort()]));
    intervals.iter().enumerate().find_map(|(number, interval)| {
        judge.take(interval);
        judge.hopeless().map(|why| (number + 1, why))
    })
}

fn below(metric: Metric, bound: f64) -> Threshold {
    Threshold::new(metric, Bound::Below(bound))
}

#[test]
fn a_threshold_reads_as_people_say_it() {
    let window = HumanDuration::secs(10);
    let all = [
        below(P95, 500.0).of("configure"),
        Threshold::new(Metric::Latency(Statistic::Mean), Bound::AtMost(200.0)),
        Threshold::new(Metric::Service(Statistic::Percentile(99.9)), Bound::AtMost(20.0)).of("read"),
        Threshold::new(Metric::Rate, Bound::AtLeast(8.5)).each(window),
        Threshold::new(Metric::Rows, Bound::AtLeast(500.0)).of("waterfall").within("steady"),
        Threshold::new(Metric::Errors, Bound::AtMost(5.0)).of("configure").or_abort(),
        Threshold::new(Metric::Failures("status-503".to_owned()), Bound::AtMost(1.0))
            .within("peak")
            .each(window),
        below(Metric::Latency(Statistic::Max), 20_000.0),
        Threshold::new(Metric::Missed, Bound::AtMost(0.1)),
    ];
    let text: Vec<String> = all.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    p95 of configure < 500 ms
    mean ≤ 200 ms
    p99.9 service time of read ≤ 20 ms
    rate ≥ 8.5/s, in each 10s
    rows of waterfall ≥ 500/s, in phase steady
    errors of configure ≤ 5 %
    `status-503` ≤ 1 %, in phase peak, in each 10s
    max < 20000 ms
    missed arrivals ≤ 0.1 %
    ");
    for threshold in all {
        let json = serde_json::to_string(&threshold).unwrap();
        assert_eq!(serde_json::from_str::<Threshold>(&json).unwrap(), threshold, "{json}");
    }
}

#[test]
fn without_samples_nothing_is_kept() {
    let bound = Bound::AtMost(1e9);
    let shares = [Metric::Errors, Metric::Failures("reset".to_owned()), Metric::Missed];
    let times =
        [P95, Metric::Service(Statistic::Mean), Metric::Latency(Statistic::Max), Metric::Rate, Metric::Rows];
    let idle = Interval { phase: 1, from: 2.0, to: 12.0, ..Interval::default() };
    for metric in shares.into_iter().chain(times) {
        for seen in [&[][..], std::slice::from_ref(&idle), &[second(0, &[5], 0)]] {
            let verdict = judge(Threshold::new(metric.clone(), bound), seen);
            assert_eq!((verdict.value, verdict.kept), (None, Kept::NoData), "{metric}");
            assert!(verdict.note.is_some());
        }
    }
    let other = judge(below(P95, 500.0).of("cancel"), &[second(2, &[5], 0)]);
    assert_eq!((other.kept, other.note.unwrap().as_str()), (Kept::NoData, "cancel was never attempted"));
    // That nothing came is known of a rate, and is less than was wanted.
    let nothing = judge(Threshold::new(Metric::Rate, Bound::AtLeast(1.0)), &[idle]);
    assert_eq!((nothing.value, nothing.kept), (Some(0.0), Kept::Broken));
}

#[test]
fn each_metric_is_what_it_says() {
    let seen = [second(1, &[9000; 10], 0), second(2, &[100; 9], 1), second(3, &[100, 300, 300, 300], 0)];
    let value = |metric: Metric| judge(Threshold::new(metric, Bound::AtLeast(0.1)), &seen).value.unwrap();
    let close = |value: f64, expected: f64| {
        assert!((value - expected).abs() <= expected * 2e-3, "{value} for {expected}");
    };
    close(value(Metric::Latency(Statistic::Max)), 300.0);
    close(value(Metric::Latency(Statistic::Percentile(50.0))), 100.0);
    close(value(Metric::Latency(Statistic::Mean)), 1901.0 / 14.0);
    close(value(Metric::Service(Statistic::Percentile(95.0))), 150.0);
    close(value(Metric::Rate), 7.0);
    close(value(Metric::Rows), 7.0 * 13.0 / 2.0);
    close(value(Metric::Errors), 100.0 / 14.0);
    close(value(Metric::Failures("status-503".to_owned())), 100.0 / 14.0);
    close(value(Metric::Missed), 30.0);
    assert_eq!(judge(below(Metric::Failures("reset".to_owned()), 1.0), &seen).value, Some(0.0));
    let warm_up = Threshold::new(P95, Bound::Below(500.0)).within("warm-up");
    assert_eq!(judge(warm_up, &seen).kept, Kept::Broken);
}

#[test]
fn what_never_ended_has_failed() {
    let mut last = second(2, &[100; 9], 0);
    last.abandoned = 1;
    let verdict = judge(Threshold::new(Metric::Errors, Bound::AtMost(5.0)), &[last]);
    assert_eq!((verdict.value, verdict.kept), (Some(10.0), Kept::Broken));
}

#[test]
fn each_window_must_keep_it() {
    let threshold = || below(P95, 200.0).each(HumanDuration::secs(2));
    let mut seen: Vec<Interval> = (2..12).map(|at| second(at, &[100; 10], 0)).collect();
    let kept = judge(threshold(), &seen);
    assert_eq!(
        (kept.kept, kept.note.unwrap().as_str()),
        (Kept::Kept, "the worst of 5 windows was between 2 s and 4 s")
    );
    // One bad second is lost among ten: over the whole run the threshold is kept.
    seen[5] = second(7, &[100, 100, 100, 100, 100, 100, 100, 400, 400, 400], 0);
    assert_eq!(judge(below(Metric::Latency(Statistic::Percentile(90.0)), 200.0), &seen).kept, Kept::Kept);
    let broken = judge(threshold(), &seen);
    assert_eq!(
        (broken.kept, broken.note.unwrap().as_str()),
        (Kept::Broken, "the worst of 5 windows was between 6 s and 8 s")
    );
    // A window without samples is no window that was kept.
    seen[5] = second(7, &[], 0);
    seen[4] = second(6, &[], 0);
    let silent = judge(threshold(), &seen);
    assert_eq!(
        (silent.kept, silent.note.unwrap().as_str()),
        (Kept::NoData, "nothing was attempted between 6 s and 8 s")
    );
}

#[test]
fn what_remains_of_a_window_is_not_lost() {
    let rate =
        |least, window| Threshold::new(Metric::Rate, Bound::AtLeast(least)).each(HumanDuration::secs(window));
    let mut seen: Vec<Interval> = (2..12).map(|at| second(at, &[100; 10], 0)).collect();
    seen[9] = second(11, &[100; 4], 0);
    // 3 + 3 + 3 + 1 seconds: the last one joins the third window.
    let joined = judge(rate(9.0, 3), &seen);
    assert_eq!((joined.value, joined.kept), (Some(8.5), Kept::Broken));
    // 4 + 4 + 2: half a window is one.
    assert_eq!(judge(rate(5.0, 4), &seen).value, Some(7.0));
    let short = judge(rate(5.0, 40), &seen);
    assert_eq!(
        (short.kept, short.note.unwrap().as_str()),
        (Kept::NoData, "it was shorter than such a window")
    );
    // What ended after its phase belongs to the last window.
    let late = Interval { from: 12.5, to: 12.5, missed: 0, started: 0, ..second(12, &[900; 9], 0) };
    seen.push(late);
    assert_eq!(judge(below(P95, 500.0).each(HumanDuration::secs(5)), &seen).kept, Kept::Broken);
}

#[test]
fn several_workers_share_the_time() {
    let seen: Vec<Interval> =
        (2..12).flat_map(|at| [second(at, &[100; 5], 0), second(at, &[100; 5], 0)]).collect();
    let rate = Threshold::new(Metric::Rate, Bound::AtLeast(1.0));
    assert_eq!(judge(rate.clone(), &seen).value, Some(10.0));
    assert_eq!(judge(rate.each(HumanDuration::secs(2)), &seen).value, Some(10.0));
}

#[test]
fn a_run_is_given_up_once_it_is_hopeless_and_not_before() {
    let at_most = |metric, bound| Threshold::new(metric, Bound::AtMost(bound));
    let refusals: Vec<Interval> = (2..12).map(|at| second(at, &[100; 8], 2)).collect();
    // Of 100 arrivals 10 may fail; 11 have after the sixth second.
    let (after, why) = given_up(at_most(Metric::Errors, 10.0), &refusals).unwrap();
    assert_eq!(after, 6);
    insta::assert_snapshot!(why, @"errors ≤ 10 % can no longer be kept: 12 of at most 100 attempts failed");
    assert_eq!(given_up(at_most(Metric::Errors, 20.0), &refusals), None);

    let slow: Vec<Interval> = (2..12).map(|at| second(at, &[600; 10], 0)).collect();
    let (after, why) = given_up(below(P95, 500.0), &slow[..]).unwrap();
    assert_eq!(after, 1);
    insta::assert_snapshot!(why, @"p95 < 500 ms can no longer be kept: 10 of at most 100 attempts took longer");
    let (after, why) = given_up(below(Metric::Latency(Statistic::Mean), 235.0), &slow).unwrap();
    assert_eq!(after, 4);
    insta::assert_snapshot!(why, @"mean < 235 ms can no longer be kept: the mean is at least 240 ms by now");
    assert_eq!(given_up(below(Metric::Latency(Statistic::Max), 500.0), &slow).unwrap().0, 1);

    let missing: Vec<Interval> = (2..12).map(|at| second(at, &[100; 5], 0)).collect();
    let (after, why) = given_up(Threshold::new(Metric::Rate, Bound::AtLeast(8.0)), &missing).unwrap();
    assert_eq!(after, 5);
    insta::assert_snapshot!(why, @"rate ≥ 8/s can no longer be kept: at most 7.5/s can still be reached");
    let (after, why) = given_up(at_most(Metric::Missed, 12.0), &missing).unwrap();
    assert_eq!(after, 3);
    insta::assert_snapshot!(why, @"missed arrivals ≤ 12 % can no longer be kept: 15 of 100 arrivals were missed");

    let (after, why) =
        given_up(Threshold::new(Metric::Rate, Bound::AtLeast(8.0)).each(HumanDuration::secs(2)), &missing)
            .unwrap();
    assert_eq!(after, 3);
    insta::assert_snapshot!(why, @"rate ≥ 8/s, in each 2s can no longer be kept: it was 5.0/s between 2 s and 4 s");
}

#[test]
fn only_a_threshold_that_says_so_ends_a_run() {
    let mut judge = Judge::new(&plan([below(P95, 500.0)]));
    judge.take(&second(2, &[900; 10], 0));
    assert_eq!(judge.hopeless(), None);
}
