//! `k8s.jobs.failed`

use crate::checks::ailment::{Kind, owner};
use crate::checks::job::names::is_of_this_run;
use crate::checks::ward::{
    PODS, Ward, ago, bounded, elsewhere, kubectl, name, since, subject, told, with_evidence, with_examples,
};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, Verdict, async_trait, fault, register_check,
};

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FailedParams {
    /// A Job that failed longer ago is only noted.
    pub(crate) recent: HumanDuration,
}

impl Default for FailedParams {
    fn default() -> Self {
        Self { recent: HumanDuration::secs(24 * 3600) }
    }
}

impl Params for FailedParams {}

register_check! {
    /// No Job has failed.
    ///
    /// A Job has failed when the cluster has given it up: its pods failed too often, or it took too long. One that is
    /// still being tried, one that is suspended and one that is complete have not. The finding says how its pods ended;
    /// they are found by the whole name of the Job and its UID. What failed for lack of memory is reported by
    /// `k8s.pods.memory`, and the Jobs of jobs that this run has started are judged by `k8s.job.*`.
    ///
    /// # Why it matters
    /// Whoever waits for what the Job was to do waits for ever, and a failed one is rarely looked at by anybody.
    ///
    /// # How to mend it
    /// Read the log of its last pod, mend the cause, and delete the Job or start it anew.
    pub(crate) struct JobsFailed(FailedParams) {
        id: "k8s.jobs.failed",
        title: "No Job has failed",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.job-failed", "job-failed")],
    }
}

#[async_trait]
impl Check for JobsFailed {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let jobs = ward.k8s.jobs(cx).await?;
        let (mut failed, mut old, mut explained) = (Vec::new(), Vec::new(), Vec::new());
        for (job, condition) in jobs.iter().filter_map(|job| Some((job, failure(job)?))) {
            let own = name(&job.metadata);
            let pods: Vec<&Pod> = ward.pods.iter().filter(|pod| belongs(pod, job)).collect();
            let memory = pods
                .iter()
                .any(|pod| ward.ailment(pod).is_some_and(|ailment| ailment.kind == Kind::OutOfMemory));
            let at = condition.last_transition_time.as_ref();
            if is_of_this_run(&own, job.metadata.creation_timestamp.as_ref(), cx.began()) {
                explained.push(format!("Job {own}: see k8s.job.pod-spawn"));
            } else if memory {
                explained.push(format!("Job {own}: see k8s.pods.memory"));
            } else if at.is_some_and(|at| since(at.0, ward.now) > self.params.recent.0) {
                old.push(own);
            } else {
                let ends =
                    pods.iter().filter_map(|pod| Some((name(&pod.metadata), ward.ailment(pod)?.words())));
                failed.push((job, condition, ends.collect::<Vec<_>>()));
            }
        }
        let findings = bounded(&failed, |(job, condition, ends)| tell(job, condition, ends, ward.now));
        let findings = with_evidence(findings, || {
            let shown = failed.iter().take(10);
            let shown =
                shown.map(|(job, ..)| json!({ "metadata": told(&job.metadata), "status": job.status }));
            cx.attach(Evidence::json("jobs.json", &Value::Array(shown.collect())))
        })?;
        let seen = format!("{} Jobs of the namespace `{}` examined", jobs.len(), ward.k8s.namespace);
        let old = (!old.is_empty()).then(|| {
            let message = format!("{} Jobs failed longer than {} ago", old.len(), self.params.recent);
            let note = Finding::new("job-failed-before", Cause::Expected, "old Jobs", message).note();
            let count = old.len();
            with_examples(note, old, count)
        });
        let note = elsewhere(explained.len(), "failed Jobs", explained);
        Ok(Verdict::of(Observation::seen(seen)).with_all(findings).with_all(old).with_all(note))
    }
}

/// The condition by which the cluster says that it has given a Job up.
fn failure(job: &Job) -> Option<&JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let is = |kind: &str| conditions.iter().find(|one| one.type_ == kind && one.status == "True");
    // `FailureTarget` is said while the last pods are still being ended.
    is("Failed").or_else(|| is("FailureTarget"))
}

/// Whether a pod is of this very Job, and not of one whose name begins alike or which had its name before.
fn belongs(pod: &Pod, job: &Job) -> bool {
    owner(pod, "Job").is_some_and(|(_, uid)| Some(uid) == job.metadata.uid.as_deref())
}

fn tell(job: &Job, condition: &JobCondition, ends: &[(String, String)], now: Timestamp) -> Finding {
    let own = name(&job.metadata);
    let kubectl = kubectl(&job.metadata);
    let reason = condition.reason.as_deref().unwrap_or("Failed");
    let said = condition.message.as_deref().unwrap_or_default();
    let when =
        condition.last_transition_time.as_ref().map(|at| format!(" {}", ago(at.0, now))).unwrap_or_default();
    let status = job.status.as_ref();
    let failed = status.and_then(|status| status.failed).unwrap_or_default();
    let succeeded = status.and_then(|status| status.succeeded).unwrap_or_default();
    let message = format!("it was given up{when}: {reason}: {said}");
    let finding = Finding::new("job-failed", Cause::Product, subject("Job", &job.metadata), message)
        .expected("complete", format!("{reason}, {failed} pods failed, {succeeded} succeeded"))
        .remedy(
            format!("see why: `{kubectl} logs job/{own}` and `{kubectl} describe job {own}`"),
            "depends on the cause",
        );
    let lines = ends.iter().map(|(pod, words)| format!("pod {pod}: {words}"));
    with_examples(finding, lines, ends.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, object, pod};

    fn job(spec: Value, status: Value) -> Job {
        object(
            json!({ "metadata": { "name": "j", "namespace": "panda", "uid": "7" }, "spec": spec, "status": status }),
        )
    }

    fn template() -> Value {
        json!({ "template": {} })
    }

    fn with(kind: &str, status: &str) -> Job {
        let condition = json!({ "type": kind, "status": status, "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit", "lastTransitionTime": "2025-11-20T11:59:00Z" });
        job(template(), json!({ "failed": 3, "conditions": [condition] }))
    }

    #[test]
    fn only_what_was_given_up_has_failed() {
        assert!(failure(&with("Failed", "True")).is_some());
        assert!(failure(&with("FailureTarget", "True")).is_some());
        assert!(failure(&with("Failed", "False")).is_none());
        assert!(failure(&with("Complete", "True")).is_none());
        assert!(failure(&with("Suspended", "True")).is_none());
        assert!(
            failure(&job(template(), json!({ "failed": 1, "active": 1 }))).is_none(),
            "it is tried again"
        );
        assert!(failure(&job(template(), json!({}))).is_none());
    }

    #[test]
    fn reason_and_counts_are_told() {
        let failed = with("Failed", "True");
        let finding = tell(
            &failed,
            failure(&failed).unwrap(),
            &[("j-x".to_owned(), "Failed: exit code 3".to_owned())],
            now(),
        );
        insta::assert_snapshot!(finding.message, @"it was given up 1m 00s ago: BackoffLimitExceeded: Job has reached the specified backoff limit");
        assert_eq!(finding.actual.unwrap(), "BackoffLimitExceeded, 3 pods failed, 0 succeeded");
        assert_eq!(finding.details, ["pod j-x: Failed: exit code 3"]);
    }

    #[test]
    fn a_pod_belongs_to_the_job_that_controls_it() {
        let job = job(template(), json!({}));
        let mut own = pod("j-abc", json!({}));
        assert!(!belongs(&own, &job), "a name that begins alike proves nothing");
        let by = |uid: &str| {
            object(
                json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": uid, "controller": true }]),
            )
        };
        own.metadata.owner_references = Some(by("7"));
        assert!(belongs(&own, &job));
        own.metadata.owner_references = Some(by("8"));
        assert!(!belongs(&own, &job));
    }
}
