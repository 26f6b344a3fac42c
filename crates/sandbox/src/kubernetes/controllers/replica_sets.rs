//! Replica sets: as many pods of one kind as are wanted.

use super::pods;
use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{POD, REPLICA_SET};
use crate::kubernetes::objects::{
    is_ending, is_finished, is_ready, name, number, place as place_of, set_condition, uid,
};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::store::Place;
use serde_json::{Value, json};
use std::sync::Arc;

const SOURCE: Source = Source::Controller("replicaset-controller");

pub(in crate::kubernetes) fn look(keeper: &mut Keeper, place: &Place) {
    let Ok(set) = keeper.store.get(&REPLICA_SET, &place.0, &place.1) else { return };
    let wanted = number(&set, "/spec/replicas").and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let mut live: Vec<Arc<Value>> = keeper.world.owned(uid(&set), &POD);
    live.retain(|pod| !is_ending(pod) && !is_finished(pod));
    let mut refusal = None;
    let mut made = 0;
    for count in live.len()..wanted {
        if !keeper.orders.allows_another(&of_deployment(&set), count) {
            refusal = Some(pods::refuse(keeper, &REPLICA_SET, &set, SOURCE));
            break;
        }
        let pod = pods::from_template(&REPLICA_SET, &set, keeper.now());
        if !pods::create(keeper, &REPLICA_SET, &set, pod, SOURCE) {
            break;
        }
        made += 1;
    }
    if live.len() > wanted {
        pods::most_dispensable_first(&mut live);
        for pod in live.drain(..live.len() - wanted) {
            pods::end(keeper, &pod);
            let message = format!("Deleted pod: {}", name(&pod));
            keeper.tell(&REPLICA_SET, &set, Happened::normal("SuccessfulDelete", &message), SOURCE);
        }
    }
    let ready = live.iter().filter(|pod| is_ready(pod)).count();
    let now = keeper.now();
    // Where it is gone by now nobody asks.
    let _ = keeper.store.modify(&REPLICA_SET, &place.0, &place.1, |set| {
        let generation = set["metadata"]["generation"].clone();
        let status = &mut set["status"];
        status["observedGeneration"] = generation;
        status["replicas"] = json!(live.len() + made);
        status["fullyLabeledReplicas"] = json!(live.len() + made);
        status["readyReplicas"] = json!(ready);
        status["availableReplicas"] = json!(ready);
        if let Some(message) = &refusal {
            set_condition(status, "ReplicaFailure", "True", ("FailedCreate", message), now);
        } else if let Some(fields) = status.as_object_mut() {
            fields.remove("conditions");
        }
    });
}

/// Whom a quota names: the deployment, where there is one.
fn of_deployment(set: &Value) -> Place {
    let owner = crate::kubernetes::objects::controller(set);
    let (home, own) = place_of(set);
    (home, owner.and_then(|owner| owner["name"].as_str()).map_or(own, str::to_owned))
}
