//! Containers that are real processes: this very test binary, run again.

use crate::kubernetes::cluster::Cluster;
use crate::kubernetes::kinds::{JOB, POD};
use crate::kubernetes::logs::Log;
use crate::kubernetes::objects::{items, name, text};
use crate::options::SandboxOptions;
use serde_json::{Value, json};
use shakedown_core::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long anything here may take before it counts as hanging.
const BOUND: Duration = Duration::from_secs(20);

#[test]
#[ignore = "other tests run it as the process of a container"]
fn in_a_container() {
    #[expect(clippy::disallowed_methods, reason = "a container is told by its environment what to do")]
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    println!("index {} of {}", told("JOB_COMPLETION_INDEX"), told("POD"));
    eprintln!("and an error");
    if told("WAIT") == "yes" {
        std::thread::sleep(Duration::from_mins(1));
    }
    assert_eq!(told("FAIL"), "", "as told");
}

fn start() -> Arc<Cluster> {
    let options = SandboxOptions::default();
    Cluster::start(Clock::system(), "unused".into(), &options, CancellationToken::new()).unwrap()
}

/// A job whose pods run the test above.
fn job(extra: &Value, variables: &Value) -> Value {
    let own = std::env::current_exe().unwrap();
    let mut variables = variables.as_array().cloned().unwrap_or_default();
    variables.push(json!({ "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }));
    let test = "kubernetes::tests::processes::in_a_container";
    let mut job = json!({
        "metadata": { "name": "work", "namespace": "panda" },
        "spec": { "backoffLimit": 0, "template": { "spec": { "restartPolicy": "Never", "containers": [{
            "name": "main", "image": "own:1", "command": [own.to_str().unwrap()],
            "args": ["--exact", test, "--ignored", "--nocapture"], "env": variables,
        }] } } },
    });
    for (key, value) in extra.as_object().into_iter().flatten() {
        job["spec"][key] = value.clone();
    }
    job
}

/// Waits until the pods of the job are as wanted.
async fn until(cluster: &Cluster, wanted: impl Fn(&[Arc<Value>]) -> bool) -> Vec<Arc<Value>> {
    let mut last = Vec::new();
    let wait = async {
        loop {
            last = cluster.store.list(&POD, Some("panda")).0;
            last.retain(|pod| name(pod).starts_with("work-"));
            if wanted(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(BOUND, wait).await.is_ok();
    assert!(in_time, "{last:?}");
    last
}

fn are(phase: &str, count: usize) -> impl Fn(&[Arc<Value>]) -> bool {
    move |pods| pods.len() == count && pods.iter().all(|pod| text(pod, "/status/phase") == phase)
}

async fn whole(mut log: Log) -> String {
    let mut lines = std::mem::take(&mut log.lines);
    while let Some(more) = tokio::time::timeout(BOUND, log.more()).await.unwrap() {
        lines.extend(more);
    }
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

#[tokio::test]
async fn a_process_is_told_its_index_and_its_output_is_the_log() {
    let cluster = start();
    let indexed = json!({ "completionMode": "Indexed", "completions": 2, "parallelism": 2 });
    cluster.store.create(&JOB, job(&indexed, &json!([]))).unwrap();
    let pods = until(&cluster, are("Succeeded", 2)).await;
    for (index, pod) in pods.iter().enumerate() {
        let log = whole(cluster.kubelet.log("panda", name(pod), None, false).unwrap()).await;
        assert!(log.contains(&format!("index {index} of {}\n", name(pod))), "{log}");
        assert!(log.contains("and an error\n"), "{log}");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn the_exit_code_is_the_state() {
    let cluster = start();
    cluster.store.create(&JOB, job(&json!({}), &json!([{ "name": "FAIL", "value": "yes" }]))).unwrap();
    let pods = until(&cluster, are("Failed", 1)).await;
    let terminated = &items(&pods[0], "/status/containerStatuses")[0]["state"]["terminated"];
    assert_eq!(terminated["exitCode"], 101);
    cluster.stop().await;
}

#[tokio::test]
async fn a_process_ends_with_its_pod_and_with_the_cluster() {
    let cluster = start();
    cluster.store.create(&JOB, job(&json!({}), &json!([{ "name": "WAIT", "value": "yes" }]))).unwrap();
    let started = until(&cluster, are("Running", 1)).await;
    let mut log = cluster.kubelet.log("panda", name(&started[0]), None, false).unwrap();
    if log.lines.is_empty() {
        tokio::time::timeout(BOUND, log.more()).await.unwrap().unwrap();
    }
    cluster.store.remove(&JOB, "panda", "work").unwrap();
    until(&cluster, <[_]>::is_empty).await;
    whole(log).await;

    cluster.store.create(&JOB, job(&json!({}), &json!([{ "name": "WAIT", "value": "yes" }]))).unwrap();
    let started = until(&cluster, are("Running", 1)).await;
    let log = cluster.kubelet.log("panda", name(&started[0]), None, false).unwrap();
    tokio::time::timeout(BOUND, cluster.stop()).await.unwrap();
    // The log of a process that is gone is over.
    whole(log).await;
}
