//! `k8s.pods.crashes`

use crate::checks::ailment::{Ailment, Kind, containers, last_end};
use crate::checks::ward::{PODS, Ward, ago, kubectl, name, subject};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};

register_check! {
    /// No pod is in a crash loop.
    ///
    /// A container that ends as often as it is started is given up for ever longer: the cluster calls that
    /// `CrashLoopBackOff`. The finding says how the container ended last, with its exit code or signal, and how often.
    /// Pods of one workload that crash alike are one finding. What crashes for lack of memory is reported by
    /// `k8s.pods.memory`.
    ///
    /// # Why it matters
    /// A component in a crash loop is away most of the time, and starts ever more rarely.
    ///
    /// # How to mend it
    /// Read the log of the run before the crash; the finding has the command. Exit code 127 or 126 is a wrong command, 137
    /// was killed, 139 is a crash in native code, 143 was asked to end, often by a liveness probe that is too strict.
    pub(crate) struct Crashes(NoParams) {
        id: "k8s.pods.crashes",
        title: "No pod is in a crash loop",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.crash-loop", "crash-loop")],
    }
}

#[async_trait]
impl Check for Crashes {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        ward.verdict(cx, &ward.patients_with(Kind::CrashLoop), |pod, ailment| tell(pod, ailment, ward.now))
    }
}

fn tell(pod: &Pod, ailment: &Ailment, now: Timestamp) -> Finding {
    let container = ailment.container.as_deref().unwrap_or_default();
    let status = pod.status.iter().flat_map(containers).find(|status| status.name == container);
    let restarts = status.map_or(0, |status| status.restart_count);
    let message = format!("container `{container}` crashes again and again: {}", ailment.message);
    let (ns, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    let finding = Finding::new("crash-loop", Cause::Product, subject("pod", &pod.metadata), message)
        .expected("it runs", format!("{}, {restarts} restarts", ailment.reason))
        .remedy(
            format!("see why it ended: `{ns} logs {pod_name} -c {container} --previous`"),
            "depends on the cause",
        );
    let ended = status.and_then(last_end).and_then(|ended| ended.finished_at.as_ref());
    match ended {
        Some(at) => finding.detail(format!("it ended last {}", ago(at.0, now))),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::pod;
    use serde_json::json;

    #[test]
    fn the_end_and_the_command_are_named() {
        let crashing = pod(
            "a-1",
            json!({
                "phase": "Running",
                "containerStatuses": [{
                    "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 7,
                    "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                    "lastState": { "terminated": { "exitCode": 2, "reason": "Error", "finishedAt": "2025-11-20T11:59:00Z" } },
                }],
            }),
        );
        let now = "2025-11-20T12:00:00Z".parse().unwrap();
        let ailment =
            crate::checks::ailment::diagnose(&crashing, now, &std::collections::BTreeSet::new()).unwrap();
        let finding = tell(&crashing, &ailment, now);
        insta::assert_snapshot!(finding.message, @"container `main` crashes again and again: it ended with exit code 2 (Error)");
        insta::assert_snapshot!(finding.subject, @"pod a-1 in namespace panda");
        insta::assert_snapshot!(finding.actual.unwrap(), @"CrashLoopBackOff, 7 restarts");
        insta::assert_snapshot!(finding.details.join("\n"), @"it ended last 1m 00s ago");
        insta::assert_snapshot!(finding.remedy.unwrap(), @"see why it ended: `kubectl -n panda logs a-1 -c main --previous`");
    }
}
