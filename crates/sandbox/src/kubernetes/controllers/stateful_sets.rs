//! Stateful sets: pods with names that stay, one after the other.

use super::pods;
use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{POD, STATEFUL_SET};
use crate::kubernetes::objects::{
    hash_name, is_ending, is_finished, is_ready, label, name, number, text, uid,
};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::store::Place;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const SOURCE: Source = Source::Controller("statefulset-controller");
const REVISION: &str = "controller-revision-hash";

pub(in crate::kubernetes) fn look(keeper: &mut Keeper, place: &Place) {
    let Ok(set) = keeper.store.get(&STATEFUL_SET, &place.0, &place.1) else { return };
    let wanted = number(&set, "/spec/replicas").unwrap_or(1);
    let revision = format!("{}-{}", name(&set), hash_name(&set["spec"]["template"], 10));
    let pods: BTreeMap<i64, Arc<Value>> = keeper
        .world
        .owned(uid(&set), &POD)
        .into_iter()
        .filter_map(|pod| Some((name(&pod).rsplit_once('-')?.1.parse().ok()?, pod)))
        .collect();
    act(keeper, &set, wanted, &revision, &pods);
    let kept: Vec<&Arc<Value>> =
        pods.iter().filter(|(ordinal, _)| **ordinal < wanted).map(|(_, pod)| pod).collect();
    let ready = kept.iter().filter(|pod| is_ready(pod)).count();
    let updated = kept.iter().filter(|pod| label(pod, REVISION) == revision).count();
    // Where it is gone by now nobody asks.
    let _ = keeper.store.modify(&STATEFUL_SET, &place.0, &place.1, |set| {
        let generation = set["metadata"]["generation"].clone();
        let status = &mut set["status"];
        status["observedGeneration"] = generation;
        status["replicas"] = json!(kept.len());
        status["readyReplicas"] = json!(ready);
        status["availableReplicas"] = json!(ready);
        status["updatedReplicas"] = json!(updated);
        status["updateRevision"] = json!(revision);
        if updated == kept.len() || status["currentRevision"].is_null() {
            status["currentRevision"] = json!(revision);
        }
        let is_current = status["currentRevision"] == json!(revision);
        status["currentReplicas"] = json!(if is_current { updated } else { kept.len() - updated });
        status["collisionCount"] = json!(0);
    });
}

/// Takes the next step: a pod more, a pod less, or a pod that is replaced.
fn act(keeper: &mut Keeper, set: &Value, wanted: i64, revision: &str, pods: &BTreeMap<i64, Arc<Value>>) {
    let in_parallel = text(set, "/spec/podManagementPolicy") == "Parallel";
    for (ordinal, pod) in pods {
        // One that has ended makes room for its successor.
        if is_finished(pod) && *ordinal < wanted {
            pods::end(keeper, pod);
        }
    }
    for ordinal in 0..wanted {
        match pods.get(&ordinal) {
            None => {
                let pod = of_ordinal(keeper, set, ordinal, revision);
                pods::create(keeper, &STATEFUL_SET, set, pod, SOURCE);
                if !in_parallel {
                    return;
                }
            }
            Some(pod) if !is_ready(pod) && !in_parallel => return,
            Some(_) => {}
        }
    }
    for (ordinal, pod) in pods.iter().rev() {
        let is_spare = *ordinal >= wanted;
        if is_spare || label(pod, REVISION) != revision {
            if !is_ending(pod) {
                pods::end(keeper, pod);
                let message = format!("delete Pod {} in StatefulSet {} successful", name(pod), name(set));
                keeper.tell(&STATEFUL_SET, set, Happened::normal("SuccessfulDelete", &message), SOURCE);
            }
            return;
        }
    }
}

fn of_ordinal(keeper: &Keeper, set: &Value, ordinal: i64, revision: &str) -> Value {
    let mut pod = pods::from_template(&STATEFUL_SET, set, keeper.now());
    let pod_name = format!("{}-{ordinal}", name(set));
    let metadata = &mut pod["metadata"];
    metadata["labels"][REVISION] = json!(revision);
    metadata["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod_name);
    metadata["labels"]["apps.kubernetes.io/pod-index"] = json!(ordinal.to_string());
    metadata["name"] = json!(pod_name);
    pod["spec"]["hostname"] = json!(pod_name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    pod
}
