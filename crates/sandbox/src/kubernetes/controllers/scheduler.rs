//! Which node a pod runs on: of those that it fits, the one with the most room.

use crate::kubernetes::keeper::{Keeper, Task};
use crate::kubernetes::kinds::{NODE, POD};
use crate::kubernetes::objects::{holds, items, label, name, pairs, place, set_condition, thousandths};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::world::{Taken, requests};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a pod that fits nowhere is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Gives a pod a node, or says why none will do.
pub(in crate::kubernetes) fn bind(keeper: &mut Keeper, pod: &Value) {
    let (nodes, _) = keeper.store.list(&NODE, None);
    let wanted = requests(pod);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut best: Option<(i128, &str)> = None;
    for node in &nodes {
        match room(node, pod, wanted, keeper.world.taken(name(node))) {
            Ok(room) => {
                if best.is_none_or(|(most, _)| room > most) {
                    best = Some((room, name(node)));
                }
            }
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let now = keeper.now();
    let (home, own) = place(pod);
    if let Some((_, node)) = best {
        // Where it is gone there is nothing to bind.
        let bound = keeper.store.modify(&POD, &home, &own, |pod| {
            pod["spec"]["nodeName"] = json!(node);
            set_condition(&mut pod["status"], "PodScheduled", "True", ("", ""), now);
        });
        if let Ok(pod) = bound {
            let message = format!("Successfully assigned {home}/{own} to {node}");
            keeper.tell(&POD, &pod, Happened::normal("Scheduled", &message), Source::Scheduler);
        }
        return;
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let message = format!("0/{} nodes are available: {}.", nodes.len(), reasons.join(", "));
    let waits = keeper.store.modify(&POD, &home, &own, |pod| {
        set_condition(&mut pod["status"], "PodScheduled", "False", ("Unschedulable", &message), now);
    });
    if waits.is_ok() {
        keeper.tell(&POD, pod, Happened::warning("FailedScheduling", &message), Source::Scheduler);
        keeper.later(now + TRY_AGAIN, Task::Pod((home, own)));
    }
}

/// How much room a node has left for a pod, or why it will not do.
fn room(node: &Value, pod: &Value, wanted: Taken, taken: Taken) -> Result<i128, &'static str> {
    if node["spec"]["unschedulable"] == true {
        return Err("node(s) were unschedulable");
    }
    if pairs(&pod["spec"]["nodeSelector"]).any(|(key, value)| label(node, key) != value) {
        return Err("node(s) didn't match Pod's node affinity/selector");
    }
    if !holds(node, "Ready") {
        return Err("node(s) were not ready");
    }
    let tolerates = |taint: &Value| {
        items(pod, "/spec/tolerations").iter().any(|toleration| {
            toleration["key"] == taint["key"]
                || toleration["key"].is_null() && toleration["operator"] == "Exists"
        })
    };
    let repels = |taint: &Value| taint["effect"] != "PreferNoSchedule" && !tolerates(taint);
    if items(node, "/spec/taints").iter().any(repels) {
        return Err("node(s) had untolerated taint(s)");
    }
    let has = |what: &str| thousandths(&node["status"]["allocatable"][what]);
    let (cpu, memory) = (has("cpu"), has("memory"));
    if taken.pods + 1 > has("pods") / 1_000 {
        return Err("Too many pods");
    }
    if taken.millicores + wanted.millicores > cpu {
        return Err("Insufficient cpu");
    }
    if taken.memory + wanted.memory > memory {
        return Err("Insufficient memory");
    }
    // In millionths of the node, so that small pods count too.
    Ok((cpu - taken.millicores) * 1_000_000 / cpu.max(1)
        + (memory - taken.memory) * 1_000_000 / memory.max(1)
        - taken.pods)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Value {
        json!({
            "metadata": { "labels": { "disk": "ssd" } },
            "status": {
                "allocatable": { "cpu": "2", "memory": "1Gi", "pods": "2" },
                "conditions": [{ "type": "Ready", "status": "True" }],
            },
        })
    }

    fn fits(node: &Value, spec: &Value, taken: Taken) -> Result<(), &'static str> {
        let pod = json!({ "spec": spec });
        room(node, &pod, requests(&pod), taken).map(drop)
    }

    #[test]
    fn a_node_says_why_it_will_not_do() {
        let none = Taken::default();
        let asks = |cpu: &str, memory: &str| json!({ "containers": [{ "resources": { "requests": { "cpu": cpu, "memory": memory } } }] });
        assert_eq!(fits(&node(), &asks("2", "1Gi"), none), Ok(()));
        assert_eq!(fits(&node(), &asks("2001m", "1Gi"), none), Err("Insufficient cpu"));
        assert_eq!(fits(&node(), &asks("1", "1025Mi"), none), Err("Insufficient memory"));
        let full = Taken { pods: 2, ..none };
        assert_eq!(fits(&node(), &asks("1", "1"), full), Err("Too many pods"));
        let picky = json!({ "nodeSelector": { "disk": "nvme" } });
        assert_eq!(fits(&node(), &picky, none), Err("node(s) didn't match Pod's node affinity/selector"));
        let mut tainted = node();
        tainted["spec"] = json!({ "taints": [{ "key": "k", "effect": "NoSchedule" }] });
        assert_eq!(fits(&tainted, &json!({}), none), Err("node(s) had untolerated taint(s)"));
        assert_eq!(fits(&tainted, &json!({ "tolerations": [{ "key": "k" }] }), none), Ok(()));
        let mut cordoned = node();
        cordoned["spec"] = json!({ "unschedulable": true });
        assert_eq!(fits(&cordoned, &json!({}), none), Err("node(s) were unschedulable"));
    }
}
