//! From what the cluster says to readings.

use crate::quantity;
use crate::trouble::line;
use k8s_openapi::api::core::v1::{Container, Event, Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;
use shakedown_core::{Reading, Unit};
use std::collections::BTreeMap;

/// The reason of events about pods for which nothing could be set up.
pub(super) const NO_SANDBOX: &str = "FailedCreatePodSandBox";
/// A pod of a Job that uses this share of a limit is worth a reading of its own.
const MUCH: f64 = 0.8;
/// No note is longer.
const NOTE: usize = 300;

/// What could be read.
pub(super) struct Seen<'a> {
    pub(super) namespace: &'a str,
    pub(super) pods: Option<Vec<Pod>>,
    pub(super) nodes: Option<Vec<Node>>,
    pub(super) events: Option<Vec<Event>>,
    pub(super) pod_usage: Option<Vec<DynamicObject>>,
    pub(super) node_usage: Option<Vec<DynamicObject>>,
}

/// All that can be said.
pub(super) fn readings(seen: &Seen<'_>) -> Vec<Reading> {
    let mut readings = Vec::new();
    if let Some(pods) = &seen.pods {
        if let Some(usage) = &seen.pod_usage {
            readings.extend(of_pods(pods, usage));
        }
        readings.extend(states(&format!("namespace/{}", seen.namespace), pods, seen.events.as_deref()));
    }
    if let Some(nodes) = &seen.nodes {
        if let Some(usage) = &seen.node_usage {
            readings.extend(of_nodes(nodes, usage));
        }
        readings.push(pressure(nodes));
    }
    readings
}

/// Cores and bytes, each where it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Amount {
    cpu: Option<f64>,
    memory: Option<f64>,
}

impl Amount {
    const ZERO: Self = Self { cpu: Some(0.0), memory: Some(0.0) };

    /// The sum is known where both are.
    fn plus(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        Self { cpu: sum(self.cpu, other.cpu), memory: sum(self.memory, other.memory) }
    }

    /// What a container, or a node, uses.
    fn used(object: &Value) -> Self {
        let amount = |name: &str| object["usage"][name].as_str().and_then(quantity::of);
        Self { cpu: amount("cpu"), memory: amount("memory") }
    }

    fn of(quantities: Option<&BTreeMap<String, Quantity>>) -> Self {
        let amount = |name: &str| quantity::number(quantities?.get(name)?);
        Self { cpu: amount("cpu"), memory: amount("memory") }
    }

    fn limits(containers: &[Container]) -> Self {
        let limits = |container: &Container| {
            Self::of(container.resources.as_ref().and_then(|resources| resources.limits.as_ref()))
        };
        containers.iter().map(limits).fold(Self::ZERO, Self::plus)
    }

    /// The readings of a subject that uses this, of so much.
    fn readings(self, subject: &str, limit: Self) -> impl Iterator<Item = Reading> + use<> {
        // Cores are counted; there is no better unit for them.
        let cpu = self.cpu.map(|cpu| Reading::new(subject, "cpu", cpu, Unit::Count).of(limit.cpu));
        let memory =
            self.memory.map(|memory| Reading::new(subject, "memory", memory, Unit::Bytes).of(limit.memory));
        cpu.into_iter().chain(memory)
    }
}

fn of_pods(pods: &[Pod], usage: &[DynamicObject]) -> Vec<Reading> {
    let used: BTreeMap<String, Amount> = usage
        .iter()
        .filter_map(|metrics| {
            let containers = metrics.data["containers"].as_array()?;
            let sum = containers.iter().map(Amount::used).fold(Amount::ZERO, Amount::plus);
            Some((metrics.name_any(), sum))
        })
        .collect();
    let mut readings = Vec::new();
    let mut of_jobs: Option<(Amount, Amount)> = None;
    for pod in pods {
        let Some(used) = used.get(&pod.name_any()).copied() else { continue };
        let limit = pod.spec.as_ref().map_or(Amount::default(), |spec| Amount::limits(&spec.containers));
        let own = used.readings(&format!("pod/{}", pod.name_any()), limit);
        if pod.owner_references().iter().any(|owner| owner.kind == "Job") {
            let (all, limits) = of_jobs.unwrap_or((Amount::ZERO, Amount::ZERO));
            of_jobs = Some((all.plus(used), limits.plus(limit)));
            readings.extend(own.filter(|reading| reading.share().is_some_and(|share| share >= MUCH)));
        } else {
            readings.extend(own);
        }
    }
    readings.extend(of_jobs.into_iter().flat_map(|(used, limit)| used.readings("pods of jobs", limit)));
    readings
}

fn of_nodes(nodes: &[Node], usage: &[DynamicObject]) -> Vec<Reading> {
    let room: BTreeMap<String, Amount> = nodes
        .iter()
        .map(|node| {
            let status = node.status.as_ref();
            (node.name_any(), Amount::of(status.and_then(|status| status.allocatable.as_ref())))
        })
        .collect();
    let of = |metrics: &DynamicObject| {
        let name = metrics.name_any();
        let limit = room.get(&name).copied().unwrap_or_default();
        Amount::used(&metrics.data).readings(&format!("node/{name}"), limit)
    };
    usage.iter().flat_map(of).collect()
}

/// How many pods cannot begin, have failed, or were restarted.
fn states(subject: &str, pods: &[Pod], events: Option<&[Event]>) -> Vec<Reading> {
    let mut without_address = Tally::default();
    let mut pending = Tally::default();
    let mut failed = Tally::default();
    let mut restarts = 0_i64;
    for pod in pods {
        match phase(pod) {
            "Pending" => {
                if let Some(message) = events.and_then(|events| lacks_address(pod, events)) {
                    without_address.add(message);
                } else if let Some(reason) = stuck(pod) {
                    pending.add(&reason);
                }
            }
            "Failed" => failed.add(&format!("the latest is `{}`", pod.name_any())),
            _ => {}
        }
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        restarts += statuses.map(|status| i64::from(status.restart_count)).sum::<i64>();
    }
    let mut readings = vec![pending.reading(subject, "pods-pending"), failed.reading(subject, "pods-failed")];
    if events.is_some() {
        readings.push(without_address.reading(subject, "pods-without-address"));
    }
    #[expect(clippy::cast_precision_loss, reason = "restarts are far fewer than 2^52")]
    readings.push(Reading::new(subject, "restarts", restarts as f64, Unit::Count));
    readings
}

/// How many there are, and what is said of the last one.
#[derive(Default)]
struct Tally {
    count: u32,
    note: Option<String>,
}

impl Tally {
    fn add(&mut self, note: &str) {
        self.count += 1;
        self.note = Some(line(note, NOTE));
    }

    fn reading(self, subject: &str, what: &str) -> Reading {
        let reading = Reading::new(subject, what, f64::from(self.count), Unit::Count);
        match self.note {
            Some(note) => reading.because(note),
            None => reading,
        }
    }
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// What the network says of a pod that it has no address for.
fn lacks_address<'a>(pod: &Pod, events: &'a [Event]) -> Option<&'a str> {
    let of_pod = |event: &&Event| {
        event.reason.as_deref() == Some(NO_SANDBOX)
            && event.involved_object.uid.is_some()
            && event.involved_object.uid == pod.metadata.uid
    };
    let messages = events.iter().filter(of_pod).filter_map(|event| event.message.as_deref());
    let mut about_addresses = messages.filter(|message| {
        let message = message.to_lowercase();
        ["no ip addresses available", "failed to assign an ip", "no addresses available"]
            .iter()
            .any(|words| message.contains(words))
    });
    about_addresses.next()
}

/// Why a pod cannot begin, where that is more than that it is being made.
fn stuck(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let unscheduled =
        conditions.find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        let reason = condition.message.as_ref().or(condition.reason.as_ref());
        return Some(reason.cloned().unwrap_or_else(|| "no node takes it".to_owned()));
    }
    let mut waiting = status.container_statuses.iter().flatten().filter_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        (!matches!(reason, "ContainerCreating" | "PodInitializing")).then(|| match &waiting.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason.to_owned(),
        })
    });
    waiting.next()
}

/// How many nodes are short of something, or not ready.
fn pressure(nodes: &[Node]) -> Reading {
    let mut tally = Tally::default();
    for node in nodes {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let bad: Vec<String> = conditions
            .filter(|condition| match condition.type_.as_str() {
                "MemoryPressure" | "DiskPressure" | "PIDPressure" => condition.status == "True",
                "Ready" => condition.status != "True",
                _ => false,
            })
            .map(|condition| match condition.type_.as_str() {
                "Ready" => "not ready".to_owned(),
                kind => kind.to_owned(),
            })
            .collect();
        if !bad.is_empty() {
            tally.add(&format!("{}: {}", node.name_any(), bad.join(", ")));
        }
    }
    tally.reading("nodes", "node-pressure")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, owner: &str, phase: &str) -> Value {
        json!({
            "metadata": { "name": name, "uid": name, "ownerReferences": [
                { "apiVersion": "v1", "kind": owner, "name": "o", "uid": "o" },
            ] },
            "spec": { "containers": [{ "name": "c", "resources": { "limits": { "cpu": "2", "memory": "1Gi" } } }] },
            "status": { "phase": phase },
        })
    }

    fn used(name: &str, cpu: &str, memory: &str) -> Value {
        json!({ "metadata": { "name": name }, "containers": [{ "usage": { "cpu": cpu, "memory": memory } }] })
    }

    fn shown(seen: &Seen<'_>) -> String {
        let line = |reading: &Reading| {
            let limit = reading.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            let note = reading.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            format!("{} {} {}{limit}{note}\n", reading.subject, reading.what, reading.value)
        };
        readings(seen).iter().map(line).collect()
    }

    fn list<T: serde::de::DeserializeOwned>(objects: Value) -> Option<Vec<T>> {
        serde_json::from_value(objects).ok()
    }

    #[test]
    fn usage_is_held_against_limits_and_jobs_are_taken_together() {
        let mut without_limit = pod("free", "ReplicaSet", "Running");
        without_limit["spec"]["containers"][0]["resources"] = json!({});
        let seen = Seen {
            namespace: "panda",
            pods: list(json!([
                pod("server", "ReplicaSet", "Running"),
                without_limit,
                pod("job-1", "Job", "Running"),
                pod("job-2", "Job", "Running"),
            ])),
            nodes: list(json!([
                { "metadata": { "name": "w" }, "status": { "allocatable": { "cpu": "4" } } },
            ])),
            events: None,
            pod_usage: list(json!([
                used("server", "500m", "512Mi"),
                used("free", "1", "1Mi"),
                used("job-1", "250m", "1000Mi"),
                used("job-2", "250m", "24Mi"),
                used("gone", "9", "9Gi"),
            ])),
            node_usage: list(json!([
                { "metadata": { "name": "w" }, "usage": { "cpu": "1500m", "memory": "1Ki" } },
            ])),
        };
        insta::assert_snapshot!(shown(&seen), @r"
        pod/server cpu 0.5 of 2
        pod/server memory 536870912 of 1073741824
        pod/free cpu 1
        pod/free memory 1048576
        pod/job-1 memory 1048576000 of 1073741824
        pods of jobs cpu 0.5 of 4
        pods of jobs memory 1073741824 of 2147483648
        namespace/panda pods-pending 0
        namespace/panda pods-failed 0
        namespace/panda restarts 0
        node/w cpu 1.5 of 4
        node/w memory 1024
        nodes node-pressure 0
        ");
    }

    #[test]
    fn pods_that_cannot_begin_are_told_from_those_that_are_being_made() {
        let with = |name: &str, status: Value| {
            let mut pod = pod(name, "Job", "Pending");
            pod["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
            pod
        };
        let waiting = |reason: &str| {
            json!({ "containerStatuses": [{
                "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
                "state": { "waiting": { "reason": reason } },
            }] })
        };
        let unscheduled = json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/2 nodes are available: 2 Insufficient cpu.",
        }] });
        let event = |uid: &str, message: &str| {
            json!({
                "metadata": {}, "reason": NO_SANDBOX, "message": message, "involvedObject": { "uid": uid },
            })
        };
        let seen = Seen {
            namespace: "panda",
            pods: list(json!([
                with("young", waiting("ContainerCreating")),
                with("lonely", waiting("ContainerCreating")),
                with("unmounted", waiting("ContainerCreating")),
                with("large", unscheduled),
                with("wrong", waiting("ImagePullBackOff")),
                pod("dead", "Job", "Failed"),
            ])),
            nodes: list(json!([
                { "metadata": { "name": "a" }, "status": { "conditions": [
                    { "type": "Ready", "status": "Unknown" }, { "type": "DiskPressure", "status": "True" },
                ] } },
                { "metadata": { "name": "b" }, "status": { "conditions": [
                    { "type": "Ready", "status": "True" }, { "type": "DiskPressure", "status": "False" },
                ] } },
            ])),
            events: list(json!([
                event("lonely", "plugin failed: no IP addresses available in range set"),
                event("unmounted", "cannot mount the volume"),
                event("gone", "no IP addresses available"),
            ])),
            pod_usage: None,
            node_usage: None,
        };
        insta::assert_snapshot!(shown(&seen), @r"
        namespace/panda pods-pending 2 (ImagePullBackOff)
        namespace/panda pods-failed 1 (the latest is `dead`)
        namespace/panda pods-without-address 1 (plugin failed: no IP addresses available in range set)
        namespace/panda restarts 12
        nodes node-pressure 1 (a: not ready, DiskPressure)
        ");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let seen = Seen {
            namespace: "panda",
            pods: None,
            nodes: None,
            events: list(json!([])),
            pod_usage: list(json!([used("server", "1", "1")])),
            node_usage: None,
        };
        assert_eq!(readings(&seen), []);
    }
}
