//! The bench at a sandbox with a cluster, and with a Focus Server where it is asked for.

use shakedown_testkit::Bench;

/// The whole sandbox with these faults. None where a part of it cannot be had; in CI that is a failure.
pub(crate) async fn whole(faults: &[&str]) -> Option<Bench> {
    Bench::sandbox(&["focus-api", "k8s", "mongo"], faults).await
}

/// Nothing but a cluster, with these faults.
pub(crate) async fn cluster(faults: &[&str]) -> Bench {
    Bench::sandbox(&["k8s"], faults).await.expect("the cluster needs nothing")
}
