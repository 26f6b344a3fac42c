//! What each fault of the cluster's state does to it.

use super::chores::Chore;
use super::error::ApiError;
use super::faults::Fault;
use super::focus_jobs;
use super::keeper::{Keeper, Task};
use super::kinds::{DEPLOYMENT, ENDPOINTS, JOB, Kind, NODE, POD, REPLICA_SET, SECRET, SERVICE, STATEFUL_SET};
use super::objects::{name, place, set_condition};
use super::orders::Ailment;
use super::seed::{self, FOCUS_SERVER, MONGODB, NODES, PANDA, RABBITMQ, SEGY_RECORDER, TLS_SECRET};
use super::tend;
use serde_json::{Value, json};
use std::time::Duration;

/// For how long the certificate is still valid under [`Fault::CertificateExpiring`].
const EXPIRING: Duration = Duration::from_hours(5 * 24);

/// Turns a fault on. Those of the interface, and of jobs to come, change nothing here.
pub(super) fn inject(keeper: &mut Keeper, fault: Fault) {
    if let Err(error) = attempt(keeper, fault) {
        // What an earlier fault has removed cannot be broken any more.
        tracing::debug!(%error, ?fault, "the fault has nothing left to break");
    }
}

fn attempt(keeper: &mut Keeper, fault: Fault) -> Result<(), ApiError> {
    match fault {
        Fault::PodNotReady => ail(keeper, RABBITMQ, Ailment::NotReady),
        Fault::CrashLoop => ail(keeper, FOCUS_SERVER, Ailment::CrashLoop),
        Fault::RestartsRising => ail(keeper, FOCUS_SERVER, Ailment::Restarts),
        Fault::ImagePull => {
            keeper.orders.ail(SEGY_RECORDER, Ailment::ImagePull);
            // Only a new pod has its image pulled.
            for pod in keeper.pods_of(SEGY_RECORDER) {
                keeper.store.remove(&POD, PANDA, name(&pod))?;
            }
        }
        Fault::OomKilled => {
            for pod in keeper.pods_of(RABBITMQ) {
                tend::kill_for_memory(keeper, &pod);
            }
        }
        Fault::PodPending => {
            set_template(keeper, |spec| spec["nodeSelector"] = json!({ "disktype": "nvme" }))?;
        }
        Fault::ResourcesMissing => {
            set_template(keeper, |spec| spec["containers"][0]["resources"] = json!({}))?;
        }
        Fault::LimitsBelowRequests => {
            set_template(keeper, |spec| {
                spec["containers"][0]["resources"]["limits"]["memory"] = json!("256Mi");
            })?;
        }
        Fault::DeploymentShort => {
            keeper.orders.limit((PANDA.to_owned(), FOCUS_SERVER.to_owned()), 1);
            scale(keeper, FOCUS_SERVER, 2)?;
        }
        Fault::MongoDown => scale(keeper, MONGODB, 0)?,
        Fault::DeploymentMissing => {
            keeper.store.remove(&DEPLOYMENT, PANDA, SEGY_RECORDER)?;
        }
        Fault::JobFailed => {
            keeper.store.create(&JOB, failing_job())?;
        }
        Fault::EndpointsEmpty => {
            let service = (PANDA.to_owned(), MONGODB.to_owned());
            keeper.orders.cut_off(service.clone());
            keeper.soon(Task::Service(service));
        }
        Fault::ServiceSelector => {
            let wrong = json!({ "app": "focus-server" });
            keeper
                .store
                .modify(&SERVICE, PANDA, FOCUS_SERVER, |service| service["spec"]["selector"] = wrong)?;
        }
        Fault::JobLeftover => {
            for job in focus_jobs::leftovers(keeper.now()) {
                keeper.store.create(&JOB, job)?;
            }
        }
        Fault::NodePressure => {
            let why = ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available");
            set_node(keeper, "MemoryPressure", "True", why)?;
        }
        Fault::NodeNotReady => {
            let why = ("KubeletNotReady", "container runtime network not ready: cni plugin not initialized");
            set_node(keeper, "Ready", "False", why)?;
        }
        Fault::WarningEvents => keeper.soon(Task::Chore(Chore::Warn)),
        Fault::LogErrors => keeper.soon(Task::Chore(Chore::LogError)),
        Fault::NamespaceOther => {
            remove_now(keeper, &DEPLOYMENT, MONGODB);
            remove_now(keeper, &SERVICE, MONGODB);
            for (kind, object) in seed::mongodb("default") {
                keeper.store.create(kind, object)?;
            }
        }
        Fault::NamespaceEmpty => empty(keeper),
        Fault::CertificateExpiring => {
            let secret = seed::tls_secret(keeper.now(), EXPIRING);
            let secret = secret.map_err(|why| ApiError::unavailable(why.to_string()))?;
            keeper.store.modify(&SECRET, PANDA, TLS_SECRET, |old| old["data"] = secret["data"].clone())?;
        }
        _ => {}
    }
    Ok(())
}

/// The pods of a component behave so from now on.
fn ail(keeper: &mut Keeper, component: &str, ailment: Ailment) {
    keeper.orders.ail(component, ailment);
    for pod in keeper.pods_of(component) {
        keeper.soon(Task::Pod(place(&pod)));
    }
}

/// Changes what the pods of the SEGY recorder are made after.
fn set_template(keeper: &Keeper, change: impl FnOnce(&mut Value)) -> Result<(), ApiError> {
    let change = |deployment: &mut Value| change(&mut deployment["spec"]["template"]["spec"]);
    keeper.store.modify(&DEPLOYMENT, PANDA, SEGY_RECORDER, change).map(drop)
}

fn scale(keeper: &Keeper, component: &str, replicas: u32) -> Result<(), ApiError> {
    let set = |deployment: &mut Value| deployment["spec"]["replicas"] = json!(replicas);
    keeper.store.modify(&DEPLOYMENT, PANDA, component, set).map(drop)
}

fn set_node(keeper: &Keeper, kind: &str, holds: &str, why: (&str, &str)) -> Result<(), ApiError> {
    let now = keeper.now();
    let set = |node: &mut Value| set_condition(&mut node["status"], kind, holds, why, now);
    keeper.store.modify(&NODE, "", NODES[1], set).map(drop)
}

/// Removes an object and at once all pods that carry its name in their labels.
fn remove_now(keeper: &Keeper, kind: &'static Kind, component: &str) {
    // What is gone already need not be removed.
    let _ = keeper.store.remove(kind, PANDA, component);
    for pod in keeper.pods_of(component) {
        let _ = keeper.store.remove(&POD, PANDA, name(&pod));
    }
}

/// Removes everything that runs in the namespace, and what leads to it.
fn empty(keeper: &Keeper) {
    for kind in [&DEPLOYMENT, &STATEFUL_SET, &REPLICA_SET, &JOB, &SERVICE, &POD, &ENDPOINTS] {
        for object in keeper.store.list(kind, Some(PANDA)).0 {
            // What is gone already need not be removed.
            let _ = keeper.store.remove(kind, PANDA, name(&object));
        }
    }
}

/// A job whose only pod fails, and which is not tried again.
fn failing_job() -> Value {
    json!({
        "metadata": {
            "name": "nightly-report", "namespace": PANDA, "labels": { "app.kubernetes.io/name": "nightly-report" },
        },
        "spec": { "backoffLimit": 0, "template": {
            "metadata": { "labels": { "app.kubernetes.io/name": "nightly-report" } },
            "spec": { "restartPolicy": "Never", "containers": [{
                "name": "report",
                "image": "registry.example.com/report:1.2",
                "command": ["/bin/false"],
                "resources": {
                    "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "cpu": "100m", "memory": "128Mi" },
                },
            }] },
        } },
    })
}
