//! The rules of bottlenecks, over what a system showed.

use jiff::Timestamp;
use shakedown_capacity::bottleneck::{Analysis, Facts, Flag};
use shakedown_capacity::resources::Resources;
use shakedown_core::measurement::Unit;
use shakedown_core::observe::{Observed, Reading};

fn resources(readings: Vec<Reading>) -> Resources {
    let at = Timestamp::UNIX_EPOCH;
    let one = Observed { observer: "k8s.resources".into(), target: "k8s".into(), at, readings: Ok(readings) };
    Resources::of(&[one], at)
}

fn analysis(succeeded: u64, mean: Option<f64>, failures: &[(&str, u64)], resources: &Resources) -> Analysis {
    let failures = failures.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect();
    Analysis::of(&Facts {
        attempts: 200,
        succeeded,
        mean_latency_ms: mean,
        failures: &failures,
        resources,
        generator: None,
    })
}

fn flags(analysis: &Analysis) -> Vec<Flag> {
    analysis.found.iter().map(|bottleneck| bottleneck.flag).collect()
}

#[test]
fn the_rules_are_strict() {
    let at_the_limit = resources(vec![
        Reading::new("pod/a", "cpu", 0.85, Unit::Count).of(Some(1.0)),
        Reading::new("pod/a", "memory", 90.0, Unit::Bytes).of(Some(100.0)),
    ]);
    let calm = analysis(160, Some(1000.0), &[], &at_the_limit);
    assert_eq!(
        (calm.cpu, calm.memory, calm.latency, calm.failures),
        (Some(false), Some(false), Some(false), Some(false))
    );
    assert_eq!(calm.sentences(), ["no obvious bottleneck"]);
    let beyond = resources(vec![
        Reading::new("pod/a", "cpu", 0.86, Unit::Count).of(Some(1.0)),
        Reading::new("pod/a", "memory", 91.0, Unit::Bytes).of(Some(100.0)),
    ]);
    let hot = analysis(159, Some(1000.1), &[], &beyond);
    assert_eq!(flags(&hot), [Flag::Cpu, Flag::Memory, Flag::Latency, Flag::FailureRate]);
}

#[test]
fn what_was_not_measured_is_neither_found_nor_denied() {
    let nothing = analysis(0, None, &[("status-503", 200)], &Resources::default());
    assert_eq!((nothing.cpu, nothing.memory, nothing.latency), (None, None, None));
    assert_eq!(flags(&nothing), [Flag::Refused, Flag::FailureRate]);
    assert!(nothing.not_measured.iter().any(|what| what == "processor of the target"));
    let unlimited = resources(vec![Reading::new("pod/a", "cpu", 3.0, Unit::Count)]);
    let unlimited = analysis(200, Some(1.0), &[], &unlimited);
    assert_eq!(unlimited.cpu, None);
    insta::assert_snapshot!(unlimited.not_measured[0], @"processor of the target as a share of its limit: no limit is known");
}

#[test]
fn addresses_say_more_than_pending() {
    let cluster = resources(vec![
        Reading::new("namespace/panda", "pods-pending", 30.0, Unit::Count).because("not yet running"),
        Reading::new("namespace/panda", "pods-without-address", 30.0, Unit::Count)
            .because("no IP addresses available in network"),
    ]);
    let found = analysis(20, Some(10.0), &[("pending", 180)], &cluster).found;
    assert_eq!(found[0].flag, Flag::Addresses);
    let seen = ["namespace/panda: pods-without-address 30", "no IP addresses available in network"];
    assert_eq!(found[0].evidence, seen);
    assert!(found.iter().all(|bottleneck| bottleneck.flag != Flag::Pending));
}

#[test]
fn several_can_hold_and_each_failure_has_its_place() {
    let failures = [
        ("status-503", 20),
        ("throttled", 5),
        ("timeout", 3),
        ("connect-refused", 2),
        ("status-500", 10),
        ("content", 1),
    ];
    let found = analysis(159, Some(2.0), &failures, &Resources::default());
    let expected = [Flag::Refused, Flag::Throttled, Flag::Unanswered, Flag::ServerErrors, Flag::FailureRate];
    assert_eq!(flags(&found), expected);
    assert_eq!(found.found[2].evidence, ["connect-refused: 2", "timeout: 3"]);
}
