//! The columns of each kind's table.

use super::pod_cells;
use super::table::duration;
use crate::kubernetes::kinds::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A column, and what stands in it for an object.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) cell: fn(&Value, Timestamp) -> Value,
    /// Whether it shows only with `-o wide`.
    pub(super) is_wide: bool,
}

impl Column {
    /// The type of its cells.
    pub(super) fn shape(&self) -> &'static str {
        const NUMBERS: &[&str] =
            &["Available", "Count", "Current", "Data", "Desired", "Secrets", "Up-to-date"];
        if NUMBERS.contains(&self.name) { "integer" } else { "string" }
    }
}

const fn shown(name: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column { name, cell, is_wide: false }
}

const fn wide(name: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column { name, cell, is_wide: true }
}

/// The columns of a kind.
pub(super) fn of(kind: &Kind) -> &'static [Column] {
    match kind.kind {
        "Pod" => PODS,
        "Deployment" => DEPLOYMENTS,
        "ReplicaSet" => REPLICA_SETS,
        "StatefulSet" => STATEFUL_SETS,
        "DaemonSet" => DAEMON_SETS,
        "Job" => JOBS,
        "CronJob" => CRON_JOBS,
        "Service" => SERVICES,
        "Endpoints" => ENDPOINTS,
        "Event" => EVENTS,
        "Node" => NODES,
        "Namespace" => NAMESPACES,
        "ConfigMap" => CONFIG_MAPS,
        "Secret" => SECRETS,
        "ServiceAccount" => SERVICE_ACCOUNTS,
        "Lease" => LEASES,
        "EndpointSlice" => ENDPOINT_SLICES,
        "Ingress" => INGRESSES,
        _ => OTHERS,
    }
}

const NAME: Column = shown("Name", |o, _| o["metadata"]["name"].clone());
const AGE: Column = shown("Age", |o, now| json!(since(&o["metadata"]["creationTimestamp"], now)));
const CONTAINERS: Column = wide("Containers", |o, _| json!(of_containers(o, "name")));
const IMAGES: Column = wide("Images", |o, _| json!(of_containers(o, "image")));
const SELECTOR: Column = wide("Selector", |o, _| json!(labels(&o["spec"]["selector"]["matchLabels"])));

const OTHERS: &[Column] = &[NAME, shown("Created At", |o, _| o["metadata"]["creationTimestamp"].clone())];
const PODS: &[Column] = &[
    NAME,
    shown("Ready", |o, _| json!(pod_cells::ready(o))),
    shown("Status", |o, _| json!(pod_cells::status(o))),
    shown("Restarts", |o, now| json!(pod_cells::restarts(o, now))),
    AGE,
    wide("IP", |o, _| or_none(&o["status"]["podIP"])),
    wide("Node", |o, _| or_none(&o["spec"]["nodeName"])),
    wide("Nominated Node", |o, _| or_none(&o["status"]["nominatedNodeName"])),
    wide("Readiness Gates", |_, _| json!("<none>")),
];
const DEPLOYMENTS: &[Column] = &[
    NAME,
    shown("Ready", |o, _| ready_of(o, "readyReplicas")),
    shown("Up-to-date", |o, _| number(&o["status"]["updatedReplicas"])),
    shown("Available", |o, _| number(&o["status"]["availableReplicas"])),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const REPLICA_SETS: &[Column] = &[
    NAME,
    shown("Desired", |o, _| number(&o["spec"]["replicas"])),
    shown("Current", |o, _| number(&o["status"]["replicas"])),
    shown("Ready", |o, _| number(&o["status"]["readyReplicas"])),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const STATEFUL_SETS: &[Column] =
    &[NAME, shown("Ready", |o, _| ready_of(o, "readyReplicas")), AGE, CONTAINERS, IMAGES];
const DAEMON_SETS: &[Column] = &[
    NAME,
    shown("Desired", |o, _| number(&o["status"]["desiredNumberScheduled"])),
    shown("Current", |o, _| number(&o["status"]["currentNumberScheduled"])),
    shown("Ready", |o, _| number(&o["status"]["numberReady"])),
    shown("Up-to-date", |o, _| number(&o["status"]["updatedNumberScheduled"])),
    shown("Available", |o, _| number(&o["status"]["numberAvailable"])),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const JOBS: &[Column] = &[
    NAME,
    shown("Status", |o, _| json!(job_status(o))),
    shown("Completions", |o, _| json!(completions(o))),
    shown("Duration", |o, now| json!(job_duration(o, now))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
const CRON_JOBS: &[Column] = &[
    NAME,
    shown("Schedule", |o, _| o["spec"]["schedule"].clone()),
    shown("Suspend", |o, _| json!((o["spec"]["suspend"] == true).to_string())),
    AGE,
];
const SERVICES: &[Column] = &[
    NAME,
    shown("Type", |o, _| o["spec"]["type"].clone()),
    shown("Cluster-IP", |o, _| or_none(&o["spec"]["clusterIP"])),
    shown("External-IP", |_, _| json!("<none>")),
    shown("Port(s)", |o, _| json!(service_ports(o))),
    AGE,
    wide("Selector", |o, _| json!(labels(&o["spec"]["selector"]))),
];
const ENDPOINTS: &[Column] = &[NAME, shown("Endpoints", |o, _| json!(endpoints(o))), AGE];
const EVENTS: &[Column] = &[
    shown("Last Seen", |o, now| {
        json!(since(first_of(o, &["lastTimestamp", "eventTime", "firstTimestamp"]), now))
    }),
    shown("Type", |o, _| o["type"].clone()),
    shown("Reason", |o, _| o["reason"].clone()),
    shown("Object", |o, _| {
        let about = &o["involvedObject"];
        json!(format!("{}/{}", text(&about["kind"]).to_lowercase(), text(&about["name"])))
    }),
    wide("Subobject", |o, _| json!(text(&o["involvedObject"]["fieldPath"]))),
    wide("Source", |o, _| json!(text(first_of(&o["source"], &["component"])))),
    shown("Message", |o, _| json!(text(&o["message"]).trim())),
    wide("First Seen", |o, now| json!(since(first_of(o, &["firstTimestamp", "eventTime"]), now))),
    wide("Count", |o, _| json!(o["count"].as_i64().unwrap_or(1))),
    Column { is_wide: true, ..NAME },
];
const NODES: &[Column] = &[
    NAME,
    shown("Status", |o, _| json!(node_status(o))),
    shown("Roles", |o, _| json!(node_roles(o))),
    AGE,
    shown("Version", |o, _| o["status"]["nodeInfo"]["kubeletVersion"].clone()),
    wide("Internal-IP", |o, _| json!(node_address(o, "InternalIP"))),
    wide("External-IP", |o, _| json!(node_address(o, "ExternalIP"))),
    wide("OS-Image", |o, _| or_unknown(&o["status"]["nodeInfo"]["osImage"])),
    wide("Kernel-Version", |o, _| or_unknown(&o["status"]["nodeInfo"]["kernelVersion"])),
    wide("Container-Runtime", |o, _| or_unknown(&o["status"]["nodeInfo"]["containerRuntimeVersion"])),
];
const NAMESPACES: &[Column] = &[NAME, shown("Status", |o, _| o["status"]["phase"].clone()), AGE];
const CONFIG_MAPS: &[Column] =
    &[NAME, shown("Data", |o, _| json!(size(&o["data"]) + size(&o["binaryData"]))), AGE];
const SECRETS: &[Column] = &[
    NAME,
    shown("Type", |o, _| if o["type"].is_null() { json!("Opaque") } else { o["type"].clone() }),
    shown("Data", |o, _| json!(size(&o["data"]))),
    AGE,
];
const SERVICE_ACCOUNTS: &[Column] = &[NAME, shown("Secrets", |o, _| json!(size(&o["secrets"]))), AGE];
const LEASES: &[Column] = &[NAME, shown("Holder", |o, _| json!(text(&o["spec"]["holderIdentity"]))), AGE];
const ENDPOINT_SLICES: &[Column] = &[
    NAME,
    shown("AddressType", |o, _| o["addressType"].clone()),
    shown("Ports", |o, _| joined(items(&o["ports"]).map(|port| port["port"].to_string()))),
    shown("Endpoints", |o, _| {
        joined(items(&o["endpoints"]).flat_map(|one| items(&one["addresses"])).map(|ip| text(ip).to_owned()))
    }),
    AGE,
];
const INGRESSES: &[Column] = &[
    NAME,
    shown("Class", |o, _| or_none(&o["spec"]["ingressClassName"])),
    shown("Hosts", |o, _| joined(items(&o["spec"]["rules"]).map(|rule| text(&rule["host"]).to_owned()))),
    shown("Ports", |o, _| json!(if o["spec"]["tls"].is_array() { "80, 443" } else { "80" })),
    AGE,
];

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// How long ago a time was.
pub(super) fn since(time: &Value, now: Timestamp) -> String {
    text(time).parse().map_or_else(|_| "<unknown>".to_owned(), |time| duration(time, now))
}

fn number(value: &Value) -> Value {
    json!(value.as_i64().unwrap_or_default())
}

fn size(value: &Value) -> usize {
    value.as_object().map(serde_json::Map::len).or_else(|| value.as_array().map(Vec::len)).unwrap_or_default()
}

fn or_none(value: &Value) -> Value {
    if text(value).is_empty() { json!("<none>") } else { value.clone() }
}

fn or_unknown(value: &Value) -> Value {
    if text(value).is_empty() { json!("<unknown>") } else { value.clone() }
}

fn joined(texts: impl Iterator<Item = String>) -> Value {
    let all = texts.collect::<Vec<_>>().join(",");
    or_none(&json!(all))
}

/// The first field that says something.
fn first_of<'a>(object: &'a Value, fields: &[&str]) -> &'a Value {
    fields.iter().map(|field| &object[*field]).find(|value| value.is_string()).unwrap_or(&Value::Null)
}

fn labels(selector: &Value) -> String {
    let pairs = selector.as_object().into_iter().flatten();
    let all: Vec<String> = pairs.map(|(label, value)| format!("{label}={}", text(value))).collect();
    if all.is_empty() { "<none>".to_owned() } else { all.join(",") }
}

fn of_containers(object: &Value, field: &str) -> String {
    let containers = items(&object["spec"]["template"]["spec"]["containers"]);
    containers.map(|container| text(&container[field])).collect::<Vec<_>>().join(",")
}

fn ready_of(object: &Value, ready: &str) -> Value {
    let count = |value: &Value| value.as_i64().unwrap_or_default();
    json!(format!("{}/{}", count(&object["status"][ready]), count(&object["spec"]["replicas"])))
}

/// Whether a condition of an object holds; none, where the object does not say.
pub(super) fn condition(object: &Value, name: &str) -> Option<bool> {
    let found = items(&object["status"]["conditions"]).find(|condition| condition["type"] == name)?;
    Some(found["status"] == "True")
}

fn job_status(job: &Value) -> &'static str {
    if condition(job, "Complete") == Some(true) {
        "Complete"
    } else if condition(job, "Failed") == Some(true) {
        "Failed"
    } else if !job["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if condition(job, "Suspended") == Some(true) {
        "Suspended"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let succeeded = job["status"]["succeeded"].as_i64().unwrap_or_default();
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None => format!("{succeeded}/1 of {}", job["spec"]["parallelism"].as_i64().unwrap_or(1)),
    }
}

fn job_duration(job: &Value, now: Timestamp) -> String {
    let time = |field: &str| text(&job["status"][field]).parse::<Timestamp>().ok();
    time("startTime").map(|start| duration(start, time("completionTime").unwrap_or(now))).unwrap_or_default()
}

fn service_ports(service: &Value) -> String {
    let ports: Vec<String> = items(&service["spec"]["ports"])
        .map(|port| {
            let node = port["nodePort"].as_i64().map(|node| format!(":{node}")).unwrap_or_default();
            format!("{}{node}/{}", port["port"], text(&port["protocol"]))
        })
        .collect();
    if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }
}

/// The first three addresses with their ports, and how many more there are.
fn endpoints(object: &Value) -> String {
    const SHOWN: usize = 3;
    let mut all = Vec::new();
    for subset in items(&object["subsets"]) {
        for port in items(&subset["ports"]) {
            let addresses = items(&subset["addresses"]);
            all.extend(addresses.map(|address| format!("{}:{}", text(&address["ip"]), port["port"])));
        }
    }
    match all.len() {
        0 => "<none>".to_owned(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}

fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    };
    let cordoned = if node["spec"]["unschedulable"] == true { ",SchedulingDisabled" } else { "" };
    format!("{ready}{cordoned}")
}

fn node_roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles = labels.filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"));
    let all = roles.collect::<Vec<_>>().join(",");
    if all.is_empty() { "<none>".to_owned() } else { all }
}

fn node_address(node: &Value, which: &str) -> String {
    let found = items(&node["status"]["addresses"]).find(|address| address["type"] == which);
    found.map_or_else(|| "<none>".to_owned(), |address| text(&address["address"]).to_owned())
}
