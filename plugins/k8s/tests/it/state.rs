//! What the cluster looks like, under each fault: one cause is one failure, and all other checks say why they hold their
//! peace.

use crate::site::cluster;
use serde_json::{Value, json};
use shakedown_core::Status;
use shakedown_core::registry::registered_checks;
use shakedown_testkit::brief;

/// What takes a while elsewhere is shown in seconds here.
fn params(check: &str) -> Value {
    match check {
        "k8s.pods.pending" => json!({ "grace": "1s" }),
        _ => json!({}),
    }
}

/// The checks of the cluster's state, those first that others rest on.
fn checks() -> Vec<&'static str> {
    let is_state =
        |id: &str| !["k8s.job.", "k8s.logs.", "k8s.leftovers"].iter().any(|other| id.starts_with(other));
    let mut ids: Vec<&str> =
        registered_checks().map(|spec| spec.id).filter(|id| id.starts_with("k8s.") && is_state(id)).collect();
    ids.sort_unstable();
    assert!(ids.len() > 15, "{ids:?}");
    ids
}

/// What every check says that does not pass without a word, under these faults; notes are left out.
async fn said_under(faults: &[&str]) -> String {
    let site = cluster(faults).await;
    let mut said = Vec::new();
    for check in checks() {
        let outcome = site.run_with(check, params(check)).await;
        if outcome.status != Status::Passed {
            said.push(format!("{check}: {}", brief(&outcome)));
        }
    }
    site.stop().await;
    said.join("\n")
}

#[tokio::test]
async fn a_healthy_cluster_passes() {
    assert_eq!(said_under(&[]).await, "");
}

#[tokio::test]
async fn each_ailment_of_a_pod_is_one_failure() {
    for (fault, said) in [
        ("k8s.pod-not-ready", "k8s.api.connect: failed pod-not-ready"),
        ("k8s.crash-loop", "k8s.pods.crashes: failed crash-loop"),
        ("k8s.image-pull", "k8s.pods.images: failed image-pull"),
        ("k8s.pod-pending", "k8s.pods.pending: failed pod-pending"),
        ("k8s.oom-killed", "k8s.pods.memory: failed out-of-memory"),
        ("k8s.restarts-rising", "k8s.restarts: failed restarts-rising"),
    ] {
        assert_eq!(said_under(&[fault]).await, said, "{fault}");
    }
}

#[tokio::test]
async fn each_defect_of_a_workload_is_one_failure() {
    for (fault, said) in [
        ("k8s.deployment-short", "k8s.workloads.replicas: failed replicas-missing"),
        ("k8s.deployment-missing", "k8s.list.deployments: failed deployment-missing"),
        ("k8s.job-failed", "k8s.jobs.failed: failed job-failed"),
        ("k8s.endpoints-empty", "k8s.services.endpoints: failed endpoints-empty"),
        ("k8s.service-selector", "k8s.services.endpoints: failed selector-matches-nothing"),
        ("k8s.resources-missing", "k8s.resources.set: warned resources-missing"),
        ("k8s.limits-below-requests", "k8s.resources.set: failed limits-below-requests"),
        ("k8s.warning-events", "k8s.events.warnings: warned warning-events"),
        ("k8s.certificate-expiring", "k8s.certificates.expiry: failed certificate-expiring"),
    ] {
        assert_eq!(said_under(&[fault]).await, said, "{fault}");
    }
}

#[tokio::test]
async fn each_defect_of_the_cluster_is_one_failure() {
    for (fault, said) in [
        ("k8s.node-pressure", "k8s.nodes.ready: failed node-pressure"),
        ("k8s.node-not-ready", "k8s.nodes.ready: failed node-not-ready"),
        ("k8s.mongo-down", "k8s.mongo.status: failed mongo-not-ready"),
    ] {
        assert_eq!(said_under(&[fault]).await, said, "{fault}");
    }
}

#[tokio::test]
async fn what_is_elsewhere_is_found_there() {
    let site = cluster(&["k8s.namespace-other"]).await;
    let outcome = site.run_with("k8s.namespace.match", json!({})).await;
    assert_eq!(brief(&outcome), "failed component-elsewhere", "{outcome:#?}");
    let finding = outcome.all_findings().next().unwrap();
    assert!(
        finding.message.starts_with("mongodb is not in the namespace `panda` but in `default` (pod mongodb-")
    );
    let outcome = site.run_with("k8s.mongo.status", json!({})).await;
    assert_eq!(outcome.status, Status::Skipped, "{outcome:#?}");
    assert!(outcome.summary.contains("k8s.namespace.match"), "{}", outcome.summary);
    for check in ["k8s.list.deployments", "k8s.services.endpoints", "k8s.workloads.replicas"] {
        assert_eq!(site.run_with(check, json!({})).await.status, Status::Passed, "{check}");
    }
    site.stop().await;
}

#[tokio::test]
async fn an_empty_namespace_is_a_failure_and_no_pass() {
    let site = cluster(&["k8s.namespace-empty"]).await;
    assert_eq!(brief(&site.run_with("k8s.list.pods", json!({})).await), "failed namespace-empty");
    // The others rest on that one; asked all the same, none of those about pods passes.
    for check in
        checks().into_iter().filter(|check| check.starts_with("k8s.pods.") || *check == "k8s.api.connect")
    {
        assert_eq!(site.run_with(check, params(check)).await.status, Status::Skipped, "{check}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_crash_loop_is_noted_by_those_that_depend_on_the_pod() {
    let site = cluster(&["k8s.crash-loop"]).await;
    let outcome = site.run_with("k8s.pods.crashes", json!({})).await;
    let finding = &outcome.findings[0];
    assert!(finding.message.contains("exit code 1 (Error)"), "{finding:?}");
    assert!(finding.subject.starts_with("pod panda-panda-focus-server-"), "{finding:?}");
    assert!(finding.subject.ends_with("in namespace panda"), "{finding:?}");
    assert_eq!(finding.evidence.len(), 1);
    assert!(site.all_evidence().contains("CrashLoopBackOff"));
    for check in ["k8s.api.connect", "k8s.workloads.replicas", "k8s.services.endpoints"] {
        let outcome = site.run_with(check, json!({})).await;
        assert_eq!(brief(&outcome), "passed reported-elsewhere", "{check}: {outcome:#?}");
        assert!(outcome.findings[0].details[0].contains("k8s.pods.crashes"), "{:?}", outcome.findings);
    }
    site.stop().await;
}

#[tokio::test]
async fn who_may_see_nothing_passes_nothing() {
    let site = cluster(&["k8s.forbidden"]).await;
    for check in checks() {
        let outcome = site.run_with(check, params(check)).await;
        let expected = match check {
            // The version may be asked for.
            "k8s.api.direct" => Status::Passed,
            "k8s.nodes.ready" | "k8s.certificates.expiry" => Status::Skipped,
            _ => Status::Errored,
        };
        assert_eq!(outcome.status, expected, "{check}: {}", outcome.summary);
    }
    site.stop().await;
}

#[tokio::test]
async fn a_watch_that_expires_hides_no_restart() {
    let site = cluster(&["k8s.watch-expired", "k8s.restarts-rising"]).await;
    let outcome = site.run_with("k8s.restarts", json!({})).await;
    assert_eq!(brief(&outcome), "failed restarts-rising", "{outcome:#?}");
    site.stop().await;
}
