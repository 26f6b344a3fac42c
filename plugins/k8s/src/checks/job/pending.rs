//! `k8s.job.pending`

use super::names::GRPC;
use super::started::{Stage, Started, phase, stage, told};
use super::{ALSO, JOBS, events};
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
    /// The pod of a job that was accepted does not stay pending.
    ///
    /// One live job is started, and its pod must have left the phase Pending within `starts_within` of its acceptance. What
    /// it waits for is told in the cluster's words: its conditions, its containers and its newest events.
    ///
    /// # Why it matters
    /// The server says 200 while the cluster has no IP address, CPU or memory left for the pod: the job is dead, and the
    /// client waits.
    ///
    /// # How to mend it
    /// "no IP addresses available": remove pods that have ended, since each may still hold an address, or give the network
    /// plugin a larger range; then restart it, where it does not notice. "Insufficient": end what is not needed, or add a
    /// node. The server should look at the pod before it answers, and say 503 where there is no room.
    pub(super) struct JobPending(JobPendingParams) {
        id: "k8s.job.pending",
        title: "The pod of a job that was accepted does not stay pending",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        keys: &["PZ-13268"],
        tags: &["jobs"],
        requires: &[
            "focus-api.ack.ok",
            "focus-api.channels.ok",
            "focus-api.fiber.ready",
            "focus-api.config.valid",
            "k8s.list.pods",
            "k8s.job.pod-spawn",
        ],
        group: JOBS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[fault("k8s.job-pending", "job-pending")],
    }
}

/// How long it may take.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct JobPendingParams {
    /// After the job was accepted its pod must have been started within this time.
    starts_within: HumanDuration,
}

impl Default for JobPendingParams {
    fn default() -> Self {
        Self { starts_within: HumanDuration::secs(30) }
    }
}

impl Params for JobPendingParams {}

#[async_trait]
impl Check for JobPending {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let started = Started::live(cx).await?;
        let within = self.params.starts_within;
        let spawned = started.spawned(cx, within.0).await?;
        let spawned = spawned.map_err(|missing| {
            CheckError::unclear(format!("{}, which k8s.job.pod-spawn judges", missing.what))
        })?;
        let begun = |pods: &[&Pod]| pods.iter().find(|pod| phase(pod) != "Pending").map(|&pod| pod.clone());
        let pod = match started.pods_until(cx, &spawned.kube_job, started.left(within.0), begun).await? {
            Waited::Done { seen, .. } => {
                let name = seen.metadata.name.as_deref().unwrap_or_default();
                let seen = Observation::seen(format!("the pod {name} is {}", phase(&seen)));
                let after = started.at.elapsed().as_secs_f64();
                return Ok(Verdict::of(seen).measured(Measurement::new(
                    "pod started after",
                    after,
                    Unit::Seconds,
                )));
            }
            Waited::TimedOut { last, .. } => last.into_values().next().unwrap_or(spawned.pod),
        };
        let seen = told(&pod, cx.clock.now());
        let (name, uid) = (pod.metadata.name.as_deref().unwrap_or_default(), pod.metadata.uid.as_deref());
        let lines = events::lines(cx, &started.k8s, "Pod", name, uid).await?;
        let words = match stage(&pod, cx.clock.now()) {
            Stage::Pending(words) | Stage::Broken(words) => words,
            Stage::Running => phase(&pod).to_owned(),
        };
        let finding = pending(&started.name(GRPC), within, &seen, &words, lines);
        let evidence = keep(cx, "pods.json", [&pod])?;
        Ok(Verdict::of(Observation::seen(seen)).with(finding.evidence(evidence)))
    }
}

fn pending(job: &str, within: HumanDuration, seen: &str, words: &str, events: Vec<String>) -> Finding {
    let said = |parts: &[&str]| {
        let has = |text: &str| parts.iter().any(|part| text.contains(part));
        has(words) || events.iter().any(|line| has(line))
    };
    let (cause, message, remedy) = if said(&["no IP addresses available", "failed to assign an IP"]) {
        let message = "the network has no IP address left for the pod of a job that was accepted";
        (Cause::Capacity, message, "remove pods that have ended, or give the network plugin a larger range")
    } else if said(&["Insufficient ", "Too many pods"]) {
        let message = "no node has room for the pod of a job that was accepted";
        (Cause::Capacity, message, "end what is not needed, lower the requests of job pods, or add a node")
    } else {
        let message = "the pod of a job that was accepted is not started";
        (
            Cause::Environment,
            message,
            "provide what the pod waits for; `kubectl describe pod` says what that is",
        )
    };
    let finding = Finding::new("job-pending", cause, format!("Job {job}"), message)
        .expected(format!("started within {within}"), words)
        .detail(seen)
        .remedy(remedy, "about an hour");
    events.into_iter().fold(finding, Finding::detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_network_is_known_by_the_event() {
        let of = |event: &str| {
            let events = vec![event.to_owned()];
            pending("grpc-job-1-3", HumanDuration::secs(30), "the pod x is Pending", "Pending", events)
        };
        let network =
            of("event FailedCreatePodSandBox: plugin failed (add): no IP addresses available in range set");
        insta::assert_snapshot!(network.message, @"the network has no IP address left for the pod of a job that was accepted");
        assert_eq!(network.cause, Cause::Capacity);
        assert_eq!(
            of("event FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu").cause,
            Cause::Capacity
        );
        let unknown = of("no events of the Pod");
        assert_eq!((unknown.cause, unknown.details.len()), (Cause::Environment, 2));
    }
}
