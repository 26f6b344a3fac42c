//! Checks that put jobs on the server, and those that only read: healthy, and under the fault that each is proven by.

use crate::host::Site;
use serde_json::{Value, json};
use shakedown_core::{Limits, Status};

/// A check with parameters that make it short.
fn short(id: &str) -> Value {
    match id {
        "load.requests.concurrent" => json!({ "requests": 20, "longest": "1s" }),
        "load.sustained" => json!({ "every": "100ms", "during": "1500ms" }),
        "load.steady" => json!({ "during": "3s", "p95": "500ms" }),
        "load.peak" => json!({ "during": "2s" }),
        "load.ramp" => json!({ "to": 20.0, "during": "2s" }),
        "load.spike" => json!({ "calm": "1s", "rush": 20.0, "during": "1s" }),
        "load.pattern" => json!({ "time": 0.005 }),
        "load.recovery" => {
            json!({ "rush": "500ms", "rest": "1200ms", "rate": 8.0, "during": "1s", "mean": "1s" })
        }
        "load.exhaustion" => json!({ "during": "800ms", "hold": "50ms", "cleanup": "20s" }),
        "load.tasks.polling" => json!({ "every": "400ms" }),
        "load.payload.large" => json!({ "requests": 1, "longest": "2s" }),
        "load.gets" => json!({ "p95": "350ms" }),
        _ => json!({}),
    }
}

const ALL: [&str; 14] = [
    "load.concurrent.create",
    "load.requests.concurrent",
    "load.sustained",
    "load.steady",
    "load.peak",
    "load.ramp",
    "load.spike",
    "load.pattern",
    "load.recovery",
    "load.exhaustion",
    "load.tasks.concurrent",
    "load.tasks.polling",
    "load.tasks.max",
    "load.payload.large",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_server_bears_all_of_it_and_nothing_is_left_behind() {
    let Some(mut site) = Site::with(&[]).await else { return };
    site.limits = Limits::default();
    for id in ALL.into_iter().chain(["load.gets", "load.mixed"]) {
        let outcome = site.run(id, short(id)).await;
        assert_eq!(outcome.status, Status::Passed, "{id}: {outcome:#?}");
        assert_eq!(site.left_behind(), [""; 0], "{id} leaves jobs behind");
    }
    assert!(site.created().len() > ALL.len());
    site.close().await;
}

/// Each check finds what it is proven by.
async fn finds(fault: &str, expected: &[(&str, &str)]) {
    for (id, code) in expected {
        let Some(site) = Site::with(&[fault]).await else { return };
        let outcome = site.run(id, short(id)).await;
        let codes: Vec<&str> = outcome.all_findings().map(|finding| finding.code.as_str()).collect();
        assert!(codes.contains(code), "{id} under {fault}: {outcome:#?}");
        assert_eq!(outcome.status, Status::Failed, "{id} under {fault}: {outcome:#?}");
        for finding in outcome.all_findings() {
            let tells = finding.message.chars().any(|c| c.is_ascii_digit());
            assert!(tells, "{id}: no finding without a number: {}", finding.message);
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_under_load_are_found() {
    let fault = "focus-api.errors-under-load";
    finds(
        fault,
        &[
            ("load.spike", "load-failed"),
            ("load.tasks.concurrent", "load-failed"),
            ("load.tasks.max", "too-few-at-once"),
            ("load.exhaustion", "broke-when-full"),
        ],
    )
    .await;
    finds("focus-api.configure-5xx-under-concurrency", &[("load.concurrent.create", "load-failed")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_one_after_another_is_found() {
    let expected = [("load.requests.concurrent", "load-slow"), ("load.peak", "rate-missed")];
    finds("focus-api.queues", &expected).await;
    finds("focus-api.large-slow", &[("load.payload.large", "load-slow")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stops_breaks_off_or_is_lost_is_found() {
    finds("focus-api.freezes", &[("load.steady", "load-slow")]).await;
    finds("focus-api.resets", &[("load.sustained", "load-failed")]).await;
    finds("focus-api.loses-jobs", &[("load.tasks.polling", "jobs-lost")]).await;
    finds("focus-api.no-recovery", &[("load.recovery", "no-recovery")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_throttles_is_not_hammered() {
    finds("focus-api.throttles", &[("load.ramp", "load-failed"), ("load.pattern", "load-failed")]).await;
    let Some(site) = Site::with(&["focus-api.throttles"]).await else { return };
    let outcome = site.run("load.ramp", short("load.ramp")).await;
    let finding = outcome.findings.iter().find(|finding| finding.code == "load-failed").unwrap();
    let held = finding.details.iter().any(|line| line.contains("not sent: the server had answered 429"));
    assert!(held, "{finding:#?}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowded_reads_are_found() {
    let expected = [("load.gets", "load-slow"), ("load.mixed", "interference")];
    finds("focus-api.reads-crowded", &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_for_want_of_room_has_not_broken() {
    let Some(site) = Site::with(&["focus-api.low-capacity"]).await else { return };
    let params = json!({ "during": "800ms", "hold": "400ms", "cleanup": "20s" });
    let outcome = site.run("load.exhaustion", params).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    let refused = outcome.measurements.iter().find(|measured| measured.name == "refused").unwrap();
    assert!(refused.value > 0.0, "forty places are too few for fifty users");
    site.close().await;
}
