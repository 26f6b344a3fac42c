//! What makes the cluster big: pods that all run, and events that tell of them.

use super::controllers::pods;
use super::error::ApiError;
use super::keeper::Keeper;
use super::kinds::{DEPLOYMENT, EVENT, POD, REPLICA_SET};
use super::objects::{label, name, set_condition};
use super::recorder::{Happened, Source, event};
use super::seed::{NODES, PANDA};
use super::store::{generated_suffix, time_text};
use serde_json::{Value, json};
use std::time::Duration;

/// The deployment of all of them.
pub(super) const BULK: &str = "bulk";
/// What the events say, in turn.
const REASONS: [(&str, &str); 4] = [
    ("Scheduled", "Successfully assigned the pod to its node"),
    ("Pulled", "Container image \"registry.example.com/bulk:1\" already present on machine"),
    ("Created", "Created container: main"),
    ("Started", "Started container main"),
];

/// Plants a deployment of so many pods that run already, and so many events.
pub(super) fn plant(keeper: &mut Keeper, pods: usize, events: usize) -> Result<(), ApiError> {
    if pods > 0 {
        plant_pods(keeper, pods)?;
    }
    plant_events(keeper, events)
}

fn plant_pods(keeper: &mut Keeper, count: usize) -> Result<(), ApiError> {
    let container = json!({
        "name": "main",
        "image": "registry.example.com/bulk:1",
        "resources": {
            "requests": { "cpu": "1m", "memory": "1Mi" }, "limits": { "cpu": "10m", "memory": "8Mi" },
        },
    });
    let selected = json!({ "app.kubernetes.io/name": BULK, "app.kubernetes.io/instance": BULK });
    let deployment = json!({
        "metadata": {
            "name": BULK, "namespace": PANDA, "labels": selected,
            "creationTimestamp": time_text(keeper.now()),
        },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": selected },
            "template": { "metadata": { "labels": selected }, "spec": { "containers": [container] } },
        },
    });
    keeper.store.create(&DEPLOYMENT, deployment)?;
    keeper.settle_all();
    let (sets, _) = keeper.store.list(&REPLICA_SET, Some(PANDA));
    let of_bulk = |set: &&std::sync::Arc<Value>| label(set, "app.kubernetes.io/name") == BULK;
    let Some(set) = sets.iter().find(of_bulk) else {
        return Err(ApiError::not_found(&REPLICA_SET, BULK));
    };
    for number in 0..count {
        let mut pod = pods::from_template(&REPLICA_SET, set, keeper.now());
        pod["metadata"]["name"] = json!(format!("{}-{}{number}", name(set), generated_suffix()));
        run(keeper, &mut pod, NODES[number % NODES.len()]);
        keeper.store.create(&POD, pod)?;
    }
    for (kind, own_name) in [(&REPLICA_SET, name(set)), (&DEPLOYMENT, BULK)] {
        keeper.store.modify(kind, PANDA, own_name, |object| object["spec"]["replicas"] = json!(count))?;
    }
    Ok(())
}

/// Has a pod run on a node since the cluster was made.
fn run(keeper: &mut Keeper, pod: &mut Value, node: &str) {
    let now = keeper.now();
    let address = keeper.next_address();
    pod["spec"]["nodeName"] = json!(node);
    let status = &mut pod["status"];
    status["phase"] = json!("Running");
    status["startTime"] = json!(time_text(now));
    status["podIP"] = json!(address);
    status["podIPs"] = json!([{ "ip": address }]);
    status["containerStatuses"] = json!([{
        "name": "main", "image": "registry.example.com/bulk:1", "imageID": "registry.example.com/bulk:1",
        "ready": true, "started": true, "restartCount": 0, "lastState": {},
        "state": { "running": { "startedAt": time_text(now) } },
    }]);
    for condition in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        set_condition(status, condition, "True", ("", ""), now);
    }
}

/// Events of the last half hour, about the pods in turn.
fn plant_events(keeper: &Keeper, count: usize) -> Result<(), ApiError> {
    let (pods, _) = keeper.store.list(&POD, Some(PANDA));
    let now = keeper.clock.now();
    for (number, pod) in (0..count).zip(pods.iter().cycle()) {
        let (reason, message) = REASONS[number / pods.len().max(1) % REASONS.len()];
        let ago = Duration::from_secs(u64::try_from(number % 1800).unwrap_or_default());
        let own_name = format!("{}.{number:08x}", name(pod));
        let what = Happened::normal(reason, message);
        keeper
            .store
            .create(&EVENT, event(&POD, pod, (PANDA, &own_name), what, Source::Kubelet, now - ago))?;
    }
    Ok(())
}
