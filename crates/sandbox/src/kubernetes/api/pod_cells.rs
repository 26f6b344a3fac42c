//! How a pod is, in a few words, as `kubectl get pods` has it.

use super::columns::{condition, items, since, text};
use jiff::Timestamp;
use serde_json::Value;

/// How many of its containers are ready: `1/2`.
pub(super) fn ready(pod: &Value) -> String {
    let ready = items(&pod["status"]["containerStatuses"]).filter(|status| status["ready"] == true).count();
    format!("{ready}/{}", items(&pod["spec"]["containers"]).count())
}

/// The worst that is to be said of it, else its phase.
pub(super) fn status(pod: &Value) -> String {
    let phase = &pod["status"]["phase"];
    let mut status = text(&pod["status"]["reason"]).to_owned();
    if status.is_empty() {
        text(phase).clone_into(&mut status);
    }
    if let Some(init) = init_status(pod) {
        status = init;
    } else {
        let mut has_running = false;
        let statuses: Vec<&Value> = items(&pod["status"]["containerStatuses"]).collect();
        for container in statuses.into_iter().rev() {
            match not_running(container) {
                Some(reason) => status = reason,
                None => {
                    has_running |= container["ready"] == true && container["state"]["running"].is_object();
                }
            }
        }
        if status == "Completed" && has_running {
            let is_ready = condition(pod, "Ready") == Some(true);
            if is_ready { "Running" } else { "NotReady" }.clone_into(&mut status);
        }
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let is_lost = pod["status"]["reason"] == "NodeLost";
        if is_lost { "Unknown" } else { "Terminating" }.clone_into(&mut status);
    }
    status
}

/// Why a container waits, or how it has ended; none, where it runs.
fn not_running(container: &Value) -> Option<String> {
    let state = &container["state"];
    let waiting = text(&state["waiting"]["reason"]);
    if !waiting.is_empty() {
        return Some(waiting.to_owned());
    }
    let ended = &state["terminated"];
    if !ended.is_object() {
        return None;
    }
    Some(match (text(&ended["reason"]), ended["signal"].as_i64().unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", ended["exitCode"]),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

/// How far the containers are that run before the others; none, where they are done.
fn init_status(pod: &Value) -> Option<String> {
    let count = items(&pod["spec"]["initContainers"]).count();
    let unfinished = items(&pod["status"]["initContainerStatuses"])
        .enumerate()
        .find(|(_, container)| container["state"]["terminated"]["exitCode"] != 0)?;
    let (index, container) = unfinished;
    match not_running(container) {
        Some(reason) if reason != "PodInitializing" => Some(format!("Init:{reason}")),
        _ => Some(format!("Init:{index}/{count}")),
    }
}

/// How often its containers were restarted, and when that was last.
pub(super) fn restarts(pod: &Value, now: Timestamp) -> String {
    let statuses = || items(&pod["status"]["containerStatuses"]);
    let count: i64 = statuses().filter_map(|status| status["restartCount"].as_i64()).sum();
    let ends = statuses().filter_map(|status| status["lastState"]["terminated"].get("finishedAt"));
    match ends.max_by(|a, b| text(a).cmp(text(b))) {
        Some(last) if count > 0 => format!("{count} ({} ago)", since(last, now)),
        _ => count.to_string(),
    }
}
