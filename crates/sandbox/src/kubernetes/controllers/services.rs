//! Services: the endpoints and endpoint slices that follow from their selectors.

use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{ENDPOINT_SLICE, ENDPOINTS, Kind, POD, SERVICE};
use crate::kubernetes::objects::{
    hash_name, is_ending, is_finished, is_ready, items, name, namespace, pairs, reference_to, text, uid,
};
use crate::kubernetes::store::{Place, time_text};
use serde_json::{Value, json};
use std::sync::Arc;

pub(in crate::kubernetes) fn look(keeper: &mut Keeper, place: &Place) {
    let Ok(service) = keeper.store.get(&SERVICE, &place.0, &place.1) else {
        // The slice goes with its owner; endpoints only share the name.
        let _ = keeper.store.remove(&ENDPOINTS, &place.0, &place.1);
        return;
    };
    let selector = &service["spec"]["selector"];
    if pairs(selector).next().is_none() {
        return;
    }
    let mut pods = keeper.world.selected(&place.0, selector);
    pods.retain(|pod| !is_finished(pod) && !text(pod, "/status/podIP").is_empty());
    if keeper.orders.is_cut_off(place) {
        pods.clear();
    }
    let metadata = |own_name: String| {
        json!({
            "name": own_name,
            "namespace": namespace(&service),
            "labels": service["metadata"]["labels"],
            "creationTimestamp": time_text(keeper.now()),
        })
    };
    let mut slice = metadata(format!("{}-{}", name(&service), hash_name(&json!(uid(&service)), 5)));
    slice["labels"]["kubernetes.io/service-name"] = json!(name(&service));
    slice["labels"]["endpointslice.kubernetes.io/managed-by"] = json!("endpointslice-controller.k8s.io");
    slice["ownerReferences"] = json!([reference_to(&SERVICE, &service)]);
    let ports = ports(&service, &pods);
    put(
        keeper,
        &ENDPOINTS,
        &json!({ "metadata": metadata(name(&service).to_owned()), "subsets": subsets(&pods, &ports) }),
        &["subsets"],
    );
    put(
        keeper,
        &ENDPOINT_SLICE,
        &json!({
            "metadata": slice, "addressType": "IPv4", "endpoints": endpoints(&pods), "ports": ports,
        }),
        &["endpoints", "ports"],
    );
}

/// The ports at which the pods listen.
fn ports(service: &Value, pods: &[Arc<Value>]) -> Vec<Value> {
    let resolve = |target: &Value| match target.as_str() {
        Some(named) => pods
            .iter()
            .flat_map(|pod| items(pod, "/spec/containers"))
            .flat_map(|container| items(container, "/ports"))
            .find(|port| port["name"] == named)
            .map_or(Value::Null, |port| port["containerPort"].clone()),
        None => target.clone(),
    };
    items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let mut at = json!({ "port": resolve(&port["targetPort"]), "protocol": port["protocol"] });
            if !port["name"].is_null() {
                at["name"] = port["name"].clone();
            }
            at
        })
        .collect()
}

fn target(pod: &Value) -> Value {
    json!({ "kind": POD.kind, "namespace": namespace(pod), "name": name(pod), "uid": uid(pod) })
}

fn subsets(pods: &[Arc<Value>], ports: &[Value]) -> Value {
    let address = |pod: &Arc<Value>| json!({ "ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": target(pod) });
    let (ready, other): (Vec<_>, Vec<_>) =
        pods.iter().filter(|pod| !is_ending(pod)).partition(|pod| is_ready(pod));
    let mut subset = json!({ "ports": ports });
    for (field, pods) in [("addresses", &ready), ("notReadyAddresses", &other)] {
        if !pods.is_empty() {
            subset[field] = pods.iter().map(|pod| address(pod)).collect();
        }
    }
    if ready.is_empty() && other.is_empty() { json!([]) } else { json!([subset]) }
}

fn endpoints(pods: &[Arc<Value>]) -> Value {
    pods.iter()
        .map(|pod| {
            let (ready, ending) = (is_ready(pod), is_ending(pod));
            json!({
                "addresses": [pod["status"]["podIP"]],
                "conditions": { "ready": ready, "serving": ready, "terminating": ending },
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": target(pod),
            })
        })
        .collect()
}

/// Creates an object, or sets the fields that are the controller's.
fn put(keeper: &Keeper, kind: &'static Kind, wanted: &Value, fields: &[&str]) {
    let changed = keeper.store.modify(kind, namespace(wanted), name(wanted), |object| {
        for field in fields {
            object[*field] = wanted[*field].clone();
        }
    });
    if changed.is_err() {
        // Where the namespace is gone, so will be the service.
        let _ = keeper.store.create(kind, wanted.clone());
    }
}
