//! Pods as controllers make and end them.

use crate::kubernetes::error::ApiError;
use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{Kind, POD};
use crate::kubernetes::objects::{is_ready, items, name, namespace, number, place, reference_to};
use crate::kubernetes::recorder::{Happened, Source};
use crate::kubernetes::store::time_text;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A pod after a template, for an owner. It has no name yet, only what its name begins with.
pub(in crate::kubernetes) fn from_template(kind: &Kind, owner: &Value, now: Timestamp) -> Value {
    let template = &owner["spec"]["template"];
    let mut pod = json!({
        "metadata": {
            "generateName": format!("{}-", name(owner)),
            "namespace": namespace(owner),
            "creationTimestamp": time_text(now),
            "ownerReferences": [reference_to(kind, owner)],
        },
        "spec": template["spec"],
        "status": { "phase": "Pending", "qosClass": quality(&template["spec"]) },
    });
    for field in ["labels", "annotations"] {
        if template["metadata"][field].is_object() {
            pod["metadata"][field] = template["metadata"][field].clone();
        }
    }
    pod
}

/// The class of service that its requests and limits make it.
fn quality(spec: &Value) -> &'static str {
    let containers = items(spec, "/containers");
    let says = |container: &Value, what: &str| {
        container["resources"][what].as_object().is_some_and(|amounts| !amounts.is_empty())
    };
    let is_guaranteed = |container: &Value| {
        says(container, "limits")
            && ["cpu", "memory"].iter().all(|what| {
                let limit = &container["resources"]["limits"][what];
                let request = &container["resources"]["requests"][what];
                !limit.is_null() && (request.is_null() || request == limit)
            })
    };
    if !containers.is_empty() && containers.iter().all(is_guaranteed) {
        "Guaranteed"
    } else if containers.iter().any(|container| says(container, "requests") || says(container, "limits")) {
        "Burstable"
    } else {
        "BestEffort"
    }
}

/// Creates a pod for its owner and tells of it; says whether that was possible.
pub(in crate::kubernetes) fn create(
    keeper: &mut Keeper,
    kind: &'static Kind,
    owner: &Value,
    pod: Value,
    source: Source,
) -> bool {
    let made: Result<Arc<Value>, ApiError> = keeper.store.create(&POD, pod);
    match made {
        Ok(pod) => {
            let message = format!("Created pod: {}", name(&pod));
            keeper.tell(kind, owner, Happened::normal("SuccessfulCreate", &message), source);
            true
        }
        Err(error) => {
            let message = format!("Error creating: {error}");
            keeper.tell(kind, owner, Happened::warning("FailedCreate", &message), source);
            false
        }
    }
}

/// Tells that an owner may have no further pod.
pub(in crate::kubernetes) fn refuse(
    keeper: &mut Keeper,
    kind: &Kind,
    owner: &Value,
    source: Source,
) -> String {
    let message = format!(
        "Error creating: pods \"{}-\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=20, \
         limited: pods=20",
        name(owner)
    );
    keeper.tell(kind, owner, Happened::warning("FailedCreate", &message), source);
    message
}

/// Begins to end a pod, with its grace.
pub(in crate::kubernetes) fn end(keeper: &Keeper, pod: &Value) {
    let grace = number(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    let until = keeper.now() + Duration::from_secs(u64::try_from(grace).unwrap_or_default());
    let (home, name) = place(pod);
    // Where it is gone already there is nothing to end.
    let _ = keeper.store.modify(&POD, &home, &name, |pod| {
        let metadata = &mut pod["metadata"];
        if metadata["deletionTimestamp"].is_null() {
            metadata["deletionTimestamp"] = json!(time_text(until));
            metadata["deletionGracePeriodSeconds"] = json!(grace);
        }
    });
}

/// The pods in the order in which they can be done without: those that are not ready first, then the youngest.
pub(in crate::kubernetes) fn most_dispensable_first(pods: &mut [Arc<Value>]) {
    pods.sort_by_cached_key(|pod| {
        let born = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        (is_ready(pod), std::cmp::Reverse(born), name(pod).to_owned())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_service_follows_requests_and_limits() {
        let amounts = json!({ "cpu": "1", "memory": "1Gi" });
        let of = |resources: Value| quality(&json!({ "containers": [{ "resources": resources }] }));
        assert_eq!(of(json!({ "requests": amounts, "limits": amounts })), "Guaranteed");
        assert_eq!(of(json!({ "limits": amounts })), "Guaranteed");
        assert_eq!(of(json!({ "requests": amounts })), "Burstable");
        assert_eq!(of(json!({})), "BestEffort");
    }
}
