//! Merging what came over the wire is as good as having had all samples in one place.

use jiff::Timestamp;
use shakedown_core::{HumanDuration, Samples};
use shakedown_loadgen::fold::Fold;
use shakedown_loadgen::interval::Interval;
use shakedown_loadgen::report::OperationReport;
use shakedown_loadgen::threshold::Judge;
use shakedown_loadgen::workers::protocol::Word;
use shakedown_loadgen::{Failure, Load, Metric, Plan, Statistic, Threshold};
use std::time::Duration;

const WORKERS: u32 = 4;
const SECONDS: u32 = 250;

/// Evenly spread bits, the same in every run.
fn bits(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn a_thousand_intervals_are_as_good_as_all_samples() {
    let mut plan = Plan::single(Load::Pause { during: HumanDuration::secs(SECONDS.into()) });
    let bound = shakedown_core::measurement::Threshold::AtMost(1e9);
    plan.thresholds = vec![Threshold::new(Metric::Latency(Statistic::Percentile(95.0)), bound).of("get")];
    let mut fold = Fold::new(plan.clone(), vec!["get".to_owned()], Timestamp::UNIX_EPOCH);
    let mut judge = Judge::new(&plan);
    let (mut all, mut failed, mut state) = (Vec::new(), 0, 0x5eed);
    for second in 0..SECONDS {
        for worker in 0..WORKERS {
            let mut get = OperationReport::named("get");
            for _ in 0..10 + bits(&mut state) % 30 {
                // From 50 µs to 2 s, more of the short ones; one in eleven fails.
                let micros = 50 + (bits(&mut state) % 2_000_000) / (1 + bits(&mut state) % 2_000);
                let took = Duration::from_micros(micros);
                all.push(micros as f64 / 1000.0);
                if bits(&mut state).is_multiple_of(11) {
                    failed += 1;
                    let class = Failure::Status(503).class().into_owned();
                    get.failed.entry(class).or_default().record(took, took);
                } else {
                    get.succeeded.record(took, took);
                }
            }
            let interval = Interval {
                worker,
                sequence: second.into(),
                from: second.into(),
                to: f64::from(second) + 1.0,
                started: get.attempts(),
                operations: vec![get],
                ..Interval::default()
            };
            let wire = serde_json::to_string(&Word::Interval(Box::new(interval))).unwrap();
            let Word::Interval(interval) = serde_json::from_str(&wire).unwrap() else { panic!("{wire}") };
            fold.add(&interval);
            judge.take(&interval);
        }
    }
    let samples = Samples::new("latency", all).unwrap();
    let report = fold.report(Duration::from_secs(SECONDS.into()));
    let get = report.operation("get").unwrap();
    assert_eq!((get.attempts(), get.failures()), (samples.count() as u64, failed));
    assert_eq!(report.phases[0].started, samples.count() as u64);
    let judged = judge.verdicts()[0].value.unwrap();
    for percent in [50.0, 90.0, 95.0, 99.0, 99.9] {
        let exact = samples.percentile(percent);
        let merged = get.latency().percentile(percent).unwrap().as_secs_f64() * 1000.0;
        // Three significant figures, as each sample was recorded.
        assert!((merged - exact).abs() <= exact * 1e-3 + 1e-3, "p{percent}: {merged} for {exact}");
    }
    let p95 = get.latency().percentile(95.0).unwrap().as_secs_f64() * 1000.0;
    assert!((judged - p95).abs() < 1e-9, "the threshold has the same number: {judged}");
    let mean = get.latency().mean().unwrap().as_secs_f64() * 1000.0;
    assert!((mean - samples.mean()).abs() <= samples.mean() * 1e-3, "{mean} for {}", samples.mean());
}
