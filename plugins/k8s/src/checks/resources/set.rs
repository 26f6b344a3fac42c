//! `k8s.resources.set`

use crate::checks::ailment::owner;
use crate::checks::ward::{PODS, Ward, bounded, controller, kubectl, name, with_evidence};
use crate::quantity::number;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, NoParams, Severity, Verdict, async_trait,
    fault, register_check,
};
use std::collections::BTreeMap;

register_check! {
    /// Every container says how much CPU and memory it needs and may use, and may use at least what it needs.
    ///
    /// Both requests and limits, of `cpu` and of `memory`; what is missing is a warning, a limit below its request a
    /// failure. Containers of one workload are one finding. Init containers that end before the pod begins are not asked;
    /// sidecars are. Pods of Jobs are judged by `k8s.job.resources`.
    ///
    /// # Why it matters
    /// The scheduler believes that a container without requests needs nothing, and puts it on a node that is full. Without
    /// a memory limit one container can take the node down, and with it everything that runs there.
    ///
    /// # How to mend it
    /// Set `resources.requests` and `resources.limits` of the container in the workload's template, from what
    /// `kubectl top pod --containers` shows under load.
    pub(crate) struct ResourcesSet(NoParams) {
        id: "k8s.resources.set",
        title: "Every container has requests and limits that fit each other",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[
            fault("k8s.resources-missing", "resources-missing"),
            fault("k8s.limits-below-requests", "limits-below-requests"),
        ],
    }
}

/// What is wrong with the resources of a container.
#[derive(Debug, Default, PartialEq)]
pub(in crate::checks) struct Faulty {
    /// What is not set, as "memory limit".
    pub(in crate::checks) missing: Vec<String>,
    /// Which limit is below its request, as "memory: limit 64Mi, request 128Mi".
    pub(in crate::checks) below: Vec<String>,
}

/// A container with faulty resources, of one pod of each workload.
struct Case<'a> {
    pod: &'a Pod,
    workload: String,
    container: &'a str,
    faulty: Faulty,
    pods: usize,
}

#[async_trait]
impl Check for ResourcesSet {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let observation = ward.counted()?;
        let cases = cases(&ward.pods);
        let below: Vec<&Case> = cases.iter().filter(|case| !case.faulty.below.is_empty()).collect();
        let missing: Vec<&Case> = cases.iter().filter(|case| !case.faulty.missing.is_empty()).collect();
        let mut findings = bounded(&below, |case| too_low(case));
        findings.extend(bounded(&missing, |case| incomplete(case)));
        let findings = with_evidence(findings, || {
            let shown = cases.iter().take(20).map(|case| {
                json!({ "pod": name(&case.pod.metadata), "workload": case.workload, "container": case.container,
                    "resources": resources_of(case.pod, case.container) })
            });
            cx.attach(Evidence::json("resources.json", &Value::Array(shown.collect())))
        })?;
        Ok(Verdict::of(observation).with_all(findings))
    }
}

fn resources_of(pod: &Pod, container: &str) -> Value {
    json!(long_lived(pod).find(|one| one.name == container).map(|one| &one.resources))
}

/// The containers that live as long as their pod.
fn long_lived(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.iter();
    let sidecars = spec.clone().flat_map(|spec| spec.init_containers.iter().flatten());
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.flat_map(|spec| &spec.containers).chain(sidecars)
}

fn cases(pods: &[Pod]) -> Vec<Case<'_>> {
    let mut cases: BTreeMap<(String, &str), Case<'_>> = BTreeMap::new();
    let over =
        |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded");
    for pod in pods.iter().filter(|pod| owner(pod, "Job").is_none() && !over(pod)) {
        for container in long_lived(pod) {
            let faulty = faulty(container);
            if faulty == Faulty::default() {
                continue;
            }
            let workload =
                controller(&pod.metadata).unwrap_or_else(|| format!("pod {}", name(&pod.metadata)));
            let case = cases.entry((workload.clone(), container.name.as_str())).or_insert_with(|| Case {
                pod,
                workload,
                container: &container.name,
                faulty,
                pods: 0,
            });
            case.pods += 1;
        }
    }
    cases.into_values().collect()
}

/// What is wrong with the requests and limits of a container.
pub(in crate::checks) fn faulty(container: &Container) -> Faulty {
    let resources = container.resources.as_ref();
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let of =
        |from: Option<&BTreeMap<String, Quantity>>, what: &str| from.and_then(|from| from.get(what).cloned());
    let mut faulty = Faulty::default();
    for what in ["cpu", "memory"] {
        let (request, limit) = (of(requests, what), of(limits, what));
        let wanting = [("request", request.is_none()), ("limit", limit.is_none())];
        let wanting = wanting.into_iter().filter(|(_, is_missing)| *is_missing);
        faulty.missing.extend(wanting.map(|(kind, _)| format!("{what} {kind}")));
        if let (Some(request), Some(limit)) = (request, limit)
            && let (Some(needs), Some(may)) = (number(&request), number(&limit))
            && may < needs
        {
            faulty.below.push(format!("{what}: limit {}, request {}", limit.0, request.0));
        }
    }
    faulty
}

fn subject(case: &Case<'_>) -> String {
    let namespace = case.pod.metadata.namespace.as_deref().unwrap_or_default();
    format!("container {} of {} in namespace {namespace}", case.container, case.workload)
}

fn remedy(case: &Case<'_>) -> String {
    let (kubectl, pod) = (kubectl(&case.pod.metadata), name(&case.pod.metadata));
    format!(
        "see what it uses: `{kubectl} top pod {pod} --containers`; then set both in the workload's template"
    )
}

fn incomplete(case: &Case<'_>) -> Finding {
    let missing = case.faulty.missing.join(", ");
    let message = format!("it does not say how much it needs or may use: no {missing}");
    Finding::new("resources-missing", Cause::Environment, subject(case), message)
        .warn()
        .expected("requests and limits of cpu and memory", format!("no {missing}"))
        .detail(format!("in {} pods, for example {}", case.pods, name(&case.pod.metadata)))
        .remedy(remedy(case), "about an hour")
}

fn too_low(case: &Case<'_>) -> Finding {
    let below = case.faulty.below.join("; ");
    Finding::new(
        "limits-below-requests",
        Cause::Environment,
        subject(case),
        format!("it may use less than it needs: {below}"),
    )
    .expected("limits of at least the requests", below)
    .detail(format!("in {} pods, for example {}", case.pods, name(&case.pod.metadata)))
    .remedy(remedy(case), "about an hour")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{object, pod};

    fn container(resources: Value) -> Container {
        object(json!({ "name": "main", "resources": resources }))
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            faulty(&object(json!({ "name": "main" }))).missing,
            ["cpu request", "cpu limit", "memory request", "memory limit"]
        );
        let partly = json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "memory": "1Gi" } });
        assert_eq!(
            faulty(&container(partly)),
            Faulty { missing: vec!["cpu limit".to_owned()], below: Vec::new() }
        );
    }

    #[test]
    fn units_are_compared_by_what_they_stand_for() {
        let fits = json!({ "requests": { "cpu": "500m", "memory": "1024Mi" }, "limits": { "cpu": "0.5", "memory": "1Gi" } });
        assert_eq!(faulty(&container(fits)), Faulty::default());
        let below = json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "500m", "memory": "1G" } });
        assert_eq!(
            faulty(&container(below)).below,
            ["cpu: limit 500m, request 1", "memory: limit 1G, request 1Gi"]
        );
    }

    #[test]
    fn one_workload_is_one_case_and_jobs_are_none() {
        let owned = |name: &str, kind: &str| {
            let mut pod = pod(name, json!({ "phase": "Running" }));
            let owner =
                json!([{ "apiVersion": "v1", "kind": kind, "name": "o", "uid": "7", "controller": true }]);
            pod.metadata.owner_references = Some(object(owner));
            pod
        };
        let pods = [
            owned("a", "ReplicaSet"),
            owned("b", "ReplicaSet"),
            owned("c", "Job"),
            pod("d", json!({ "phase": "Succeeded" })),
        ];
        let cases = cases(&pods);
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].pods, 2);
        assert_eq!(incomplete(&cases[0]).subject, "container main of ReplicaSet o in namespace panda");
    }

    #[test]
    fn a_sidecar_is_asked_and_an_init_container_is_not() {
        let mut with = pod("a", json!({ "phase": "Running" }));
        let spec = json!({ "containers": [], "initContainers": [{ "name": "once" }, { "name": "proxy", "restartPolicy": "Always" }] });
        with.spec = Some(object(spec));
        let names: Vec<&str> = long_lived(&with).map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["proxy"]);
    }
}
