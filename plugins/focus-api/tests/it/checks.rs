//! Every check passes where the contract is kept, and fails where it is broken.

use crate::contract::{job, metadata};
use crate::host::at;
use crate::server::Server;
use serde_json::{Value, json};
use shakedown_core::registry::registered_checks;
use shakedown_core::{Cause, CheckError, Effect, Finding, Outcome, Severity, Status};
use shakedown_testkit::spec;
use std::collections::BTreeSet;

/// Parameters that make what takes long short.
fn short(id: &str) -> Value {
    match id {
        "focus-api.ack.load" => json!({ "duration": "300ms" }),
        "focus-api.live.stability" => json!({ "polls": 3, "interval": "50ms", "max_errors": 1 }),
        "focus-api.stability.hour" => json!({ "duration": "400ms", "interval": "150ms", "probe": "30ms" }),
        _ => json!({}),
    }
}

/// Runs every check, and says which were skipped. None may do anything but pass or be skipped.
async fn all_pass(server: &Server) -> Vec<&'static str> {
    let bench = at(server).await;
    let mut skipped = Vec::new();
    for spec in registered_checks() {
        let outcome = Outcome::from(bench.answer(spec.id, short(spec.id)).await);
        match outcome.status {
            Status::Passed => {}
            Status::Skipped => skipped.push(spec.id),
            _ => panic!("{}: {outcome:#?}", spec.id),
        }
        for case in &outcome.cases {
            let strange: Vec<_> = case.keys.iter().filter(|key| !spec.keys.contains(&key.as_str())).collect();
            assert!(strange.is_empty(), "{} does not name {strange:?} of its case {}", spec.id, case.name);
        }
    }
    skipped.sort_unstable();
    skipped
}

#[tokio::test]
async fn every_check_passes_where_the_contract_is_kept() {
    let skipped = all_pass(&Server::healthy().await).await;
    insta::assert_snapshot!(skipped.join("\n"), @r"
    focus-api.historic.e2e
    focus-api.jobs.cancel
    focus-api.sec.auth
    focus-api.sec.https
    focus-api.sensors.list
    focus-api.task.refused
    focus-api.task.valid
    focus-api.taskmeta.valid
    focus-api.waterfall.valid
    ");
}

#[tokio::test]
async fn an_unusual_server_that_keeps_the_contract_raises_no_alarm() {
    let skipped = all_pass(&Server::unusual().await).await;
    insta::assert_snapshot!(skipped.join("\n"), @r"
    focus-api.historic.e2e
    focus-api.jobs.cancel
    focus-api.response.contract
    focus-api.sec.auth
    focus-api.sensors.list
    focus-api.task.refused
    focus-api.task.valid
    focus-api.taskmeta.valid
    focus-api.waterfall.valid
    ");
}

#[test]
fn what_is_registered_agrees_with_itself() {
    let ids: BTreeSet<&str> = registered_checks().map(|spec| spec.id).collect();
    for spec in registered_checks() {
        let id = spec.id;
        let api_or_soak = spec.tags.contains(&"api") != spec.tags.contains(&"soak");
        assert!(api_or_soak && spec.target == Some("focus-api"), "{id}");
        assert!(spec.requires.iter().all(|required| ids.contains(required)), "{id}");
        assert!(!spec.proofs.is_empty(), "{id} is not proven");
        assert_eq!(spec.group.is_some(), spec.effect >= Effect::Create, "{id}");
        if spec.effect >= Effect::Create {
            assert!(spec.requires.contains(&"focus-api.fiber.ready"), "{id}");
        }
        for heading in ["# Why it matters", "# How to mend it"] {
            assert!(spec.docs.text().contains(heading), "{id} has no `{heading}`");
        }
        let path = id.trim_start_matches("focus-api.").replace('.', "/").replace('-', "_");
        assert!(
            spec.source.file.ends_with(&format!("checks/{path}.rs")),
            "{id} stands in {}",
            spec.source.file
        );
    }
    assert!(spec("focus-api.latency.p95-p99").runs_alone());
}

/// The codes that a check reports where `route` answers this instead.
async fn broken(id: &str, route: &'static str, status: u16, body: Value) -> Vec<String> {
    let server = Server::with(move |asked, _| (asked == route).then(|| (status, body.clone()))).await;
    at(&server).await.codes(id).await
}

#[tokio::test]
async fn reading_checks_fail_where_the_contract_is_broken() {
    let without = |field: &str| {
        let mut body = metadata();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let with = |field: &str, value: Value| {
        let mut body = metadata();
        body[field] = value;
        body
    };
    let metadata = "GET /live_metadata";
    let reversed = json!({ "lowest_channel": 9, "highest_channel": 1 });
    for (id, route, status, body, codes) in [
        ("focus-api.ack.ok", "GET /ack", 500, json!({}), ["ack-broken"]),
        ("focus-api.channels.ok", "GET /channels", 200, reversed, ["channel-range"]),
        ("focus-api.channels.ok", "GET /channels", 502, json!({}), ["unexpected-status"]),
        ("focus-api.livemeta.ok", metadata, 200, with("dx", json!(-1)), ["metadata-invalid"]),
        ("focus-api.livemeta.ok", metadata, 404, json!({}), ["metadata-unavailable"]),
        ("focus-api.livemeta.ok", metadata, 500, json!({}), ["absence-unclear"]),
        ("focus-api.livemeta.fields", metadata, 200, without("dtype"), ["metadata-field-missing"]),
        ("focus-api.fiber.ready", metadata, 200, with("prr", json!(0.0)), ["waiting-for-fiber"]),
    ] {
        assert_eq!(broken(id, route, status, body).await, codes, "{id}");
    }
}

#[tokio::test]
async fn without_a_fiber_the_sample_fields_are_no_question() {
    let waiting = json!({ "prr": 0.0, "sw_version": "waiting for fiber" });
    let server =
        Server::with(move |asked, _| (asked == "GET /live_metadata").then(|| (200, waiting.clone()))).await;
    let bench = at(&server).await;
    assert_eq!(bench.run("focus-api.livemeta.fields").await.status, Status::Skipped);
    assert_eq!(bench.run("focus-api.livemeta.ok").await.status, Status::Passed);
    let started = bench.answer("focus-api.prelaunch.view", json!({})).await;
    assert!(matches!(started, Err(CheckError::Unclear(_))), "{started:?}");
    assert_eq!(bench.created(), []);
}

#[tokio::test]
async fn what_should_be_refused_and_is_not_fails_and_is_on_the_ledger() {
    let server = Server::with(|asked, body| (asked == "POST /configure").then(|| (200, job(body, 7)))).await;
    for (id, codes) in [
        ("focus-api.prelaunch.future", vec!["future-accepted"]),
        ("focus-api.prelaunch.reversed", vec!["reversed-accepted"]),
        ("focus-api.prelaunch.channels", vec!["out-of-range-accepted", "below-lowest-accepted"]),
        ("focus-api.prelaunch.nyquist", vec!["above-nyquist-accepted"]),
        (
            "focus-api.prelaunch.nfft",
            vec!["nfft-accepted", "nfft-accepted", "nfft-accepted", "nfft-unwarned"],
        ),
        ("focus-api.prelaunch.view", vec!["view-accepted"; 5]),
        ("focus-api.prelaunch.port", vec!["port-shared"]),
    ] {
        let bench = at(&server).await;
        assert_eq!(bench.codes(id).await, codes, "{id}");
        let created = bench.created();
        assert!(
            !created.is_empty() && created.iter().all(|job| job.id == "1-7" && job.ends_by.is_some()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_server_that_fails_is_no_refusal() {
    for id in ["future", "reversed", "nyquist", "live-data", "historic-data"] {
        let codes = broken(&format!("focus-api.prelaunch.{id}"), "POST /configure", 500, json!("oops")).await;
        assert_eq!(codes, ["server-error"], "{id}");
    }
    let codes = broken("focus-api.config.valid", "POST /configure", 500, json!("oops")).await;
    assert_eq!(codes, ["valid-refused"]);
    let vague = json!({ "detail": "Bad request" });
    let codes = broken("focus-api.prelaunch.nyquist", "POST /configure", 400, vague).await;
    assert_eq!(codes, ["field-unnamed"]);
    let silent = json!({ "detail": "Invalid frequencyRange" });
    let codes = broken("focus-api.prelaunch.nyquist", "POST /configure", 400, silent).await;
    assert_eq!(codes, ["limit-unnamed"]);
}

#[tokio::test]
async fn a_failure_under_concurrency_is_told_from_one_that_can_be_reproduced() {
    let server = Server::with(|asked, _| (asked == "POST /configure").then(|| (0, json!("oops")))).await;
    let bench = at(&server).await;
    let index = Finding::new("index-missing", Cause::Environment, "recordings", "no index on start_time");
    bench.knows("mongo.indexes.required", index);
    let outcome = bench.run("focus-api.latency.p95-p99").await;
    assert_eq!(outcome.status, Status::Failed);
    let [finding] = &outcome.findings[..] else { panic!("{:#?}", outcome.findings) };
    assert_eq!((finding.code.as_str(), finding.severity), ("server-errors", Some(Severity::High)));
    assert!(finding.message.ends_with("; under concurrency only"), "{}", finding.message);
    let suspect = "suspect, not proven: recordings `index-missing` (mongo.indexes.required)";
    assert!(finding.details.iter().any(|line| line == suspect), "{:#?}", finding.details);
    let names: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.name.as_str()).collect();
    assert_eq!(names, ["failing-answer.txt", "requests.json"]);
    assert!(bench.evidence("failing-answer.txt").contains("< HTTP/1.1 500 Internal Server Error"));
    let rows: Value = serde_json::from_str(&bench.evidence("requests.json")).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 100);

    let server = Server::with(|asked, _| (asked == "POST /configure").then_some((503, Value::Null))).await;
    let outcome = at(&server).await.run("focus-api.latency.p95-p99").await;
    assert!(outcome.findings[0].message.ends_with("; reproducible"), "{:#?}", outcome.findings);
}
