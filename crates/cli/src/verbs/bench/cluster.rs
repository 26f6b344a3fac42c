//! `bench cluster`: what the checks of a large namespace cost beside the same lists fetched by `kubectl`.

use super::suite::{self, Suite, median};
use crate::output::{message, print};
use anyhow::{Context as _, ensure};
use shakedown_core::run::Exit;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the checks of a cluster's state list.
const LISTS: &str = "pods,events,deployments,statefulsets,jobs,services,endpoints,secrets";
/// The checks that only look.
const SELECT: &str = "plugin(k8s) & effect(read)";

pub(crate) async fn bench(pods: u32, events: u32, rounds: usize) -> anyhow::Result<Exit> {
    message(&format!("seeding {pods} pods and {events} events"));
    let options = serde_json::json!({ "pods": pods, "events": events });
    let sandbox = suite::sandbox("k8s", options).await?;
    let settings = sandbox.settings().get("k8s").context("the sandbox has no cluster")?;
    let kubeconfig = settings["kubeconfig"].as_str().context("the cluster has no kubeconfig")?.to_owned();
    let suite = Suite::new(SELECT, "k8s", "kubeconfig = \"${LAB}\"")?;

    let (mut own, mut peers, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let took = suite.run(&kubeconfig).await?;
        own.push(took.seconds);
        memory.extend(took.peak_mb);
        let kubeconfig = kubeconfig.clone();
        peers.push(tokio::task::spawn_blocking(move || kubectl(&kubeconfig)).await??);
        message(&format!(
            "round {round} of {rounds}: {:.2} s, kubectl {:.2} s",
            took.seconds,
            peers[peers.len() - 1]
        ));
    }
    sandbox.stop().await;
    let ratios = own.iter().zip(&peers).map(|(own, peer)| own / peer).collect();
    let peak = suite::peak(memory)?;
    let (own, peer, ratio) = (median(own)?, median(peers)?, median(ratios)?);
    print("pods    events  suite s  kubectl s  ratio  peak memory MB\n");
    print(&format!("{pods:<6}  {events:<6}  {own:>7.2}  {peer:>9.2}  {ratio:>5.2}  {peak:>14}\n"));
    Ok(Exit::Fit)
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
