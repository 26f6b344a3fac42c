//! The gap report: its fields are fixed, and what was not measured is not claimed.

use jiff::Timestamp;
use serde_json::Value;
use shakedown_capacity::bottleneck::Facts;
use shakedown_capacity::gap::{Details, GapFacts, GapReport, Latency};
use shakedown_capacity::resources::Resources;
use shakedown_core::measurement::Unit;
use shakedown_core::observe::{Observed, Reading};
use std::collections::BTreeMap;

pub(crate) fn at() -> Timestamp {
    "2025-11-23T08:05:09.5Z".parse().unwrap()
}

/// What a cluster shows whose Focus Server is short of processor.
pub(crate) fn busy() -> Resources {
    let look = |second: u32, cores: f64| {
        let readings = vec![
            Reading::new("pod/focus-server-0", "cpu", cores, Unit::Count).of(Some(2.0)),
            Reading::new("pod/focus-server-0", "memory", 1.5e9, Unit::Bytes).of(Some(2e9)),
            Reading::new("mongod", "connections", 40.0, Unit::Count).of(Some(100.0)),
        ];
        Observed {
            observer: "k8s.resources".to_owned(),
            target: "k8s".to_owned(),
            at: at() + jiff::SignedDuration::from_secs(second.into()),
            readings: Ok(readings),
        }
    };
    Resources::of(&[look(0, 0.4), look(5, 1.8), look(10, 1.4)], at())
}

pub(crate) fn report(succeeded: u64, resources: &Resources, details: Details) -> GapReport {
    let failures: BTreeMap<String, u64> =
        (succeeded < 200).then(|| ("status-503".to_owned(), 200 - succeeded)).into_iter().collect();
    let latency = Latency { mean: 812.345, p95: 1900.0, p99: 2400.126, max: 2500.0 };
    GapReport::of(GapFacts {
        environment: "staging",
        is_target: true,
        at: at(),
        wanted: 200,
        facts: Facts {
            attempts: 200,
            succeeded,
            mean_latency_ms: (succeeded > 0).then_some(latency.mean),
            failures: &failures,
            resources,
            generator: None,
        },
        latency: (succeeded > 0).then_some(latency),
        seconds: 12.5,
        in_flight: 50,
        configuration: "10 channels, NFFT 512, 0–250 Hz, height 800, live",
        details,
    })
}

/// Every path of the fixed part, with the type of its value.
fn paths(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "details") {
                paths(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, into);
            }
        }
        Value::Array(items) => {
            into.push(format!("{path}: list of {}", items.first().map_or("nothing", kind)));
        }
        other => into.push(format!("{path}: {}", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn lines(list: &Value) -> String {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_fields_and_their_types_are_fixed() {
    let mut found = Vec::new();
    paths(&serde_json::to_value(report(150, &busy(), Details::default())).unwrap(), "", &mut found);
    insta::assert_snapshot!(found.join("\n"), @r"
    additional_context.concurrency_workers: int
    additional_context.notes: list of string
    additional_context.test_configuration: string
    bottleneck_analysis.cpu_constrained: bool
    bottleneck_analysis.high_failure_rate: bool
    bottleneck_analysis.identified_bottlenecks: list of string
    bottleneck_analysis.latency_issues: bool
    bottleneck_analysis.memory_constrained: bool
    capacity_analysis.actual_capacity: int
    capacity_analysis.capacity_met: bool
    capacity_analysis.gap: int
    capacity_analysis.gap_percentage: string
    capacity_analysis.success_rate: string
    capacity_analysis.success_rate_raw: number
    capacity_analysis.success_threshold_met: bool
    capacity_analysis.target_capacity: int
    environment.is_target_environment: bool
    environment.name: string
    environment.requirement: string
    performance_metrics.job_creation.average_latency_ms: string
    performance_metrics.job_creation.duration_seconds: number
    performance_metrics.job_creation.failed_jobs: int
    performance_metrics.job_creation.jobs_per_second: string
    performance_metrics.job_creation.max_latency_ms: string
    performance_metrics.job_creation.p95_latency_ms: string
    performance_metrics.job_creation.p99_latency_ms: string
    performance_metrics.job_creation.successful_jobs: int
    performance_metrics.job_creation.total_jobs_attempted: int
    recommendations.immediate_actions: list of string
    recommendations.investigation_areas: list of string
    recommendations.next_steps: list of string
    report_metadata.generated_at: string
    report_metadata.generated_by: string
    report_metadata.jira_reference: string
    report_metadata.meeting_decision: string
    report_metadata.report_type: string
    system_resources.cpu.exceeded_critical: bool
    system_resources.cpu.max_percent: string
    system_resources.cpu.mean_percent: string
    system_resources.cpu.samples_collected: int
    system_resources.cpu.threshold_critical: int
    system_resources.cpu.threshold_warning: int
    system_resources.memory.exceeded_critical: bool
    system_resources.memory.max_percent: string
    system_resources.memory.mean_percent: string
    system_resources.memory.threshold_critical: int
    system_resources.memory.threshold_warning: int
    ");
}

#[test]
fn the_texts_and_numbers_follow_the_rules() {
    let json = serde_json::to_value(report(150, &busy(), Details::default())).unwrap();
    assert_eq!(json["report_metadata"]["report_type"], "Infrastructure Capacity Gap Analysis");
    assert_eq!(json["report_metadata"]["generated_at"], "2025-11-23T08:05:10Z");
    assert_eq!(json["report_metadata"]["jira_reference"], "PZ-13756");
    assert_eq!(json["report_metadata"]["meeting_decision"], "support 200 concurrent jobs");
    assert_eq!(json["environment"]["requirement"], "must support 200");
    let capacity = &json["capacity_analysis"];
    assert_eq!((&capacity["gap"], &capacity["gap_percentage"]), (&50.into(), &"25.00%".into()));
    assert_eq!((&capacity["success_rate"], &capacity["success_rate_raw"]), (&"75.00%".into(), &0.75.into()));
    assert_eq!(
        (&capacity["capacity_met"], &capacity["success_threshold_met"]),
        (&false.into(), &false.into())
    );
    let jobs = &json["performance_metrics"]["job_creation"];
    assert_eq!((&jobs["average_latency_ms"], &jobs["p99_latency_ms"]), (&"812.35".into(), &"2400.13".into()));
    assert_eq!((&jobs["failed_jobs"], &jobs["jobs_per_second"]), (&50.into(), &"16.00".into()));
    let cpu = &json["system_resources"]["cpu"];
    assert_eq!((&cpu["mean_percent"], &cpu["max_percent"]), (&"60.00%".into(), &"90.00%".into()));
    assert_eq!((&cpu["samples_collected"], &cpu["exceeded_critical"]), (&3.into(), &true.into()));
    assert_eq!(json["system_resources"]["memory"]["exceeded_critical"], false);
    let found = &json["bottleneck_analysis"];
    assert_eq!((&found["cpu_constrained"], &found["memory_constrained"]), (&true.into(), &false.into()));
    assert_eq!((&found["latency_issues"], &found["high_failure_rate"]), (&false.into(), &true.into()));
    insta::assert_snapshot!(lines(&found["identified_bottlenecks"]), @r"
    the server refuses jobs: 50 of 200 attempts
    processor is the limit of pod/focus-server-0: up to 90.0 % of what it may use
    overload or misconfiguration: only 75.00 % of the jobs succeed
    ");
    insta::assert_snapshot!(lines(&json["recommendations"]["immediate_actions"]), @r"
    raise the number of jobs that the server admits, or queue bursts instead of refusing them (derived from refused: status-503: 50)
    add cluster nodes, or raise the processor limits of the pod named (derived from cpu: pod/focus-server-0: processor mean 60.0 %, peak 90.0 % over 3 samples)
    add a queue or admission control, so that a burst is served late rather than refused (derived from failure-rate: 150 of 200 succeeded (95 % interval 68.6–80.5 %), critical below 80 %)
    ");
    assert_eq!(json["additional_context"]["notes"].as_array().unwrap().len(), 4);
    assert_eq!(json["additional_context"]["concurrency_workers"], 50);
}

#[test]
fn what_was_not_measured_is_not_claimed() {
    let json = serde_json::to_value(report(0, &Resources::default(), Details::default())).unwrap();
    let resources = &json["system_resources"];
    assert_eq!(
        (&resources["cpu"]["mean_percent"], &resources["cpu"]["samples_collected"]),
        (&"not measured".into(), &0.into())
    );
    assert!(
        resources["cpu"]["exceeded_critical"].is_null() && resources["memory"]["exceeded_critical"].is_null()
    );
    let found = &json["bottleneck_analysis"];
    assert!(
        found["cpu_constrained"].is_null()
            && found["memory_constrained"].is_null()
            && found["latency_issues"].is_null()
    );
    assert_eq!(json["performance_metrics"]["job_creation"]["average_latency_ms"], "not measured");
}

#[test]
fn most_of_the_jobs_are_a_pass_and_a_report() {
    let report = report(195, &busy(), Details::default());
    assert!(report.capacity_analysis.success_threshold_met && !report.capacity_analysis.capacity_met);
    assert_eq!(report.capacity_analysis.gap, 5);
}

#[test]
fn its_file_is_named_by_environment_and_time_in_utc() {
    let report = report(150, &busy(), Details::default());
    assert_eq!(report.file_name(), "infra_gap_report_staging_20251123_080510.json");
    assert_eq!(report.page_name(), "infra_gap_report_staging_20251123_080510.html");
}

#[test]
fn it_has_a_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(GapReport)).unwrap();
    let required = schema["required"].as_array().unwrap();
    assert_eq!(required.len(), 9);
    assert_eq!(schema["properties"]["details"]["$ref"], "#/$defs/Details");
}
