//! Deployments and StatefulSets, seen alike.

use super::ailment::owner;
use crate::client::K8sClient;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::{Selector, SelectorExt as _};
use shakedown_core::{CheckError, Context};
use std::collections::BTreeMap;

/// What keeps a number of pods running.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) kind: &'static str,
    pub(super) metadata: ObjectMeta,
    /// The labels that it gives its pods.
    pub(super) labels: BTreeMap<String, String>,
    /// How it tells its pods.
    selector: LabelSelector,
    /// How many pods it is to have.
    pub(super) wanted: i32,
    /// How many of them are available.
    pub(super) available: i32,
    /// Whether its controller has seen its newest form.
    pub(super) observed: bool,
    /// Whether changes to it are held back.
    pub(super) paused: bool,
    /// What its controller complains about.
    pub(super) complaints: Vec<String>,
}

impl Workload {
    /// Whether a pod is one of its own: by its labels, and by the kind or the UID of its controller.
    pub(super) fn has(&self, pod: &Pod) -> bool {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let is_like_it = Selector::try_from(self.selector.clone()).is_ok_and(|own| own.matches(&labels));
        is_like_it
            && match self.kind {
                "StatefulSet" => owner(pod, "StatefulSet")
                    .is_some_and(|(_, uid)| Some(uid) == self.metadata.uid.as_deref()),
                _ => owner(pod, "ReplicaSet").is_some(),
            }
    }
}

/// All of the namespace.
pub(super) async fn all(k8s: &K8sClient, cx: &Context) -> Result<Vec<Workload>, CheckError> {
    let deployments = k8s.deployments(cx).await?;
    let stateful_sets = k8s.stateful_sets(cx).await?;
    Ok(deployments.iter().map(Workload::from).chain(stateful_sets.iter().map(Workload::from)).collect())
}

impl From<&Deployment> for Workload {
    fn from(object: &Deployment) -> Self {
        let spec = object.spec.as_ref();
        let status = object.status.as_ref();
        let conditions = status.iter().flat_map(|status| status.conditions.iter().flatten());
        let complaints = conditions
            .filter(|condition| match condition.type_.as_str() {
                "ReplicaFailure" => condition.status == "True",
                _ => condition.status == "False",
            })
            .map(|condition| {
                let reason = condition.reason.as_deref().unwrap_or_default();
                let message = condition.message.as_deref().unwrap_or_default();
                format!("{} is {}: {reason}: {message}", condition.type_, condition.status)
            });
        Self {
            kind: "Deployment",
            metadata: object.metadata.clone(),
            labels: spec.and_then(|spec| spec.template.metadata.as_ref()?.labels.clone()).unwrap_or_default(),
            selector: spec.map(|spec| spec.selector.clone()).unwrap_or_default(),
            wanted: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            available: status.and_then(|status| status.available_replicas).unwrap_or_default(),
            observed: status.and_then(|status| status.observed_generation) >= object.metadata.generation,
            paused: spec.and_then(|spec| spec.paused).unwrap_or_default(),
            complaints: complaints.collect(),
        }
    }
}

impl From<&StatefulSet> for Workload {
    fn from(object: &StatefulSet) -> Self {
        let spec = object.spec.as_ref();
        let status = object.status.as_ref();
        let ready = status.and_then(|status| status.ready_replicas);
        Self {
            kind: "StatefulSet",
            metadata: object.metadata.clone(),
            labels: spec.and_then(|spec| spec.template.metadata.as_ref()?.labels.clone()).unwrap_or_default(),
            selector: spec.map(|spec| spec.selector.clone()).unwrap_or_default(),
            wanted: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            available: status.and_then(|status| status.available_replicas).or(ready).unwrap_or_default(),
            observed: status.and_then(|status| status.observed_generation) >= object.metadata.generation,
            paused: false,
            complaints: Vec::new(),
        }
    }
}
