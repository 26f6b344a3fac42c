//! What the observer sees of the sandbox's cluster.

use crate::site::cluster;
use shakedown_core::registry::Entries;
use shakedown_core::{ObserveContext, Reading};
use shakedown_testkit::Bench;
use std::time::{Duration, Instant};

/// What the observer reads.
async fn seen_by_the_observer(site: &Bench) -> Result<Vec<Reading>, String> {
    let entries = Entries::linked();
    let spec = entries.observers.iter().find(|spec| spec.id == "k8s.resources").unwrap();
    let cx = ObserveContext { deadline: Instant::now() + Duration::from_secs(20) };
    (spec.observe)(site.target("k8s").client(), cx).await.map_err(|error| error.to_string())
}

fn of<'a>(readings: &'a [Reading], subject: &str, what: &str) -> &'a Reading {
    let found = readings.iter().find(|reading| reading.subject.starts_with(subject) && reading.what == what);
    found.unwrap_or_else(|| panic!("no {what} of {subject}: {readings:#?}"))
}

#[tokio::test]
async fn a_healthy_cluster_is_measured() {
    let site = cluster(&[]).await;
    let readings = seen_by_the_observer(&site).await.unwrap();
    let cpu = of(&readings, "pod/panda-panda-focus-server-", "cpu");
    assert_eq!((cpu.limit, cpu.value > 0.0), (Some(2.0), true));
    let memory = of(&readings, "pod/panda-panda-focus-server-", "memory");
    assert_eq!((memory.limit, memory.value), (Some(4.0 * f64::from(1 << 30)), f64::from(400 << 20)));
    assert_eq!(of(&readings, "node/worker-1", "cpu").limit, Some(64.0));
    for what in ["pods-pending", "pods-without-address", "pods-failed", "restarts"] {
        assert!(of(&readings, "namespace/panda", what).value.abs() < f64::EPSILON, "{readings:#?}");
    }
    assert!(of(&readings, "nodes", "node-pressure").value.abs() < f64::EPSILON);
    site.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_counted_and_explained() {
    let site = cluster(&["k8s.pod-pending", "k8s.node-pressure", "k8s.oom-killed"]).await;
    let readings = seen_by_the_observer(&site).await.unwrap();
    let pending = of(&readings, "namespace/panda", "pods-pending");
    assert_eq!((pending.value.round(), pending.note.is_some()), (1.0, true), "{pending:?}");
    assert!(pending.note.as_ref().unwrap().contains("nodes are available"), "{pending:?}");
    let pressure = of(&readings, "nodes", "node-pressure");
    assert_eq!(pressure.note.as_deref(), Some("worker-2: MemoryPressure"));
    assert!(of(&readings, "namespace/panda", "restarts").value >= 1.0);
    site.stop().await;
}

#[tokio::test]
async fn who_may_read_nothing_is_told_so() {
    let site = cluster(&["k8s.forbidden"]).await;
    let error = seen_by_the_observer(&site).await.unwrap_err();
    assert!(error.contains("forbidden"), "{error}");
    site.stop().await;
}
