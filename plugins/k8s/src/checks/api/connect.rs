//! `k8s.api.connect`

use crate::checks::ailment::{Ailment, Kind};
use crate::checks::ward::{PODS, Patient, Ward, kubectl, name, subject};
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Params, Severity, Verdict,
    async_trait, duration, fault, register_check,
};

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectParams {
    /// How long a pod may take from its creation until it is ready.
    pub(crate) grace: HumanDuration,
}

impl Default for ConnectParams {
    fn default() -> Self {
        Self { grace: HumanDuration::secs(60) }
    }
}

impl Params for ConnectParams {}

register_check! {
    /// The cluster shows the pods of the namespace, and they are Running and Ready.
    ///
    /// Pods that have done their work (`Succeeded`), that are being deleted, or that are younger than a minute (`grace`)
    /// are not asked to be ready. A pod that is not ready for a more particular reason is judged by the check of that
    /// reason, and only noted here: a crash loop by `k8s.pods.crashes`, a missing image by `k8s.pods.images`, lack of
    /// memory by `k8s.pods.memory`, a pod that never started by `k8s.pods.pending`, one that keeps restarting by
    /// `k8s.restarts`, a node that is away by `k8s.nodes.ready`, MongoDB by `k8s.mongo.status`.
    ///
    /// # Why it matters
    /// A pod that is not ready gets no requests: to its users the component is away, although its process runs.
    ///
    /// # How to mend it
    /// The readiness probe says what the container waits for: see the events of the pod and its log. A pod that was
    /// evicted or failed is debris once another has taken its place; delete it. A pod that stays after it was deleted is
    /// most often on a node that does not answer, or held by a finalizer.
    pub(crate) struct Connect(ConnectParams) {
        id: "k8s.api.connect",
        title: "The cluster shows its pods, and they are Running and Ready",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.pod-not-ready", "pod-not-ready")],
    }
}

const ID: &str = "k8s.api.connect";

#[async_trait]
impl Check for Connect {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let patients = ward.patients();
        let own = |patient: &&Patient| ward.judge_of(patient) == ID;
        let (young, mine): (Vec<Patient>, Vec<Patient>) =
            patients.iter().filter(own).cloned().partition(|(pod, ailment)| {
                ailment.kind == Kind::NotReady && ward.age(pod) < self.params.grace.0
            });
        let young = (!young.is_empty()).then(|| {
            let message =
                format!("{} pods are not ready, and younger than {}", young.len(), self.params.grace);
            Finding::new("pod-young", Cause::Expected, "young pods", message).note()
        });
        let verdict =
            ward.verdict(cx, &mine, |pod, ailment| tell(pod, ailment, &duration::brief(ward.age(pod))))?;
        Ok(verdict.with_all(young).with_all(ward.note(&patients, ID)))
    }
}

fn tell(pod: &Pod, ailment: &Ailment, age: &str) -> Finding {
    let words = ailment.words();
    let subject = subject("pod", &pod.metadata);
    let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
    match ailment.kind {
        Kind::Failed => {
            let finding = Finding::new("pod-failed", Cause::Environment, subject, format!("it has ended: {words}"))
                .expected("Running", format!("Failed ({})", ailment.reason))
                .detail("its controller, if it has one, starts another pod in its place and leaves this one behind")
                .remedy(
                    format!("see why: `{kubectl} describe pod {pod_name}`; then `{kubectl} delete pod {pod_name}`"),
                    "minutes",
                );
            if pod.metadata.owner_references.is_some() { finding.warn() } else { finding }
        }
        Kind::Stuck => {
            let finding = Finding::new("pod-stuck", Cause::Environment, subject, format!("it was deleted and stays: {words}"))
                .expected("gone", "Terminating")
                .remedy(
                    format!("see whether its node answers and which finalizers hold it: `{kubectl} get pod {pod_name} -o yaml`"),
                    "minutes",
                );
            let held = pod.metadata.finalizers.iter().flatten();
            held.fold(finding.warn(), |finding, name| finding.detail(format!("held by the finalizer {name}")))
        }
        _ => Finding::new("pod-not-ready", Cause::Product, subject, format!("it runs and is not ready: {words}"))
            .expected("Ready", format!("not ready ({}), {age} old", ailment.reason))
            .remedy(
                format!("see what its readiness probe waits for: `{kubectl} describe pod {pod_name}` and `{kubectl} logs {pod_name}`"),
                "depends on the cause",
            ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::ailment::diagnose;
    use crate::checks::testing::{now, object, pod};
    use serde_json::json;
    use shakedown_core::finding::Weight;
    use std::collections::BTreeSet;

    fn told(pod: &Pod) -> Finding {
        tell(pod, &diagnose(pod, now(), &BTreeSet::new()).unwrap(), "1h 00m")
    }

    #[test]
    fn what_was_evicted_is_debris_where_somebody_replaces_it() {
        let mut evicted =
            pod("a", json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" }));
        assert_eq!((told(&evicted).code.as_str(), told(&evicted).weight), ("pod-failed", Weight::Fail));
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "7", "controller": true }]);
        evicted.metadata.owner_references = Some(object(owner));
        assert_eq!(told(&evicted).weight, Weight::Warn);
        assert_eq!(told(&evicted).message, "it has ended: Evicted: low on memory");
    }

    #[test]
    fn a_finalizer_that_holds_a_pod_is_named() {
        let mut stuck = pod("a", json!({ "phase": "Running" }));
        stuck.metadata.deletion_timestamp = Some(object(json!("2025-11-20T11:00:00Z")));
        stuck.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
        assert_eq!(told(&stuck).code, "pod-stuck");
        assert_eq!(told(&stuck).details, ["held by the finalizer example.com/hold"]);
    }

    #[test]
    fn not_ready_says_which_container() {
        let status = json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady",
                             "message": "containers with unready status: [main]" }],
        });
        insta::assert_snapshot!(told(&pod("a", status)).message, @"it runs and is not ready: ContainersNotReady: containers with unready status: [main]");
    }
}
