//! What the cluster shows of the Focus Server's jobs: for each, two Kubernetes Jobs and a Service, and lines in the
//! log of the Focus Server. Nothing here waits: a configuration is answered before its objects are there.

use super::chores;
use super::cluster::Cluster;
use super::error::ApiError;
use super::faults::{Fault, Faults};
use super::keeper::Keeper;
use super::kinds::{JOB, Kind, SERVICE};
use super::objects::{is_finished, name, reference_to, text};
use super::orders::Ailment;
use super::seed::{FOCUS_SERVER, PANDA};
use super::store::{Subscription, What, time_text};
use super::tend;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::unconstrained;

/// How long the Jobs of an ended job are kept, in seconds.
const KEPT: u32 = 120;
/// How long ago the job ended whose Jobs are left over under [`Fault::JobLeftover`].
const LONG_AGO: Duration = Duration::from_hours(1);
/// How many jobs have addresses under [`Fault::AddressesExhausted`].
const ADDRESSES: usize = 20;
/// How often a pod that fails is replaced.
const RETRIES: u32 = 2;
const GRPC: &str = "grpc-job-";
const CLEANUP: &str = "cleanup-job-";
const STREAM: &str = "grpc-service-";

/// A job that has been configured.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) id: String,
    /// The port of its stream.
    pub(crate) port: u16,
    /// The first and the last channel.
    pub(crate) channels: (i64, i64),
    pub(crate) nfft: i64,
    /// The range of frequencies, in Hz.
    pub(crate) frequencies: (i64, i64),
    pub(crate) streams: usize,
    /// The recorded time that it plays back, in epoch seconds; none for a live job.
    pub(crate) history: Option<(i64, i64)>,
}

/// How a job has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody has cancelled it.
    Cancelled,
    /// Nobody has connected to its stream.
    Unattended,
    /// It was at its end.
    Over,
}

/// The cluster, as the Focus Server uses it.
#[derive(Debug)]
pub(crate) struct FocusJobs {
    cluster: Arc<Cluster>,
    changes: Mutex<Subscription>,
}

impl FocusJobs {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        let changes = Mutex::new(cluster.store.subscribe());
        Self { cluster, changes }
    }

    /// A configuration has come in, whatever becomes of it.
    pub(crate) fn asked(&self) {
        self.cluster.kubelet.load.asked(self.cluster.clock.now());
    }

    /// So many bytes of the Focus Server's memory will never be given back.
    pub(crate) fn leaked(&self, bytes: u64) {
        self.cluster.kubelet.load.leaked(bytes);
    }

    /// A job has been configured: its objects appear.
    pub(crate) fn configured(&self, job: Configured) {
        self.cluster.kubelet.load.begun();
        let faults = self.cluster.faults();
        self.cluster.ask(move |keeper| {
            if let Err(error) = begin(keeper, &job, &faults) {
                tracing::debug!(%error, job = job.id, "the job has no objects in the cluster");
            }
        });
    }

    /// A job has ended: so do its pods.
    pub(crate) fn ended(&self, id: &str, how: End) {
        self.cluster.kubelet.load.ended();
        let faults = self.cluster.faults();
        let stays = match how {
            End::Cancelled => faults.has(Fault::JobNotCancelled),
            End::Unattended => faults.has(Fault::JobNotCleaned),
            End::Over => false,
        };
        if !stays {
            let (id, leftover) = (id.to_owned(), faults.has(Fault::JobLeftover));
            let addresses_are_scarce = faults.has(Fault::AddressesExhausted);
            self.cluster.ask(move |keeper| {
                end(keeper, &id, how, leftover);
                if addresses_are_scarce {
                    pass_on_address(keeper);
                }
            });
        }
    }

    /// The Focus Server logs a line.
    pub(crate) fn log(&self, line: String) {
        self.cluster.ask(move |keeper| chores::log(keeper, FOCUS_SERVER, &line));
    }

    /// The jobs whose Kubernetes Jobs have been deleted since this was asked last.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = Vec::new();
        while let Some(change) = unconstrained(changes.next()).now_or_never() {
            if change.what == What::Deleted && change.kind == &JOB {
                ids.extend(name(&change.object).strip_prefix(GRPC).map(str::to_owned));
            }
        }
        ids
    }
}

pub(super) fn begin(keeper: &mut Keeper, job: &Configured, faults: &Faults) -> Result<(), ApiError> {
    let id = &job.id;
    let command = command(job, faults);
    chores::log(keeper, FOCUS_SERVER, &format!("INFO:     Running RPC command: {}", command.join(" ")));
    let (stream, cleanup) = (format!("{GRPC}{id}"), format!("{CLEANUP}{id}"));
    for (fault, ailment) in [
        (Fault::JobPodFailed, Ailment::Fails),
        (Fault::JobPending, Ailment::NoAddress),
        (Fault::JobNoLogs, Ailment::Silent),
    ] {
        if faults.has(fault) {
            keeper.orders.ail(&stream, ailment);
        }
    }
    if faults.has(Fault::AddressesExhausted) && keeper.orders.addresses(GRPC).0 >= ADDRESSES {
        keeper.orders.ail(&stream, Ailment::NoAddress);
        keeper.orders.ail(&cleanup, Ailment::NoAddress);
    }
    if faults.has(Fault::JobNoPod) {
        keeper.orders.limit((PANDA.to_owned(), stream.clone()), 0);
    }
    keeper.orders.hold(&stream);
    keeper.orders.hold(&cleanup);
    let created = keeper.store.create(&JOB, manifest(&stream, "analyzer", &command, job.port, faults))?;
    if !faults.has(Fault::JobNoService) {
        keeper.store.create(&SERVICE, service(job, &created, faults))?;
    }
    if !faults.has(Fault::JobNotCleaned) {
        let watch = ["/opt/cleanup/watch".to_owned(), "--job".to_owned(), stream];
        keeper.store.create(&JOB, manifest(&cleanup, "cleanup", &watch, job.port, faults))?;
    }
    chores::log(keeper, FOCUS_SERVER, &format!("INFO:     Applied YAML from /tmp/jobs/job-{id}.yml"));
    Ok(())
}

pub(super) fn end(keeper: &mut Keeper, id: &str, how: End, leftover: bool) {
    if how == End::Unattended {
        let line =
            format!("INFO:     Job {id} ends: its analyzer uses little processor time, nobody is connected");
        chores::log(keeper, FOCUS_SERVER, &line);
    }
    remove(keeper, &SERVICE, &format!("{STREAM}{id}"));
    for job in [format!("{GRPC}{id}"), format!("{CLEANUP}{id}")] {
        keeper.orders.release(&job);
        let pods = keeper.pods_of_job(&job);
        let has_run = |pod: &Arc<Value>| is_finished(pod) || text(pod, "/status/phase") == "Running";
        if leftover {
            // Where it is gone nothing is left over.
            let _ = keeper.store.modify(&JOB, PANDA, &job, |job| {
                if let Some(spec) = job["spec"].as_object_mut() {
                    spec.remove("ttlSecondsAfterFinished");
                }
            });
        } else if how == End::Cancelled || !pods.iter().any(has_run) {
            remove(keeper, &JOB, &job);
            continue;
        }
        for pod in pods {
            tend::release(keeper, &pod, 0);
        }
    }
}

/// The job that has waited longest for addresses gets those of one that has ended.
pub(super) fn pass_on_address(keeper: &mut Keeper) {
    let (taken, Some(waiting)) = keeper.orders.addresses(GRPC) else { return };
    if taken >= ADDRESSES {
        return;
    }
    let cleanup = waiting.replacen(GRPC, CLEANUP, 1);
    for job in [waiting, cleanup] {
        keeper.orders.recover(&job);
        for pod in keeper.pods_of_job(&job) {
            tend::recover(keeper, &pod);
        }
    }
}

fn remove(keeper: &Keeper, kind: &'static Kind, name: &str) {
    // Somebody else may have removed it.
    let _ = keeper.store.remove(kind, PANDA, name);
}

/// The command line of the analyzer.
fn command(job: &Configured, faults: &Faults) -> Vec<String> {
    let mut words = vec![
        "/opt/analyzer/analyzer".to_owned(),
        "--roi".to_owned(),
        job.channels.0.to_string(),
        job.channels.1.to_string(),
        "-sg".to_owned(),
        job.nfft.to_string(),
        "--sg-range".to_owned(),
        job.frequencies.0.to_string(),
        job.frequencies.1.to_string(),
        "--grpc-streams-num".to_owned(),
        job.streams.to_string(),
        "--queue-name".to_owned(),
        format!("focus_baby.{}", job.id),
    ];
    let wrong = faults.has(Fault::JobType).then_some((1_700_000_000, 1_700_000_300));
    if let Some((start, end)) = job.history.or(wrong) {
        for (flag, value) in [
            ("--time-start", written(start)),
            ("--time-end", written(end)),
            ("--time-zone", "UTC".to_owned()),
        ] {
            words.extend([flag.to_owned(), value]);
        }
    }
    words
}

/// A time as the analyzer takes it, `yymmddHHMMSS`.
fn written(second: i64) -> String {
    Timestamp::from_second(second)
        .map(|time| time.to_zoned(TimeZone::UTC).strftime("%y%m%d%H%M%S").to_string())
        .unwrap_or_default()
}

/// A Kubernetes Job with one pod.
fn manifest(job: &str, container: &str, command: &[String], port: u16, faults: &Faults) -> Value {
    let (program, arguments) = command.split_at(1);
    let resources = if faults.has(Fault::JobResources) {
        json!({})
    } else {
        json!({
            "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "cpu": "1", "memory": "1Gi" },
        })
    };
    let mut manifest = json!({
        "metadata": { "name": job, "namespace": PANDA, "labels": { "app": job } },
        "spec": {
            "backoffLimit": RETRIES,
            "ttlSecondsAfterFinished": KEPT,
            "template": {
                "metadata": { "labels": { "app": job } },
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": container,
                        "image": format!("registry.example.com/{container}:2.4.1"),
                        "command": program,
                        "args": arguments,
                        "env": [{ "name": "GRPC_PORT", "value": port.to_string() }],
                        "resources": resources,
                    }],
                },
            },
        },
    });
    if container == "analyzer" {
        let ports = json!([{ "name": "grpc", "containerPort": port }]);
        manifest["spec"]["template"]["spec"]["containers"][0]["ports"] = ports;
    }
    if faults.has(Fault::JobLabel) {
        manifest["spec"]["template"]["metadata"]["labels"]["job_id"] = json!(format!("{job}3"));
    }
    if faults.has(Fault::JobLeftover)
        && let Some(spec) = manifest["spec"].as_object_mut()
    {
        spec.remove("ttlSecondsAfterFinished");
    }
    manifest
}

/// The Kubernetes Jobs of a job that ended long ago, and that nobody has removed.
pub(super) fn leftovers(now: Timestamp) -> [Value; 2] {
    [GRPC, CLEANUP].map(|stem| {
        let mut job = manifest(&format!("{stem}0-1"), "analyzer", &["/opt/analyzer/analyzer".to_owned()], 0, &Faults::default());
        if let Some(spec) = job["spec"].as_object_mut() {
            spec.remove("ttlSecondsAfterFinished");
        }
        let ended = time_text(now - LONG_AGO);
        job["metadata"]["creationTimestamp"] = json!(ended);
        job["status"] = json!({
            "succeeded": 1,
            "completionTime": ended,
            "conditions": [{ "type": "Complete", "status": "True", "lastTransitionTime": ended, "lastProbeTime": ended }],
        });
        job
    })
}

/// The Service at whose port the stream is.
fn service(job: &Configured, owner: &Value, faults: &Faults) -> Value {
    let port = if faults.has(Fault::JobPortOther) { job.port ^ 1 } else { job.port };
    json!({
        "metadata": {
            "name": format!("{STREAM}{}", job.id),
            "namespace": PANDA,
            "labels": { "app": "grpc-service" },
            "ownerReferences": [reference_to(&JOB, owner)],
        },
        "spec": {
            "type": "NodePort",
            "selector": { "app": name(owner) },
            "ports": [{ "name": "grpc", "port": port, "targetPort": port, "nodePort": port }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(history: Option<(i64, i64)>) -> Configured {
        Configured {
            id: "1-3".to_owned(),
            port: 12301,
            channels: (1, 8),
            nfft: 1024,
            frequencies: (0, 1000),
            streams: 8,
            history,
        }
    }

    #[test]
    fn the_command_line_tells_live_from_historic() {
        let mut faults = Faults::default();
        let shown = |job: &Configured, faults: &Faults| command(job, faults).join(" ");
        insta::assert_snapshot!(shown(&job(None), &faults), @"/opt/analyzer/analyzer --roi 1 8 -sg 1024 --sg-range 0 1000 --grpc-streams-num 8 --queue-name focus_baby.1-3");
        let historic = job(Some((1_763_886_600, 1_763_886_900)));
        insta::assert_snapshot!(shown(&historic, &faults), @"/opt/analyzer/analyzer --roi 1 8 -sg 1024 --sg-range 0 1000 --grpc-streams-num 8 --queue-name focus_baby.1-3 --time-start 251123083000 --time-end 251123083500 --time-zone UTC");
        faults.turn_on(Fault::JobType);
        assert!(shown(&job(None), &faults).contains("--time-start 231114221320"));
    }
}
