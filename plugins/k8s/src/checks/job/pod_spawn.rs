//! `k8s.job.pod-spawn`

use super::names::GRPC;
use super::started::{NoPod, Spawned, Stage, Started, stage, told};
use super::{ALSO, JOBS, STARTS, events};
use crate::checks::ward::keep;
use crate::wait::Waited;
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// A job that is accepted becomes a pod that runs, and goes on running.
    ///
    /// One live job is started. Its Kubernetes Job, `grpc-job-<id>`, must have a pod after `appears_within`. Within
    /// `runs_within` the pod may come to run; a pod that is still pending then is judged by `k8s.job.pending`. A pod that
    /// fails, is killed or crashes within that time, or within `stays` of its start, is a failure. Pods are found by the
    /// whole name of the Job and by its UID.
    ///
    /// # Why it matters
    /// The server answers before there is a pod: without one the client waits for a stream that never comes.
    ///
    /// # How to mend it
    /// No pod: the events of the Job say why, most often a quota or a missing right of the service account. A pod that
    /// failed: read its log (`kubectl logs`), and how it ended (`kubectl describe pod`).
    pub(super) struct PodSpawn(PodSpawnParams) {
        id: "k8s.job.pod-spawn",
        title: "A job that is accepted becomes a pod that runs",
        severity: Severity::Critical,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899"],
        tags: &["smoke", "jobs"],
        requires: STARTS,
        group: JOBS,
        timeout: Some(Duration::from_secs(90)),
        proofs: &[fault("k8s.job-no-pod", "no-pod"), fault("k8s.job-pod-failed", "pod-failed")],
    }
}

/// How long things may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PodSpawnParams {
    /// After the job was accepted there must be a pod within this time.
    appears_within: HumanDuration,
    /// For so long, from the same moment on, the pod is given time to run.
    runs_within: HumanDuration,
    /// A pod that runs must still run after this time.
    stays: HumanDuration,
}

impl Default for PodSpawnParams {
    fn default() -> Self {
        Self {
            appears_within: HumanDuration::secs(10),
            runs_within: HumanDuration::secs(30),
            stays: HumanDuration::secs(3),
        }
    }
}

impl Params for PodSpawnParams {
    fn validate(&self) -> Result<(), String> {
        if self.appears_within <= self.runs_within {
            return Ok(());
        }
        Err(format!(
            "`appears_within`, {}, must not exceed `runs_within`, {}",
            self.appears_within, self.runs_within
        ))
    }
}

/// How the first seconds of a pod went.
enum Course {
    /// It came to run after this time, and went on.
    Ran(Duration),
    /// It was pending all the time, as this says.
    Waited(String),
    /// It was started, and is not well.
    Broke(Box<Pod>, String),
}

#[async_trait]
impl Check for PodSpawn {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let name = started.name(GRPC);
        let spawned = match started.spawned(cx, self.params.appears_within.0).await? {
            Ok(spawned) => spawned,
            Err(missing) => {
                let seen = Observation::seen(format!("job {} was accepted", started.job.id));
                return Ok(Verdict::of(seen).with(no_pod(&name, self.params.appears_within, missing)));
            }
        };
        let pod = spawned.pod.metadata.name.clone().unwrap_or_default();
        let verdict = Verdict::of(Observation::seen(format!("job {} has the pod {pod}", started.job.id)))
            .measured(Measurement::new("pod there after", spawned.after.as_secs_f64(), Unit::Seconds));
        Ok(match self.course(cx, &started, &spawned).await? {
            Course::Ran(after) => {
                verdict.measured(Measurement::new("pod running after", after.as_secs_f64(), Unit::Seconds))
            }
            Course::Waited(seen) => verdict.with(
                Finding::new(
                    "pod-waits",
                    Cause::Environment,
                    name,
                    format!("{seen}; k8s.job.pending judges this"),
                )
                .note(),
            ),
            Course::Broke(pod, words) => {
                let (pod_name, uid) =
                    (pod.metadata.name.as_deref().unwrap_or_default(), pod.metadata.uid.as_deref());
                let lines = events::lines(cx, &started.k8s, "Pod", pod_name, uid).await?;
                let finding = failed(&name, &told(&pod, cx.clock.now()), &words, pod_name);
                let finding = lines.into_iter().fold(finding, Finding::detail);
                verdict.with(finding.evidence(keep(cx, "pods.json", [&*pod])?))
            }
        })
    }
}

impl PodSpawn {
    async fn course(&self, cx: &Context, started: &Started, spawned: &Spawned) -> Result<Course, CheckError> {
        let now = || cx.clock.now();
        let moved = |pods: &[&Pod]| {
            let broken = pods.iter().find_map(|pod| match stage(pod, now()) {
                Stage::Broken(words) => Some(Course::Broke(Box::new((*pod).clone()), words)),
                _ => None,
            });
            let runs = || pods.iter().any(|pod| stage(pod, now()) == Stage::Running);
            broken.or_else(|| runs().then(|| Course::Ran(started.at.elapsed())))
        };
        let within = started.left(self.params.runs_within.0);
        let ran = match started.pods_until(cx, &spawned.kube_job, within, moved).await? {
            Waited::Done { seen: Course::Ran(after), .. } => after,
            Waited::Done { seen, .. } => return Ok(seen),
            Waited::TimedOut { last, .. } => {
                let seen: Vec<String> = last.values().map(|pod| told(pod, now())).collect();
                return Ok(Course::Waited(seen.join("; ")));
            }
        };
        let broken = |pods: &[&Pod]| moved(pods).filter(|course| matches!(course, Course::Broke(..)));
        Ok(match started.pods_until(cx, &spawned.kube_job, self.params.stays.0, broken).await? {
            Waited::Done { seen, .. } => seen,
            Waited::TimedOut { .. } => Course::Ran(ran),
        })
    }
}

fn no_pod(name: &str, within: HumanDuration, missing: NoPod) -> Finding {
    let has = |word: &str| missing.events.iter().any(|line| line.contains(word));
    let (cause, remedy) = if has("quota") {
        (Cause::Capacity, "raise the quota of the namespace, or let jobs end")
    } else if has("forbidden") {
        (Cause::Environment, "let the Job's service account and security policy have this pod")
    } else {
        (
            Cause::Product,
            "see in the log of Focus Server whether it applied the job's manifest, and what came of it",
        )
    };
    let finding = Finding::new("no-pod", cause, format!("Job {name}"), missing.what)
        .expected(format!("a pod within {within}"), "none")
        .remedy(remedy, "about an hour");
    missing.events.into_iter().fold(finding, Finding::detail)
}

fn failed(job: &str, told: &str, words: &str, pod: &str) -> Finding {
    Finding::new("pod-failed", Cause::Product, format!("Job {job}"), told)
        .expected("Running", words)
        .remedy(format!("see how it ended: `kubectl describe pod {pod}` and `kubectl logs {pod}`"), "hours")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(event: &str) -> Finding {
        let what = "the Job grpc-job-1-3 has no pod 10 s after the job was accepted".to_owned();
        no_pod("grpc-job-1-3", HumanDuration::secs(10), NoPod { what, events: vec![event.to_owned()] })
    }

    #[test]
    fn events_tell_whose_fault_it_is() {
        let quota = missing("event FailedCreate: pods \"x\" is forbidden: exceeded quota: pods");
        assert_eq!(quota.cause, Cause::Capacity);
        assert_eq!(missing("event FailedCreate: forbidden by policy").cause, Cause::Environment);
        let silent = missing("no events of the Job");
        assert_eq!((silent.cause, silent.details.len()), (Cause::Product, 1));
    }

    #[test]
    fn a_pod_cannot_run_before_it_is_there() {
        let params = PodSpawnParams { runs_within: HumanDuration::secs(5), ..PodSpawnParams::default() };
        assert_eq!(
            params.validate().unwrap_err(),
            "`appears_within`, 10s, must not exceed `runs_within`, 5s"
        );
        assert!(PodSpawnParams::default().validate().is_ok());
    }
}
