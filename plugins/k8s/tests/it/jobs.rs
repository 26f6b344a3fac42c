//! Jobs of the sandbox's Focus Server as the checks see them in its cluster.

use crate::site::whole;
use serde_json::{Value, json};
use shakedown_testkit::{brief, finding};

/// What takes a while elsewhere is shown in seconds here.
fn params(check: &str) -> Value {
    match check {
        "k8s.job.pod-spawn" => json!({ "appears_within": "3s", "runs_within": "4s", "stays": "3s" }),
        "k8s.job.pending" => json!({ "starts_within": "3s" }),
        "k8s.job.port" => json!({ "appears_within": "3s", "ready_within": "5s" }),
        "k8s.job.cancel" => json!({ "ends_within": "3s" }),
        "k8s.job.observability" => json!({ "speaks_within": "2s" }),
        "k8s.job.auto-cleanup" => json!({ "appears_within": "2s", "wait": false }),
        _ => json!({}),
    }
}

const CHECKS: [&str; 11] = [
    "k8s.job.pod-spawn",
    "k8s.job.pending",
    "k8s.job.resources",
    "k8s.job.port",
    "k8s.job.cancel",
    "k8s.job.auto-cleanup",
    "k8s.job.observability",
    "k8s.job.type",
    "k8s.job.label",
    "k8s.logs.errors",
    "k8s.leftovers",
];

#[tokio::test]
async fn jobs_of_a_healthy_cluster_pass_and_stand_on_the_ledger() {
    let Some(site) = whole(&[]).await else { return };
    for check in CHECKS {
        let outcome = site.run_with(check, params(check)).await;
        let expected = match check {
            "k8s.job.label" => "passed label-missing",
            _ => "passed",
        };
        assert_eq!(brief(&outcome), expected, "{check}: {outcome:#?}");
    }
    // One job each, and two of the check that compares live with historic.
    assert_eq!(site.created().len(), 10);
    site.stop().await;
}

/// Under this fault the check finds that, and says this.
async fn finds(fault: &str, check: &str, code: &str, words: &[&str]) {
    let Some(site) = whole(&[fault]).await else { return };
    let outcome = site.run_with(check, params(check)).await;
    let said = format!("{:?} {}", finding(&outcome, code), site.all_evidence());
    for word in words {
        assert!(said.contains(word), "`{word}` is not in {said}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_pod_that_never_comes() {
    finds("k8s.job-no-pod", "k8s.job.pod-spawn", "no-pod", &["FailedCreate", "quota"]).await;
}

#[tokio::test]
async fn a_pod_that_fails() {
    finds("k8s.job-pod-failed", "k8s.job.pod-spawn", "pod-failed", &["Failed"]).await;
}

#[tokio::test]
async fn a_network_without_addresses() {
    finds("k8s.job-pending", "k8s.job.pending", "job-pending", &["no IP addresses available", "Capacity"])
        .await;
}

#[tokio::test]
async fn a_pending_pod_is_one_failure() {
    let Some(site) = whole(&["k8s.job-pending"]).await else { return };
    let outcome = site.run_with("k8s.job.pod-spawn", params("k8s.job.pod-spawn")).await;
    assert_eq!(brief(&outcome), "passed pod-waits", "{outcome:#?}");
    site.stop().await;
}

#[tokio::test]
async fn ports_that_lead_nowhere() {
    finds("k8s.job-no-service", "k8s.job.port", "no-service", &["grpc-service-1-1"]).await;
    finds("k8s.job-port-other", "k8s.job.port", "port-differs", &["NodePort"]).await;
}

#[tokio::test]
async fn pods_that_outlive_their_job() {
    finds("k8s.job-not-cancelled", "k8s.job.cancel", "pods-live-on", &["Running"]).await;
    finds("k8s.job-not-cleaned", "k8s.job.auto-cleanup", "job-not-ended", &["cleanup-job-1-1"]).await;
    finds("k8s.job-leftover", "k8s.job.auto-cleanup", "kept-too-long", &["for good"]).await;
    finds("k8s.job-leftover", "k8s.leftovers", "jobs-left-over", &["kubectl -n panda delete job"]).await;
}

#[tokio::test]
async fn pods_that_are_not_what_was_asked_for() {
    finds("k8s.job-type", "k8s.job.type", "type-differs", &["--time-start"]).await;
    finds("k8s.job-resources", "k8s.job.resources", "job-resources-missing", &["memory limit"]).await;
    finds("k8s.job-no-logs", "k8s.job.observability", "no-log", &[]).await;
    finds("k8s.job-label", "k8s.job.label", "label-differs", &["job_id"]).await;
}

#[tokio::test]
async fn a_server_without_cancelling_is_skipped() {
    let Some(site) = whole(&["focus-api.cancel-404"]).await else { return };
    let outcome = site.run_with("k8s.job.cancel", params("k8s.job.cancel")).await;
    assert_eq!(brief(&outcome), "skipped", "{outcome:#?}");
    site.stop().await;
}

#[tokio::test]
async fn errors_in_logs_are_counted_and_expected_ones_are_not() {
    let Some(site) = whole(&["k8s.log-errors"]).await else { return };
    // It logs one every second.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let outcome = site.run_with("k8s.logs.errors", json!({})).await;
    assert_eq!(brief(&outcome), "failed error-lines", "{outcome:#?}");
    assert!(site.all_evidence().contains("Failed to publish"), "{}", site.all_evidence());
    let outcome = site.run_with("k8s.logs.errors", json!({ "expected": ["Failed to publish"] })).await;
    assert_eq!(brief(&outcome), "passed errors-explained", "{outcome:#?}");
    site.stop().await;
}

#[tokio::test]
async fn logs_that_may_not_be_read_are_no_pass() {
    let Some(site) = whole(&["k8s.logs-forbidden"]).await else { return };
    let outcome = site.run_with("k8s.logs.errors", json!({})).await;
    assert_eq!(brief(&outcome), "errored", "{outcome:#?}");
    assert!(outcome.summary.contains("not permitted"), "{}", outcome.summary);
    site.stop().await;
}
