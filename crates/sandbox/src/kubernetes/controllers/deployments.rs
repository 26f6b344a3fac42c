//! Deployments: a replica set for each template, and a rolling update from one to the next.

use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{DEPLOYMENT, POD, REPLICA_SET};
use crate::kubernetes::objects::{
    hash_name, holds, label, name, namespace, number, reference_to, set_condition, text, uid,
};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::store::{Place, time_text};
use serde_json::{Value, json};
use std::sync::Arc;

const SOURCE: Source = Source::Controller("deployment-controller");
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

pub(in crate::kubernetes) fn look(keeper: &mut Keeper, place: &Place) {
    let Ok(deployment) = keeper.store.get(&DEPLOYMENT, &place.0, &place.1) else { return };
    let sets = keeper.world.owned(uid(&deployment), &REPLICA_SET);
    let hash = hash_name(&deployment["spec"]["template"], 10);
    let current = sets.iter().find(|set| label(set, HASH) == hash).cloned();
    let old: Vec<Arc<Value>> = sets.iter().filter(|set| label(set, HASH) != hash).cloned().collect();
    let Some(current) = current else {
        create(keeper, &deployment, &sets, &hash);
        return;
    };
    renumber(keeper, &current, &old);
    scale(keeper, &deployment, &current, &old);
    drop_history(keeper, &deployment, &old);
    write(keeper, place, &current, &old);
}

fn replicas(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

fn available(set: &Value) -> i64 {
    number(set, "/status/availableReplicas").unwrap_or(0)
}

fn revision(set: &Value) -> i64 {
    set["metadata"]["annotations"][REVISION].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Creates the replica set of the present template, with no pods yet.
fn create(keeper: &mut Keeper, deployment: &Value, sets: &[Arc<Value>], hash: &str) {
    let next = sets.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let set = json!({
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)),
            "namespace": namespace(deployment),
            "creationTimestamp": time_text(keeper.now()),
            "labels": template["metadata"]["labels"],
            "annotations": { REVISION: next.to_string() },
            "ownerReferences": [reference_to(&DEPLOYMENT, deployment)],
        },
        "spec": { "replicas": 0, "selector": selector, "template": template },
    });
    if let Err(error) = keeper.store.create(&REPLICA_SET, set) {
        let message = format!("Failed to create new replica set: {error}");
        keeper.tell(&DEPLOYMENT, deployment, Happened::warning("ReplicaSetCreateError", &message), SOURCE);
    }
}

/// The replica set in use has the highest revision, also where it is taken up again.
fn renumber(keeper: &Keeper, current: &Value, old: &[Arc<Value>]) {
    let highest = old.iter().map(|set| revision(set)).max().unwrap_or(0);
    if revision(current) <= highest {
        // Where it is gone by now the next look creates it.
        let _ = keeper.store.modify(&REPLICA_SET, namespace(current), name(current), |set| {
            set["metadata"]["annotations"][REVISION] = json!((highest + 1).to_string());
        });
    }
}

/// Gives each replica set the number of pods that it may have now.
fn scale(keeper: &mut Keeper, deployment: &Value, current: &Value, old: &[Arc<Value>]) {
    let wanted = replicas(deployment);
    let old_total: i64 = old.iter().map(|set| replicas(set)).sum();
    if text(deployment, "/spec/strategy/type") == "Recreate" {
        for set in old {
            resize(keeper, deployment, set, 0);
        }
        let is_empty = old.iter().all(|set| keeper.world.owned(uid(set), &POD).is_empty());
        if is_empty {
            resize(keeper, deployment, current, wanted);
        }
        return;
    }
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let surge = share(&rolling["maxSurge"], wanted, true);
    let mut missing = share(&rolling["maxUnavailable"], wanted, false);
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    let room = wanted + surge - old_total;
    resize(keeper, deployment, current, wanted.min(room.max(replicas(current).min(wanted))));
    let all_available = available(current) + old.iter().map(|set| available(set)).sum::<i64>();
    let mut spare = all_available - (wanted - missing);
    let mut oldest_first: Vec<&Arc<Value>> = old.iter().collect();
    oldest_first.sort_by_key(|set| revision(set));
    for set in oldest_first {
        // Pods that are not available are no loss.
        let useless = (replicas(set) - available(set)).max(0);
        let take = (useless + spare.clamp(0, available(set))).min(replicas(set));
        spare -= take - useless;
        resize(keeper, deployment, set, replicas(set) - take);
    }
}

/// A number of pods, or a percentage of those wanted.
fn share(of: &Value, wanted: i64, round_up: bool) -> i64 {
    let percent =
        of.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    match percent {
        Some(percent) if round_up => (wanted * percent + 99) / 100,
        Some(percent) => wanted * percent / 100,
        None => of.as_i64().unwrap_or(0),
    }
}

fn resize(keeper: &mut Keeper, deployment: &Value, set: &Value, to: i64) {
    let from = replicas(set);
    if from == to {
        return;
    }
    let changed = keeper
        .store
        .modify(&REPLICA_SET, namespace(set), name(set), |set| set["spec"]["replicas"] = json!(to));
    if changed.is_ok() {
        let way = if to > from { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {from} to {to}", name(set));
        keeper.tell(&DEPLOYMENT, deployment, Happened::normal("ScalingReplicaSet", &message), SOURCE);
    }
}

/// Removes the oldest of the replica sets that are kept only to go back to.
fn drop_history(keeper: &Keeper, deployment: &Value, old: &[Arc<Value>]) {
    let limit = number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let mut idle: Vec<&Arc<Value>> = old
        .iter()
        .filter(|set| replicas(set) == 0 && number(set, "/status/replicas").unwrap_or(0) == 0)
        .collect();
    idle.sort_by_key(|set| revision(set));
    let spare = idle.len().saturating_sub(usize::try_from(limit).unwrap_or_default());
    for set in idle.into_iter().take(spare) {
        // Somebody else may have removed it.
        let _ = keeper.store.remove(&REPLICA_SET, namespace(set), name(set));
    }
}

fn write(keeper: &Keeper, place: &Place, current: &Value, old: &[Arc<Value>]) {
    let now = keeper.now();
    let count = |set: &Value, field: &str| set["status"][field].as_i64().unwrap_or(0);
    let total = |field: &str| count(current, field) + old.iter().map(|set| count(set, field)).sum::<i64>();
    let (all, ready, able) = (total("replicas"), total("readyReplicas"), total("availableReplicas"));
    let updated = count(current, "replicas");
    let refusal = holds(current, "ReplicaFailure");
    let set_name = name(current).to_owned();
    let revised = revision(current).max(1).to_string();
    // Where it is gone by now nobody asks.
    let _ = keeper.store.modify(&DEPLOYMENT, &place.0, &place.1, |deployment| {
        let wanted = replicas(deployment);
        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        let enough = able >= wanted - share(&rolling["maxUnavailable"], wanted, false);
        let done = updated == wanted && all == wanted && able >= wanted;
        deployment["metadata"]["annotations"][REVISION] = json!(revised);
        let generation = deployment["metadata"]["generation"].clone();
        let status = &mut deployment["status"];
        status["observedGeneration"] = generation;
        status["replicas"] = json!(all);
        status["updatedReplicas"] = json!(updated);
        status["readyReplicas"] = json!(ready);
        status["availableReplicas"] = json!(able);
        status["unavailableReplicas"] = json!((wanted.max(all) - able).max(0));
        let why = if enough {
            ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        set_condition(status, "Available", if enough { "True" } else { "False" }, why, now);
        let message = if done {
            ("NewReplicaSetAvailable", format!("ReplicaSet \"{set_name}\" has successfully progressed."))
        } else {
            ("ReplicaSetUpdated", format!("ReplicaSet \"{set_name}\" is progressing."))
        };
        set_condition(status, "Progressing", "True", (message.0, &message.1), now);
        if refusal {
            let why = ("FailedCreate", "pods are forbidden: exceeded quota: compute");
            set_condition(status, "ReplicaFailure", "True", why, now);
        } else if let Some(conditions) = status["conditions"].as_array_mut() {
            conditions.retain(|condition| condition["type"] != "ReplicaFailure");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_or_percentages() {
        assert_eq!(share(&json!("25%"), 1, true), 1);
        assert_eq!(share(&json!("25%"), 1, false), 0);
        assert_eq!(share(&json!("50%"), 5, false), 2);
        assert_eq!(share(&json!(3), 5, true), 3);
    }
}
