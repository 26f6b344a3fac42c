//! Each fault, as somebody sees it who looks at the objects a second later.

use super::{Life, container};
use crate::kubernetes::faults::Fault;
use crate::kubernetes::kinds::{DEPLOYMENT, ENDPOINTS, JOB, NODE, POD, SECRET, SERVICE};
use crate::kubernetes::objects::{holds, is_ready, items, number, pairs, text, thousandths};
use crate::kubernetes::seed::{COMPONENTS, FOCUS_SERVER, MONGODB, RABBITMQ, SEGY_RECORDER, TLS_SECRET};
use serde_json::Value;

/// The components none of whose pods is ready.
fn down(life: &Life) -> Vec<&'static str> {
    let is_down = |component: &&str| !life.pods_of(component).iter().any(|pod| is_ready(pod));
    COMPONENTS.into_iter().filter(is_down).collect()
}

#[test]
fn a_pod_is_not_ready() {
    let life = Life::broken(Fault::PodNotReady);
    let pod = life.pod_of(RABBITMQ);
    assert_eq!(text(&pod, "/status/phase"), "Running");
    assert!(!holds(&pod, "Ready"));
    assert_eq!(container(&pod)["restartCount"], 0);
    assert_eq!(down(&life), [RABBITMQ]);
    assert_eq!(life.warnings(), ["Unhealthy Pod"]);
}

#[test]
fn a_container_crashes_at_every_start() {
    let mut life = Life::broken(Fault::CrashLoop);
    let pod = life.pod_of(FOCUS_SERVER);
    assert_eq!(container(&pod)["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(container(&pod)["restartCount"], 6);
    assert_eq!(container(&pod)["lastState"]["terminated"]["exitCode"], 1);
    assert!(life.log(&pod, true).contains("ServerSelectionTimeoutError"));
    assert_eq!(life.warnings(), ["BackOff Pod"]);
    life.pass(301);
    assert_eq!(container(&life.pod_of(FOCUS_SERVER))["restartCount"], 7);
    assert_eq!(down(&life), [FOCUS_SERVER]);
}

#[test]
fn an_image_cannot_be_pulled() {
    let life = Life::broken(Fault::ImagePull);
    let pod = life.pod_of(SEGY_RECORDER);
    assert_eq!(text(&pod, "/status/phase"), "Pending");
    assert_eq!(container(&pod)["state"]["waiting"]["reason"], "ImagePullBackOff");
    assert_eq!(life.warnings(), ["Failed Pod"]);
}

#[test]
fn a_pod_fits_no_node() {
    let life = Life::broken(Fault::PodPending);
    let pods = life.pods_of(SEGY_RECORDER);
    assert_eq!(pods.len(), 2);
    let pending = pods.iter().find(|pod| text(pod, "/status/phase") == "Pending").unwrap();
    let condition = &items(pending, "/status/conditions")[0];
    assert_eq!((text(condition, "/type"), text(condition, "/reason")), ("PodScheduled", "Unschedulable"));
    insta::assert_snapshot!(text(condition, "/message"), @"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.");
    assert!(down(&life).is_empty(), "the pod before it runs on");
}

#[test]
fn a_container_was_killed_for_its_memory() {
    let life = Life::broken(Fault::OomKilled);
    let pod = life.pod_of(RABBITMQ);
    assert!(is_ready(&pod));
    assert_eq!(container(&pod)["restartCount"], 1);
    assert_eq!(container(&pod)["lastState"]["terminated"]["reason"], "OOMKilled");
    assert_eq!(container(&pod)["lastState"]["terminated"]["exitCode"], 137);
}

#[test]
fn restarts_rise() {
    let mut life = Life::broken(Fault::RestartsRising);
    let count = |life: &Life| number(container(&life.pod_of(FOCUS_SERVER)), "/restartCount").unwrap();
    let first = count(&life);
    assert!(first >= 1);
    life.pass(10);
    assert_eq!(count(&life), first + 5);
    assert!(down(&life).is_empty());
}

#[test]
fn a_deployment_is_short_of_a_pod() {
    let life = Life::broken(Fault::DeploymentShort);
    let deployment = life.get(&DEPLOYMENT, FOCUS_SERVER);
    assert_eq!(number(&deployment, "/spec/replicas"), Some(2));
    assert_eq!(number(&deployment, "/status/availableReplicas"), Some(1));
    assert!(holds(&deployment, "ReplicaFailure"));
    assert!(is_ready(&life.pod_of(FOCUS_SERVER)));
}

#[test]
fn components_are_missing() {
    let life = Life::broken(Fault::DeploymentMissing);
    assert!(life.store.get(&DEPLOYMENT, "panda", SEGY_RECORDER).is_err());
    assert!(life.pods_of(SEGY_RECORDER).is_empty());
    let life = Life::broken(Fault::MongoDown);
    assert!(life.pods_of(MONGODB).is_empty());
    assert_eq!(number(&life.get(&DEPLOYMENT, MONGODB), "/status/readyReplicas"), Some(0));
    let life = Life::broken(Fault::NamespaceEmpty);
    for kind in [&POD, &DEPLOYMENT, &SERVICE, &JOB] {
        assert!(life.list(kind).is_empty(), "{}", kind.plural);
    }
}

#[test]
fn a_component_lives_in_another_namespace() {
    let life = Life::broken(Fault::NamespaceOther);
    assert!(life.pods_of(MONGODB).is_empty());
    let elsewhere = life.store.list(&POD, Some("default")).0;
    assert_eq!(elsewhere.len(), 1);
    assert!(is_ready(&elsewhere[0]));
    assert!(life.store.get(&SERVICE, "panda", MONGODB).is_err());
}

#[test]
fn a_job_has_failed() {
    let life = Life::broken(Fault::JobFailed);
    let job = life.get(&JOB, "nightly-report");
    assert!(holds(&job, "Failed"), "{job}");
    assert_eq!(text(&life.pods("job-name", "nightly-report")[0], "/status/phase"), "Failed");
}

#[test]
fn a_service_leads_nowhere() {
    let life = Life::broken(Fault::EndpointsEmpty);
    assert!(items(&life.get(&ENDPOINTS, MONGODB), "/subsets").is_empty());
    assert!(down(&life).is_empty());
    let life = Life::broken(Fault::ServiceSelector);
    let service = life.get(&SERVICE, FOCUS_SERVER);
    assert_eq!(pairs(&service["spec"]["selector"]).collect::<Vec<_>>(), [("app", "focus-server")]);
    assert!(items(&life.get(&ENDPOINTS, FOCUS_SERVER), "/subsets").is_empty());
    assert!(down(&life).is_empty());
}

#[test]
fn requests_and_limits_are_wrong() {
    let resources = |life: &Life| life.pod_of(SEGY_RECORDER)["spec"]["containers"][0]["resources"].clone();
    let mut life = Life::broken(Fault::ResourcesMissing);
    life.pass(1);
    assert_eq!(resources(&life), serde_json::json!({}));
    let mut life = Life::broken(Fault::LimitsBelowRequests);
    life.pass(1);
    let resources = resources(&life);
    let memory = |what: &str| thousandths(&resources[what]["memory"]);
    assert!(memory("limits") < memory("requests"));
    assert!(down(&life).is_empty());
}

#[test]
fn a_node_has_trouble() {
    let life = Life::broken(Fault::NodePressure);
    let node = life.store.get(&NODE, "", "worker-2").unwrap();
    assert!(holds(&node, "MemoryPressure") && holds(&node, "Ready"));
    let life = Life::broken(Fault::NodeNotReady);
    let node = life.store.get(&NODE, "", "worker-2").unwrap();
    assert!(!holds(&node, "Ready"));
    assert!(down(&life).is_empty(), "what runs there runs on for now");
}

#[test]
fn events_warn_again_and_again() {
    let mut life = Life::broken(Fault::WarningEvents);
    assert_eq!(life.warnings(), ["FailedMount Pod"]);
    life.pass(10);
    let events = life.list(&crate::kubernetes::kinds::EVENT);
    assert_eq!(events.len(), 1);
    assert_eq!(number(&events[0], "/count"), Some(3));
}

#[test]
fn the_focus_server_logs_errors() {
    let mut life = Life::broken(Fault::LogErrors);
    let errors =
        |life: &Life| life.log(&life.pod_of(FOCUS_SERVER), false).matches("Failed to publish").count();
    let first = errors(&life);
    assert!(first >= 1);
    life.pass(5);
    assert_eq!(errors(&life), first + 5);
}

#[test]
fn a_certificate_expires_soon() {
    let data = |life: &Life| -> Value { life.get(&SECRET, TLS_SECRET)["data"]["tls.crt"].clone() };
    let healthy = data(&Life::healthy());
    let broken = data(&Life::broken(Fault::CertificateExpiring));
    assert!(healthy.is_string() && broken.is_string());
    assert_ne!(healthy, broken);
}
