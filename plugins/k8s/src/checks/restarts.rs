//! `k8s.restarts`

use super::ailment::{Kind, containers, end_words, last_end, out_of_memory};
use super::ward::{PODS, Ward, ago, bounded, elsewhere, keep, kubectl, name, since, subject, with_evidence};
use crate::client::patience;
use crate::snapshots::{Restarts, restarts};
use futures_util::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{ListParams, WatchEvent, WatchParams};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, fault, register_check,
};
use std::pin::pin;

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RestartsParams {
    /// How long the pods are watched; any restart since the first look of the run counts as well.
    pub(crate) watch: HumanDuration,
    /// So many restarts of one container are an anomaly.
    pub(crate) anomaly: i32,
    /// A container with so many restarts whose last one is no older than this still goes on restarting.
    pub(crate) recent: HumanDuration,
}

impl Default for RestartsParams {
    fn default() -> Self {
        Self { watch: HumanDuration::secs(3), anomaly: 3, recent: HumanDuration::secs(600) }
    }
}

impl Params for RestartsParams {
    fn validate(&self) -> Result<(), String> {
        if self.anomaly < 1 {
            return Err(format!("`anomaly` is {}; it must be at least 1", self.anomaly));
        }
        Ok(())
    }
}

register_check! {
    /// No container restarts.
    ///
    /// The counts at the first look of the run are compared with those at its end; this check runs alone, after those that
    /// run beside each other, and watches the pods for a few more seconds (`watch`). A count that has grown is a failure;
    /// so is a container with three restarts or more (`anomaly`), the last of them within ten minutes (`recent`). As many
    /// restarts longer ago are a warning. Crash loops are reported by `k8s.pods.crashes`, containers that were killed for
    /// lack of memory by `k8s.pods.memory`.
    ///
    /// # Why it matters
    /// Each restart cuts off whoever was being served. A component that restarts under the load of a run will restart
    /// under that of its users.
    ///
    /// # How to mend it
    /// See how the container ended; the finding has the exit code and the command that shows the log of the run before.
    /// A restart with exit code 137 or 143 and no lack of memory is most often a liveness probe that gives up too soon.
    pub(crate) struct RestartCount(RestartsParams) {
        id: "k8s.restarts",
        title: "No container restarts",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13873"],
        tags: &["smoke"],
        requires: PODS,
        alone: true,
        proofs: &[fault("k8s.restarts-rising", "restarts-rising")],
    }
}

/// A container that has been restarted, and how that is to be taken.
struct Restarted<'a> {
    pod: &'a Pod,
    container: &'a ContainerStatus,
    /// How often since the first look.
    grown: i32,
    weight: Weight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It goes on.
    Rising,
    /// It did, and has stopped.
    Many,
}

#[async_trait]
impl Check for RestartCount {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let before = Ward::enter(cx).await?;
        before.counted()?;
        let first = before.k8s.first_restarts().cloned().unwrap_or_else(|| restarts(&before.pods));
        let now = cx.clock.now();
        // What has been seen already needs no watching.
        let known = restarted(&before.pods, &first, now, &self.params);
        let after = if known.iter().any(|one| one.weight == Weight::Rising) {
            None
        } else {
            self.watch(&before, &first, cx).await?
        };
        let now = cx.clock.now();
        let mut all = restarted(&before.pods, &first, now, &self.params);
        if let Some(pod) = &after {
            all.retain(|one| one.pod.metadata.uid != pod.metadata.uid);
            all.extend(restarted(std::slice::from_ref(pod), &first, now, &self.params));
        }
        let (others, own): (Vec<Restarted>, Vec<Restarted>) =
            all.into_iter().partition(|one| is_judged_elsewhere(&before, one));
        let findings = bounded(&own, |one| tell(one, now));
        let findings = with_evidence(findings, || keep(cx, "pods.json", own.iter().map(|one| one.pod)))?;
        let lines = others
            .iter()
            .map(|one| format!("{}: {} restarts", name(&one.pod.metadata), one.container.restart_count));
        let note = elsewhere(others.len(), "containers that restart", lines);
        Ok(Verdict::of(before.counted()?).with_all(findings).with_all(note))
    }
}

impl RestartCount {
    /// Watches the pods; returns the first that restarts meanwhile. Only changes are sent, however many pods there are.
    async fn watch(&self, ward: &Ward, first: &Restarts, cx: &Context) -> Result<Option<Pod>, CheckError> {
        let api = ward.k8s.here::<Pod>();
        let one = ListParams::default().limit(1);
        let page = ward.k8s.ask(cx, "list the pods", api.list(&one)).await?;
        let version = page.metadata.resource_version.unwrap_or_default();
        let within = self.params.watch.0.min(patience(cx));
        let selection = WatchParams::default();
        let watching = async {
            let mut changes = pin!(api.watch(&selection, &version).await.ok()?);
            while let Some(Ok(change)) = changes.next().await {
                match change {
                    WatchEvent::Modified(pod) if grown(&pod, first) > 0 => return Some(pod),
                    WatchEvent::Error(_) => break,
                    _ => {}
                }
            }
            None
        };
        let began = std::time::Instant::now();
        match tokio::time::timeout(within, watching).await {
            Ok(Some(pod)) => return Ok(Some(pod)),
            Err(_) => return Ok(None),
            Ok(None) => {}
        }
        // The watch broke: what happened meanwhile shows in another look.
        tokio::time::sleep(within.saturating_sub(began.elapsed())).await;
        let pods = ward.k8s.pods_now(cx).await?;
        Ok(pods.iter().find(|pod| grown(pod, first) > 0).cloned())
    }
}

/// How often the containers of a pod have been restarted since the first look.
fn grown(pod: &Pod, first: &Restarts) -> i32 {
    let of = |container: &ContainerStatus| grown_container(pod, container, first);
    pod.status.iter().flat_map(containers).map(of).sum()
}

/// A container that was not there at the first look has had its restarts since.
fn grown_container(pod: &Pod, container: &ContainerStatus, first: &Restarts) -> i32 {
    let key = (pod.metadata.uid.clone().unwrap_or_default(), container.name.clone());
    (container.restart_count - first.get(&key).copied().unwrap_or_default()).max(0)
}

/// The containers whose restarts say something, those that go on first.
fn restarted<'a>(
    pods: &'a [Pod],
    first: &Restarts,
    now: Timestamp,
    params: &RestartsParams,
) -> Vec<Restarted<'a>> {
    let mut all = Vec::new();
    for pod in pods {
        for container in pod.status.iter().flat_map(containers) {
            let grown = grown_container(pod, container, first);
            let ended = last_end(container).and_then(|ended| ended.finished_at.as_ref());
            let is_recent = ended.is_some_and(|at| since(at.0, now) <= params.recent.0);
            let is_anomaly = container.restart_count >= params.anomaly;
            let weight = if grown > 0 || (is_anomaly && is_recent) {
                Weight::Rising
            } else if is_anomaly {
                Weight::Many
            } else {
                continue;
            };
            all.push(Restarted { pod, container, grown, weight });
        }
    }
    all.sort_by_key(|one| (one.weight, -one.container.restart_count));
    all
}

/// Whether the reason why a container restarts has a check of its own.
fn is_judged_elsewhere(ward: &Ward, one: &Restarted<'_>) -> bool {
    let killed = last_end(one.container).is_some_and(out_of_memory);
    let now = ward.ailment(one.pod).map(|ailment| ailment.kind);
    // A crash loop that was seen at the beginning may be between two crashes by now.
    let before = ward.pods.iter().find(|pod| pod.metadata.uid == one.pod.metadata.uid);
    let before = before.and_then(|pod| ward.ailment(pod)).map(|ailment| ailment.kind);
    killed || [now, before].contains(&Some(Kind::CrashLoop))
}

fn tell(one: &Restarted<'_>, now: Timestamp) -> Finding {
    let Restarted { pod, container, grown, weight } = one;
    let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    let count = container.restart_count;
    let ended = last_end(container);
    let when =
        ended.and_then(|ended| ended.finished_at.as_ref()).map(|at| format!(", last {}", ago(at.0, now)));
    let when = when.unwrap_or_default();
    let own = &container.name;
    let finding = match weight {
        Weight::Rising if *grown > 0 => {
            let message = format!(
                "container `{own}` has been restarted {grown} times during this run, {count} in all{when}"
            );
            Finding::new("restarts-rising", Cause::Product, subject("pod", &pod.metadata), message)
                .expected("no restart", format!("{grown} during this run"))
        }
        Weight::Rising => {
            let message = format!("container `{own}` goes on restarting: {count} times{when}");
            Finding::new("restarts-rising", Cause::Product, subject("pod", &pod.metadata), message)
                .expected("no restart", format!("{count} restarts"))
        }
        Weight::Many => {
            let message = format!("container `{own}` has been restarted {count} times{when}");
            Finding::new("restarts-many", Cause::Product, subject("pod", &pod.metadata), message)
                .warn()
                .expected("no restart", format!("{count} restarts"))
        }
    };
    let finding = match ended {
        Some(ended) => finding.detail(format!("it ended last with {}", end_words(ended))),
        None => finding,
    };
    finding.remedy(
        format!("see why it ended: `{kubectl} logs {pod_name} -c {own} --previous` and `{kubectl} describe pod {pod_name}`"),
        "depends on the cause",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, pod};
    use serde_json::json;

    fn counted(name: &str, count: i32, ended: &str) -> Pod {
        pod(
            name,
            json!({
                "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [{
                    "name": "main", "image": "x", "imageID": "", "ready": true, "restartCount": count,
                    "state": { "running": {} },
                    "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "finishedAt": ended } },
                }],
            }),
        )
    }

    fn weights(pods: &[Pod], first: &Restarts) -> Vec<(i32, Weight)> {
        let all = restarted(pods, first, now(), &RestartsParams::default());
        all.iter().map(|one| (one.grown, one.weight)).collect()
    }

    #[test]
    fn growth_counts_whatever_the_number() {
        let long_ago = "2025-11-19T12:00:00Z";
        let first = restarts(&[counted("a", 1, long_ago)]);
        assert_eq!(weights(&[counted("a", 1, long_ago)], &first), []);
        assert_eq!(weights(&[counted("a", 2, long_ago)], &first), [(1, Weight::Rising)]);
        // A pod that took another's place has its own count.
        assert_eq!(weights(&[counted("b", 1, long_ago)], &first), [(1, Weight::Rising)]);
    }

    #[test]
    fn three_are_an_anomaly_and_recent_ones_go_on() {
        let pods = [counted("a", 3, "2025-11-19T12:00:00Z"), counted("b", 3, "2025-11-20T11:55:00Z")];
        let first = restarts(&pods);
        assert_eq!(weights(&pods, &first), [(0, Weight::Rising), (0, Weight::Many)]);
        let all = restarted(&pods, &first, now(), &RestartsParams::default());
        insta::assert_snapshot!(tell(&all[0], now()).message, @"container `main` goes on restarting: 3 times, last 5m 00s ago");
        insta::assert_snapshot!(tell(&all[1], now()).message, @"container `main` has been restarted 3 times, last 24h 00m ago");
        assert_eq!(tell(&all[1], now()).details, ["it ended last with exit code 1 (Error)"]);
    }

    #[test]
    fn a_limit_of_none_would_find_everything() {
        assert!(RestartsParams { anomaly: 0, ..RestartsParams::default() }.validate().is_err());
    }
}
