//! `k8s.list.pods`

use crate::client::K8sClient;
use crate::target::Kubernetes;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::ListParams;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Measurement, NoParams, Observation, Severity,
    TargetErrorKind, Unit, Verdict, async_trait, fault, register_check,
};
use std::collections::BTreeMap;

register_check! {
    /// The configured namespace exists, and there are pods in it.
    ///
    /// Where it is empty or does not exist, the finding says in which namespaces there are pods with the labels of the
    /// configured components.
    ///
    /// # Why it matters
    /// The cluster answers for a namespace that does not exist as if it were empty. A run against the wrong namespace, or
    /// the wrong cluster, would otherwise pass for want of anything to fail.
    ///
    /// # How to mend it
    /// Correct `namespace` in `[environments.E.targets.k8s]`, or the kubeconfig and its context.
    pub(crate) struct ListPods(NoParams) {
        id: "k8s.list.pods",
        title: "The configured namespace exists, and there are pods in it",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        proofs: &[fault("k8s.namespace-empty", "namespace-empty")],
    }
}

#[async_trait]
impl Check for ListPods {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let pods = k8s.pods(cx).await?;
        let namespace = &k8s.namespace;
        if pods.is_empty() {
            let exists = exists(&k8s, cx).await?;
            let elsewhere = elsewhere(&k8s, cx).await?;
            let seen = format!("the namespace `{namespace}` holds no pod");
            return Ok(Verdict::of(Observation::seen(seen)).with(tell(
                namespace,
                exists,
                elsewhere.as_ref(),
            )));
        }
        let observation =
            Observation::counted(pods.len() as u64, &format!("pods of the namespace `{namespace}`"))?;
        let phases = phases(&pods).into_iter();
        Ok(phases.fold(Verdict::of(observation), |verdict, (phase, count)| {
            verdict.measured(Measurement::new(format!("pods {phase}"), f64::from(count), Unit::Count))
        }))
    }
}

fn phases(pods: &[Pod]) -> BTreeMap<&str, u32> {
    let mut phases = BTreeMap::new();
    for pod in pods {
        let phase =
            pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("without a phase");
        *phases.entry(phase).or_default() += 1;
    }
    phases
}

/// Whether there is such a namespace; `None` where we may not ask.
async fn exists(k8s: &K8sClient, cx: &Context) -> Result<Option<bool>, CheckError> {
    let api = k8s.everywhere::<Namespace>();
    match k8s.ask(cx, "look for the namespace", api.get_opt(&k8s.namespace)).await {
        Ok(found) => Ok(Some(found.is_some())),
        Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where there are pods of components: by namespace, which ones. `None` where we may not look there.
async fn elsewhere(
    k8s: &K8sClient,
    cx: &Context,
) -> Result<Option<BTreeMap<String, Vec<String>>>, CheckError> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (short, component) in k8s.components.iter() {
        let params = ListParams::default().labels(&component.selector.to_string());
        let what = "look for components in other namespaces";
        let pods = match k8s.all(cx, what, &k8s.everywhere::<Pod>(), params).await {
            Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => return Ok(None),
            other => other?,
        };
        let mut namespaces: Vec<String> = pods.into_iter().filter_map(|pod| pod.metadata.namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        for namespace in namespaces {
            found.entry(namespace).or_default().push(short.to_owned());
        }
    }
    Ok(Some(found))
}

fn tell(namespace: &str, exists: Option<bool>, elsewhere: Option<&BTreeMap<String, Vec<String>>>) -> Finding {
    let message = match exists {
        Some(false) => format!("there is no namespace `{namespace}` in this cluster"),
        _ => format!("the namespace `{namespace}` holds no pod at all"),
    };
    let finding =
        Finding::new("namespace-empty", Cause::Environment, format!("namespace {namespace}"), message)
            .expected("the pods of Focus Server and what it needs", "none");
    match elsewhere {
        None => finding.detail("other namespaces may not be looked at").remedy(
            "correct `namespace` in the target's settings: `kubectl get namespaces` lists what there is",
            "minutes",
        ),
        Some(found) if found.is_empty() => {
            finding.detail("no other namespace holds pods of the configured components either").remedy(
                "see that the kubeconfig and its context lead to the right cluster: `kubectl config current-context`",
                "minutes",
            )
        }
        Some(found) => {
            let finding = found.iter().fold(finding, |finding, (namespace, components)| {
                finding.detail(format!("the namespace `{namespace}` holds pods of {}", components.join(", ")))
            });
            let first = found.keys().next().map(String::as_str).unwrap_or_default();
            finding.remedy(format!("set `namespace = \"{first}\"` in the target's settings"), "minutes")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_components_are_is_said() {
        let found =
            BTreeMap::from([("default".to_owned(), vec!["mongodb".to_owned(), "rabbitmq".to_owned()])]);
        let finding = tell("panda", Some(false), Some(&found));
        assert_eq!(finding.message, "there is no namespace `panda` in this cluster");
        assert_eq!(finding.details, ["the namespace `default` holds pods of mongodb, rabbitmq"]);
        assert_eq!(finding.remedy.unwrap(), "set `namespace = \"default\"` in the target's settings");
        assert_eq!(tell("panda", None, None).message, "the namespace `panda` holds no pod at all");
        assert!(tell("panda", Some(true), Some(&BTreeMap::new())).remedy.unwrap().contains("context"));
    }
}
