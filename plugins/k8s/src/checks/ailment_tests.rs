//! Pods in every state that the cluster knows, and some that it does not.

use super::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2025-11-20T12:00:00Z".parse().unwrap()
}

fn pod(spec: Value, status: Value) -> Pod {
    let metadata = json!({ "name": "a", "namespace": "panda", "uid": "u", "labels": {} });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec, "status": status })).unwrap()
}

fn spec() -> Value {
    json!({ "containers": [{ "name": "main" }], "nodeName": "node-1" })
}

fn container(name: &str, ready: bool, restarts: u32, state: Value, last: Value) -> Value {
    json!({
        "name": name, "image": "registry.example.com/x:1", "imageID": "", "ready": ready,
        "restartCount": restarts, "state": state, "lastState": last,
    })
}

fn running() -> Value {
    json!({ "running": { "startedAt": "2025-11-20T11:00:00Z" } })
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({ "waiting": { "reason": reason, "message": message } })
}

fn ended(code: i32, reason: &str, at: &str) -> Value {
    json!({ "terminated": { "exitCode": code, "reason": reason, "finishedAt": at } })
}

fn of(pod: &Pod) -> Option<(Kind, String)> {
    diagnose(pod, now(), &BTreeSet::new()).map(|ailment| (ailment.kind, ailment.words()))
}

fn unready(containers: &[Value]) -> Pod {
    pod(
        spec(),
        json!({
            "phase": "Running", "conditions": [{ "type": "Ready", "status": "False" }],
            "containerStatuses": containers,
        }),
    )
}

#[test]
fn who_is_ready_or_done_is_well() {
    let ready = json!([{ "type": "Ready", "status": "True" }]);
    assert_eq!(of(&pod(spec(), json!({ "phase": "Running", "conditions": ready }))), None);
    assert_eq!(of(&pod(spec(), json!({ "phase": "Succeeded" }))), None);
    let done = json!([{ "type": "Ready", "status": "False", "reason": "PodCompleted" }]);
    assert_eq!(of(&pod(spec(), json!({ "phase": "Running", "conditions": done }))), None);
}

#[test]
fn a_pod_without_status_has_not_started() {
    let mut pod = pod(spec(), json!({}));
    assert_eq!(of(&pod).unwrap().0, Kind::NotStarted);
    pod.status = None;
    assert_eq!(of(&pod).unwrap().1, "Pending: it has no status yet");
}

#[test]
fn a_phase_that_nobody_knows_is_no_health() {
    let (kind, words) = of(&pod(spec(), json!({ "phase": "Unknown" }))).unwrap();
    assert_eq!((kind, words.as_str()), (Kind::NotReady, "Unknown: the cluster does not know how it is"));
    assert_eq!(of(&pod(spec(), json!({ "phase": "Sleeping" }))).unwrap().0, Kind::NotReady);
}

#[test]
fn a_crash_loop_tells_how_it_ended() {
    let crashing = container(
        "main",
        false,
        7,
        waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container"),
        ended(2, "Error", "2025-11-20T11:59:00Z"),
    );
    let (kind, words) = of(&unready(&[crashing])).unwrap();
    assert_eq!(kind, Kind::CrashLoop);
    assert_eq!(words, "container `main`: CrashLoopBackOff: it ended with exit code 2 (Error)");
    // Where nobody says how it ended, the cluster's own sentence must do.
    let silent = container("main", false, 7, waiting("CrashLoopBackOff", "back-off"), json!({}));
    assert_eq!(of(&unready(&[silent])).unwrap().1, "container `main`: CrashLoopBackOff: back-off");
}

#[test]
fn a_crash_loop_for_lack_of_memory_is_a_matter_of_memory() {
    let last = ended(137, "OOMKilled", "2025-11-20T11:59:00Z");
    let killed = container("main", false, 7, waiting("CrashLoopBackOff", ""), last.clone());
    assert_eq!(of(&unready(&[killed])).unwrap().0, Kind::OutOfMemory);
    let killed = container("main", false, 0, last.clone(), json!({}));
    assert_eq!(of(&unready(&[killed])).unwrap().0, Kind::OutOfMemory);
    let failed =
        json!({ "phase": "Failed", "containerStatuses": [container("main", false, 0, last, json!({}))] });
    assert_eq!(of(&pod(spec(), failed)).unwrap().0, Kind::OutOfMemory);
}

#[test]
fn init_containers_and_sidecars_can_be_to_blame() {
    let status = |init: Value| {
        json!({
            "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "True" }],
            "initContainerStatuses": [init],
            "containerStatuses": [container("main", false, 0, waiting("PodInitializing", ""), json!({}))],
        })
    };
    let crashing = container(
        "migrate",
        false,
        4,
        waiting("CrashLoopBackOff", ""),
        ended(1, "Error", "2025-11-20T11:59:00Z"),
    );
    let (kind, words) = of(&pod(spec(), status(crashing))).unwrap();
    assert_eq!(kind, Kind::CrashLoop);
    assert!(words.starts_with("container `migrate`"), "{words}");
    // One that has done its work is not to blame.
    let done = container("migrate", true, 0, ended(0, "Completed", "2025-11-20T11:59:50Z"), json!({}));
    let (kind, words) = of(&pod(spec(), status(done))).unwrap();
    assert_eq!((kind, words.as_str()), (Kind::NotStarted, "container `main`: PodInitializing"));
    let sidecar = container("proxy", false, 0, running(), json!({}));
    let main = container("main", true, 0, running(), json!({}));
    let (kind, words) = of(&unready(&[sidecar, main])).unwrap();
    assert_eq!(kind, Kind::NotReady);
    assert_eq!(words, "container `proxy`: NotReady: containers with unready status: [proxy]");
}

#[test]
fn an_image_that_cannot_be_had() {
    for reason in ["ImagePullBackOff", "ErrImagePull", "InvalidImageName"] {
        let status = json!({
            "phase": "Pending",
            "containerStatuses": [container("main", false, 0, waiting(reason, "not found"), json!({}))],
        });
        let (kind, words) = of(&pod(spec(), status)).unwrap();
        assert_eq!(kind, Kind::Image);
        assert_eq!(words, format!("container `main`: {reason}: image registry.example.com/x:1: not found"));
    }
}

#[test]
fn what_is_not_scheduled_says_why() {
    let status = json!({
        "phase": "Pending",
        "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                         "message": "0/2 nodes are available: 2 Insufficient cpu." }],
    });
    let (kind, words) = of(&pod(json!({ "containers": [] }), status)).unwrap();
    assert_eq!(kind, Kind::NotStarted);
    assert_eq!(words, "Unschedulable: 0/2 nodes are available: 2 Insufficient cpu.");
    let no_config = waiting("CreateContainerConfigError", "secret \"x\" not found");
    let status = json!({
        "phase": "Pending", "containerStatuses": [container("main", false, 0, no_config, json!({}))],
    });
    let (kind, words) = of(&pod(spec(), status)).unwrap();
    assert_eq!(kind, Kind::NotStarted);
    assert!(words.ends_with("secret \"x\" not found"), "{words}");
}

#[test]
fn a_readiness_gate_is_named() {
    let spec = json!({ "containers": [], "readinessGates": [{ "conditionType": "example.com/open" }] });
    let status = |gate: &str| {
        json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False" },
                           { "type": "example.com/open", "status": gate }],
            "containerStatuses": [container("main", true, 0, running(), json!({}))],
        })
    };
    let (kind, words) = of(&pod(spec.clone(), status("False"))).unwrap();
    assert_eq!(kind, Kind::NotReady);
    assert_eq!(words, "NotReady: its readiness gates are not fulfilled: example.com/open");
    assert!(!of(&pod(spec, status("True"))).unwrap().1.contains("gates"));
}

#[test]
fn who_was_just_restarted_is_coming_back() {
    let recent = ended(1, "Error", "2025-11-20T11:59:55Z");
    let back = container("main", false, 1, running(), recent.clone());
    assert_eq!(of(&unready(&[back])).unwrap().0, Kind::Restarting);
    let down = container("main", false, 0, recent, json!({}));
    assert_eq!(of(&unready(&[down])).unwrap().0, Kind::Restarting);
    let long_ago = container("main", false, 1, running(), ended(1, "Error", "2025-11-20T11:00:00Z"));
    assert_eq!(of(&unready(&[long_ago])).unwrap().0, Kind::NotReady);
}

#[test]
fn a_failed_pod_of_a_job_is_the_jobs_affair() {
    let status = json!({
        "phase": "Failed",
        "containerStatuses": [container("main", false, 0, ended(3, "Error", "2025-11-20T11:00:00Z"), json!({}))],
    });
    let mut failed = pod(spec(), status);
    assert_eq!(of(&failed).unwrap().0, Kind::Failed);
    let owner =
        json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "7", "controller": true }]);
    failed.metadata.owner_references = Some(serde_json::from_value(owner).unwrap());
    assert_eq!(of(&failed).unwrap(), (Kind::Job, "Failed: exit code 3 (Error)".to_owned()));
    let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory." });
    let (kind, words) = of(&pod(spec(), evicted)).unwrap();
    assert_eq!((kind, words.as_str()), (Kind::Failed, "Evicted: The node was low on memory."));
}

#[test]
fn who_is_being_deleted_has_time() {
    let mut leaving = pod(spec(), json!({ "phase": "Running" }));
    let at = |text: &str| serde_json::from_value(json!(text)).unwrap();
    leaving.metadata.deletion_timestamp = Some(at("2025-11-20T12:00:20Z"));
    assert_eq!(of(&leaving), None);
    leaving.metadata.deletion_timestamp = Some(at("2025-11-20T11:50:00Z"));
    let (kind, words) = of(&leaving).unwrap();
    assert_eq!((kind, words.as_str()), (Kind::Stuck, "Terminating: it should have been gone 600 s ago"));
}

#[test]
fn who_lives_on_a_lost_node_is_not_to_blame() {
    let lost = BTreeSet::from(["node-1".to_owned()]);
    let patient = unready(&[container("main", false, 0, running(), json!({}))]);
    assert_eq!(diagnose(&patient, now(), &lost).unwrap().kind, Kind::Node);
    let well =
        pod(spec(), json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }));
    assert_eq!(diagnose(&well, now(), &lost), None);
}
