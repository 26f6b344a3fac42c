//! How much pods and nodes use: made up of what they request, rising and falling a little with time; only the Focus
//! Server's follows what it has to do.

use super::load::FocusLoad;
use super::objects::{hash_name, items, label, name, namespace, text, thousandths, uid};
use super::seed::FOCUS_SERVER;
use super::store::Place;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// What a container without requests uses: 20 m and 32 MiB.
const FEW_NANOCORES: u64 = 20_000_000;
const FEW_BYTES: u64 = 32 << 20;
/// What the node itself uses beside its pods.
const NODE_NANOCORES: u64 = 180_000_000;
const NODE_BYTES: u64 = 900 << 20;

/// An amount of processor and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) cpu_nanocores: u64,
    pub(crate) memory_bytes: u64,
}

impl Amount {
    const fn add(&mut self, other: Self) {
        self.cpu_nanocores += other.cpu_nanocores;
        self.memory_bytes += other.memory_bytes;
    }
}

/// What a pod uses.
#[derive(Clone, Debug)]
pub(crate) struct PodUsage {
    /// Its namespace and its name.
    pub(crate) place: Place,
    /// Its labels, as an object.
    pub(crate) labels: Value,
    /// Each container's name and what it uses.
    pub(crate) containers: Vec<(String, Amount)>,
}

/// What is used at one time.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) time: Timestamp,
    pub(crate) pods: Vec<PodUsage>,
    /// Each node's name and the sum of its pods and itself.
    pub(crate) nodes: Vec<(String, Amount)>,
}

/// What is used now by those of the pods that run, and by the nodes.
pub(super) fn usage(pods: &[Arc<Value>], nodes: &[Arc<Value>], load: &FocusLoad, now: Timestamp) -> Usage {
    let own = Amount { cpu_nanocores: NODE_NANOCORES, memory_bytes: NODE_BYTES };
    let mut sums: HashMap<&str, Amount> = nodes.iter().map(|node| (name(node), own)).collect();
    let mut used = Vec::new();
    for pod in pods.iter().filter(|pod| text(pod, "/status/phase") == "Running") {
        let mut containers = Vec::new();
        let is_focus_server = label(pod, "app.kubernetes.io/name") == FOCUS_SERVER;
        for container in items(pod, "/spec/containers") {
            let amount = if is_focus_server {
                load.amount(now, limit(container))
            } else {
                of(container, uid(pod), now)
            };
            if let Some(sum) = sums.get_mut(text(pod, "/spec/nodeName")) {
                sum.add(amount);
            }
            containers.push((text(container, "/name").to_owned(), amount));
        }
        let place = (namespace(pod).to_owned(), name(pod).to_owned());
        used.push(PodUsage { place, labels: pod["metadata"]["labels"].clone(), containers });
    }
    let nodes = nodes.iter().map(|node| (name(node).to_owned(), sums[name(node)])).collect();
    Usage { time: now, pods: used, nodes }
}

/// Between 30 and 70 per cent of what the container requests.
fn of(container: &Value, pod: &str, now: Timestamp) -> Amount {
    let seed: u64 = hash_name(&json!(pod), 4).bytes().map(u64::from).sum();
    let minute = u64::try_from(now.as_second() / 15).unwrap_or_default();
    let share = 30 + (seed * 7 + minute * 3) % 41;
    let part = |whole: u64| whole / 100 * share;
    let Amount { cpu_nanocores: cpu, memory_bytes: memory } = stated(container, "requests");
    Amount {
        cpu_nanocores: if cpu == 0 { FEW_NANOCORES } else { part(cpu) },
        memory_bytes: if memory == 0 { FEW_BYTES } else { part(memory) },
    }
}

/// What a container may use at most.
fn limit(container: &Value) -> Amount {
    let Amount { cpu_nanocores: cpu, memory_bytes: memory } = stated(container, "limits");
    let or_any = |amount| if amount == 0 { u64::MAX } else { amount };
    Amount { cpu_nanocores: or_any(cpu), memory_bytes: or_any(memory) }
}

/// The requests or the limits of a container; zeros where it has none.
fn stated(container: &Value, which: &str) -> Amount {
    let amount =
        |what: &str| u64::try_from(thousandths(&container["resources"][which][what])).unwrap_or_default();
    Amount { cpu_nanocores: amount("cpu").saturating_mul(1_000_000), memory_bytes: amount("memory") / 1_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_use_part_of_what_they_request_and_nodes_the_sum() {
        let pod = |phase: &str| {
            Arc::new(json!({
                "metadata": { "name": "p", "namespace": "panda", "uid": "u" },
                "spec": { "nodeName": "n", "containers": [
                    { "name": "a", "resources": { "requests": { "cpu": "1", "memory": "1Gi" } } }, { "name": "b" },
                ] },
                "status": { "phase": phase },
            }))
        };
        let nodes = [Arc::new(json!({ "metadata": { "name": "n" } }))];
        let usage =
            usage(&[pod("Running"), pod("Succeeded")], &nodes, &FocusLoad::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(usage.pods.len(), 1);
        let of = |index: usize| usage.pods[0].containers[index].1;
        assert!((300_000_000..=700_000_000).contains(&of(0).cpu_nanocores), "{:?}", of(0));
        assert!(of(0).memory_bytes < 1 << 30);
        assert_eq!(of(1), Amount { cpu_nanocores: FEW_NANOCORES, memory_bytes: FEW_BYTES });
        let sum = usage.nodes[0].1;
        assert_eq!(sum.cpu_nanocores, NODE_NANOCORES + of(0).cpu_nanocores + of(1).cpu_nanocores);
    }
}
