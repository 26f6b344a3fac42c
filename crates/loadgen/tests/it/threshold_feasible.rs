//! What arithmetic rules out, and what it does not.

use shakedown_core::{HumanDuration, Limits, measurement::Threshold as Bound};
use shakedown_loadgen::feasible::{Facts, feasible, infeasible};
use shakedown_loadgen::plan::{Arrivals, Load, Phase, Plan};
use shakedown_loadgen::threshold::{Metric, Statistic, Threshold};
use std::time::Duration;

fn asks(load: Load, threshold: Threshold) -> Plan {
    Plan { thresholds: vec![threshold], ..Plan::single(load) }
}

fn rate(per_second: f64, seconds: u64) -> Load {
    Load::Rate { per_second, during: HumanDuration::secs(seconds), arrivals: Arrivals::Even }
}

fn users(count: u32) -> Load {
    Load::Users { count, during: HumanDuration::secs(60) }
}

fn at_least(metric: Metric, bound: f64) -> Threshold {
    Threshold::new(metric, Bound::AtLeast(bound))
}

fn percentile(percent: f64) -> Threshold {
    Threshold::new(Metric::Latency(Statistic::Percentile(percent)), Bound::Below(500.0))
}

#[track_caller]
fn refused(plan: &Plan, facts: &Facts) -> String {
    feasible(plan, facts).unwrap_err()
}

#[test]
fn rows_that_the_readers_cannot_bring() {
    let plan = asks(users(10), at_least(Metric::Rows, 500.0));
    let facts = Facts::default().rows(100.0).pausing(Duration::from_secs(2), 1);
    insta::assert_snapshot!(refused(&plan, &facts), @"rows ≥ 500/s: 10 users resting 2s after each, reading 100 rows each time, bring less than 500 rows/s");
    assert_eq!(feasible(&asks(users(11), at_least(Metric::Rows, 500.0)), &facts), Ok(vec![]));
    // The readers need not be users of the plan: each of its arrivals may read for a long time.
    let facts = Facts { readers: Some(10), ..facts };
    insta::assert_snapshot!(refused(&asks(Load::Burst { count: 10 }, at_least(Metric::Rows, 501.0)), &facts), @"rows ≥ 501/s: 10 readers resting 2s after each, reading 100 rows each time, bring less than 500 rows/s");
    let open = Facts::default().rows(20.0);
    insta::assert_snapshot!(refused(&asks(rate(10.0, 60), at_least(Metric::Rows, 300.0)), &open), @"rows ≥ 300/s: 10/s of 20 rows each bring at most 200 rows/s");
}

#[test]
fn a_rate_that_pauses_rule_out() {
    let facts = Facts::default().pausing(Duration::from_secs(1), 10);
    insta::assert_snapshot!(refused(&asks(users(1), at_least(Metric::Rate, 10.0)), &facts), @"rate ≥ 10/s: 1 user resting 100ms after each can begin fewer than 10/s");
    let warned = feasible(&asks(users(1), at_least(Metric::Rate, 9.0)), &facts).unwrap().join("\n");
    insta::assert_snapshot!(warned, @"rate ≥ 9/s: with 1 user resting 100ms after each that leaves less than 11.11 ms for an iteration");
    assert_eq!(feasible(&asks(users(1), at_least(Metric::Rate, 5.0)), &facts), Ok(vec![]));
    let slow = Facts::default().taking(Duration::from_millis(250));
    insta::assert_snapshot!(refused(&asks(users(2), at_least(Metric::Rate, 9.0).of("read")), &slow), @"rate of read ≥ 9/s: 2 users taking at least 250ms for each can begin at most 8/s");
    // Without facts, nothing is known of how fast users come round.
    assert_eq!(feasible(&asks(users(1), at_least(Metric::Rate, 1e6)), &Facts::default()), Ok(vec![]));
}

#[test]
fn a_rate_above_that_of_the_plan() {
    insta::assert_snapshot!(refused(&asks(rate(10.0, 60), at_least(Metric::Rate, 12.0)), &Facts::default()), @"rate ≥ 12/s: the plan itself asks for 10/s");
    assert_eq!(feasible(&asks(rate(10.0, 60), at_least(Metric::Rate, 10.0)), &Facts::default()), Ok(vec![]));
    let ramp = Load::Ramp { from: 0.0, to: 20.0, during: HumanDuration::secs(60) };
    let windows = at_least(Metric::Rate, 8.0).each(HumanDuration::secs(10));
    assert_eq!(feasible(&asks(ramp.clone(), at_least(Metric::Rate, 8.0)), &Facts::default()), Ok(vec![]));
    insta::assert_snapshot!(refused(&asks(ramp, windows), &Facts::default()), @"rate ≥ 8/s, in each 10s: the plan itself asks for 1.67/s where it is slowest");
    let polls = Facts { attempts_per_iteration: Some(3.0), ..Facts::default() };
    assert_eq!(feasible(&asks(rate(10.0, 60), at_least(Metric::Rate, 30.0).of("poll")), &polls), Ok(vec![]));
    let steps = Load::Steps { from: 2.0, to: 10.0, steps: 5, during: HumanDuration::secs(30) };
    insta::assert_snapshot!(refused(&asks(steps, at_least(Metric::Rate, 7.0)), &Facts::default()), @"rate ≥ 7/s: the plan itself asks for 6/s");
}

#[test]
fn a_percentile_of_few_samples_is_a_warning() {
    let warned = |load, threshold| feasible(&asks(load, threshold), &Facts::default()).unwrap().join("\n");
    insta::assert_snapshot!(warned(Load::Burst { count: 20 }, percentile(99.0)), @"p99 < 500 ms: the p99 of 20 samples is the largest of them; it takes 100 samples to tell more");
    insta::assert_snapshot!(warned(rate(10.0, 60), percentile(99.9).each(HumanDuration::secs(10))), @"p99.9 < 500 ms, in each 10s: the p99.9 of 100 samples is the largest of them; it takes 1000 samples to tell more");
    assert_eq!(warned(Load::Iterations { users: 2, count: 100 }, percentile(99.0)), "");
    assert_eq!(warned(users(5), percentile(99.9)), "");
    let plan = asks(rate(0.2, 60), percentile(50.0).each(HumanDuration::secs(2)));
    insta::assert_snapshot!(refused(&plan, &Facts::default()), @"p50 < 500 ms, in each 2s: the plan has less than one arrival in 2s");
}

#[test]
fn thresholds_that_nothing_can_keep_or_break() {
    let all = [
        Threshold::new(Metric::Errors, Bound::AtMost(100.0)),
        Threshold::new(Metric::Errors, Bound::AtLeast(101.0)),
        Threshold::new(Metric::Rate, Bound::AtLeast(0.0)),
        Threshold::new(Metric::Rate, Bound::Below(0.0)),
        Threshold::new(Metric::Rate, Bound::AtMost(f64::NAN)),
        percentile(101.0),
        percentile(95.0).within("laod"),
        percentile(95.0).within("recovery"),
        percentile(95.0).each(HumanDuration::secs(61)),
    ];
    let plan = Plan { thresholds: all.into(), ..Plan::single(rate(10.0, 60)) };
    insta::assert_snapshot!(refused(&plan, &Facts::default()).replace("; ", "\n"), @r"
    errors ≤ 100 %: nothing could break it
    errors ≥ 101 %: no share is above 100 %
    rate ≥ 0/s: nothing could break it
    rate < 0/s: nothing is below that
    rate ≤ NaN/s: NaN is no bound
    p101 < 500 ms: a percentile is between 0 and 100, not 101
    p95 < 500 ms, in phase laod: the plan has no phase `laod`
    did you mean `load`?
    p95 < 500 ms, in phase recovery: the plan has no phase `recovery`
    there are `load`
    p95 < 500 ms, in each 1m 1s: no window of 1m 1s fits into phases of at most 1m
    ");
    let unscheduled = asks(users(1), Threshold::new(Metric::Missed, Bound::AtMost(1.0)));
    insta::assert_snapshot!(refused(&unscheduled, &Facts::default()), @"missed arrivals ≤ 1 %: users begin when they are ready, so that no arrival is ever missed");
    let warm_up = Plan {
        thresholds: vec![percentile(95.0)],
        ..Plan::of([Phase::unmeasured("warm-up", rate(1.0, 60))])
    };
    insta::assert_snapshot!(refused(&warm_up, &Facts::default()), @"p95 < 500 ms: no phase of the plan is measured");
}

#[test]
fn more_held_than_there_is_room_for() {
    let facts = Facts::default().holding(Duration::from_secs(50), 240);
    assert_eq!(feasible(&Plan::single(rate(4.8, 600)), &facts), Ok(vec![]));
    insta::assert_snapshot!(refused(&Plan::single(rate(5.0, 600)), &facts), @"250 at once: each is held for 50s, and there is room for 240");
    // A short phase never gets that far.
    assert_eq!(feasible(&Plan::single(rate(10.0, 20)), &facts), Ok(vec![]));
    // Two phases overlap in what they leave behind; a pause of the lifetime keeps them apart.
    let two = |pause| {
        Plan::of([
            Phase::measured("first", rate(10.0, 20)),
            Phase::unmeasured("pause", Load::Pause { during: HumanDuration::secs(pause) }),
            Phase::measured("second", Load::Burst { count: 100 }),
        ])
    };
    insta::assert_snapshot!(refused(&two(1), &facts), @"300 at once: each is held for 50s, and there is room for 240");
    assert_eq!(feasible(&two(50), &facts), Ok(vec![]));
}

#[test]
fn more_in_flight_than_the_policy_allows() {
    let limits = Limits { requests_per_second: 100.0, requests_in_flight: 50 };
    let facts = Facts { limits: Some(limits), ..Facts::default().taking(Duration::from_secs(6)) };
    insta::assert_snapshot!(refused(&Plan::single(rate(10.0, 60)), &facts), @"60 in flight: each takes at least 6s, and the policy allows 50");
    assert_eq!(feasible(&Plan::single(rate(8.0, 60)), &facts), Ok(vec![]));
    insta::assert_snapshot!(refused(&Plan::single(users(51)), &Facts { limits: Some(limits), ..Facts::default() }), @"51 in flight: the policy allows 50");
}

#[test]
fn a_time_below_the_least() {
    let facts = Facts::default().taking(Duration::from_millis(600));
    insta::assert_snapshot!(refused(&asks(rate(10.0, 60), percentile(95.0)), &facts), @"p95 < 500 ms: an attempt takes at least 600 ms, 500 ms are asked");
}

#[test]
fn what_is_refused_and_what_is_doubtful_are_told_apart() {
    let mut plan = asks(rate(1.0, 20), percentile(99.0));
    plan.thresholds.push(at_least(Metric::Rate, 2.0));
    let kinds: Vec<bool> = infeasible(&plan, &Facts::default()).iter().map(|one| one.refused).collect();
    assert_eq!(kinds, [false, true]);
}
