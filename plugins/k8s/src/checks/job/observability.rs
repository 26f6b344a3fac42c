//! `k8s.job.observability`

use super::names::GRPC;
use super::started::{Started, phase};
use super::{ALSO, JOBS, RUNS, events};
use crate::client::K8sClient;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Observation, Params, Severity,
    Verdict, async_trait, fault, register_check,
};
use std::time::{Duration, Instant};

register_check! {
    /// The pod of a job can be looked into: it has a status, a log and events.
    ///
    /// One live job is started. Once its pod runs, each of its containers must have a status, the log of each must have a
    /// line within `speaks_within`, and the cluster must have events of the pod.
    ///
    /// # Why it matters
    /// When a job shows nothing, status, log and events are all that there is to find out why; afterwards the pod is gone.
    ///
    /// # How to mend it
    /// No log: let the analyzer write to its standard output, unbuffered. No events: see whether the cluster keeps events
    /// at all (`kubectl get events`), and for how long.
    pub(super) struct JobObservability(JobObservabilityParams) {
        id: "k8s.job.observability",
        title: "The pod of a job has a status, a log and events",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899"],
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_secs(90)),
        proofs: &[fault("k8s.job-no-logs", "no-log")],
    }
}

/// How long it may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JobObservabilityParams {
    /// A container that runs must have logged something after this time.
    speaks_within: HumanDuration,
}

impl Default for JobObservabilityParams {
    fn default() -> Self {
        Self { speaks_within: HumanDuration::secs(10) }
    }
}

impl Params for JobObservabilityParams {}

/// Following a log would wait for what may never come, so it is asked again.
const PAUSE: Duration = Duration::from_millis(250);

#[async_trait]
impl Check for JobObservability {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let (_, pod) = started.running(cx).await?;
        let job = started.name(GRPC);
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let events = events::of(cx, &started.k8s, "Pod", name, pod.metadata.uid.as_deref()).await;
        let mut cases = Cases::new();
        cases.push(Case::new("status", &[], status(&job, &pod)));
        cases.push(Case::new("log", &[], self.log(cx, &started.k8s, &job, &pod).await));
        cases.push(Case::new("events", &[], events.map(|events| judge_events(&job, name, events.len()))));
        cases.verdict()
    }
}

impl JobObservability {
    async fn log(&self, cx: &Context, k8s: &K8sClient, job: &str, pod: &Pod) -> Result<Verdict, CheckError> {
        let (name, containers) = (pod.metadata.name.as_deref().unwrap_or_default(), containers(pod));
        let mut silent = Vec::new();
        let began = Instant::now();
        for container in &containers {
            let params = LogParams {
                container: Some((*container).to_owned()),
                tail_lines: Some(1),
                limit_bytes: Some(4096),
                ..LogParams::default()
            };
            let what = format!("read the log of the pod {name}");
            loop {
                let log = k8s.ask(cx, &what, k8s.here::<Pod>().logs(name, &params)).await?;
                if !log.trim().is_empty() {
                    break;
                }
                if began.elapsed() >= self.params.speaks_within.0 {
                    silent.push(*container);
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        let verdict = Verdict::of(Observation::counted(containers.len() as u64, "logs of the job's pod")?);
        Ok(verdict
            .with_all((!silent.is_empty()).then(|| no_log(job, name, &silent, self.params.speaks_within))))
    }
}

fn containers(pod: &Pod) -> Vec<&str> {
    pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.as_str()).collect()
}

fn status(job: &str, pod: &Pod) -> Result<Verdict, CheckError> {
    let told = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let told: Vec<&str> = told.map(|status| status.name.as_str()).collect();
    let containers = containers(pod);
    let missing: Vec<&str> = containers.iter().copied().filter(|name| !told.contains(name)).collect();
    let seen =
        format!("the pod is {}; {} of {} containers have a status", phase(pod), told.len(), containers.len());
    Observation::counted(containers.len() as u64, "containers of the job's pod")?;
    let verdict = Verdict::of(Observation::seen(seen));
    Ok(verdict.with_all((!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        let message = format!("the cluster does not say how the containers of the job's pod are: {missing}");
        Finding::new("no-status", Cause::Environment, format!("Job {job}"), message)
            .expected("a status of each container", format!("none of {missing}"))
            .remedy(
                "see whether the kubelet of the pod's node reports (`kubectl describe node`)",
                "about an hour",
            )
    })))
}

fn no_log(job: &str, pod: &str, silent: &[&str], within: HumanDuration) -> Finding {
    let silent = silent.join(", ");
    let message =
        format!("the job's pod {pod} runs, and has logged nothing within {within}: container {silent}");
    Finding::new("no-log", Cause::Product, format!("Job {job}"), message)
        .expected("a line at the start at least", "an empty log")
        .remedy("let the analyzer write to its standard output, unbuffered", "hours")
}

/// Events are kept for an hour or less, but a pod that has just been started has some.
fn judge_events(job: &str, pod: &str, count: usize) -> Verdict {
    let verdict = Verdict::of(Observation::seen(format!("{count} events of the pod {pod}")));
    verdict.with_all((count == 0).then(|| {
        let message =
            format!("the cluster has no events of the job's pod {pod}, which has just been started");
        Finding::new("no-events", Cause::Environment, format!("Job {job}"), message)
            .warn()
            .expected("events of its scheduling and start", "none")
            .remedy("see whether the cluster keeps events, and for how long (`--event-ttl`)", "about an hour")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use serde_json::json;
    use shakedown_core::{Outcome, Status};

    fn judged(statuses: serde_json::Value) -> Outcome {
        let pod: Pod = object(json!({
            "metadata": {}, "spec": { "containers": [{ "name": "analyzer" }] },
            "status": { "phase": "Running", "containerStatuses": statuses },
        }));
        status("grpc-job-1-3", &pod).unwrap().into()
    }

    #[test]
    fn each_container_has_a_status() {
        let one =
            json!([{ "name": "analyzer", "ready": true, "restartCount": 0, "image": "i", "imageID": "" }]);
        assert_eq!(judged(one).status, Status::Passed);
        assert_eq!(judged(json!([])).findings[0].code, "no-status");
    }

    #[test]
    fn events_are_a_wish() {
        assert_eq!(Outcome::from(judge_events("j", "p", 3)).status, Status::Passed);
        assert_eq!(Outcome::from(judge_events("j", "p", 0)).status, Status::Warned);
    }
}
