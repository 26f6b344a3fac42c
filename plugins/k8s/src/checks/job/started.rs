//! A job that a check has started, and waiting for what the cluster makes of it.

use super::events;
use super::names::{GRPC, belongs, name_of};
use crate::checks::ailment::{Kind, diagnose};
use crate::client::K8sClient;
use crate::target::Kubernetes;
use crate::wait::Waited;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job as KubeJob;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use shakedown_core::{CheckError, Context, duration};
use shakedown_focus::client::{Fiber, FocusClient};
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a check may wait for a pod whose coming and running others judge.
const PATIENCE: Duration = Duration::from_secs(40);

/// A job of Focus Server, and the two who know of it.
pub(super) struct Started {
    pub(super) focus: Arc<FocusClient>,
    pub(super) k8s: Arc<K8sClient>,
    pub(super) job: Job,
    /// When `/configure` had answered.
    pub(super) at: Instant,
}

/// What the cluster made of a job: its Kubernetes Job, and its first pod.
pub(super) struct Spawned {
    pub(super) kube_job: KubeJob,
    pub(super) pod: Pod,
    /// How long after the answer of `/configure` the pod was there.
    pub(super) after: Duration,
}

/// What there was instead of a pod.
pub(super) struct NoPod {
    /// In a sentence: what is missing, and since when.
    pub(super) what: String,
    /// What the cluster says about it.
    pub(super) events: Vec<String>,
}

/// Where a pod is in its life, as far as a job is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not been started; what it waits for, in the cluster's words.
    Pending(String),
    /// It runs, or is done.
    Running,
    /// It was started, and is not well; why, in the cluster's words.
    Broken(String),
}

impl Started {
    /// Starts a live job, or skips where no job is to be had: `focus-api.config.valid` judges that.
    pub(super) async fn live(cx: &Context) -> Result<Self, CheckError> {
        Self::with(cx, ConfigureRequest::live).await
    }

    /// Starts the job that `request` asks for.
    async fn with(
        cx: &Context,
        request: impl FnOnce(&Fiber) -> ConfigureRequest,
    ) -> Result<Self, CheckError> {
        let focus = cx.target::<FocusApi>().await?;
        let request = request(&focus.fiber(cx).await?);
        let job = focus.start(cx, &request).await?;
        Self::of(cx, focus, job).await
    }

    /// A job that has just been started.
    pub(super) async fn of(cx: &Context, focus: Arc<FocusClient>, job: Job) -> Result<Self, CheckError> {
        let at = Instant::now();
        // The id becomes a part of names and selectors, so it has to be a word.
        job.metadata_path()?;
        Ok(Self { focus, k8s: cx.target::<Kubernetes>().await?, job, at })
    }

    /// The name of an object that belongs to the job.
    pub(super) fn name(&self, stem: &str) -> String {
        name_of(stem, &self.job.id)
    }

    /// What is left of a time that began with the answer of `/configure`; enough for one look in any case.
    pub(super) fn left(&self, within: Duration) -> Duration {
        within.saturating_sub(self.at.elapsed()).max(Duration::from_secs(1))
    }

    /// Waits for the Kubernetes Job and its first pod, both `within` the answer of `/configure`.
    pub(super) async fn spawned(
        &self,
        cx: &Context,
        within: Duration,
    ) -> Result<Result<Spawned, NoPod>, CheckError> {
        let name = self.name(GRPC);
        let only = ListParams::default().fields(&format!("metadata.name={name}"));
        let first = |jobs: &BTreeMap<String, KubeJob>| jobs.values().next().cloned();
        let jobs = self.k8s.here::<KubeJob>();
        let kube_job =
            match self.k8s.until(cx, self.left(within), "watch the Jobs", &jobs, only, first).await? {
                Waited::Done { seen, .. } => seen,
                Waited::TimedOut { .. } => {
                    let what =
                        format!("there is no Job {name} {} after the job was accepted", brief(self.at));
                    return Ok(Err(NoPod { what, events: Vec::new() }));
                }
            };
        let waited = self
            .pods_until(cx, &kube_job, self.left(within), |pods| pods.first().map(|&pod| pod.clone()))
            .await?;
        if let Waited::Done { seen: pod, .. } = waited {
            return Ok(Ok(Spawned { kube_job, pod, after: self.at.elapsed() }));
        }
        let what = format!("the Job {name} has no pod {} after the job was accepted", brief(self.at));
        let events = events::lines(cx, &self.k8s, "Job", &name, kube_job.metadata.uid.as_deref()).await?;
        Ok(Err(NoPod { what, events }))
    }

    /// Watches the pods of a Job until `look` finds what it wants in them.
    pub(super) async fn pods_until<T>(
        &self,
        cx: &Context,
        kube_job: &KubeJob,
        within: Duration,
        mut look: impl FnMut(&[&Pod]) -> Option<T>,
    ) -> Result<Waited<T, Pod>, CheckError> {
        let name = kube_job.metadata.name.as_deref().unwrap_or_default();
        let only = ListParams::default().labels(&format!("job-name={name}"));
        let own = |pods: &BTreeMap<String, Pod>| {
            let own: Vec<&Pod> = pods.values().filter(|pod| belongs(pod, kube_job)).collect();
            look(&own)
        };
        self.k8s
            .until(cx, within, &format!("watch the pods of {name}"), &self.k8s.here::<Pod>(), only, own)
            .await
    }

    /// A pod that runs, for checks that ask something else of it.
    ///
    /// # Errors
    /// [`CheckError::Unclear`] where there is none; `k8s.job.pod-spawn` and `k8s.job.pending` judge that.
    pub(super) async fn running(&self, cx: &Context) -> Result<(Spawned, Pod), CheckError> {
        let spawned = self.spawned(cx, PATIENCE).await?.map_err(|missing| {
            CheckError::unclear(format!("{}, which k8s.job.pod-spawn judges", missing.what))
        })?;
        let now = || cx.clock.now();
        let runs = |pods: &[&Pod]| {
            pods.iter().find(|pod| stage(pod, now()) == Stage::Running).map(|&pod| pod.clone())
        };
        match self.pods_until(cx, &spawned.kube_job, self.left(PATIENCE), runs).await? {
            Waited::Done { seen, .. } => Ok((spawned, seen)),
            Waited::TimedOut { last, .. } => {
                let seen: Vec<String> = last.values().map(|pod| told(pod, now())).collect();
                Err(CheckError::unclear(format!(
                    "no pod of {} runs, which k8s.job.pod-spawn and k8s.job.pending judge: {}",
                    self.name(GRPC),
                    if seen.is_empty() { "there is none".to_owned() } else { seen.join("; ") }
                )))
            }
        }
    }
}

fn brief(since: Instant) -> String {
    duration::brief(since.elapsed())
}

/// Where a pod is in its life.
pub(super) fn stage(pod: &Pod, now: Timestamp) -> Stage {
    let phase = phase(pod);
    let ailment = diagnose(pod, now, &BTreeSet::new());
    let words = || {
        ailment.as_ref().map_or_else(|| phase.to_owned(), |ailment| format!("{phase}, {}", ailment.words()))
    };
    match (phase, ailment.as_ref().map(|ailment| ailment.kind)) {
        ("Failed" | "Unknown", _)
        | (_, Some(Kind::OutOfMemory | Kind::CrashLoop | Kind::Restarting | Kind::Failed | Kind::Job)) => {
            Stage::Broken(words())
        }
        ("Running" | "Succeeded", _) => Stage::Running,
        _ => Stage::Pending(words()),
    }
}

/// The word that the cluster has for where a pod is.
pub(super) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Whether a pod is on its way out.
pub(super) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether a pod does no more work, or is on its way out.
pub(super) fn is_over(pod: &Pod) -> bool {
    is_terminating(pod) || matches!(phase(pod), "Succeeded" | "Failed")
}

/// "the pod grpc-job-1-3-x7k2p is Pending, Unschedulable: 0/2 nodes are available".
pub(super) fn told(pod: &Pod, now: Timestamp) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or("(no name)");
    let going = if is_terminating(pod) { ", terminating" } else { "" };
    match stage(pod, now) {
        Stage::Pending(words) | Stage::Broken(words) => format!("the pod {name} is {words}{going}"),
        Stage::Running => format!("the pod {name} is {}{going}", phase(pod)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, pod, well};
    use serde_json::json;

    #[test]
    fn stages_of_a_pod() {
        let stage = |status| stage(&pod("p", status), now());
        assert_eq!(super::stage(&well("p", json!({})), now()), Stage::Running);
        assert_eq!(stage(json!({ "phase": "Running" })), Stage::Running, "readiness is another question");
        assert_eq!(stage(json!({ "phase": "Succeeded" })), Stage::Running);
        assert!(matches!(stage(json!({ "phase": "Failed" })), Stage::Broken(_)));
        assert!(matches!(stage(json!({ "phase": "Unknown" })), Stage::Broken(_)));
        let crashing = json!({ "phase": "Running", "containerStatuses": [{
            "name": "main", "ready": false, "restartCount": 3, "image": "i", "imageID": "",
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 1 } },
        }]});
        assert!(matches!(stage(crashing), Stage::Broken(_)));
        assert!(matches!(stage(json!({})), Stage::Pending(_)));
    }

    #[test]
    fn what_was_last_seen_is_told_in_the_clusters_words() {
        let waiting = json!({ "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available",
        }]});
        insta::assert_snapshot!(told(&pod("grpc-job-1-3-x7k2p", waiting), now()), @"the pod grpc-job-1-3-x7k2p is Pending, Unschedulable: 0/2 nodes are available");
    }
}
