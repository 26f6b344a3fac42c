//! `k8s.job.cancel`

use super::names::GRPC;
use super::started::{Started, is_over, is_terminating, told};
use super::{ALSO, JOBS, RUNS};
use crate::checks::ward::keep;
use crate::wait::Waited;
use http::StatusCode;
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, duration, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// The pods of a job that is cancelled end.
    ///
    /// One live job is started, and cancelled with `DELETE /job/{job_id}` once its pod runs. Within `ends_within` each pod
    /// must be gone, done, or on its way out; one that is on its way out should be gone `gone_within` later. A server that
    /// does not know how to cancel is skipped: its jobs end by themselves.
    ///
    /// # Why it matters
    /// A server that says 200 and leaves the pods alive takes capacity from everybody, and nobody looks for it.
    ///
    /// # How to mend it
    /// Deleting a pod is no use, since its Job makes another one: cancelling has to delete the Jobs `grpc-job-<id>` and
    /// `cleanup-job-<id>`, with what they own.
    pub(super) struct JobCancel(JobCancelParams) {
        id: "k8s.job.cancel",
        title: "The pods of a job that is cancelled end",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899"],
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("k8s.job-not-cancelled", "pods-live-on")],
    }
}

/// How long things may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JobCancelParams {
    /// After the job was cancelled its pods must be ending within this time.
    ends_within: HumanDuration,
    /// What is ending then should be gone after this time.
    gone_within: HumanDuration,
}

impl Default for JobCancelParams {
    fn default() -> Self {
        Self { ends_within: HumanDuration::secs(30), gone_within: HumanDuration::secs(5) }
    }
}

impl Params for JobCancelParams {}

#[async_trait]
impl Check for JobCancel {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let (spawned, _) = started.running(cx).await?;
        let id = &started.job.id;
        match started.focus.delete_job(id).await?.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                return Err(CheckError::not_applicable(
                    "not deployed: the server does not know how to cancel a job; jobs end by themselves",
                ));
            }
            status => {
                let why =
                    format!("cancelling a job is answered with {status}, which focus-api.jobs.cancel judges");
                return Err(CheckError::not_applicable(why));
            }
        }
        let (name, now) = (started.name(GRPC), || cx.clock.now());
        let ending = |pods: &[&Pod]| pods.iter().all(|pod| is_over(pod)).then_some(());
        let within = self.params.ends_within;
        let after = match started.pods_until(cx, &spawned.kube_job, within.0, ending).await? {
            Waited::Done { after, .. } => after,
            Waited::TimedOut { last, .. } => {
                let alive: Vec<&Pod> = last.values().filter(|pod| !is_over(pod)).collect();
                let finding = alive
                    .iter()
                    .fold(lives_on(&name, id, within), |finding, pod| finding.detail(told(pod, now())));
                let seen = Observation::seen(format!("job {id} was cancelled"));
                return Ok(Verdict::of(seen).with(finding.evidence(keep(cx, "pods.json", alive)?)));
            }
        };
        let verdict = Verdict::of(Observation::seen(format!("job {id} was cancelled, and its pods end")))
            .measured(Measurement::new("pods ending after", after.as_secs_f64(), Unit::Seconds));
        let gone = |pods: &[&Pod]| (!pods.iter().any(|pod| is_terminating(pod))).then_some(());
        let within = self.params.gone_within;
        Ok(match started.pods_until(cx, &spawned.kube_job, within.0, gone).await? {
            Waited::Done { .. } => verdict,
            Waited::TimedOut { last, after } => {
                let seen: Vec<String> = last.values().map(|pod| told(pod, now())).collect();
                verdict.with(lingers(&name, within, after, &seen.join("; ")))
            }
        })
    }
}

fn lives_on(job: &str, id: &str, within: HumanDuration) -> Finding {
    let message = format!("job {id} was cancelled with success, and its pods live on after {within}");
    Finding::new("pods-live-on", Cause::Product, format!("Job {job}"), message)
        .expected(format!("ending within {within}"), "alive")
        .remedy("let cancelling delete the Jobs of the job with what they own", "days")
}

fn lingers(job: &str, within: HumanDuration, after: Duration, seen: &str) -> Finding {
    let after = duration::brief(after);
    Finding::new(
        "pod-lingers",
        Cause::Product,
        format!("Job {job}"),
        format!("its pods are still ending after {after}"),
    )
    .warn()
    .expected(format!("gone within {within}"), seen)
    .remedy("let the analyzer end at SIGTERM, or shorten `terminationGracePeriodSeconds`", "hours")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{object, pod};
    use serde_json::json;

    #[test]
    fn what_does_no_more_work_is_over() {
        assert!(!is_over(&pod("p", json!({ "phase": "Running" }))));
        assert!(!is_over(&pod("p", json!({ "phase": "Pending" }))));
        assert!(is_over(&pod("p", json!({ "phase": "Succeeded" }))));
        let mut going = pod("p", json!({ "phase": "Running" }));
        going.metadata.deletion_timestamp = Some(object(json!("2025-11-20T12:00:00Z")));
        assert!(is_over(&going) && is_terminating(&going));
    }
}
