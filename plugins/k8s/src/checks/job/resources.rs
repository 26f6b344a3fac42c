//! `k8s.job.resources`

use super::names::GRPC;
use super::started::Started;
use super::{ALSO, JOBS, RUNS};
use crate::checks::resources::set::{Faulty, faulty};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use std::time::Duration;

register_check! {
    /// The pod of a job says how much CPU and memory it needs and may use.
    ///
    /// One live job is started. Each container of its pod must have requests and limits, of `cpu` and of `memory`, and may
    /// use at least what it needs. How much that has to be is not asked. Pods that belong to no job are judged by
    /// `k8s.resources.set`.
    ///
    /// # Why it matters
    /// Jobs come by the dozen. Without requests the scheduler puts them all on one node; without limits one of them can
    /// take it down.
    ///
    /// # How to mend it
    /// Set `resources.requests` and `resources.limits` in the template that Focus Server makes the job's manifest from,
    /// from what `kubectl top pod --containers` shows while a job runs.
    pub(super) struct JobResources(NoParams) {
        id: "k8s.job.resources",
        title: "The pod of a job has requests and limits that fit each other",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899"],
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[fault("k8s.job-resources", "job-resources-missing")],
    }
}

#[async_trait]
impl Check for JobResources {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let (_, pod) = started.running(cx).await?;
        let containers = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
        let findings = judge(&started.name(GRPC), &pod);
        let verdict = Verdict::of(Observation::counted(containers as u64, "containers of the job's pod")?);
        if findings.is_empty() {
            return Ok(verdict);
        }
        let resources = pod.spec.iter().flat_map(|spec| &spec.containers);
        let resources = resources.map(|one| json!({ "container": one.name, "resources": one.resources }));
        let evidence = cx.attach(Evidence::json("resources.json", &resources.collect()))?;
        Ok(verdict.with_all(findings.into_iter().map(|finding| finding.evidence(evidence.clone()))))
    }
}

fn judge(job: &str, pod: &Pod) -> Vec<Finding> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let of_one = |(name, Faulty { missing, below }): (&str, Faulty)| {
        let subject = format!("container {name} of Job {job}");
        let finding = |code, message: String, seen: String| {
            Finding::new(code, Cause::Product, subject.clone(), message)
                .expected("requests and limits of cpu and memory, each limit at least its request", seen)
                .remedy("set both in the template that the job's manifest is made from", "about an hour")
        };
        let missing = (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            let message =
                format!("a job's container does not say how much it needs or may use: no {missing}");
            finding("job-resources-missing", message, format!("no {missing}"))
        });
        let below = (!below.is_empty()).then(|| {
            let below = below.join("; ");
            finding(
                "job-limits-below-requests",
                format!("a job's container may use less than it needs: {below}"),
                below,
            )
        });
        missing.into_iter().chain(below)
    };
    containers.map(|container| (container.name.as_str(), faulty(container))).flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;

    fn codes(resources: serde_json::Value) -> Vec<String> {
        let pod: Pod = object(json!({
            "metadata": {}, "spec": { "containers": [{ "name": "analyzer", "resources": resources }] },
        }));
        judge("grpc-job-1-3", &pod).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn both_are_asked_for_and_compared() {
        let full =
            json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "2", "memory": "2Gi" } });
        assert_eq!(codes(full), [""; 0]);
        assert_eq!(codes(json!({})), ["job-resources-missing"]);
        let low =
            json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "1", "memory": "1G" } });
        assert_eq!(codes(low), ["job-limits-below-requests"]);
        let both = json!({ "requests": { "cpu": "1" }, "limits": { "cpu": "500m", "memory": "1G" } });
        assert_eq!(codes(both), ["job-resources-missing", "job-limits-below-requests"]);
    }
}
