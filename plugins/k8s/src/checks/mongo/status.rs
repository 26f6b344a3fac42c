//! `k8s.mongo.status`

use super::{COMPONENT, STATUS};
use crate::checks::ward::{
    PODS, Patient, Ward, elsewhere, findings, keep, kubectl, name, subject, with_evidence,
};
use crate::components::Component;
use k8s_openapi::api::core::v1::Pod;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};

register_check! {
    /// MongoDB's pod is found, Running and Ready.
    ///
    /// The pod is found by the labels of the component `mongodb` in the target's settings. Where the pod is not ready for a
    /// reason that another check reports, such as a crash loop, this check is skipped and names it. Where nothing in the
    /// namespace carries these labels, `k8s.namespace.match` says where MongoDB is.
    ///
    /// # Why it matters
    /// Without MongoDB there is no history, and Focus Server does not start.
    ///
    /// # How to mend it
    /// If the workload is scaled to nothing, scale it up. Otherwise see the pod's events and log.
    pub(crate) struct MongoStatus(NoParams) {
        id: STATUS,
        title: "MongoDB's pod is found, Running and Ready",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.mongo-down", "mongo-not-ready")],
    }
}

#[async_trait]
impl Check for MongoStatus {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let Some(component) = ward.k8s.components.get(COMPONENT) else {
            let why = format!("the target's settings name no component `{COMPONENT}`");
            return Err(CheckError::not_applicable(why));
        };
        let is_alive = |pod: &&Pod| component.owns(pod) && pod.metadata.deletion_timestamp.is_none();
        let pods: Vec<&Pod> = ward.pods.iter().filter(is_alive).collect();
        let namespace = &ward.k8s.namespace;
        if pods.is_empty() {
            let wanted = wanted(&ward, cx, component).await?;
            let seen = format!("no pod of the namespace `{namespace}` has the labels {}", component.selector);
            return Ok(Verdict::of(Observation::seen(seen)).with(no_pod(component, namespace, wanted)));
        }
        let patients: Vec<Patient> = pods.iter().filter_map(|&pod| Some((pod, ward.ailment(pod)?))).collect();
        let (own, others): (Vec<Patient>, Vec<Patient>) =
            patients.into_iter().partition(|patient| ward.judge_of(patient) == STATUS);
        let well = pods.len() - own.len() - others.len();
        if let (Some((pod, ailment)), true) = (others.first(), own.is_empty() && well == 0) {
            let (pod, words) = (name(&pod.metadata), ailment.words());
            let check = ailment.kind.owner();
            return Err(CheckError::not_applicable(format!(
                "MongoDB's pod {pod} is not ready for a reason that `{check}` reports: {words}"
            )));
        }
        let found = findings(&own, |pod, ailment| {
            let (kubectl, pod_name) = (kubectl(&pod.metadata), name(&pod.metadata));
            let message = format!("MongoDB is not ready: {}", ailment.words());
            Finding::new("mongo-not-ready", Cause::Environment, subject("pod", &pod.metadata), message)
                .expected("Running and Ready", &ailment.reason)
                .remedy(
                    format!("see `{kubectl} describe pod {pod_name}` and `{kubectl} logs {pod_name}`"),
                    "depends on the cause",
                )
        });
        let answer = with_evidence(found, || keep(cx, "pods.json", pods.iter().copied()))?;
        let lines =
            others.iter().map(|(pod, ailment)| format!("{}: {}", name(&pod.metadata), ailment.words()));
        let note = elsewhere(others.len(), "pods of MongoDB that are not well", lines);
        let observation = Observation::counted(pods.len() as u64, "pods of MongoDB")?;
        Ok(Verdict::of(observation).with_all(answer).with_all(note))
    }
}

/// How many pods the workload is to have.
///
/// # Errors
/// [`CheckError::NotApplicable`] where there is no such workload, or it makes pods with other labels: those are reported
/// by other checks.
async fn wanted(ward: &Ward, cx: &Context, component: &Component) -> Result<i32, CheckError> {
    let workloads = crate::checks::workload::all(&ward.k8s, cx).await?;
    let Some(workload) = workloads.iter().find(|workload| component.selector.matches(&workload.labels))
    else {
        return Err(CheckError::not_applicable(format!(
            "nothing in the namespace `{}` carries the labels {}, which `k8s.namespace.match` reports",
            ward.k8s.namespace, component.selector
        )));
    };
    Ok(workload.wanted)
}

fn no_pod(component: &Component, namespace: &str, wanted: i32) -> Finding {
    let Component { kind, name, selector, .. } = component;
    let (message, remedy) = if wanted == 0 {
        let message = format!("MongoDB has no pod: its {kind} is scaled to 0");
        (message, format!("scale it up: `kubectl -n {namespace} scale {kind}/{name} --replicas=1`"))
    } else {
        let message = format!("MongoDB has no pod, although its {kind} wants {wanted}");
        (message, format!("see why no pod is made: `kubectl -n {namespace} describe {kind}/{name}`"))
    };
    Finding::new(
        "mongo-not-ready",
        Cause::Environment,
        format!("{kind} {name} in namespace {namespace}"),
        message,
    )
    .expected("a pod that is Running and Ready", format!("no pod with the labels {selector}"))
    .remedy(remedy, "minutes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Components;

    #[test]
    fn nothing_wanted_is_told_from_nothing_made() {
        let components = Components::default();
        let component = components.get(COMPONENT).unwrap();
        insta::assert_snapshot!(no_pod(component, "panda", 0).message, @"MongoDB has no pod: its Deployment is scaled to 0");
        insta::assert_snapshot!(no_pod(component, "panda", 1).remedy.unwrap(), @"see why no pod is made: `kubectl -n panda describe Deployment/mongodb`");
    }
}
