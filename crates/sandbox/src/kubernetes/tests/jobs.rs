//! Jobs, from their first pod to the end of what is kept of them.

use super::{Life, container};
use crate::kubernetes::controllers::pods;
use crate::kubernetes::kinds::{JOB, POD};
use crate::kubernetes::objects::{holds, items, name, number, text, uid};
use serde_json::{Value, json};

fn create(life: &Life, spec: &Value, command: &[&str]) {
    let mut job = json!({ "metadata": { "name": "work", "namespace": "panda" }, "spec": spec });
    job["spec"]["template"] = json!({ "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "main", "image": "work:1", "command": command }],
    } });
    life.store.create(&JOB, job).unwrap();
}

fn job(life: &Life) -> Value {
    Value::clone(&life.get(&JOB, "work"))
}

#[test]
fn a_job_succeeds_and_is_kept_as_long_as_it_says() {
    let mut life = Life::healthy();
    create(&life, &json!({ "ttlSecondsAfterFinished": 20 }), &["sleep", "2"]);
    life.pass(1);
    let pod = life.pods("job-name", "work").remove(0);
    assert_eq!(text(&pod, "/status/phase"), "Running");
    assert_eq!(number(&job(&life), "/status/active"), Some(1));
    life.pass(2);
    assert!(holds(&job(&life), "Complete"));
    assert_eq!(number(&job(&life), "/status/succeeded"), Some(1));
    let pod = life.get(&POD, name(&pod));
    assert_eq!(text(&pod, "/status/phase"), "Succeeded");
    assert_eq!(container(&pod)["state"]["terminated"]["exitCode"], 0);
    life.pass(18);
    assert!(life.store.get(&JOB, "panda", "work").is_ok());
    life.pass(3);
    assert!(life.store.get(&JOB, "panda", "work").is_err());
    assert!(life.pods("job-name", "work").is_empty());
}

#[test]
fn an_indexed_job_does_each_index_once_and_so_many_at_a_time() {
    let mut life = Life::healthy();
    let spec = json!({ "completionMode": "Indexed", "completions": 5, "parallelism": 2 });
    create(&life, &spec, &["sleep", "1"]);
    let mut most = 0;
    for _ in 0..80 {
        life.clock.advance(super::STEP);
        life.keeper.settle_all();
        let pods = life.pods("job-name", "work");
        most = most.max(pods.iter().filter(|pod| text(pod, "/status/phase") == "Running").count());
    }
    assert_eq!(most, 2);
    let job = job(&life);
    assert!(holds(&job, "Complete"), "{job}");
    assert_eq!(text(&job, "/status/completedIndexes"), "0-4");
    let pods = life.pods("job-name", "work");
    assert_eq!(pods.len(), 5);
    let third = pods.iter().find(|pod| name(pod).starts_with("work-2-")).unwrap();
    assert_eq!(text(third, "/spec/hostname"), "work-2");
    assert_eq!(text(third, "/spec/containers/0/env/0/name"), "JOB_COMPLETION_INDEX");
}

#[test]
fn a_job_that_fails_too_often_has_failed() {
    let mut life = Life::healthy();
    create(&life, &json!({ "backoffLimit": 2 }), &["/bin/false"]);
    life.pass(10);
    let job = job(&life);
    assert!(holds(&job, "Failed"), "{job}");
    assert_eq!(number(&job, "/status/failed"), Some(3));
    let reasons: Vec<&str> =
        items(&job, "/status/conditions").iter().map(|one| text(one, "/reason")).collect();
    assert!(reasons.contains(&"BackoffLimitExceeded"), "{reasons:?}");
    assert_eq!(life.warnings(), ["BackoffLimitExceeded Job"]);
}

#[test]
fn a_job_has_a_deadline() {
    let mut life = Life::healthy();
    create(&life, &json!({ "activeDeadlineSeconds": 3 }), &["sleep", "60"]);
    life.pass(6);
    assert!(holds(&job(&life), "Failed"));
    assert!(life.pods("job-name", "work").is_empty(), "its pods are ended");
}

#[test]
fn a_pod_of_a_job_that_is_deleted_is_replaced() {
    let mut life = Life::healthy();
    create(&life, &json!({}), &["sleep", "60"]);
    life.pass(1);
    let pod = life.pods("job-name", "work").remove(0);
    pods::end(&life.keeper, &pod);
    life.pass(2);
    let pods = life.pods("job-name", "work");
    assert_eq!(pods.len(), 1);
    assert_ne!(uid(&pods[0]), uid(&pod));
    assert_eq!(number(&job(&life), "/status/failed"), Some(0));
}

#[test]
fn a_pod_that_restarts_on_failure_backs_off_in_place() {
    let mut life = Life::healthy();
    create(&life, &json!({ "backoffLimit": 20 }), &["/bin/false"]);
    life.store
        .modify(&JOB, "panda", "work", |job| {
            job["spec"]["template"]["spec"]["restartPolicy"] = json!("OnFailure");
        })
        .unwrap();
    life.pass(2);
    let pod = life.pods("job-name", "work").remove(0);
    assert_eq!(container(&pod)["restartCount"], 1);
    assert_eq!(container(&pod)["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(container(&pod)["lastState"]["terminated"]["exitCode"], 1);
    life.pass(10);
    assert_eq!(container(&life.get(&POD, name(&pod)))["restartCount"], 2);
}
