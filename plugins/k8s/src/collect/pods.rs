//! The pods as a table, and those that are not well in full.

use super::{age, describe, noted, patience, table};
use crate::client::K8sClient;
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use shakedown_core::collect::{CollectContext, Collector};
use shakedown_core::{Evidence, TargetError, async_trait, register_collector};
use std::cmp::Reverse;

/// A longer table is not read.
const MOST_ROWS: usize = 500;

/// Nobody reads about more pods than this in full.
const MOST_DESCRIBED: usize = 20;

register_collector! {
    /// The pods of the namespace as a table, those that are not well first; and of these, in full, how they are and what
    /// happened to them.
    pub(crate) struct Pods: "k8s.pods"
}

#[async_trait]
impl Collector for Pods {
    type Target = Kubernetes;

    async fn collect(client: &K8sClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let pods = client.pods_within(patience(cx)).await.map_err(noted(client))?;
        let mut sorted: Vec<&Pod> = pods.iter().collect();
        sorted.sort_by_key(|pod| (is_well(pod), pod.metadata.name.as_deref()));
        let mut evidence = vec![Evidence::text("pods.txt", listing(&sorted, &client.namespace, cx.now))];
        let unwell: Vec<&Pod> = sorted.into_iter().filter(|pod| !is_well(pod)).collect();
        if !unwell.is_empty() {
            // Without the events the rest is still worth reading.
            let events = client.events_within(patience(cx)).await;
            let (events, trouble) = match events {
                Ok(events) => (events, None),
                Err(trouble) => (std::sync::Arc::default(), Some(trouble.into_target(&client.place))),
            };
            let mut text = trouble.map(|error| format!("(without events: {error})\n\n")).unwrap_or_default();
            for pod in unwell.iter().take(MOST_DESCRIBED) {
                text.push_str(&describe::pod(pod, &events, cx.now));
                text.push('\n');
            }
            text.push_str(&left_out(unwell.len(), MOST_DESCRIBED, "pods that are not well"));
            evidence.push(Evidence::text("pods-not-well.txt", text));
        }
        Ok(evidence)
    }
}

/// A line that says how many were left out; nothing where none were.
pub(super) fn left_out(count: usize, most: usize, what: &str) -> String {
    if count > most { format!("… and {} more {what}\n", count - most) } else { String::new() }
}

fn listing(pods: &[&Pod], namespace: &str, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = pods.iter().take(MOST_ROWS).map(|pod| row(pod, now)).collect();
    let head = ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"];
    let unwell = pods.iter().filter(|pod| !is_well(pod)).count();
    format!(
        "{} pods in the namespace {namespace}, {unwell} of them not well\n\n{}{}",
        pods.len(),
        table(&head, &rows),
        left_out(pods.len(), MOST_ROWS, "pods")
    )
}

fn row(pod: &Pod, now: Timestamp) -> Vec<String> {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let all = pod.spec.as_ref().map_or(containers.len(), |spec| spec.containers.len());
    let ready = containers.iter().filter(|container| container.ready).count();
    let restarts: i32 = containers.iter().map(|container| container.restart_count).sum();
    let created = pod.metadata.creation_timestamp.as_ref();
    vec![
        pod.metadata.name.clone().unwrap_or_default(),
        format!("{ready}/{all}"),
        word(pod),
        restarts.to_string(),
        created.map_or_else(String::new, |created| age(now.duration_since(created.0).as_secs())),
        status.pod_ip.unwrap_or_default(),
        pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
    ]
}

/// The word that says most about how a pod is: why a container waits or ended, else the phase.
fn word(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let status = pod.status.clone().unwrap_or_default();
    let telling = |state: &ContainerState| {
        let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.clone());
        waiting.or_else(|| state.terminated.as_ref().and_then(|ended| ended.reason.clone()))
    };
    let init = status.init_container_statuses.iter().flatten().filter(|container| !container.ready);
    let containers = status.container_statuses.iter().flatten().filter(|container| !container.ready);
    let reason = status.reason.clone();
    reason
        .or_else(|| init.chain(containers).find_map(|container| container.state.as_ref().and_then(telling)))
        .or(status.phase)
        .unwrap_or_else(|| "Unknown".to_owned())
}

/// Whether nothing is wrong with a pod: it is ready, or has done its work.
fn is_well(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    match status.phase.as_deref() {
        Some("Succeeded") => true,
        Some("Running") => {
            status.container_statuses.iter().flatten().all(|container| container.ready)
                && status
                    .conditions
                    .iter()
                    .flatten()
                    .all(|condition| !(condition.type_ == "Ready" && condition.status != "True"))
        }
        _ => false,
    }
}

/// Pods with containers that were started more than once, with the most often restarted first.
pub(super) fn restarted(pods: &[Pod]) -> Vec<(&Pod, &ContainerStatus)> {
    let mut found: Vec<(&Pod, &ContainerStatus)> = pods
        .iter()
        .flat_map(|pod| {
            let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
            statuses.unwrap_or_default().iter().map(move |container| (pod, container))
        })
        .filter(|(_, container)| container.restart_count > 0)
        .collect();
    found.sort_by_key(|(_, container)| Reverse(container.restart_count));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    fn pod(name: &str, ready: bool, waiting: Option<&str>, restarts: i32) -> Pod {
        let state =
            waiting.map_or(json!({ "running": {} }), |reason| json!({ "waiting": { "reason": reason } }));
        serde_json::from_value(json!({
            "metadata": { "name": name, "creationTimestamp": "2025-11-01T10:00:00Z" },
            "spec": { "nodeName": "worker-1", "containers": [{ "name": "main" }] },
            "status": {
                "phase": "Running", "podIP": "192.0.2.7",
                "containerStatuses": [{
                    "name": "main", "ready": ready, "restartCount": restarts, "image": "x", "imageID": "", "state": state,
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_table_reads_like_that_of_kubectl() {
        let now = "2025-11-01T12:30:00Z".parse().unwrap();
        let (bad, good) = (pod("segy", false, Some("CrashLoopBackOff"), 7), pod("focus", true, None, 0));
        assert_snapshot!(listing(&[&bad, &good], "panda", now), @r"
        2 pods in the namespace panda, 1 of them not well

        NAME    READY   STATUS             RESTARTS   AGE     IP          NODE
        segy    0/1     CrashLoopBackOff   7          2h30m   192.0.2.7   worker-1
        focus   1/1     Running            0          2h30m   192.0.2.7   worker-1
        ");
    }

    #[test]
    fn the_most_restarted_come_first() {
        let pods = [pod("a", true, None, 1), pod("b", true, None, 0), pod("c", true, None, 9)];
        let names: Vec<_> =
            restarted(&pods).iter().map(|(pod, _)| pod.metadata.name.clone().unwrap()).collect();
        assert_eq!(names, ["c", "a"]);
    }
}
