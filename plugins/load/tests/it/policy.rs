//! What the policy allows, and what is done where the server cannot end jobs.

use crate::host::Site;
use serde_json::json;
use shakedown_core::budget::Budget;
use shakedown_core::{CheckError, Clock, Limits, Status};
use std::time::Duration;

/// How many requests for jobs the server has seen.
fn configurations(site: &Site) -> u64 {
    site.truth().operations.get("configure").map_or(0, |operation| operation.received)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_policy_allows_is_refused_before_anything_is_sent() {
    let Some(mut site) = Site::with(&[]).await else { return };
    site.limits = Limits { requests_per_second: 10.0, requests_in_flight: 5 };
    for (id, expected) in [
        ("load.peak", "10 arrivals/s exceed the limit of 5 requests/s; each arrival sends 2 requests"),
        ("load.concurrent.create", "10 users exceed the limit of 5 requests in flight"),
    ] {
        let before = configurations(&site);
        let error = site.answer(id, json!({})).await.unwrap_err();
        assert!(matches!(&error, CheckError::NotApplicable(why) if why.contains(expected)), "{error}");
        // One request by itself finds out how jobs are ended.
        assert!(configurations(&site) <= before + 1);
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_cannot_be_cancelled_are_left() {
    let Some(site) = Site::with(&["focus-api.cancel-404"]).await else { return };
    let outcome = site.run("load.concurrent.create", json!({ "jobs": 4 })).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    assert_eq!(site.left_behind(), [""; 0]);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_nobody_can_end_need_room_for_as_long_as_they_live() {
    let faults = ["focus-api.cancel-404", "focus-api.stream-closed"];
    let Some(mut site) = Site::with(&faults).await else { return };
    site.jobs = Budget::new(100, Clock::system());
    let error = site.answer("load.peak", json!({})).await.unwrap_err();
    let CheckError::NotApplicable(why) = &error else { panic!("{error:?}") };
    assert!(why.contains("there is room for 100") && why.contains("server's timer"), "{why}");
    // What fits is done, and stays on the ledger.
    let outcome = site.run("load.concurrent.create", json!({ "jobs": 4 })).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    assert_eq!(site.left_behind().len(), 6, "two were started to find out how jobs are ended");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_for_which_there_is_no_room_is_not_sent() {
    let Some(mut site) = Site::with(&[]).await else { return };
    site.jobs = Budget::new(6, Clock::system());
    let refused = site.answer("load.concurrent.create", json!({ "jobs": 10 })).await.unwrap_err();
    assert!(matches!(&refused, CheckError::NotApplicable(why) if why.contains("room for 6")), "{refused}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_no_finding() {
    let Some(site) = Site::with(&[]).await else { return };
    site.inject("focus-api.away").await;
    for id in ["load.peak", "load.gets"] {
        let error = site.answer(id, json!({})).await.unwrap_err();
        assert!(matches!(error, CheckError::Target(_)), "{id}: {error}");
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_load_ends_its_jobs() {
    let Some(site) = Site::with(&[]).await else { return };
    let token = site.cancelled.clone();
    let interrupt = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        token.cancel();
    });
    let error = site.answer("load.steady", json!({ "rate": 20.0, "during": "30s" })).await.unwrap_err();
    assert!(matches!(&error, CheckError::Unclear(why) if why.contains("interrupted")), "{error}");
    interrupt.await.unwrap();
    assert_eq!(site.left_behind(), [""; 0]);
    site.close().await;
}
