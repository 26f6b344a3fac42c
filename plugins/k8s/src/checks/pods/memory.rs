//! `k8s.pods.memory`

use crate::checks::ailment::{Kind, containers, last_end, out_of_memory};
use crate::checks::ward::{PODS, Ward, ago, bounded, keep, kubectl, name, since, subject, with_evidence};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MemoryParams {
    /// A pod that is well again is reported for so long after it was killed.
    pub(crate) recent: HumanDuration,
}

impl Default for MemoryParams {
    fn default() -> Self {
        Self { recent: HumanDuration::secs(24 * 3600) }
    }
}

impl Params for MemoryParams {}

register_check! {
    /// No container was killed for lack of memory.
    ///
    /// A container that uses more memory than its limit is killed at once (`OOMKilled`, exit code 137). One that has not
    /// come back since is a failure; one that runs again is a failure too, for a day (`recent`), since nothing has changed
    /// that would keep it from happening again. The cluster remembers only the last end of each container.
    ///
    /// # Why it matters
    /// Whoever was being served is cut off without a word, and whatever was in memory is lost.
    ///
    /// # How to mend it
    /// See how much it uses with `kubectl top pod --containers`. Raise the limit if that is what it needs; otherwise find
    /// what grows.
    pub(crate) struct Memory(MemoryParams) {
        id: "k8s.pods.memory",
        title: "No container was killed for lack of memory",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.oom-killed", "out-of-memory")],
    }
}

/// A container that was killed.
struct Killed<'a> {
    pod: &'a Pod,
    container: &'a ContainerStatus,
    at: Option<Timestamp>,
    is_down: bool,
}

#[async_trait]
impl Check for Memory {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let observation = ward.counted()?;
        let down = |pod: &Pod| ward.ailment(pod).is_some_and(|ailment| ailment.kind == Kind::OutOfMemory);
        let killed: Vec<Killed> =
            ward.pods.iter().flat_map(|pod| killed(pod, down(pod), ward.now, self.params.recent)).collect();
        let keep = || keep(cx, "pods.json", killed.iter().map(|killed| killed.pod));
        let findings = with_evidence(judge(&killed, ward.now), keep)?;
        Ok(Verdict::of(observation).with_all(findings))
    }
}

fn killed(pod: &Pod, is_down: bool, now: Timestamp, recent: HumanDuration) -> Vec<Killed<'_>> {
    let statuses = pod.status.iter().flat_map(containers);
    let ended = statuses.filter_map(|container| Some((container, last_end(container)?)));
    ended
        .filter(|(_, ended)| out_of_memory(ended))
        .map(|(container, ended)| {
            let at = ended.finished_at.as_ref().map(|at| at.0);
            Killed { pod, container, at, is_down }
        })
        .filter(|killed| is_down || killed.at.is_none_or(|at| since(at, now) <= recent.0))
        .collect()
}

fn judge(killed: &[Killed<'_>], now: Timestamp) -> Vec<Finding> {
    bounded(killed, |killed| tell(killed, now))
}

fn tell(killed: &Killed<'_>, now: Timestamp) -> Finding {
    let Killed { pod, container, at, is_down } = killed;
    let spec = pod.spec.as_ref();
    let specs =
        spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let limit = specs
        .filter(|spec| spec.name == container.name)
        .find_map(|spec| spec.resources.as_ref()?.limits.as_ref()?.get("memory"));
    let limit =
        limit.map_or_else(|| "no limit of its own".to_owned(), |limit| format!("a limit of {}", limit.0));
    let when = at.map_or_else(|| "at an unknown time".to_owned(), |at| ago(at, now));
    let since = if *is_down { "and is not well since" } else { "and runs again" };
    let message = format!(
        "container `{}` was killed for lack of memory {when}, {since}: it has {limit}",
        container.name
    );
    let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    Finding::new("out-of-memory", Cause::Capacity, subject("pod", &pod.metadata), message)
        .expected("never", format!("OOMKilled, {} restarts", container.restart_count))
        .remedy(
            format!("see what it uses: `{kubectl} top pod {pod_name} --containers`; then raise the limit, or find what grows"),
            "about an hour",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::pod;
    use serde_json::json;

    fn oom(at: &str) -> Pod {
        let mut pod = pod(
            "a-1",
            json!({
                "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [{
                    "name": "main", "image": "x", "imageID": "", "ready": true, "restartCount": 1,
                    "state": { "running": {} },
                    "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": at } },
                }],
            }),
        );
        let resources = json!([{ "name": "main", "resources": { "limits": { "memory": "512Mi" } } }]);
        pod.spec.as_mut().unwrap().containers = serde_json::from_value(resources).unwrap();
        pod
    }

    #[test]
    fn a_kill_is_remembered_for_a_day() {
        let now: Timestamp = "2025-11-20T12:00:00Z".parse().unwrap();
        let recent = MemoryParams::default().recent;
        let pod = oom("2025-11-20T11:00:00Z");
        let found = judge(&killed(&pod, false, now, recent), now);
        insta::assert_snapshot!(found[0].message, @"container `main` was killed for lack of memory 1h 00m ago, and runs again: it has a limit of 512Mi");
        let pod = oom("2025-11-18T11:00:00Z");
        assert!(killed(&pod, false, now, recent).is_empty());
        assert_eq!(killed(&pod, true, now, recent).len(), 1);
    }
}
