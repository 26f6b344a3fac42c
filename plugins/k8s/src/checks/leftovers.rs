//! `k8s.leftovers`

use super::job::{CLEANUP, GRPC};
use super::ward::{EXAMPLES, age, kubectl, name, since, told, with_examples};
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, Verdict, async_trait, duration, fault, register_check,
};

register_check! {
    /// No Kubernetes Job of Focus Server outlives the job that it was made for.
    ///
    /// Each `grpc-job-…` and `cleanup-job-…` of the namespace must be gone `removed_within` after its end, and must not be
    /// older than `longest`, which is longer than any stream may last. The check runs after those that start jobs; what
    /// may still be there by then is counted, and not judged.
    ///
    /// # Why it matters
    /// What is left over holds IP addresses, ports and node capacity. They run out days later, far from the cause.
    ///
    /// # How to mend it
    /// Delete the Jobs: `kubectl delete job NAME`. Deleting their pods is no use, since the Job makes new ones. Then set
    /// `ttlSecondsAfterFinished` in the templates, and see why the cleanup Job did not end the other one.
    pub(super) struct Leftovers(LeftoversParams) {
        id: "k8s.leftovers",
        title: "No Kubernetes Job of Focus Server outlives its job",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        tags: &["jobs"],
        requires: &["k8s.list.pods"],
        // After the checks that start jobs, beside which it would see nothing but theirs.
        alone: true,
        proofs: &[fault("k8s.job-leftover", "jobs-left-over")],
    }
}

/// How old a Job may get.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LeftoversParams {
    /// A Job must be gone this long after its end.
    removed_within: HumanDuration,
    /// A Job that has not ended must not be older than this.
    longest: HumanDuration,
}

impl Default for LeftoversParams {
    /// Streams last ten minutes at most, and ended Jobs are kept for two.
    fn default() -> Self {
        Self { removed_within: HumanDuration::secs(180), longest: HumanDuration::secs(15 * 60) }
    }
}

impl Params for LeftoversParams {}

#[async_trait]
impl Check for Leftovers {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let jobs = k8s.jobs(cx).await?;
        let now = cx.clock.now();
        let own: Vec<&Job> = jobs.iter().filter(|job| is_of_focus_server(job)).collect();
        let left: Vec<(&Job, String)> =
            own.iter().filter_map(|job| Some((*job, self.params.outlives(job, now)?))).collect();
        let verdict = Verdict::of(Observation::seen(format!(
            "{} of the {} Jobs in the namespace `{}` are Focus Server's; {} of those may still be there",
            own.len(),
            jobs.len(),
            k8s.namespace,
            own.len() - left.len()
        )));
        if left.is_empty() {
            return Ok(verdict);
        }
        let shown = left
            .iter()
            .take(EXAMPLES)
            .map(|(job, _)| json!({ "metadata": told(&job.metadata), "status": job.status }));
        let evidence = cx.attach(Evidence::json("jobs.json", &shown.collect::<Value>()))?;
        Ok(verdict.with(finding(&left, &k8s.namespace).evidence(evidence)))
    }
}

/// Whether a Job is one of those that Focus Server makes for a job.
fn is_of_focus_server(job: &Job) -> bool {
    let name = name(&job.metadata);
    [GRPC, CLEANUP].iter().any(|stem| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')))
}

impl LeftoversParams {
    /// Why a Job should be gone by now.
    fn outlives(&self, job: &Job, now: Timestamp) -> Option<String> {
        let age = age(&job.metadata, now);
        match ended(job) {
            Some(end) => {
                let ago = since(end, now);
                (ago > self.removed_within.0).then(|| format!("it ended {} ago", duration::brief(ago)))
            }
            None => (age > self.longest.0)
                .then(|| format!("it is {} old and has not ended", duration::brief(age))),
        }
    }
}

/// When a Job has ended, if it has.
fn ended(job: &Job) -> Option<Timestamp> {
    let status = job.status.as_ref()?;
    let conditions = status.conditions.iter().flatten();
    let end = conditions
        .filter(|condition| {
            condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
        })
        .find_map(|condition| condition.last_transition_time.as_ref());
    end.or(status.completion_time.as_ref()).map(|time| time.0)
}

fn finding(left: &[(&Job, String)], namespace: &str) -> Finding {
    let count = left.len();
    let names: Vec<String> = left.iter().take(EXAMPLES).map(|(job, _)| name(&job.metadata)).collect();
    let delete = left.first().map(|(job, _)| kubectl(&job.metadata)).unwrap_or_default();
    let message = format!("{count} Jobs of Focus Server are still there, and should be gone");
    let finding =
        Finding::new("jobs-left-over", Cause::Product, format!("Jobs in namespace {namespace}"), message)
            .expected("none", count)
            .remedy(
                format!("delete them: `{delete} delete job {}`; then see why nobody did", names.join(" ")),
                "minutes",
            );
    with_examples(finding, left.iter().map(|(job, why)| format!("{}: {why}", name(&job.metadata))), count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, object};

    fn job(name: &str, created: &str, ended: Option<&str>) -> Job {
        let condition =
            ended.map(|at| json!([{ "type": "Complete", "status": "True", "lastTransitionTime": at }]));
        object(json!({
            "metadata": { "name": name, "creationTimestamp": created }, "status": { "conditions": condition },
        }))
    }

    fn why(job: &Job) -> Option<String> {
        LeftoversParams::default().outlives(job, now())
    }

    #[test]
    fn a_job_may_live_and_be_kept_for_a_while() {
        assert_eq!(why(&job("grpc-job-1-3", "2025-11-20T11:46:00Z", None)), None);
        assert_eq!(why(&job("grpc-job-1-3", "2025-11-20T11:00:00Z", Some("2025-11-20T11:58:00Z"))), None);
        let alive = why(&job("grpc-job-1-3", "2025-11-20T11:00:00Z", None)).unwrap();
        insta::assert_snapshot!(alive, @"it is 1h 00m old and has not ended");
        let kept =
            why(&job("cleanup-job-1-3", "2025-11-20T11:00:00Z", Some("2025-11-20T11:50:00Z"))).unwrap();
        insta::assert_snapshot!(kept, @"it ended 10m 00s ago");
    }

    #[test]
    fn other_jobs_are_nobodys_business_here() {
        let is = |name| is_of_focus_server(&job(name, "2025-11-20T11:00:00Z", None));
        assert!(is("grpc-job-1-16") && is("cleanup-job-1-16"));
        assert!(!is("nightly-report") && !is("grpc-jobs-1") && !is("my-grpc-job-1-16"));
    }

    #[test]
    fn the_remedy_names_the_jobs() {
        let old = job("grpc-job-1-3", "2025-11-20T11:00:00Z", None);
        let finding = finding(&[(&old, "it is 1h old".to_owned())], "panda");
        insta::assert_snapshot!(finding.remedy.unwrap(), @"delete them: `kubectl delete job grpc-job-1-3`; then see why nobody did");
    }
}
