//! `k8s.namespace.match`

use crate::checks::labels::{Labelled, instead, text};
use crate::checks::list::deployments::in_others;
use crate::checks::ward::{PODS, elsewhere, name};
use crate::checks::workload::{self, Workload};
use crate::client::K8sClient;
use crate::components::Component;
use crate::target::Kubernetes;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity,
    TargetErrorKind, Verdict, async_trait, fault, register_check,
};
use std::collections::BTreeMap;

register_check! {
    /// Every configured component is found in the configured namespace, by its labels.
    ///
    /// Each component is a case. Where the labels match nothing, the finding says where a match does exist, in which other
    /// namespace, or which labels the component really has. The classic is `app=mongodb`, where the pods have
    /// `app.kubernetes.io/instance=mongodb`. A component that exists nowhere is reported by `k8s.list.deployments`.
    ///
    /// # Why it matters
    /// Whoever looks with the wrong labels or in the wrong namespace finds nothing, and takes that for an outage, or worse,
    /// for health. Components in two namespaces do not find each other by their short names.
    ///
    /// # How to mend it
    /// Correct the selector of the component or the namespace in `[environments.E.targets.k8s]`, or deploy the component
    /// where it belongs.
    pub(crate) struct NamespaceMatch(NoParams) {
        id: "k8s.namespace.match",
        title: "Every component is found in the configured namespace",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.namespace-other", "component-elsewhere")],
    }
}

#[async_trait]
impl Check for NamespaceMatch {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let pods = k8s.pods(cx).await?;
        let workloads = workload::all(&k8s, cx).await?;
        let mut cases = Cases::new();
        for (short, component) in k8s.components.iter() {
            let found = pods.iter().filter(|pod| component.owns(pod)).count() as u64;
            let here = found > 0 || workloads.iter().any(|one| component.selector.matches(&one.labels));
            let answer = if here {
                let seen =
                    format!("{found} pods of `{}` have the labels {}", k8s.namespace, component.selector);
                Ok(Verdict::of(Observation::seen(seen)))
            } else {
                astray(&k8s, cx, short, component, &pods, &workloads).await
            };
            cases.push(Case::new(short, &["PZ-13899"], answer));
        }
        cases.verdict()
    }
}

/// The answer about a component whose labels match nothing here.
async fn astray(
    k8s: &K8sClient,
    cx: &Context,
    short: &str,
    component: &Component,
    pods: &[Pod],
    workloads: &[Workload],
) -> Result<Verdict, CheckError> {
    let namespace = &k8s.namespace;
    let selector = &component.selector;
    let seen = Observation::seen(format!("nothing in `{namespace}` has the labels {selector}"));
    let mut others = by_labels(k8s, cx, component).await?;
    if let Some(others) = &mut others {
        for namespace in in_others(k8s, cx, component).await? {
            others.entry(namespace).or_insert_with(|| format!("{} {}", component.kind, component.name));
        }
    }
    let here = relabelled(component, pods, workloads);
    if !here.is_empty() {
        return Ok(Verdict::of(seen).with(mislabelled(namespace, short, component, &here)));
    }
    if let Some(others) = others.as_ref().filter(|others| !others.is_empty()) {
        return Ok(Verdict::of(seen).with(misplaced(namespace, short, component, others)));
    }
    let where_ = if others.is_none() {
        "; other namespaces may not be looked at"
    } else {
        ", nor in any other namespace"
    };
    let note = format!("{short}: nothing has the labels {selector} here{where_}; see k8s.list.deployments");
    Ok(Verdict::of(seen).with_all(elsewhere(1, "component that is nowhere", [note])))
}

/// A pod with the labels of the component in each other namespace that has one; `None` where we may not look there.
async fn by_labels(
    k8s: &K8sClient,
    cx: &Context,
    component: &Component,
) -> Result<Option<BTreeMap<String, String>>, CheckError> {
    let params = ListParams::default().labels(&component.selector.to_string());
    match k8s.all(cx, "look for components in other namespaces", &k8s.everywhere::<Pod>(), params).await {
        Ok(pods) => {
            let place =
                |pod: Pod| Some((pod.metadata.namespace.clone()?, format!("pod {}", name(&pod.metadata))));
            let places = pods.into_iter().filter_map(place);
            Ok(Some(places.filter(|(namespace, _)| *namespace != k8s.namespace).collect()))
        }
        Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is here under the component's own name, or has its labels under other keys: a line for each such label.
fn relabelled(component: &Component, pods: &[Pod], workloads: &[Workload]) -> Vec<String> {
    let pairs = component.selector.pairs();
    let has_value = |labels: &BTreeMap<String, String>| {
        labels.values().any(|value| pairs.values().any(|own| own == value))
    };
    let named = |metadata_name: Option<&String>| metadata_name == Some(&component.name);
    let mut objects: Vec<Labelled<'_>> = workloads
        .iter()
        .filter(|workload| named(workload.metadata.name.as_ref()) || has_value(&workload.labels))
        .map(|workload| (format!("{} {}", workload.kind, name(&workload.metadata)), &workload.labels))
        .collect();
    let pods = pods.iter().filter_map(|pod| Some((pod, pod.metadata.labels.as_ref()?)));
    objects.extend(
        pods.filter(|(_, labels)| has_value(labels))
            .map(|(pod, labels)| (format!("pod {}", name(&pod.metadata)), labels)),
    );
    let mut lines = instead(pairs, &objects);
    if lines.is_empty() {
        lines.extend(
            objects.first().map(|(object, labels)| format!("{object} has the labels {}", text(labels))),
        );
    }
    lines
}

fn mislabelled(namespace: &str, short: &str, component: &Component, here: &[String]) -> Finding {
    let selector = &component.selector;
    let message =
        format!("the selector {selector} of {short} matches nothing in `{namespace}`, although {}", here[0]);
    let finding = Finding::new("selector-matches-nothing", Cause::Environment, format!("component {short}"), message)
        .expected(format!("something with {selector}"), &here[0])
        .remedy(
            format!(
                "correct the selector of `{short}` in the target's `components`; `kubectl -n {namespace} get pods \
                 --show-labels` shows what there is"
            ),
            "minutes",
        );
    here[1..].iter().fold(finding, Finding::detail)
}

fn misplaced(
    namespace: &str,
    short: &str,
    component: &Component,
    others: &BTreeMap<String, String>,
) -> Finding {
    let selector = &component.selector;
    let places: Vec<String> = others.iter().map(|(other, object)| format!("`{other}` ({object})")).collect();
    let places = places.join(", ");
    let message =
        format!("{short} is not in the namespace `{namespace}` but in {places}: looked for {selector}");
    Finding::new("component-elsewhere", Cause::Environment, format!("component {short}"), message)
        .expected(format!("in `{namespace}`"), format!("in {places}"))
        .remedy(
            format!("deploy {short} to `{namespace}`, or correct `namespace`; see `kubectl get pods -A -l {selector}`"),
            "minutes",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{object, well};
    use crate::components::Components;
    use k8s_openapi::api::apps::v1::StatefulSet;
    use serde_json::json;

    #[test]
    fn the_label_that_it_really_has_is_named() {
        let settings =
            json!({ "mongodb": { "kind": "deployment", "name": "mongodb", "selector": "app=mongodb" } });
        let components: Components = object(settings);
        let component = components.get("mongodb").unwrap();
        let pods = [
            well("mongodb-5d-x", json!({ "app.kubernetes.io/instance": "mongodb" })),
            well("mongodb-exporter", json!({ "app": "exporter" })),
        ];
        let here = relabelled(component, &pods, &[]);
        assert_eq!(here, ["pod mongodb-5d-x has the label app.kubernetes.io/instance=mongodb"]);
        insta::assert_snapshot!(mislabelled("panda", "mongodb", component, &here).message, @"the selector app=mongodb of mongodb matches nothing in `panda`, although pod mongodb-5d-x has the label app.kubernetes.io/instance=mongodb");
        assert!(relabelled(component, &pods[1..], &[]).is_empty(), "a similar name is not it");
    }

    #[test]
    fn an_object_of_the_same_name_shows_its_labels() {
        let settings = json!({ "db": { "kind": "stateful-set", "name": "db", "selector": "tier=data" } });
        let components: Components = object(settings);
        let set: StatefulSet = object(json!({
            "metadata": { "name": "db" },
            "spec": { "selector": {}, "serviceName": "x", "template": { "metadata": { "labels": { "a": "b" } } } },
        }));
        let here = relabelled(components.get("db").unwrap(), &[], &[Workload::from(&set)]);
        assert_eq!(here, ["StatefulSet db has the labels a=b"]);
    }

    #[test]
    fn the_other_namespace_is_named() {
        let components = Components::default();
        let others = BTreeMap::from([("default".to_owned(), "pod mongodb-5d-x".to_owned())]);
        insta::assert_snapshot!(misplaced("panda", "mongodb", components.get("mongodb").unwrap(), &others).message, @"mongodb is not in the namespace `panda` but in `default` (pod mongodb-5d-x): looked for app.kubernetes.io/instance=mongodb");
    }
}
