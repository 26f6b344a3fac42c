//! `k8s.pods.pending`

use crate::checks::ailment::{Ailment, Kind, owner};
use crate::checks::job::names::is_of_this_run;
use crate::checks::ward::{PODS, Patient, Ward, kubectl, name, subject};
use k8s_openapi::api::core::v1::{Event, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, duration, fault, register_check,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PendingParams {
    /// How long a pod may take from its creation until it runs.
    pub(crate) grace: HumanDuration,
}

impl Default for PendingParams {
    fn default() -> Self {
        Self { grace: HumanDuration::secs(30) }
    }
}

impl Params for PendingParams {}

register_check! {
    /// No pod waits to be started for longer than it should.
    ///
    /// A pod that does not run 30 seconds (`grace`) after its creation is reported with the reason; the check waits for
    /// those that still have time. The reason is the scheduler's message
    /// where no node takes it, and otherwise what the node said last, for example that there are no IP addresses left or
    /// that a volume or a secret is missing. A pod whose image cannot be had is reported by `k8s.pods.images`.
    ///
    /// # Why it matters
    /// A job whose pod is pending was accepted, and never sends anything.
    ///
    /// # How to mend it
    /// Not enough CPU or memory: end what is not needed, lower requests, or add a node. No IP addresses: remove pods that
    /// have ended, since each may still hold one, or give the network plugin a larger range. Otherwise provide what the
    /// message names.
    pub(crate) struct Pending(PendingParams) {
        id: "k8s.pods.pending",
        title: "No pod waits to be started for longer than it should",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13268"],
        tags: &["smoke"],
        requires: PODS,
        timeout: Some(Duration::from_mins(1)),
        proofs: &[fault("k8s.pod-pending", "pod-pending")],
    }
}

#[async_trait]
impl Check for Pending {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::settled(cx, self.params.grace.0, |_| true).await?;
        let mut patients = ward.patients_with(Kind::NotStarted);
        patients.retain(|(pod, _)| {
            let of_job = owner(pod, "Job").is_some_and(|(job, _)| {
                is_of_this_run(job, pod.metadata.creation_timestamp.as_ref(), cx.began())
            });
            !of_job
        });
        // One that came while we waited has its own time.
        patients.retain(|(pod, _)| ward.age(pod) >= self.params.grace.0);
        if !patients.is_empty() {
            let events = ward.k8s.events(cx).await?;
            let newest = newest(&events);
            for patient in &mut patients {
                explain(patient, &newest);
            }
        }
        ward.verdict(cx, &patients, |pod, ailment| {
            tell(pod, ailment).detail(format!("it was created {} ago", duration::brief(ward.age(pod))))
        })
    }
}

/// The newest warning about each pod, by its UID: reason and message.
fn newest(events: &[Event]) -> BTreeMap<&str, (&str, &str)> {
    let mut warnings: Vec<&Event> =
        events.iter().filter(|event| event.type_.as_deref() == Some("Warning")).collect();
    warnings.sort_by_key(|event| crate::checks::events::last_seen(event));
    let said = |event: &&'_ Event| event.involved_object.uid.is_some();
    warnings
        .into_iter()
        .filter(said)
        .map(|event| {
            let uid = event.involved_object.uid.as_deref().unwrap_or_default();
            (uid, (event.reason.as_deref().unwrap_or_default(), event.message.as_deref().unwrap_or_default()))
        })
        .collect()
}

/// Where the pod itself does not say why it waits, its newest warning does.
fn explain((pod, ailment): &mut Patient<'_>, newest: &BTreeMap<&str, (&str, &str)>) {
    let said = pod.metadata.uid.as_deref().and_then(|uid| newest.get(uid));
    if let Some((reason, message)) = said
        && ailment.message.is_empty()
    {
        (*reason).clone_into(&mut ailment.reason);
        (*message).clone_into(&mut ailment.message);
    }
}

/// What lies behind the cluster's words, and what to do about it.
fn remedy(words: &str) -> (Cause, &'static str) {
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["no IP addresses available", "failed to assign an IP", "no addresses available"]) {
        (
            Cause::Capacity,
            "remove pods that have ended, or give the network plugin a larger range of addresses",
        )
    } else if has(&["Insufficient ", "Too many pods"]) {
        (Cause::Capacity, "end what is not needed, lower the requests of the pod, or add a node")
    } else if has(&["exceeded quota"]) {
        (Cause::Capacity, "raise the quota of the namespace")
    } else if has(&["taint", "affinity", "node selector", "unschedulable"]) {
        (Cause::Environment, "let a node fit the pod's selector, affinity and tolerations, or uncordon one")
    } else if has(&["persistentvolumeclaim", "PersistentVolumeClaim", "volume", "Mount"]) {
        (Cause::Environment, "see that its volume claim is bound and that the node can mount it")
    } else if has(&["secret", "configmap", "Config"]) {
        (Cause::Environment, "create the Secret or ConfigMap that it names")
    } else {
        (Cause::Environment, "provide what the message names")
    }
}

fn tell(pod: &Pod, ailment: &Ailment) -> Finding {
    let words = ailment.words();
    let (cause, remedy) = remedy(&words);
    let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    Finding::new("pod-pending", cause, subject("pod", &pod.metadata), format!("it is not started: {words}"))
        .expected("it runs", format!("Pending ({})", ailment.reason))
        .remedy(format!("{remedy}; see `{kubectl} describe pod {pod_name}`"), "about an hour")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{object, pod};
    use serde_json::json;

    fn event(kind: &str, uid: &str, at: &str, message: &str) -> Event {
        object(json!({
            "metadata": { "name": "e" }, "type": kind, "reason": "FailedCreatePodSandBox", "message": message,
            "lastTimestamp": at, "involvedObject": { "kind": "Pod", "uid": uid },
        }))
    }

    #[test]
    fn the_newest_warning_explains_what_the_pod_does_not() {
        let events = [
            event("Warning", "a", "2025-11-20T11:59:00Z", "no IP addresses available in network: cni0"),
            event("Warning", "a", "2025-11-20T11:58:00Z", "older"),
            event("Normal", "a", "2025-11-20T11:59:30Z", "Scheduled"),
            event("Warning", "other", "2025-11-20T11:59:30Z", "not this one"),
        ];
        let waiting = pod("a", json!({ "phase": "Pending" }));
        let silent = Ailment {
            kind: Kind::NotStarted,
            container: Some("main".to_owned()),
            reason: "ContainerCreating".to_owned(),
            message: String::new(),
        };
        let mut patient = (&waiting, silent.clone());
        explain(&mut patient, &newest(&events));
        let finding = tell(&waiting, &patient.1);
        insta::assert_snapshot!(finding.message, @"it is not started: container `main`: FailedCreatePodSandBox: no IP addresses available in network: cni0");
        assert_eq!(finding.cause, Cause::Capacity);
        // What the scheduler says is not overruled.
        let mut patient = (&waiting, Ailment { message: "0/2 nodes".to_owned(), ..silent });
        explain(&mut patient, &newest(&events));
        assert_eq!(patient.1.message, "0/2 nodes");
    }

    #[test]
    fn causes_differ() {
        assert_eq!(remedy("0/2 nodes are available: 2 Insufficient cpu.").0, Cause::Capacity);
        assert_eq!(remedy("1 node(s) had untolerated taint {x: }").0, Cause::Environment);
        assert!(remedy("CreateContainerConfigError: secret \"x\" not found").1.contains("Secret"));
    }
}
