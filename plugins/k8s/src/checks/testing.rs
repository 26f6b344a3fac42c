//! Objects for tests.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The present moment of tests.
pub(super) fn now() -> Timestamp {
    "2025-11-20T12:00:00Z".parse().unwrap()
}

/// An object as the API server would send it.
pub(super) fn object<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// A pod with this status, one hour old.
pub(super) fn pod(name: &str, status: Value) -> Pod {
    object(json!({
        "metadata": { "name": name, "namespace": "panda", "uid": name, "creationTimestamp": "2025-11-20T11:00:00Z" },
        "spec": { "containers": [{ "name": "main" }] },
        "status": status,
    }))
}

/// A pod that is well, with these labels.
pub(super) fn well(name: &str, labels: Value) -> Pod {
    let mut pod =
        pod(name, json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }));
    pod.metadata.labels = Some(object(labels));
    pod
}
