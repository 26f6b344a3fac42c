//! What ails a pod: at most one thing, and each kind of it is judged by one check. To all others it is an explanation.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use std::collections::BTreeSet;

/// How long after its last restart a container may still be on its way back.
const COMING_BACK: SignedDuration = SignedDuration::from_secs(60);
/// How long a pod may outlive the grace period that its deletion granted.
const LINGERING: SignedDuration = SignedDuration::from_secs(30);

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Killed for using more memory than it may, and not well since.
    OutOfMemory,
    /// It ends as often as it is started, and the cluster waits ever longer between the attempts.
    CrashLoop,
    /// Its image cannot be had.
    Image,
    /// It was never started: not scheduled, no network, no volume, no configuration.
    NotStarted,
    /// Its node is away.
    Node,
    /// It is the failed attempt of a Job.
    Job,
    /// It has just ended, and is about to be started again.
    Restarting,
    /// It has ended for good, and should not have.
    Failed,
    /// It was deleted, and stays.
    Stuck,
    /// It runs, and does not say that it is ready; or nobody knows how it is.
    NotReady,
}

impl Kind {
    /// The check that judges it.
    pub(super) const fn owner(self) -> &'static str {
        match self {
            Self::OutOfMemory => "k8s.pods.memory",
            Self::CrashLoop => "k8s.pods.crashes",
            Self::Image => "k8s.pods.images",
            Self::NotStarted => "k8s.pods.pending",
            Self::Node => "k8s.nodes.ready",
            Self::Job => "k8s.jobs.failed",
            Self::Restarting => "k8s.restarts",
            Self::Failed | Self::Stuck | Self::NotReady => "k8s.api.connect",
        }
    }
}

/// What keeps a pod from doing its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ailment {
    /// What kind of thing it is.
    pub(super) kind: Kind,
    /// The container to blame, where there is one.
    pub(super) container: Option<String>,
    /// The cluster's word for it, for example `CrashLoopBackOff`.
    pub(super) reason: String,
    /// The cluster's sentence about it; empty where it says none.
    pub(super) message: String,
}

impl Ailment {
    fn new(kind: Kind, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, container: None, reason: reason.into(), message: message.into() }
    }

    fn of(kind: Kind, status: &ContainerStatus, reason: &str, message: impl Into<String>) -> Self {
        Self { container: Some(status.name.clone()), ..Self::new(kind, reason, message) }
    }

    /// Reason and message, on one line.
    pub(super) fn words(&self) -> String {
        let container =
            self.container.as_ref().map(|name| format!("container `{name}`: ")).unwrap_or_default();
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        format!("{container}{}{message}", self.reason)
    }
}

/// What ails a pod at this moment, given the nodes that are not ready. `None` for a pod that is well, that has done its
/// work, or that is being deleted within its time.
pub(super) fn diagnose(pod: &Pod, now: Timestamp, lost_nodes: &BTreeSet<String>) -> Option<Ailment> {
    if let Some(deleted) = &pod.metadata.deletion_timestamp {
        let overdue = now.duration_since(deleted.0);
        return (overdue > LINGERING).then(|| {
            let message = format!("it should have been gone {} s ago", overdue.as_secs());
            Ailment::new(Kind::Stuck, "Terminating", message)
        });
    }
    let Some(status) = &pod.status else {
        return Some(Ailment::new(Kind::NotStarted, "Pending", "it has no status yet"));
    };
    match status.phase.as_deref() {
        Some("Succeeded") => None,
        Some("Failed") => Some(failed(pod, status)),
        _ if is_ready(status) => None,
        phase => {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
            if let Some(node) = node.filter(|node| lost_nodes.contains(*node)) {
                return Some(Ailment::new(
                    Kind::Node,
                    "NodeNotReady",
                    format!("its node {node} is not ready"),
                ));
            }
            match phase {
                Some("Running") => troubled(status, now).or_else(|| Some(not_ready(pod, status))),
                Some("Pending") | None => troubled(status, now).or_else(|| Some(not_started(status))),
                Some(other) => {
                    let message =
                        words(status.message.as_ref()).unwrap_or("the cluster does not know how it is");
                    Some(Ailment::new(Kind::NotReady, other, message))
                }
            }
        }
    }
}

/// Whether a pod says that it is ready, or that it has nothing more to do.
fn is_ready(status: &PodStatus) -> bool {
    condition(status, "Ready").is_some_and(|(is, reason, _)| is == "True" || reason == Some("PodCompleted"))
}

/// A condition: its status, reason and message.
fn condition<'a>(status: &'a PodStatus, name: &str) -> Option<(&'a str, Option<&'a str>, Option<&'a str>)> {
    let found = status.conditions.iter().flatten().find(|condition| condition.type_ == name)?;
    Some((&found.status, words(found.reason.as_ref()), words(found.message.as_ref())))
}

fn words(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// All containers that have a status, in the order in which they are started.
pub(super) fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

/// How a container's previous run ended, or this one where it has ended.
pub(super) fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let ended =
        |state: &'_ Option<ContainerState>| state.as_ref().is_some_and(|state| state.terminated.is_some());
    let state = if ended(&status.state) { &status.state } else { &status.last_state };
    state.as_ref().and_then(|state| state.terminated.as_ref())
}

/// Whether a container was ended for using more memory than it may.
pub(super) fn out_of_memory(ended: &ContainerStateTerminated) -> bool {
    ended.reason.as_deref() == Some("OOMKilled")
}

/// How a container ended, in words: "exit code 1 (Error): no such file".
pub(super) fn end_words(ended: &ContainerStateTerminated) -> String {
    let mut text = match ended.signal {
        Some(signal) if signal != 0 => format!("signal {signal}"),
        _ => format!("exit code {}", ended.exit_code),
    };
    if let Some(reason) = words(ended.reason.as_ref()) {
        text = format!("{text} ({reason})");
    }
    match words(ended.message.as_ref()) {
        Some(message) => format!("{text}: {}", message.trim()),
        None => text,
    }
}

/// The first container that stands in the pod's way, and how.
fn troubled(status: &PodStatus, now: Timestamp) -> Option<Ailment> {
    containers(status).find_map(|container| container_trouble(container, now))
}

fn container_trouble(container: &ContainerStatus, now: Timestamp) -> Option<Ailment> {
    let state = container.state.as_ref()?;
    let ended = last_end(container);
    let how = ended.map(end_words).unwrap_or_default();
    let memory = ended.is_some_and(out_of_memory);
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let said = words(waiting.message.as_ref()).unwrap_or_default();
        return match reason {
            "CrashLoopBackOff" if memory => Some(Ailment::of(Kind::OutOfMemory, container, "OOMKilled", how)),
            "CrashLoopBackOff" => {
                let message = if how.is_empty() { said.to_owned() } else { format!("it ended with {how}") };
                Some(Ailment::of(Kind::CrashLoop, container, reason, message))
            }
            "ImagePullBackOff"
            | "ErrImagePull"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => {
                let message = format!("image {}: {said}", container.image);
                Some(Ailment::of(Kind::Image, container, reason, message))
            }
            // What every container goes through; where it stays there, the pod's conditions and events say why.
            "ContainerCreating" | "PodInitializing" | "" => None,
            other => Some(Ailment::of(Kind::NotStarted, container, other, said)),
        };
    }
    let ended = ended.filter(|ended| ended.exit_code != 0)?;
    let recent = ended.finished_at.as_ref().is_some_and(|at| now.duration_since(at.0) < COMING_BACK);
    let is_down = state.terminated.is_some() || (!container.ready && recent && container.restart_count > 0);
    let kind = if memory { Kind::OutOfMemory } else { Kind::Restarting };
    let reason = if memory { "OOMKilled" } else { "Restarting" };
    is_down.then(|| Ailment::of(kind, container, reason, format!("it ended with {how}")))
}

fn failed(pod: &Pod, status: &PodStatus) -> Ailment {
    let ended = containers(status).find_map(|container| {
        let ended = last_end(container).filter(|ended| ended.exit_code != 0)?;
        Some((container, ended))
    });
    let reason = words(status.reason.as_ref());
    match ended {
        Some((container, ended)) if out_of_memory(ended) => {
            Ailment::of(Kind::OutOfMemory, container, "OOMKilled", end_words(ended))
        }
        _ if owner(pod, "Job").is_some() => {
            let message = ended.map(|(_, ended)| end_words(ended));
            let said = words(status.message.as_ref()).map(str::to_owned);
            Ailment::new(Kind::Job, reason.unwrap_or("Failed"), message.or(said).unwrap_or_default())
        }
        Some((container, ended)) if reason.is_none() => {
            Ailment::of(Kind::Failed, container, "Failed", format!("it ended with {}", end_words(ended)))
        }
        _ => Ailment::new(
            Kind::Failed,
            reason.unwrap_or("Failed"),
            words(status.message.as_ref()).unwrap_or_default(),
        ),
    }
}

fn not_started(status: &PodStatus) -> Ailment {
    if let Some((is, reason, message)) = condition(status, "PodScheduled")
        && is == "False"
    {
        let reason = reason.unwrap_or("Unschedulable");
        return Ailment::new(Kind::NotStarted, reason, message.unwrap_or_default());
    }
    let waiting = containers(status).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        Some((container, waiting.reason.as_deref()?, words(waiting.message.as_ref()).unwrap_or_default()))
    });
    match waiting {
        Some((container, reason, said)) => Ailment::of(Kind::NotStarted, container, reason, said),
        None => Ailment::new(
            Kind::NotStarted,
            words(status.reason.as_ref()).unwrap_or("Pending"),
            words(status.message.as_ref()).unwrap_or_default(),
        ),
    }
}

fn not_ready(pod: &Pod, status: &PodStatus) -> Ailment {
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let shut: Vec<&str> = gates
        .map(|gate| gate.condition_type.as_str())
        .filter(|gate| condition(status, gate).is_none_or(|(is, ..)| is != "True"))
        .collect();
    let unready: Vec<&str> = status
        .container_statuses
        .iter()
        .flatten()
        .filter(|container| !container.ready)
        .map(|container| container.name.as_str())
        .collect();
    let (reason, said) = condition(status, "Ready").map_or((None, None), |(_, reason, said)| (reason, said));
    let message = match (said, unready.as_slice(), shut.as_slice()) {
        (Some(said), ..) => said.to_owned(),
        (None, [], []) => "it has no condition `Ready`".to_owned(),
        (None, [], shut) => format!("its readiness gates are not fulfilled: {}", shut.join(", ")),
        (None, unready, _) => format!("containers with unready status: [{}]", unready.join(" ")),
    };
    let container = unready.first().map(|&name| name.to_owned());
    Ailment { container, ..Ailment::new(Kind::NotReady, reason.unwrap_or("NotReady"), message) }
}

/// The name and UID of the controller of a pod, where it is of this kind.
pub(super) fn owner<'a>(pod: &'a Pod, kind: &str) -> Option<(&'a str, &'a str)> {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.kind == kind && owner.controller == Some(true))?;
    Some((&owner.name, &owner.uid))
}

#[cfg(test)]
#[path = "ailment_tests.rs"]
mod tests;
