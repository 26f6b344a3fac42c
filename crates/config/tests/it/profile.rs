//! One environment, resolved.

use crate::fixture::{REGISTRY, parse, profile, resolve};
use insta::assert_snapshot;
use serde_json::json;
use shakedown_config::{Level, Unreachable};
use shakedown_core::{Effect, Gate, Severity};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn defaults() {
    let profile = profile("sandbox = {}", &[]).unwrap();
    assert_eq!((profile.project.name.as_str(), profile.environment.as_str()), ("unnamed", "local"));
    assert_eq!((profile.concurrency, profile.run_timeout), (8, None));
    assert_eq!(
        (profile.policy.allow, profile.policy.max_concurrent_jobs),
        (BTreeSet::from([Effect::Read]), 10)
    );
    assert_eq!(profile.sandbox, Some(json!({})));
    assert!(profile.checks.keys().copied().eq(REGISTRY.checks().iter().map(|spec| spec.id)));
    let connect = &profile.checks["mongo.connect"];
    assert_eq!(
        (connect.timeout, connect.severity, &connect.gate),
        (Duration::from_secs(30), Severity::Critical, &Gate::Required)
    );
    assert_eq!((connect.retries.count, connect.retries.jitter, &connect.params), (0, true, &json!({})));
    assert_eq!(profile.checks["focus-api.latency"].gate, Gate::Informational);
    assert!(profile.warnings.is_empty() && profile.secrets.is_empty());
}

#[test]
fn everything_that_can_be_said() {
    let body = r#"
role = "capacity-target"
sandbox = { incident = "production-2025-11", faults = ["mongo.index-missing"], recordings = 100 }
groups = { jobs = 2 }
[environments.local.defaults]
timeout = "1m 30s"
concurrency = 3
run_timeout = "1h"
retries = { count = 2, backoff = "100ms", max_backoff = "1s", jitter = false }
[environments.local.targets.mongo]
uri = "mongodb://127.0.0.1"
unreachable = "skip"
[environments.local.policy]
allow = ["disrupt", "read"]
max_concurrent_jobs = 200
[[environments.local.override]]
select = "all()"
severity = "low"
retries = { jitter = true }
[[environments.local.override]]
select = "severity(critical)"
gate = "informational"
[[environments.local.override]]
select = "id(mongo.recordings.*)"
params = { oldest = "2h", at_most = 3 }
[[environments.local.override]]
select = "id(mongo.recordings.stale)"
params = { at_most = 4, place = { skip = ["x"] } }
"#;
    let profile = profile(body, &[]).unwrap();
    assert_eq!(profile.run_timeout, Some(Duration::from_hours(1)));
    assert_eq!(profile.groups["jobs"], 2);
    assert_eq!(profile.targets["mongo"].unreachable, Unreachable::Skip);
    assert_eq!(profile.policy.allow, BTreeSet::from([Effect::Read, Effect::Disrupt]));
    assert_eq!(profile.sandbox.unwrap()["recordings"], 100);
    let connect = &profile.checks["mongo.connect"];
    assert_eq!((connect.severity, &connect.gate), (Severity::Low, &Gate::Informational));
    assert_eq!((connect.retries.count, connect.retries.jitter), (2, true));
    assert_eq!(connect.timeout, Duration::from_secs(90));
    let stale = &profile.checks["mongo.recordings.stale"];
    assert_eq!(stale.params, json!({ "oldest": "2h", "at_most": 4, "place": { "skip": ["x"] } }));
}

#[test]
fn a_waiver_counts_to_the_end_of_its_last_day() {
    let waiver = |expires: &str| {
        format!(
            "sandbox = {{}}\n[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = {expires}"
        )
    };
    let covered = profile(&waiver("2026-06-30"), &[]).unwrap();
    let gate =
        Gate::Waived { reason: "x".to_owned(), ticket: "PZ-1".to_owned(), expires: "2026-06-30".to_owned() };
    assert_eq!(covered.checks["mongo.connect"].gate, gate);
    let expired = profile(&waiver("2026-06-29"), &[]).unwrap();
    assert_eq!(expired.checks["mongo.connect"].gate, Gate::Required);
    assert_eq!(expired.warnings[0].level(), Level::Warning);
    assert_snapshot!(expired.warnings[0].render(false), @r##"
    warning: the waiver of `mongo.connect` expired on 2026-06-29 and counts no more
     --> checks.toml:8:11
      |
    8 | expires = 2026-06-29
      |           ^^^^^^^^^^
      |
      = help: see PZ-1: mend what it tolerates, or set a new date
    "##);
}

#[test]
fn an_environment_with_nothing_to_talk_to_is_a_warning() {
    assert_snapshot!(profile("", &[]).unwrap().warnings[0], @r##"checks.toml:2:15: warning: environment `local` has neither targets nor a sandbox (checks that talk to a target have nothing to talk to)"##);
}

#[test]
fn an_unknown_environment_is_an_error() {
    let config = parse("version = 1\n[environments.staging]\n[environments.local]\n").unwrap();
    assert_snapshot!(resolve(&config, "stagign", &[]).unwrap_err().render(false), @r##"
    error: unknown environment `stagign`
    --> checks.toml
     = help: did you mean `staging`?
    "##);
    assert_snapshot!(resolve(&config, "x", &[]).unwrap_err(), @r##"checks.toml: error: unknown environment `x` (there are `staging`, `local`)"##);
}
