//! Waiting, against servers whose watches break off, expire and say nothing.

use crate::client::K8sClient;
use crate::trial::{AMPLE, Answer, Server, context, list, refusal};
use crate::wait::Waited;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};
use shakedown_core::{CheckError, TargetErrorKind};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn pod(name: &str, phase: &str, version: u64) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "status": { "phase": phase },
        "metadata": { "name": name, "namespace": "panda", "resourceVersion": version.to_string() },
    })
}

fn change(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn bookmark(version: u64) -> Value {
    let object =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "resourceVersion": version.to_string() } });
    change("BOOKMARK", &object)
}

fn expired() -> Value {
    change(
        "ERROR",
        &json!({ "kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "too old" }),
    )
}

/// Waits until the pod `a` runs.
async fn until_it_runs(client: &K8sClient, within: Duration) -> Result<Waited<usize, Pod>, CheckError> {
    let look = |pods: &BTreeMap<String, Pod>| {
        let pod = pods.get("panda/a")?;
        (pod.status.as_ref()?.phase.as_deref() == Some("Running")).then_some(pods.len())
    };
    client
        .until(
            &context(AMPLE),
            within,
            "watch the pods",
            &client.here(),
            ListParams::default().labels("x=y"),
            look,
        )
        .await
}

/// A server whose n-th list and n-th watch are these. The watch is told from which version it was asked for.
async fn server(
    lists: impl Fn(usize) -> Answer + Send + Sync + 'static,
    watches: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
) -> Server {
    let (list_count, watch_count) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Server::well(move |path| {
        let query = path.strip_prefix("/api/v1/namespaces/panda/pods")?;
        assert!(query.contains("labelSelector=x%3Dy"), "{query}");
        if !query.contains("watch=true") {
            return Some(lists(list_count.fetch_add(1, Ordering::Relaxed)));
        }
        let version = query.split("resourceVersion=").nth(1).unwrap().split('&').next().unwrap();
        Some(watches(watch_count.fetch_add(1, Ordering::Relaxed), version))
    })
    .await
}

fn seen(waited: Waited<usize, Pod>) -> usize {
    match waited {
        Waited::Done { seen, .. } => seen,
        Waited::TimedOut { last, .. } => panic!("timed out with {last:?}"),
    }
}

#[tokio::test]
async fn what_is_so_already_needs_no_watch() {
    let server =
        server(|_| list("Pod", vec![pod("a", "Running", 3)], 3, None), |_, _| panic!("watched")).await;
    assert_eq!(seen(until_it_runs(&server.client().await, AMPLE).await.unwrap()), 1);
}

#[tokio::test]
async fn what_becomes_so_is_seen_in_the_watch() {
    let server = server(
        |_| list("Pod", vec![pod("gone", "Running", 2)], 3, None),
        |_, version| {
            assert_eq!(version, "3");
            let changes = vec![
                change("ADDED", &pod("a", "Pending", 4)),
                change("DELETED", &pod("gone", "Running", 5)),
                change("MODIFIED", &pod("a", "Running", 6)),
            ];
            Answer::Lines(changes, true)
        },
    )
    .await;
    assert_eq!(seen(until_it_runs(&server.client().await, AMPLE).await.unwrap()), 1);
}

#[tokio::test]
async fn a_watch_that_ends_is_resumed_where_it_stood() {
    let server = server(
        |index| if index == 0 { list("Pod", vec![], 3, None) } else { panic!("listed again") },
        |index, version| {
            if index == 0 {
                return Answer::Lines(vec![change("ADDED", &pod("a", "Pending", 4)), bookmark(9)], false);
            }
            assert_eq!(version, "9");
            Answer::Lines(vec![change("MODIFIED", &pod("a", "Running", 11))], true)
        },
    )
    .await;
    assert_eq!(seen(until_it_runs(&server.client().await, AMPLE).await.unwrap()), 1);
}

#[tokio::test]
async fn an_expired_watch_is_begun_with_a_new_list() {
    let server = server(
        |index| match index {
            0 => list("Pod", vec![pod("b", "Pending", 2)], 3, None),
            1 => list("Pod", vec![], 8, None),
            _ => list("Pod", vec![pod("a", "Running", 12)], 12, None),
        },
        |index, _| match index {
            0 => Answer::Lines(vec![expired()], false),
            _ => refusal(410, "Expired", "too old"),
        },
    )
    .await;
    assert_eq!(seen(until_it_runs(&server.client().await, AMPLE).await.unwrap()), 1);
}

#[tokio::test]
async fn a_time_out_tells_what_was_last_seen() {
    let server = server(
        |_| list("Pod", vec![], 3, None),
        |_, _| Answer::Lines(vec![change("ADDED", &pod("a", "Pending", 4))], true),
    )
    .await;
    let client = server.client().await;
    let Waited::TimedOut { last, after } = until_it_runs(&client, Duration::from_secs(2)).await.unwrap()
    else {
        panic!("not timed out")
    };
    assert_eq!(last["panda/a"].status.as_ref().unwrap().phase.as_deref(), Some("Pending"));
    assert!(after >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_server_that_never_answered_is_an_error() {
    let silent = server(|_| Answer::Silence, |_, _| panic!("watched")).await;
    let error = until_it_runs(&silent.client().await, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(error, CheckError::Target(error) if error.kind == TargetErrorKind::TimedOut));
    let forbidden = server(|_| refusal(403, "Forbidden", "no"), |_, _| panic!("watched")).await;
    let error = until_it_runs(&forbidden.client().await, AMPLE).await.unwrap_err();
    assert!(matches!(error, CheckError::Target(error) if error.kind == TargetErrorKind::Forbidden));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let server = server(
        |index| if index == 0 { Answer::Raw(Vec::new()) } else { list("Pod", vec![], 3, None) },
        |index, _| match index {
            0 => Answer::Raw(Vec::new()),
            _ => Answer::Lines(vec![change("ADDED", &pod("a", "Running", 4))], true),
        },
    )
    .await;
    assert_eq!(seen(until_it_runs(&server.client().await, AMPLE).await.unwrap()), 1);
}
