//! `bench cluster`: what the checks of a large namespace cost beside the same lists fetched by `kubectl`.

use super::suite::{self, Pairs, Suite};
use crate::output::message;
use anyhow::{Context as _, ensure};
use shakedown_core::measurement::Measured;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the checks of a cluster's state list.
const LISTS: &str = "pods,events,deployments,statefulsets,jobs,services,endpoints,secrets";
/// The checks that only look.
const SELECT: &str = "plugin(k8s) & effect(read)";

pub(crate) async fn bench(pods: u32, events: u32, rounds: usize) -> anyhow::Result<Vec<Measured>> {
    message(&format!("seeding {pods} pods and {events} events"));
    let options = serde_json::json!({ "pods": pods, "events": events });
    let sandbox = suite::sandbox("k8s", options).await?;
    let settings = sandbox.settings().get("k8s").context("the sandbox has no cluster")?;
    let kubeconfig = settings["kubeconfig"].as_str().context("the cluster has no kubeconfig")?.to_owned();
    let suite = Suite::new(SELECT, "k8s", "kubeconfig = \"${LAB}\"")?;

    let mut pairs = Pairs::default();
    for round in 1..=rounds {
        let took = suite.run(&kubeconfig).await?;
        let kubeconfig = kubeconfig.clone();
        let peer = tokio::task::spawn_blocking(move || kubectl(&kubeconfig)).await??;
        message(&format!("round {round} of {rounds}: {:.2} s, kubectl {peer:.2} s", took.seconds));
        pairs.add(&took, peer);
    }
    sandbox.stop().await;
    Ok(vec![pairs.measured(format!("{pods} pods, {events} events"), "kubectl")?])
}

/// How long `kubectl` takes to fetch the same lists, in seconds.
fn kubectl(kubeconfig: &str) -> anyhow::Result<f64> {
    let began = Instant::now();
    let ended = Command::new("kubectl")
        .args(["--kubeconfig", kubeconfig, "--namespace", "panda", "get", LISTS, "--output", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("kubectl is the peer, and cannot be started")?;
    ensure!(ended.success(), "kubectl ended with {ended}");
    Ok(began.elapsed().as_secs_f64())
}
