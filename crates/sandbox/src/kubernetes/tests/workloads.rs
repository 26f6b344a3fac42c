//! Deployments, stateful sets, services, and what belongs to them.

use super::Life;
use crate::kubernetes::bulk::BULK;
use crate::kubernetes::controllers::pods;
use crate::kubernetes::kinds::{
    DEPLOYMENT, ENDPOINT_SLICE, ENDPOINTS, EVENT, NODE, POD, REPLICA_SET, SERVICE, STATEFUL_SET,
};
use crate::kubernetes::objects::{holds, is_ready, items, name, number, text, uid};
use crate::kubernetes::seed::{COMPONENTS, FOCUS_SERVER, MONGODB, RABBITMQ, RABBITMQ_SET};
use crate::options::SandboxOptions;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_new_cluster_is_healthy_and_at_rest() {
    let mut life = Life::healthy();
    for component in COMPONENTS {
        let pod = life.pod_of(component);
        assert!(is_ready(&pod), "{pod}");
        assert_eq!(text(&pod, "/status/qosClass"), "Burstable");
        assert!(!life.log(&pod, false).is_empty());
    }
    for deployment in life.list(&DEPLOYMENT) {
        assert!(holds(&deployment, "Available"), "{deployment}");
        assert_eq!(number(&deployment, "/status/availableReplicas"), Some(1));
    }
    assert_eq!(number(&life.get(&STATEFUL_SET, RABBITMQ_SET), "/status/readyReplicas"), Some(1));
    for service in life.list(&SERVICE) {
        let endpoints = life.get(&ENDPOINTS, name(&service));
        assert_eq!(items(&endpoints, "/subsets/0/addresses").len(), 1, "{endpoints}");
    }
    assert_eq!(life.list(&EVENT).len(), 0);
    let version = life.version();
    life.pass(30);
    assert_eq!(life.version(), version, "nothing changes by itself");
}

#[test]
fn a_deleted_pod_comes_back_as_another_one() {
    let mut life = Life::healthy();
    let pod = life.pod_of(FOCUS_SERVER);
    pods::end(&life.keeper, &pod);
    life.pass(2);
    let successor = life.pod_of(FOCUS_SERVER);
    assert_ne!(uid(&successor), uid(&pod));
    assert!(is_ready(&successor));
    let reasons: BTreeSet<String> =
        life.list(&EVENT).iter().map(|event| text(event, "/reason").to_owned()).collect();
    for reason in ["Killing", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started"] {
        assert!(reasons.contains(reason), "{reason}: {reasons:?}");
    }
    let address = text(&successor, "/status/podIP");
    let endpoints = life.get(&ENDPOINTS, FOCUS_SERVER);
    assert_eq!(text(&endpoints, "/subsets/0/addresses/0/ip"), address);
    assert_eq!(number(&endpoints, "/subsets/0/ports/0/port"), Some(5000), "the port's name is looked up");
    let slices = life.list(&ENDPOINT_SLICE);
    let of_service = |slice: &&std::sync::Arc<serde_json::Value>| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == FOCUS_SERVER
    };
    let slice = slices.iter().find(of_service).unwrap();
    assert_eq!(text(slice, "/endpoints/0/addresses/0"), address);
}

#[test]
fn a_deployment_is_scaled_up_and_down() {
    let mut life = Life::healthy();
    let scale = |life: &mut Life, replicas: u32| {
        life.store
            .modify(&DEPLOYMENT, "panda", MONGODB, |deployment| {
                deployment["spec"]["replicas"] = json!(replicas);
            })
            .unwrap();
        life.pass(2);
        let deployment = life.get(&DEPLOYMENT, MONGODB);
        assert_eq!(number(&deployment, "/status/availableReplicas"), Some(i64::from(replicas)));
        assert_eq!(deployment["metadata"]["generation"], deployment["status"]["observedGeneration"]);
        life.pods_of(MONGODB).len()
    };
    assert_eq!(scale(&mut life, 3), 3);
    let nodes: BTreeSet<String> =
        life.pods_of(MONGODB).iter().map(|pod| text(pod, "/spec/nodeName").to_owned()).collect();
    assert_eq!(nodes.len(), 2, "pods are spread");
    assert_eq!(scale(&mut life, 0), 0);
    assert_eq!(items(&life.get(&ENDPOINTS, MONGODB), "/subsets").len(), 0);
}

#[test]
fn a_rollout_replaces_pods_and_is_never_without_one() {
    let mut life = Life::healthy();
    life.store
        .modify(&DEPLOYMENT, "panda", FOCUS_SERVER, |deployment| {
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] =
                json!("registry.example.com/new:1");
        })
        .unwrap();
    for _ in 0..30 {
        life.keeper.settle_all();
        assert!(life.pods_of(FOCUS_SERVER).iter().any(|pod| is_ready(pod)));
        life.clock.advance(super::STEP);
    }
    let pod = life.pod_of(FOCUS_SERVER);
    assert_eq!(text(&pod, "/spec/containers/0/image"), "registry.example.com/new:1");
    let deployment = life.get(&DEPLOYMENT, FOCUS_SERVER);
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert_eq!(number(&deployment, "/status/updatedReplicas"), Some(1));
    let sets = life.list(&REPLICA_SET);
    let sizes: Vec<i64> = sets
        .iter()
        .filter(|set| name(set).starts_with(FOCUS_SERVER))
        .filter_map(|set| number(set, "/spec/replicas"))
        .collect();
    assert_eq!(sizes.iter().sum::<i64>(), 1);
    assert_eq!(sizes.len(), 2, "the old replica set is kept to go back to");
}

#[test]
fn a_stateful_pod_comes_back_under_its_name() {
    let mut life = Life::healthy();
    let pod = life.pod_of(RABBITMQ);
    assert_eq!(name(&pod), "rabbitmq-panda-0");
    pods::end(&life.keeper, &pod);
    life.pass(2);
    let successor = life.pod_of(RABBITMQ);
    assert_eq!(name(&successor), "rabbitmq-panda-0");
    assert_ne!(uid(&successor), uid(&pod));
    life.store
        .modify(&STATEFUL_SET, "panda", RABBITMQ_SET, |set| set["spec"]["replicas"] = json!(3))
        .unwrap();
    life.pass(3);
    let names: Vec<String> = life.pods_of(RABBITMQ).iter().map(|pod| name(pod).to_owned()).collect();
    assert_eq!(names, ["rabbitmq-panda-0", "rabbitmq-panda-1", "rabbitmq-panda-2"]);
}

#[test]
fn what_belongs_to_an_owner_goes_with_it() {
    let mut life = Life::healthy();
    life.store.remove(&DEPLOYMENT, "panda", MONGODB).unwrap();
    life.pass(1);
    assert!(life.pods_of(MONGODB).is_empty());
    assert!(!life.list(&REPLICA_SET).iter().any(|set| name(set).starts_with(MONGODB)));
    life.store.remove(&SERVICE, "panda", MONGODB).unwrap();
    life.pass(1);
    assert!(life.store.get(&ENDPOINTS, "panda", MONGODB).is_err());
}

#[test]
fn a_big_cluster_is_big_and_at_rest() {
    let options = SandboxOptions { pods: 300, events: 1_000, ..SandboxOptions::default() };
    let mut life = Life::with(&options);
    assert_eq!(life.pods_of(BULK).len(), 300);
    assert!(life.pods_of(BULK).iter().all(|pod| is_ready(pod)));
    assert_eq!(life.list(&EVENT).len(), 1_000);
    assert_eq!(number(&life.get(&DEPLOYMENT, BULK), "/status/availableReplicas"), Some(300));
    let version = life.version();
    life.pass(5);
    assert_eq!(life.version(), version);
    life.store.remove(&DEPLOYMENT, "panda", BULK).unwrap();
    life.pass(2);
    assert!(life.pods_of(BULK).is_empty());
}

#[test]
fn a_pod_waits_for_a_node_that_has_room() {
    let mut life = Life::healthy();
    for node in ["worker-1", "worker-2"] {
        life.store.modify(&NODE, "", node, |node| node["spec"]["unschedulable"] = json!(true)).unwrap();
    }
    pods::end(&life.keeper, &life.pod_of(MONGODB));
    life.pass(2);
    let pod = life.pod_of(MONGODB);
    assert_eq!(text(&pod, "/status/phase"), "Pending");
    assert_eq!(life.warnings(), ["FailedScheduling Pod"]);
    life.store.modify(&NODE, "", "worker-1", |node| node["spec"]["unschedulable"] = json!(false)).unwrap();
    life.pass(6);
    assert!(is_ready(&life.pod_of(MONGODB)));
    assert_eq!(life.store.get(&POD, "panda", name(&pod)).unwrap()["spec"]["nodeName"], "worker-1");
}
