//! What an object means that it does not say: the defaults of the kinds that people write by hand.

use super::error::ApiError;
use super::kinds::{DEPLOYMENT, JOB, Kind, NAMESPACE, POD, REPLICA_SET, SERVICE, STATEFUL_SET};
use rand::RngExt as _;
use serde_json::{Value, json};

/// What must be an object, where it is there at all.
const OBJECTS: &[&str] = &[
    "/metadata/labels",
    "/metadata/annotations",
    "/spec",
    "/status",
    "/spec/selector",
    "/spec/selector/matchLabels",
    "/spec/template",
    "/spec/template/metadata",
    "/spec/template/metadata/labels",
    "/spec/template/spec",
];
/// What must be a list of objects, where it is there at all.
const LISTS: &[&str] = &[
    "/metadata/ownerReferences",
    "/spec/containers",
    "/spec/initContainers",
    "/spec/template/spec/containers",
    "/spec/template/spec/initContainers",
    "/spec/ports",
    "/subsets",
];

/// Refuses an object in which something stands where something else belongs.
pub(crate) fn check_shape(object: &Value) -> Result<(), ApiError> {
    let is_map = |value: &Value| value.is_null() || value.is_object();
    let is_list = |value: &Value| {
        value.is_null() || value.as_array().is_some_and(|items| items.iter().all(Value::is_object))
    };
    let refuse = |path: &str, wanted: &str| {
        let field = path.trim_start_matches('/').replace('/', ".");
        Err(ApiError::bad_request(format!("{field}: the object cannot be decoded: this is no {wanted}")))
    };
    if let Some(path) = OBJECTS.iter().find(|path| object.pointer(path).is_some_and(|value| !is_map(value))) {
        return refuse(path, "object");
    }
    if let Some(path) = LISTS.iter().find(|path| object.pointer(path).is_some_and(|value| !is_list(value))) {
        return refuse(path, "list of objects");
    }
    Ok(())
}

/// Fills them in for a new object of a sound shape.
pub(crate) fn fill(kind: &Kind, object: &mut Value) {
    if kind == &NAMESPACE {
        let name = object["metadata"]["name"].clone();
        default(&mut object["metadata"]["labels"], "kubernetes.io/metadata.name", name);
        default(&mut object["spec"], "finalizers", json!(["kubernetes"]));
        default(&mut object["status"], "phase", json!("Active"));
    } else if kind == &POD {
        pod_spec(&mut object["spec"], "Always");
        default(&mut object["status"], "phase", json!("Pending"));
        default(&mut object["status"], "qosClass", json!("BestEffort"));
    } else if kind == &SERVICE {
        service(&mut object["spec"]);
        default(&mut object["status"], "loadBalancer", json!({}));
    } else if kind == &DEPLOYMENT || kind == &STATEFUL_SET || kind == &REPLICA_SET {
        workload(kind, object);
    } else if kind == &JOB {
        job(object);
    }
}

/// Sets a field that says nothing yet.
fn default(parent: &mut Value, field: &str, value: Value) {
    if parent[field].is_null() {
        parent[field] = value;
    }
}

fn pod_spec(spec: &mut Value, restart_policy: &str) {
    default(spec, "restartPolicy", json!(restart_policy));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "serviceAccountName", json!("default"));
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            default(container, "imagePullPolicy", json!("IfNotPresent"));
            default(container, "resources", json!({}));
            default(container, "terminationMessagePath", json!("/dev/termination-log"));
            default(container, "terminationMessagePolicy", json!("File"));
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                default(port, "protocol", json!("TCP"));
            }
        }
    }
}

fn service(spec: &mut Value) {
    let mut random = rand::rng();
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    if spec["type"] != "ExternalName" {
        let address = format!("10.96.{}.{}", random.random_range(1..255), random.random_range(1..255));
        default(spec, "clusterIP", json!(address));
        let address = spec["clusterIP"].clone();
        default(spec, "clusterIPs", json!([address]));
    }
    let is_on_nodes = spec["type"] == "NodePort" || spec["type"] == "LoadBalancer";
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        default(port, "targetPort", number);
        if is_on_nodes {
            default(port, "nodePort", json!(random.random_range(30_000..32_768)));
        }
    }
}

fn workload(kind: &Kind, object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "replicas", json!(1));
    if kind == &DEPLOYMENT {
        default(spec, "progressDeadlineSeconds", json!(600));
        default(spec, "revisionHistoryLimit", json!(10));
        let rolling = json!({
            "type": "RollingUpdate",
            "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" },
        });
        default(spec, "strategy", rolling);
    }
    if kind == &STATEFUL_SET {
        default(spec, "podManagementPolicy", json!("OrderedReady"));
        let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } });
        default(spec, "updateStrategy", rolling);
    }
    pod_spec(&mut spec["template"]["spec"], "Always");
}

/// A job's pods are known by the job's UID, unless it brings a selector of its own.
fn job(object: &mut Value) {
    let (name, uid) = (object["metadata"]["name"].clone(), object["metadata"]["uid"].clone());
    let spec = &mut object["spec"];
    if spec["parallelism"].is_null() {
        default(spec, "completions", json!(1));
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    if spec["manualSelector"] != true {
        spec["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = uid.clone();
        let labels = &mut spec["template"]["metadata"]["labels"];
        for prefix in ["", "batch.kubernetes.io/"] {
            labels[format!("{prefix}controller-uid")] = uid.clone();
            labels[format!("{prefix}job-name")] = name.clone();
        }
    }
    pod_spec(&mut spec["template"]["spec"], "Never");
}
