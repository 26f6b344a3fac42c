//! `k8s.list.deployments`

use crate::checks::ward::{PODS, elsewhere, name};
use crate::checks::workload::{self, Workload};
use crate::client::K8sClient;
use crate::components::{Component, ComponentKind};
use crate::target::Kubernetes;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, TargetErrorKind,
    Verdict, async_trait, fault, register_check,
};

register_check! {
    /// The namespace has the workloads of all configured components, by their names.
    ///
    /// A component that runs under another name or kind, found by the labels of its pods, is a warning. One that is in
    /// another namespace is reported by `k8s.namespace.match`.
    ///
    /// # Why it matters
    /// A component that was never deployed, or was deleted, shows in no list of what is wrong: nothing is there to be
    /// unhealthy.
    ///
    /// # How to mend it
    /// Deploy what is missing; with Helm, `helm -n NAMESPACE list` and `helm history` tell what happened. Where the names
    /// have changed, correct `[environments.E.targets.k8s.components]`.
    pub(crate) struct ListDeployments(NoParams) {
        id: "k8s.list.deployments",
        title: "The workloads of all configured components are there",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.deployment-missing", "deployment-missing")],
    }
}

#[async_trait]
impl Check for ListDeployments {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let workloads = workload::all(&k8s, cx).await?;
        let (mut findings, mut others) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (short, component) in k8s.components.iter() {
            count += 1;
            if workloads.iter().any(|workload| is(workload, component)) {
                continue;
            }
            match workloads.iter().find(|workload| component.selector.matches(&workload.labels)) {
                Some(other) => findings.push(renamed(&k8s.namespace, short, component, other)),
                None => match in_others(&k8s, cx, component).await?.as_slice() {
                    [] => findings.push(missing(&k8s.namespace, short, component, &workloads)),
                    namespaces => others.push(format!(
                        "{} {} is in {}; see k8s.namespace.match",
                        component.kind,
                        component.name,
                        namespaces.join(", ")
                    )),
                },
            }
        }
        let namespace = &k8s.namespace;
        let seen = format!("components looked for among {} workloads of `{namespace}`", workloads.len());
        let verdict = Verdict::of(Observation::counted(count, &seen)?).with_all(findings);
        Ok(verdict.with_all(elsewhere(others.len(), "components that are elsewhere", others)))
    }
}

fn is(workload: &Workload, component: &Component) -> bool {
    workload.kind == component.kind.to_string() && workload.metadata.name.as_deref() == Some(&component.name)
}

/// The other namespaces that hold the workload of a component; none where we may not look there.
pub(in crate::checks) async fn in_others(
    k8s: &K8sClient,
    cx: &Context,
    component: &Component,
) -> Result<Vec<String>, CheckError> {
    let params = ListParams::default().fields(&format!("metadata.name={}", component.name));
    let what = "look for components in other namespaces";
    let found = match component.kind {
        ComponentKind::Deployment => {
            let all = k8s.all(cx, what, &k8s.everywhere::<Deployment>(), params).await;
            all.map(|all| all.into_iter().map(|object| object.metadata).collect::<Vec<ObjectMeta>>())
        }
        ComponentKind::StatefulSet => {
            let all = k8s.all(cx, what, &k8s.everywhere::<StatefulSet>(), params).await;
            all.map(|all| all.into_iter().map(|object| object.metadata).collect())
        }
    };
    match found {
        Ok(found) => {
            let namespaces = found.into_iter().filter(|metadata| name(metadata) == component.name);
            let namespaces = namespaces.filter_map(|metadata| metadata.namespace);
            Ok(namespaces.filter(|namespace| *namespace != k8s.namespace).collect())
        }
        Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn missing(namespace: &str, short: &str, component: &Component, workloads: &[Workload]) -> Finding {
    let Component { kind, name: wanted, .. } = component;
    let mut there: Vec<String> =
        workloads.iter().map(|workload| format!("{} {}", workload.kind, name(&workload.metadata))).collect();
    there.sort_unstable();
    there.truncate(10);
    let there = if there.is_empty() { "none at all".to_owned() } else { there.join(", ") };
    let message = format!(
        "the workload of {short} is missing: there is no {kind} `{wanted}`, nor anything with its labels"
    );
    Finding::new("deployment-missing", Cause::Environment, format!("{kind} {wanted} in namespace {namespace}"), message)
        .expected(format!("{kind} {wanted}"), &there)
        .detail(format!("its pods would have the labels {}", component.selector))
        .remedy(
            format!("deploy it again; `helm -n {namespace} list` and `kubectl -n {namespace} get events` tell what happened"),
            "about an hour",
        )
}

fn renamed(namespace: &str, short: &str, component: &Component, other: &Workload) -> Finding {
    let Component { kind, name: wanted, selector, .. } = component;
    let actual = format!("{} {}", other.kind, name(&other.metadata));
    let message = format!("{short} is not the {kind} `{wanted}`: its labels are on the {actual}");
    Finding::new(
        "deployment-renamed",
        Cause::Environment,
        format!("{kind} {wanted} in namespace {namespace}"),
        message,
    )
    .warn()
    .expected(format!("{kind} {wanted}"), format!("{actual}, with {selector}"))
    .remedy(format!("correct kind and name of `{short}` in the target's `components`"), "minutes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use crate::components::Components;
    use serde_json::json;

    fn workload(name: &str) -> Workload {
        let object: StatefulSet = object(json!({
            "metadata": { "name": name },
            "spec": { "selector": {}, "serviceName": "x", "template": { "metadata": { "labels": { "a": "b" } } } },
        }));
        Workload::from(&object)
    }

    #[test]
    fn name_and_kind_must_be_the_same() {
        let components = Components::default();
        let component = components.get("mongodb").unwrap();
        let set = workload("mongodb");
        assert!(!is(&set, component), "it is a StatefulSet");
        let finding = renamed("panda", "mongodb", component, &set);
        assert_eq!(
            finding.message,
            "mongodb is not the Deployment `mongodb`: its labels are on the StatefulSet mongodb"
        );
        assert!(is(&workload("rabbitmq-panda"), components.get("rabbitmq").unwrap()));
        assert!(!is(&workload("rabbitmq-panda-2"), components.get("rabbitmq").unwrap()));
    }

    #[test]
    fn what_is_there_instead_is_listed() {
        let components = Components::default();
        let finding =
            missing("panda", "mongodb", components.get("mongodb").unwrap(), &[workload("b"), workload("a")]);
        assert_eq!(finding.actual.unwrap(), "StatefulSet a, StatefulSet b");
        assert_eq!(finding.details, ["its pods would have the labels app.kubernetes.io/instance=mongodb"]);
        assert_eq!(
            missing("p", "mongodb", components.get("mongodb").unwrap(), &[]).actual.unwrap(),
            "none at all"
        );
    }
}
