//! The numbers against what the server says that it did.

use crate::host::Site;
use serde_json::json;
use shakedown_loadgen::{OperationReport, Report};
use shakedown_testkit::Times;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the server did while the check ran.
#[derive(Debug)]
struct Did {
    received: u64,
    reset: u64,
    statuses: BTreeMap<u16, u64>,
    /// Of all that it has done so far.
    latency: Times,
}

/// What the last load says of the requests for jobs, and what the server says. The check sends one of its own before.
fn both(site: &Site) -> (OperationReport, Did) {
    let report: Report = serde_json::from_str(&site.evidence("load.json")).unwrap();
    (report.operation("configure").unwrap(), did(site, "configure"))
}

fn did(site: &Site, operation: &str) -> Did {
    let (before, after) = (site.truth_before(), site.truth());
    // Before the first request of its kind the server knows nothing of it.
    let (before, after) = (before.operations.get(operation), &after.operations[operation]);
    let earlier = |status: u16| before.and_then(|before| before.statuses.get(&status)).copied().unwrap_or(0);
    Did {
        received: after.received - before.map_or(0, |before| before.received),
        reset: after.reset - before.map_or(0, |before| before.reset),
        statuses: after.statuses.iter().map(|(status, count)| (*status, count - earlier(*status))).collect(),
        latency: after.latency,
    }
}

/// How many failed with this class.
fn failed(ours: &OperationReport, class: &str) -> u64 {
    ours.failed.get(class).map_or(0, |tally| tally.count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_times_are_those_of_the_server() {
    let Some(site) = Site::with(&[]).await else { return };
    site.answer("load.peak", json!({ "during": "2s" })).await.unwrap();
    let (ours, theirs) = both(&site);
    assert_eq!(ours.attempts(), 20);
    assert_eq!(ours.attempts() + 1, theirs.received);
    assert_eq!(ours.succeeded.count + 1, theirs.statuses[&200]);
    assert_eq!(site.truth().jobs.alive, 0, "each job is ended");
    assert_eq!(did(&site, "cancel").statuses[&200], 21);

    // Whatever we measured takes at least as long as what the server did meanwhile; histograms keep three digits.
    let service = ours.service();
    let least = |truth: u64| Duration::from_micros(truth - truth / 100);
    assert!(service.max().unwrap() >= least(theirs.latency.p50), "{service:?} {theirs:?}");
    assert!(service.min().unwrap() >= least(theirs.latency.min));
    assert!(service.percentile(50.0).unwrap() >= least(theirs.latency.min));
    assert!(
        ours.latency().mean().unwrap() >= service.mean().unwrap(),
        "latency counts from when it should have begun"
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_counted_under_what_the_server_did() {
    for (fault, class, status) in [
        ("focus-api.errors-under-load", "status-500", Some(500)),
        ("focus-api.throttles", "throttled", Some(429)),
        ("focus-api.resets", "", None),
    ] {
        let Some(site) = Site::with(&[fault]).await else { return };
        site.answer("load.spike", json!({ "calm": "500ms", "rush": 20.0, "during": "1s" })).await.unwrap();
        let (ours, theirs) = both(&site);
        // The check's own request may have to be sent up to three times.
        let own = theirs.received - ours.attempts();
        assert!((1..=3).contains(&own), "{fault}: {own}");
        let did = status.map_or(theirs.reset, |status| theirs.statuses[&status]);
        assert_eq!(ours.failures() + own - 1, did, "{fault}: {:?}", ours.failed.keys());
        if status.is_some() {
            assert_eq!(failed(&ours, class), ours.failures(), "{fault}: {:?}", ours.failed.keys());
        }
        assert!(ours.failures() > 0, "{fault}");
        assert_eq!(ours.succeeded.count + 1, theirs.statuses[&200], "{fault}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_is_not_hidden_by_waiting_for_it() {
    let Some(site) = Site::with(&["focus-api.freezes"]).await else { return };
    site.answer("load.steady", json!({ "rate": 20.0, "during": "3s" })).await.unwrap();
    let (ours, _) = both(&site);
    assert!(!site.truth().stalls.is_empty());
    // The server stood still for a second; whoever came then waited for what was left of it: half of them for half of it.
    assert!(ours.latency().max().unwrap() >= Duration::from_millis(500));
    let waited = ours.latency().share_above(Duration::from_millis(200)).unwrap();
    assert!(waited > 0.1, "{waited} of the requests saw a stall of a third of the time");
    site.close().await;
}
