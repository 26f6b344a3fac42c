//! What there is to know about one pod, in full sentences of its own fields.

use super::age;
use super::events::{last_seen, line};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus, Event, Pod};
use std::fmt::Write as _;

/// Of older events nobody learns more.
const MOST_EVENTS: usize = 15;

/// A pod: where it runs, what it wants, how its containers are, and what happened to it.
pub(super) fn pod(pod: &Pod, events: &[Event], now: Timestamp) -> String {
    let (meta, spec, status) =
        (&pod.metadata, pod.spec.clone().unwrap_or_default(), pod.status.clone().unwrap_or_default());
    let mut text = format!("== {} ==\n", meta.name.as_deref().unwrap_or("(no name)"));
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:14} {value}");
        }
    };
    let owners = meta.owner_references.iter().flatten().map(|owner| format!("{} {}", owner.kind, owner.name));
    field("owner", owners.collect::<Vec<_>>().join(", "));
    field("uid", meta.uid.clone().unwrap_or_default());
    field("node", spec.node_name.unwrap_or_else(|| "(none)".to_owned()));
    let labels = meta.labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    field("labels", labels.collect::<Vec<_>>().join(", "));
    let since = |time: &Timestamp| format!("{time} ({} ago)", age(now.duration_since(*time).as_secs()));
    field("created", meta.creation_timestamp.as_ref().map(|time| since(&time.0)).unwrap_or_default());
    field("deleted", meta.deletion_timestamp.as_ref().map(|time| since(&time.0)).unwrap_or_default());
    field("phase", status.phase.unwrap_or_default());
    field("reason", join(status.reason.as_deref(), status.message.as_deref()));
    for condition in status.conditions.iter().flatten().filter(|condition| condition.status != "True") {
        field(
            "not true",
            format!(
                "{}: {}",
                condition.type_,
                join(condition.reason.as_deref(), condition.message.as_deref())
            ),
        );
    }
    let statuses = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let statuses: Vec<&ContainerStatus> = statuses.collect();
    for wanted in spec.init_containers.iter().flatten().chain(&spec.containers) {
        let status = statuses.iter().find(|status| status.name == wanted.name);
        text.push_str(&container(wanted, status.copied()));
    }
    text.push_str(&history(pod, events, now));
    text
}

fn container(wanted: &Container, status: Option<&ContainerStatus>) -> String {
    let mut text = format!("container {}\n", wanted.name);
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:12} {value}");
        }
    };
    field("image", wanted.image.clone().unwrap_or_default());
    let resources = wanted.resources.clone().unwrap_or_default();
    for (name, amounts) in [("requests", resources.requests), ("limits", resources.limits)] {
        let amounts = amounts.into_iter().flatten().map(|(what, amount)| format!("{what} {}", amount.0));
        field(name, amounts.collect::<Vec<_>>().join(", "));
    }
    if let Some(status) = status {
        field("ready", if status.ready { "yes".to_owned() } else { "no".to_owned() });
        field("restarts", status.restart_count.to_string());
        field("state", status.state.as_ref().map(state).unwrap_or_default());
        field("state before", status.last_state.as_ref().map(state).unwrap_or_default());
    }
    text
}

fn state(state: &ContainerState) -> String {
    if let Some(waiting) = &state.waiting {
        return format!("waiting, {}", join(waiting.reason.as_deref(), waiting.message.as_deref()));
    }
    if let Some(running) = &state.running {
        return running
            .started_at
            .as_ref()
            .map_or_else(|| "running".to_owned(), |time| format!("running since {}", time.0));
    }
    let Some(ended) = &state.terminated else { return String::new() };
    let when = ended.finished_at.as_ref().map(|time| format!(" at {}", time.0)).unwrap_or_default();
    format!(
        "ended{when} with exit code {}, {}",
        ended.exit_code,
        join(ended.reason.as_deref(), ended.message.as_deref())
    )
}

fn join(reason: Option<&str>, message: Option<&str>) -> String {
    let parts: Vec<&str> = [reason, message].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    crate::trouble::line(&parts.join(": "), 600)
}

fn history(pod: &Pod, events: &[Event], now: Timestamp) -> String {
    let uid = pod.metadata.uid.as_deref();
    let mut own: Vec<&Event> =
        events.iter().filter(|event| uid.is_some() && event.involved_object.uid.as_deref() == uid).collect();
    own.sort_by_key(|event| std::cmp::Reverse(last_seen(event)));
    let mut text =
        if own.is_empty() { "events: none\n".to_owned() } else { "events, newest first\n".to_owned() };
    for event in own.into_iter().take(MOST_EVENTS) {
        let _ = writeln!(text, "  {}", line(event, now));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn a_pod_is_described_with_what_happened_to_it() {
        let one: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": "segy-1", "uid": "u-1", "labels": { "app": "segy" }, "creationTimestamp": "2025-11-01T10:00:00Z",
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "segy", "uid": "r" }],
            },
            "spec": { "nodeName": "worker-1", "containers": [{
                "name": "main", "image": "example.com/segy:1", "resources": { "limits": { "memory": "1Gi" } },
            }] },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }],
                "containerStatuses": [{
                    "name": "main", "ready": false, "restartCount": 3, "image": "x", "imageID": "",
                    "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s" } },
                    "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2025-11-01T10:59:00Z" } },
                }],
            },
        }))
        .unwrap();
        let event: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": { "kind": "Pod", "name": "segy-1", "uid": "u-1" }, "type": "Warning",
            "reason": "BackOff", "message": "Back-off restarting", "count": 4, "lastTimestamp": "2025-11-01T10:59:30Z",
        }))
        .unwrap();
        let other: Event = serde_json::from_value(json!({
            "metadata": {}, "involvedObject": { "kind": "Pod", "name": "segy-1", "uid": "u-2" }, "reason": "Killing",
        }))
        .unwrap();
        let now = "2025-11-01T11:00:00Z".parse().unwrap();
        assert_snapshot!(pod(&one, &[event, other], now), @r"
        == segy-1 ==
        owner          ReplicaSet segy
        uid            u-1
        node           worker-1
        labels         app=segy
        created        2025-11-01T10:00:00Z (1h0m ago)
        phase          Running
        not true       Ready: ContainersNotReady
        container main
          image        example.com/segy:1
          limits       memory 1Gi
          ready        no
          restarts     3
          state        waiting, CrashLoopBackOff: back-off 40s
          state before ended at 2025-11-01T10:59:00Z with exit code 137, OOMKilled
        events, newest first
          30s ago  Warning  BackOff  Pod/segy-1  Back-off restarting (4 times)
        ");
    }
}
