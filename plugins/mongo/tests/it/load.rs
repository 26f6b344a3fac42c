//! MongoDB while jobs run, and what the observer sees of it.

use crate::bench::{broken, settings, with_focus};
use serde_json::{Value, json};
use shakedown_core::{ObserveContext, Outcome};
use shakedown_testkit::{Bench, brief, finding};
use std::time::{Duration, Instant};

/// What takes a while elsewhere is shown in seconds here.
fn params(check: &str) -> Value {
    match check {
        "mongo.load.query" => {
            json!({ "jobs": 4, "queries": 6, "max_query_p95": "390ms", "max_query_mean": "390ms",
            "max_ping_mean": "10s", "max_ping_p95": "10s" })
        }
        _ => json!({ "jobs": 3, "connections": 20, "connects_within": "2s" }),
    }
}

async fn run(bench: &Bench, check: &str) -> Outcome {
    bench.run_with(check, params(check)).await
}

#[tokio::test]
async fn a_healthy_server_bears_the_load() {
    let Some(bench) = with_focus(&[]).await else { return };
    let outcome = run(&bench, "mongo.load.pool").await;
    assert!(brief(&outcome).starts_with("passed"), "{outcome:#?}");
    let of = |name: &str| outcome.measurements.iter().find(|it| it.name == name).map(|it| it.value);
    assert_eq!((of("connections at once"), of("queries served")), (Some(20.0), Some(20.0)));
    assert!(of("connect p95").is_some(), "{outcome:#?}");
    bench.stop().await;
}

#[tokio::test]
async fn the_report_says_whether_queries_use_indexes() {
    let Some(bench) = with_focus(&["mongo.index-missing"]).await else { return };
    let outcome = bench
        .run_with(
            "mongo.load.query",
            json!({ "jobs": 2, "queries": 5, "max_errors": 4, "max_query_p95": "20s", "max_query_mean": "20s",
                "max_ping_mean": "20s", "max_ping_p95": "20s" }),
        )
        .await;
    let note = finding(&outcome, "index-use");
    assert!(note.details.iter().any(|detail| detail.contains("COLLSCAN")), "{outcome:#?}");
    assert!(brief(&outcome).starts_with("passed"), "others judge indexes: {outcome:#?}");
    bench.stop().await;
}

#[tokio::test]
async fn slow_queries_and_refused_connections_are_found() {
    for (fault, check, code) in [
        ("mongo.slow-queries", "mongo.load.query", "queries-slow"),
        ("mongo.connections-refused", "mongo.load.pool", "connections-refused"),
    ] {
        let Some(bench) = with_focus(&[fault]).await else { return };
        let outcome = run(&bench, check).await;
        assert!(
            brief(&outcome).starts_with(&format!("failed {code}")),
            "{check} under {fault}: {outcome:#?}"
        );
        bench.stop().await;
    }
}

#[tokio::test]
async fn an_empty_collection_is_no_data() {
    let Some(bench) = with_focus(&["mongo.recordings-empty"]).await else { return };
    for check in ["mongo.load.query", "mongo.load.pool"] {
        assert_eq!(brief(&run(&bench, check).await), "errored", "{check}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn the_observer_sees_connections_and_no_invented_zeros() {
    let Some((sandbox, bench)) = broken(&["mongo.connections-exhausted"]).await else { return };
    let entries = shakedown_core::registry::Entries::linked();
    let spec = entries.observers.iter().find(|spec| spec.id == "mongo.server").unwrap();
    let cx = ObserveContext { deadline: Instant::now() + Duration::from_secs(20) };
    let readings = (spec.observe)(bench.target("mongo").client(), cx).await.unwrap();
    let connections = readings.iter().find(|reading| reading.what == "connections").unwrap();
    assert_eq!((connections.value, connections.limit), (970.0, Some(1000.0)));
    assert!(readings.iter().all(|reading| reading.what != "memory" || reading.value > 0.0), "{readings:#?}");
    assert!(settings(&sandbox)["uri"].is_string());
    sandbox.stop().await;
}
