//! `k8s.job.auto-cleanup`

use super::names::{CLEANUP, GRPC};
use super::started::{Started, is_over, told};
use super::{ALSO, JOBS, RUNS};
use crate::wait::Waited;
use k8s_openapi::api::batch::v1::Job as KubeJob;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use std::collections::BTreeMap;
use std::time::Duration;

register_check! {
    /// A job to which nobody connects is ended and removed.
    ///
    /// One live job is started and left alone. Beside its Kubernetes Job, `grpc-job-<id>`, there must be the one that ends
    /// it, `cleanup-job-<id>`, and both must be removed a while after their end (`ttlSecondsAfterFinished`). Then the check
    /// waits: within `ends_within` the pods of the job must have ended, and within `removed_within` of that both Jobs must
    /// be gone. This takes three minutes; with `wait = false` only what is in place is judged.
    ///
    /// # Why it matters
    /// Nobody can cancel a job on the deployed server, so this is the only way in which a closed view gives back what it
    /// occupied.
    ///
    /// # How to mend it
    /// Not ended: read the log of the cleanup Job's pod, which watches the CPU of the other one. Not removed: set
    /// `ttlSecondsAfterFinished` in the templates of both Jobs. Remove what was left with
    /// `kubectl delete job grpc-job-<id> cleanup-job-<id>`; deleting pods is no use, since their Job makes new ones.
    pub(super) struct AutoCleanup(AutoCleanupParams) {
        id: "k8s.job.auto-cleanup",
        title: "A job to which nobody connects is ended and removed",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13899", "PZ-13604"],
        tags: &["soak"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("k8s.job-not-cleaned", "job-not-ended")],
    }
}

/// How long things may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct AutoCleanupParams {
    /// Both Kubernetes Jobs must be there within this time.
    appears_within: HumanDuration,
    /// After the job was accepted its pods must have ended within this time.
    ends_within: HumanDuration,
    /// After that both Kubernetes Jobs must be gone within this time.
    removed_within: HumanDuration,
    /// Whether to wait for either, which takes minutes.
    wait: bool,
}

impl Default for AutoCleanupParams {
    fn default() -> Self {
        Self {
            appears_within: HumanDuration::secs(10),
            ends_within: HumanDuration::secs(60),
            removed_within: HumanDuration::secs(130),
            wait: true,
        }
    }
}

impl Params for AutoCleanupParams {}

/// What the clocks of a cluster may differ by, and a controller may take.
const LEEWAY: Duration = Duration::from_secs(10);

#[async_trait]
impl Check for AutoCleanup {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let (spawned, _) = started.running(cx).await?;
        let both = self.both(cx, &started).await?;
        let verdict = Verdict::of(Observation::counted(both.len() as u64, "Kubernetes Jobs of the job")?);
        let findings =
            in_place(&started.name(GRPC), &started.name(CLEANUP), &both, self.params.removed_within.0);
        if !findings.is_empty() || !self.params.wait {
            return Ok(verdict.with_all(findings));
        }
        let ended = |pods: &[&Pod]| pods.iter().all(|pod| is_over(pod)).then_some(());
        let within = started.left(self.params.ends_within.0);
        cx.progress(1, 3, "waiting for the job to be ended");
        if let Waited::TimedOut { last, .. } =
            started.pods_until(cx, &spawned.kube_job, within, ended).await?
        {
            let alive = last.values().filter(|pod| !is_over(pod)).map(|pod| told(pod, cx.clock.now()));
            let finding = not_ended(&started.name(GRPC), self.params.ends_within);
            return Ok(verdict.with(alive.fold(finding, Finding::detail)));
        }
        let ended_after = started.at.elapsed().as_secs_f64();
        cx.progress(2, 3, "waiting for its Kubernetes Jobs to be removed");
        let verdict = verdict.measured(Measurement::new("job ended after", ended_after, Unit::Seconds));
        Ok(verdict.with_all(self.removed(cx, &started).await?))
    }
}

impl AutoCleanup {
    /// The Kubernetes Jobs of the job, as many of the two as there are in time.
    async fn both(&self, cx: &Context, started: &Started) -> Result<Vec<KubeJob>, CheckError> {
        let wanted = [started.name(GRPC), started.name(CLEANUP)];
        let jobs = started.k8s.here::<KubeJob>();
        let mut found = Vec::new();
        for name in wanted {
            let only = ListParams::default().fields(&format!("metadata.name={name}"));
            let first = |jobs: &BTreeMap<String, KubeJob>| jobs.values().next().cloned();
            let within = started.left(self.params.appears_within.0);
            if let Waited::Done { seen, .. } =
                started.k8s.until(cx, within, "watch the Jobs", &jobs, only, first).await?
            {
                found.push(seen);
            }
        }
        Ok(found)
    }

    /// What is wrong with the removal of both.
    async fn removed(&self, cx: &Context, started: &Started) -> Result<Option<Finding>, CheckError> {
        let jobs = started.k8s.here::<KubeJob>();
        let mut left = Vec::new();
        let began = std::time::Instant::now();
        for name in [started.name(GRPC), started.name(CLEANUP)] {
            let only = ListParams::default().fields(&format!("metadata.name={name}"));
            let gone = |jobs: &BTreeMap<String, KubeJob>| jobs.is_empty().then_some(());
            let within =
                self.params.removed_within.0.saturating_sub(began.elapsed()).max(Duration::from_secs(1));
            if let Waited::TimedOut { .. } =
                started.k8s.until(cx, within, "watch the Jobs", &jobs, only, gone).await?
            {
                left.push(name);
            }
        }
        Ok((!left.is_empty()).then(|| not_removed(&left, self.params.removed_within)))
    }
}

/// What is missing of what will end the job and remove both Jobs.
fn in_place(grpc: &str, cleanup: &str, both: &[KubeJob], removed_within: Duration) -> Vec<Finding> {
    let find = |name: &str| both.iter().find(|job| job.metadata.name.as_deref() == Some(name));
    let unwatched = find(cleanup).is_none().then(|| {
        Finding::new(
            "job-not-ended",
            Cause::Product,
            format!("Job {grpc}"),
            "there is no Job that would end it",
        )
        .expected(format!("a Job {cleanup}"), "none")
        .remedy(
            "see in the log of Focus Server whether the cleanup Job's manifest was applied",
            "about an hour",
        )
    });
    let kept = |job: &KubeJob| job.spec.as_ref().and_then(|spec| spec.ttl_seconds_after_finished);
    let longest = (removed_within + LEEWAY).as_secs();
    let forever = [grpc, cleanup].into_iter().filter_map(find).filter_map(|job| {
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let seen = match kept(job) {
            Some(seconds) if u64::try_from(seconds).is_ok_and(|seconds| seconds <= longest) => return None,
            Some(seconds) => format!("{seconds} s"),
            None => "for good".to_owned(),
        };
        let message = format!("it is kept {seen} after its end");
        Some(
            Finding::new("kept-too-long", Cause::Product, format!("Job {name}"), message)
                .expected(format!("`ttlSecondsAfterFinished` of at most {longest} s"), seen)
                .remedy("set `ttlSecondsAfterFinished: 120` in the template of the Job", "about an hour"),
        )
    });
    unwatched.into_iter().chain(forever).collect()
}

fn not_ended(job: &str, within: HumanDuration) -> Finding {
    let message = format!("nobody has connected to the job, and it still runs after {within}");
    Finding::new("job-not-ended", Cause::Product, format!("Job {job}"), message)
        .expected(format!("ended within {within}"), "running")
        .remedy("read the log of the cleanup Job's pod, which should end it when its CPU use is low", "hours")
}

fn not_removed(left: &[String], within: HumanDuration) -> Finding {
    let left = left.join(" ");
    let message = format!("the job has ended, and {within} later there still is: {left}");
    Finding::new("job-not-removed", Cause::Product, format!("Job {left}"), message)
        .expected(format!("removed within {within}"), "still there")
        .remedy(
            format!("see whether the cluster removes finished Jobs; `kubectl delete job {left}`"),
            "hours",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use serde_json::json;

    fn job(name: &str, ttl: Option<i32>) -> KubeJob {
        let spec = json!({ "ttlSecondsAfterFinished": ttl, "template": { "spec": { "containers": [] } } });
        object(json!({ "metadata": { "name": name }, "spec": spec }))
    }

    fn codes(both: &[KubeJob]) -> Vec<String> {
        let within = Duration::from_secs(130);
        in_place("grpc-job-1-3", "cleanup-job-1-3", both, within)
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn both_jobs_must_be_there_and_be_removed_in_time() {
        let (grpc, cleanup) = (job("grpc-job-1-3", Some(120)), job("cleanup-job-1-3", Some(120)));
        assert_eq!(codes(&[grpc.clone(), cleanup.clone()]), [""; 0]);
        assert_eq!(codes(std::slice::from_ref(&grpc)), ["job-not-ended"]);
        assert_eq!(codes(&[grpc.clone(), job("cleanup-job-1-34", Some(120))]), ["job-not-ended"]);
        assert_eq!(codes(&[job("grpc-job-1-3", None), cleanup.clone()]), ["kept-too-long"]);
        assert_eq!(codes(&[grpc, job("cleanup-job-1-3", Some(3600))]), ["kept-too-long"]);
    }
}
