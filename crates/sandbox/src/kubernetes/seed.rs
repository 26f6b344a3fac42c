//! What the cluster holds when it starts: two nodes, three namespaces, and the components in them.

use super::certificate;
use super::error::ApiError;
use super::kinds::{
    CONFIG_MAP, DEPLOYMENT, ENDPOINTS, INGRESS, Kind, NAMESPACE, NODE, SECRET, SERVICE, SERVICE_ACCOUNT,
    STATEFUL_SET,
};
use super::objects::set_condition;
use super::store::{Store, time_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The namespace of the components.
pub(super) const PANDA: &str = "panda";
/// The components, as the label `app.kubernetes.io/name` has them.
pub(super) const FOCUS_SERVER: &str = "panda-panda-focus-server";
pub(super) const SEGY_RECORDER: &str = "panda-panda-segy-recorder";
pub(super) const MONGODB: &str = "mongodb";
pub(super) const RABBITMQ: &str = "rabbitmq";
pub(super) const COMPONENTS: [&str; 4] = [FOCUS_SERVER, SEGY_RECORDER, MONGODB, RABBITMQ];
/// The stateful set of RabbitMQ, which is also the instance that its labels name.
pub(super) const RABBITMQ_SET: &str = "rabbitmq-panda";
/// The secret with the certificate of the Focus Server's ingress.
pub(super) const TLS_SECRET: &str = "panda-panda-focus-server-tls";
/// The nodes.
pub(super) const NODES: [&str; 2] = ["worker-1", "worker-2"];
/// For how long the certificate is valid.
const VALID: Duration = Duration::from_hours(365 * 24);
/// How many pods a node takes beside those that make the cluster big.
const PODS: usize = 500;

/// Fills an empty store. The nodes take `more` pods than they would.
pub(super) fn plant(store: &Store, now: Timestamp, more: usize) -> Result<(), ApiError> {
    let put = |kind: &'static Kind, mut object: Value| {
        object["metadata"]["creationTimestamp"] = json!(time_text(now));
        store.create(kind, object).map(drop)
    };
    for home in ["default", "kube-system", PANDA] {
        put(&NAMESPACE, json!({ "metadata": { "name": home } }))?;
        put(&SERVICE_ACCOUNT, json!({ "metadata": { "name": "default", "namespace": home } }))?;
    }
    for (number, name) in NODES.into_iter().enumerate() {
        put(&NODE, node(name, number + 11, PODS + more, now))?;
    }
    put(
        &SERVICE,
        json!({
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "component": "apiserver" } },
            "spec": { "clusterIP": "203.0.113.1", "ports": [{ "name": "https", "port": 443, "targetPort": 6443 }] },
        }),
    )?;
    put(
        &ENDPOINTS,
        json!({
            "metadata": { "name": "kubernetes", "namespace": "default" },
            "subsets": [{
                "addresses": [{ "ip": "192.0.2.10" }], "ports": [{ "name": "https", "port": 6443, "protocol": "TCP" }],
            }],
        }),
    )?;
    for (kind, object) in ingress_controller().into_iter().chain(focus_server()).chain(segy_recorder()) {
        put(kind, object)?;
    }
    for (kind, object) in mongodb(PANDA).into_iter().chain(rabbitmq()) {
        put(kind, object)?;
    }
    put(&SECRET, tls_secret(now, VALID).map_err(|why| ApiError::unavailable(why.to_string()))?)
}

fn node(name: &str, address: usize, pods: usize, now: Timestamp) -> Value {
    let room = json!({
        "cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi", "pods": pods.to_string(),
    });
    let mut node = json!({
        "metadata": { "name": name, "labels": {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node-role.kubernetes.io/worker": "",
        } },
        "spec": { "podCIDR": format!("10.42.{}.0/24", address - 11) },
        "status": {
            "capacity": room,
            "allocatable": room,
            "addresses": [
                { "type": "InternalIP", "address": format!("192.0.2.{address}") },
                { "type": "Hostname", "address": name },
            ],
            "nodeInfo": {
                "kubeletVersion": "v1.32.0", "kubeProxyVersion": "v1.32.0", "osImage": "Sandbox Linux",
                "operatingSystem": "linux", "architecture": "amd64", "kernelVersion": "6.8.0",
                "containerRuntimeVersion": "containerd://2.0.0", "machineID": name, "systemUUID": name,
                "bootID": name,
            },
        },
    });
    let status = &mut node["status"];
    for (kind, holds, reason, message) in [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ] {
        set_condition(status, kind, holds, (reason, message), now);
    }
    node
}

type Objects = Vec<(&'static Kind, Value)>;

/// The labels that a chart gives its objects.
fn labels(name: &str, instance: &str) -> Value {
    json!({
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": "Helm",
    })
}

/// The labels by which objects are selected.
fn selection(name: &str, instance: &str) -> Value {
    json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/instance": instance })
}

fn resources(cpu: [&str; 2], memory: [&str; 2]) -> Value {
    json!({
        "requests": { "cpu": cpu[0], "memory": memory[0] },
        "limits": { "cpu": cpu[1], "memory": memory[1] },
    })
}

fn deployment(home: &str, name: &str, instance: &str, container: &Value) -> Value {
    let selected = selection(name, instance);
    json!({
        "metadata": { "name": name, "namespace": home, "labels": labels(name, instance) },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": selected },
            "template": { "metadata": { "labels": selected }, "spec": { "containers": [container] } },
        },
    })
}

fn focus_server() -> Objects {
    let container = json!({
        "name": "focus-server",
        "image": "registry.example.com/focus-server:2.4.1",
        "ports": [{ "name": "http", "containerPort": 5000 }],
        "resources": resources(["500m", "2"], ["1Gi", "4Gi"]),
        "readinessProbe": { "httpGet": { "path": "/focus-server/ack", "port": 5000 }, "periodSeconds": 10 },
    });
    let service = json!({
        "metadata": { "name": FOCUS_SERVER, "namespace": PANDA, "labels": labels(FOCUS_SERVER, "panda") },
        "spec": {
            "selector": selection(FOCUS_SERVER, "panda"),
            "ports": [{ "name": "http", "port": 5000, "targetPort": "http" }],
        },
    });
    let backend = json!({ "service": { "name": FOCUS_SERVER, "port": { "number": 5000 } } });
    let ingress = json!({
        "metadata": { "name": FOCUS_SERVER, "namespace": PANDA, "labels": labels(FOCUS_SERVER, "panda") },
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{ "hosts": ["focus.example.com"], "secretName": TLS_SECRET }],
            "rules": [{ "host": "focus.example.com", "http": { "paths": [
                { "path": "/focus-server", "pathType": "Prefix", "backend": backend },
            ] } }],
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.20" }] } },
    });
    let settings = json!({
        "metadata": { "name": FOCUS_SERVER, "namespace": PANDA, "labels": labels(FOCUS_SERVER, "panda") },
        "data": { "settings.yaml": "max_windows: 30\ngrpc:\n  first_port: 12301\n" },
    });
    vec![
        (&CONFIG_MAP, settings),
        (&DEPLOYMENT, deployment(PANDA, FOCUS_SERVER, "panda", &container)),
        (&SERVICE, service),
        (&INGRESS, ingress),
    ]
}

fn segy_recorder() -> Objects {
    let container = json!({
        "name": "segy-recorder",
        "image": "registry.example.com/segy-recorder:1.9.0",
        "resources": resources(["250m", "1"], ["512Mi", "2Gi"]),
    });
    vec![(&DEPLOYMENT, deployment(PANDA, SEGY_RECORDER, "panda", &container))]
}

/// MongoDB and its service, in a namespace.
pub(super) fn mongodb(home: &str) -> Objects {
    let container = json!({
        "name": "mongodb",
        "image": "registry.example.com/mongodb:7.0",
        "ports": [{ "name": "mongodb", "containerPort": 27017 }],
        "resources": resources(["500m", "2"], ["2Gi", "8Gi"]),
    });
    let service = json!({
        "metadata": { "name": MONGODB, "namespace": home, "labels": labels(MONGODB, MONGODB) },
        "spec": {
            "type": "LoadBalancer",
            "selector": selection(MONGODB, MONGODB),
            "ports": [{ "name": "mongodb", "port": 27017, "targetPort": "mongodb" }],
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.21" }] } },
    });
    vec![(&DEPLOYMENT, deployment(home, MONGODB, MONGODB, &container)), (&SERVICE, service)]
}

fn rabbitmq() -> Objects {
    let selected = selection(RABBITMQ, RABBITMQ_SET);
    let headless = format!("{RABBITMQ_SET}-headless");
    let set = json!({
        "metadata": { "name": RABBITMQ_SET, "namespace": PANDA, "labels": labels(RABBITMQ, RABBITMQ_SET) },
        "spec": {
            "replicas": 1,
            "serviceName": headless,
            "selector": { "matchLabels": selected },
            "template": { "metadata": { "labels": selected }, "spec": { "containers": [{
                "name": "rabbitmq",
                "image": "registry.example.com/rabbitmq:3.13",
                "ports": [
                    { "name": "amqp", "containerPort": 5672 }, { "name": "http-stats", "containerPort": 15672 },
                ],
                "resources": resources(["250m", "1"], ["512Mi", "2Gi"]),
            }] } },
        },
    });
    let service = |name: &str, kind: &str| {
        let mut service = json!({
            "metadata": { "name": name, "namespace": PANDA, "labels": labels(RABBITMQ, RABBITMQ_SET) },
            "spec": { "type": kind, "selector": selected, "ports": [
                { "name": "amqp", "port": 5672, "targetPort": "amqp" },
                { "name": "http-stats", "port": 15672, "targetPort": "http-stats" },
            ] },
        });
        if kind == "LoadBalancer" {
            service["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.22" }] } });
        } else {
            service["spec"]["clusterIP"] = json!("None");
        }
        service
    };
    vec![
        (&STATEFUL_SET, set),
        (&SERVICE, service(RABBITMQ_SET, "LoadBalancer")),
        (&SERVICE, service(&headless, "ClusterIP")),
    ]
}

fn ingress_controller() -> Objects {
    let (home, name, instance) = ("kube-system", "ingress-nginx-controller", "ingress-nginx");
    let container = json!({
        "name": "controller",
        "image": "registry.example.com/ingress-nginx/controller:1.11",
        "ports": [{ "name": "https", "containerPort": 443 }],
        "resources": resources(["100m", "1"], ["128Mi", "1Gi"]),
    });
    let service = json!({
        "metadata": { "name": name, "namespace": home, "labels": labels(name, instance) },
        "spec": {
            "type": "LoadBalancer",
            "selector": selection(name, instance),
            "ports": [{ "name": "https", "port": 443, "targetPort": "https" }],
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.20" }] } },
    });
    vec![(&DEPLOYMENT, deployment(home, name, instance, &container)), (&SERVICE, service)]
}

/// The certificate of the Focus Server's ingress, valid for so long from now on.
pub(super) fn tls_secret(now: Timestamp, valid: Duration) -> Result<Value, rcgen::Error> {
    let made = certificate::valid_until("focus.example.com", now, now + valid)?;
    Ok(json!({
        "metadata": { "name": TLS_SECRET, "namespace": PANDA, "labels": labels(FOCUS_SERVER, "panda") },
        "type": "kubernetes.io/tls",
        "data": { "tls.crt": STANDARD.encode(made.certificate), "tls.key": STANDARD.encode(made.key) },
    }))
}
