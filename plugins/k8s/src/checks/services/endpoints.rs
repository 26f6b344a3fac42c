//! `k8s.services.endpoints`

use crate::checks::ailment::owner;
use crate::checks::labels::{Labelled, instead, text, unknown};
use crate::checks::ward::{
    PODS, Ward, age, bounded, elsewhere, kubectl, name, since, subject, told, with_evidence,
};
use crate::checks::workload::{self, Workload};
use crate::components::{Component, Components, Selector};
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, Verdict, async_trait, fault, register_check,
};
use std::collections::BTreeMap;

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EndpointsParams {
    /// How long a new Service, or a pod that has just become ready, may take until there are endpoints.
    pub(crate) grace: HumanDuration,
    /// Services with these labels are not judged: they come and go with what they lead to.
    pub(crate) ignore: Vec<Selector>,
}

impl Default for EndpointsParams {
    fn default() -> Self {
        let streams = Selector::try_from("app=grpc-service".to_owned());
        Self { grace: HumanDuration::secs(10), ignore: streams.into_iter().collect() }
    }
}

impl Params for EndpointsParams {}

register_check! {
    /// Every Service leads somewhere: its selector matches pods, and the pods that are ready are its endpoints.
    ///
    /// A selector that matches nothing is reported with the labels that the pods really have. Services without a selector
    /// and those of type `ExternalName` lead where somebody told them to, and are not judged; nor are those of jobs
    /// (`ignore`, by default `app=grpc-service`), which live as long as the job. Where there are no endpoints because pods
    /// are not ready or a workload has none, the check of that reports it and this one only notes it.
    ///
    /// # Why it matters
    /// A Service without endpoints refuses every connection, while all pods look healthy.
    ///
    /// # How to mend it
    /// Make the selector of the Service the labels of the pods. Where the labels are right and the pods are ready, compare
    /// the named `targetPort` with the ports of the containers.
    pub(crate) struct ServiceEndpoints(EndpointsParams) {
        id: "k8s.services.endpoints",
        title: "Every Service leads to pods that are ready",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[
            fault("k8s.service-selector", "selector-matches-nothing"),
            fault("k8s.endpoints-empty", "endpoints-empty"),
        ],
    }
}

/// What there is to judge Services by.
struct Scene<'a> {
    ward: &'a Ward,
    workloads: &'a [Workload],
    endpoints: BTreeMap<&'a str, &'a Endpoints>,
    params: &'a EndpointsParams,
}

/// What is said about a Service that leads nowhere.
#[derive(Debug, PartialEq)]
enum Answer<'a> {
    /// Its selector matches nothing.
    NoMatch(&'a Service),
    /// It matches pods that are ready, and has no endpoints.
    NoEndpoints(&'a Service),
    /// Something else explains it.
    Explained(String),
}

#[async_trait]
impl Check for ServiceEndpoints {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let services = ward.k8s.services(cx).await?;
        let endpoints = ward.k8s.endpoints(cx).await?;
        let workloads = workload::all(&ward.k8s, cx).await?;
        let endpoints = endpoints.iter().filter_map(|one| Some((one.metadata.name.as_deref()?, one)));
        let scene = Scene {
            ward: &ward,
            workloads: &workloads,
            endpoints: endpoints.collect(),
            params: &self.params,
        };
        let judged: Vec<&Service> =
            services.iter().filter(|service| is_judged(service, &self.params.ignore)).collect();
        let (mut unmatched, mut empty, mut explained) = (Vec::new(), Vec::new(), Vec::new());
        for answer in judged.iter().filter_map(|service| scene.judge(service)) {
            match answer {
                Answer::NoMatch(service) => unmatched.push(service),
                Answer::NoEndpoints(service) => empty.push(service),
                Answer::Explained(why) => explained.push(why),
            }
        }
        let mut findings = bounded(&unmatched, |service| scene.no_match(service));
        findings.extend(bounded(&empty, |service| scene.no_endpoints(service)));
        let findings = with_evidence(findings, || {
            let shown = unmatched.iter().chain(&empty).take(10);
            let shown =
                shown.map(|service| json!({ "metadata": told(&service.metadata), "spec": service.spec }));
            cx.attach(Evidence::json("services.json", &Value::Array(shown.collect())))
        })?;
        let what = format!("Services with a selector in the namespace `{}`", ward.k8s.namespace);
        let observation = Observation::counted(judged.len() as u64, &what)
            .map_err(|_| CheckError::not_applicable(format!("there are no {what} to judge")))?;
        let note = elsewhere(explained.len(), "Services without endpoints", explained);
        Ok(Verdict::of(observation).with_all(findings).with_all(note))
    }
}

fn is_judged(service: &Service, ignore: &[Selector]) -> bool {
    let none = BTreeMap::new();
    let labels = service.metadata.labels.as_ref().unwrap_or(&none);
    let spec = service.spec.as_ref();
    let is_external = spec.is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"));
    !is_external && !selector(service).is_empty() && !ignore.iter().any(|ignored| ignored.matches(labels))
}

fn selector(service: &Service) -> BTreeMap<String, String> {
    service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default()
}

fn has(labels: Option<&BTreeMap<String, String>>, selector: &BTreeMap<String, String>) -> bool {
    labels.is_some_and(|labels| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

fn ready_addresses(endpoints: &Endpoints) -> usize {
    endpoints.subsets.iter().flatten().map(|subset| subset.addresses.iter().flatten().count()).sum()
}

impl Scene<'_> {
    fn judge<'s>(&self, service: &'s Service) -> Option<Answer<'s>> {
        let own = name(&service.metadata);
        let endpoints = self.endpoints.get(own.as_str());
        if endpoints.is_some_and(|endpoints| ready_addresses(endpoints) > 0) {
            return None;
        }
        let selector = selector(service);
        let matched: Vec<&Pod> =
            self.ward.pods.iter().filter(|pod| has(pod.metadata.labels.as_ref(), &selector)).collect();
        let explained = |why: String| Some(Answer::Explained(format!("Service {own}: {why}")));
        if age(&service.metadata, self.ward.now) < self.params.grace.0 {
            return explained("it is new".to_owned());
        }
        if matched.is_empty() {
            if let Some(workload) =
                self.workloads.iter().find(|workload| has(Some(&workload.labels), &selector))
            {
                return explained(format!("its {} {} has no pods", workload.kind, name(&workload.metadata)));
            }
            let absent = component_of(&selector, &self.ward.k8s.components)
                .filter(|(_, component)| !self.ward.pods.iter().any(|pod| component.owns(pod)));
            return match absent {
                Some((short, _)) => explained(format!("{short} is not here; see k8s.namespace.match")),
                None => Some(Answer::NoMatch(service)),
            };
        }
        if matched.iter().all(|pod| owner(pod, "Job").is_some()) {
            return None;
        }
        if matched.iter().any(|pod| self.is_settled(pod)) {
            return Some(Answer::NoEndpoints(service));
        }
        let ailing = matched.iter().find_map(|pod| Some((pod, self.ward.ailment(pod)?)));
        explained(match ailing {
            Some((pod, ailment)) => {
                let judge = self.ward.judge_of(&(pod, ailment.clone()));
                format!("{}: {}; see {judge}", name(&pod.metadata), ailment.words())
            }
            None => "its pods have just become ready, or are being deleted".to_owned(),
        })
    }

    /// Whether a pod has been ready for long enough to be an endpoint.
    fn is_settled(&self, pod: &Pod) -> bool {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready =
            conditions.clone().find(|condition| condition.type_ == "Ready" && condition.status == "True");
        pod.metadata.deletion_timestamp.is_none()
            && ready.is_some_and(|ready| {
                let moment = ready.last_transition_time.as_ref();
                moment.is_none_or(|moment| since(moment.0, self.ward.now) >= self.params.grace.0)
            })
    }

    fn no_match(&self, service: &Service) -> Finding {
        let selector = selector(service);
        let pods =
            self.ward.pods.iter().filter_map(|pod| {
                Some((format!("pod {}", name(&pod.metadata)), pod.metadata.labels.as_ref()?))
            });
        let pods: Vec<Labelled<'_>> = pods.collect();
        no_match(service, &selector, &pods)
    }

    fn no_endpoints(&self, service: &Service) -> Finding {
        let selector = selector(service);
        let matched = self.ward.pods.iter().filter(|pod| has(pod.metadata.labels.as_ref(), &selector));
        let matched: Vec<&Pod> = matched.collect();
        no_endpoints(service, &matched)
    }
}

/// The configured component that a selector looks for.
fn component_of<'a>(
    selector: &BTreeMap<String, String>,
    components: &'a Components,
) -> Option<(&'a str, &'a Component)> {
    components.iter().find(|(_, component)| component.selector.matches(selector))
}

fn no_match(service: &Service, selector: &BTreeMap<String, String>, pods: &[Labelled<'_>]) -> Finding {
    let text = text(selector);
    let lines = instead(selector, pods);
    let unknown: Vec<String> = unknown(selector, pods).into_iter().collect();
    let nobody = if unknown.is_empty() {
        "no pod has all of these labels at once".to_owned()
    } else {
        format!("no pod has {}", unknown.join(", "))
    };
    let kubectl = kubectl(&service.metadata);
    let finding = Finding::new(
        "selector-matches-nothing",
        Cause::Environment,
        subject("Service", &service.metadata),
        format!("its selector {text} matches no pod: {nobody}"),
    )
    .expected("pods that it leads to", "none")
    .remedy(
        format!(
            "make its selector the labels of its pods: `{kubectl} edit service {}`; `{kubectl} get pods --show-labels` \
             shows them",
            name(&service.metadata)
        ),
        "minutes",
    );
    lines.into_iter().fold(finding, Finding::detail)
}

fn no_endpoints(service: &Service, matched: &[&Pod]) -> Finding {
    let (kubectl, own) = (kubectl(&service.metadata), name(&service.metadata));
    let count = matched.len();
    let finding = Finding::new(
        "endpoints-empty",
        Cause::Environment,
        subject("Service", &service.metadata),
        format!("it has no endpoints, although its selector matches {count} pods that are ready"),
    )
    .expected(format!("{count} addresses"), "none")
    .remedy(
        format!("compare its ports with those of its pods: `{kubectl} describe service {own}` and `{kubectl} get endpoints {own}`"),
        "minutes",
    );
    let names = service.spec.iter().flat_map(named_ports);
    let unknown = names.filter(|port| !matched.iter().any(|pod| has_port(pod, port)));
    unknown.fold(finding, |finding, port| {
        finding.detail(format!("no container of its pods has a port named `{port}`"))
    })
}

fn named_ports(spec: &ServiceSpec) -> impl Iterator<Item = &str> {
    spec.ports.iter().flatten().filter_map(|port| match &port.target_port {
        Some(IntOrString::String(name)) => Some(name.as_str()),
        _ => None,
    })
}

fn has_port(pod: &Pod, wanted: &str) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.ports.iter().flatten())
        .any(|port| port.name.as_deref() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{object, well};

    fn service(spec: Value) -> Service {
        object(json!({ "metadata": { "name": "s", "namespace": "panda", "labels": {} }, "spec": spec }))
    }

    #[test]
    fn what_leads_elsewhere_by_intent_is_not_judged() {
        let ignore = EndpointsParams::default().ignore;
        assert_eq!(ignore.len(), 1);
        let judged = |spec| is_judged(&service(spec), &ignore);
        assert!(judged(json!({ "selector": { "app": "x" } })));
        assert!(
            judged(json!({ "selector": { "app": "x" }, "clusterIP": "None" })),
            "a headless one has endpoints too"
        );
        assert!(!judged(
            json!({ "type": "ExternalName", "externalName": "db.example.com", "selector": { "a": "b" } })
        ));
        assert!(!judged(json!({ "ports": [] })), "its endpoints are made by hand");
        let mut stream = service(json!({ "selector": { "app": "x" } }));
        stream.metadata.labels = Some(object(json!({ "app": "grpc-service" })));
        assert!(!is_judged(&stream, &ignore));
    }

    #[test]
    fn a_selector_that_matches_nothing_names_the_labels_there_are() {
        let labels = object(json!({ "app.kubernetes.io/instance": "mongodb" }));
        let selector: BTreeMap<String, String> = object(json!({ "app": "mongodb" }));
        let found = no_match(&service(json!({})), &selector, &[("pod mongodb-1".to_owned(), &labels)]);
        assert_eq!(found.message, "its selector app=mongodb matches no pod: no pod has app=mongodb");
        assert_eq!(found.details, ["pod mongodb-1 has the label app.kubernetes.io/instance=mongodb"]);
    }

    #[test]
    fn a_port_that_no_container_has_is_named() {
        let service = service(
            json!({ "ports": [{ "port": 80, "targetPort": "http" }, { "port": 81, "targetPort": 81 }] }),
        );
        let pod = well("a", json!({}));
        let found = no_endpoints(&service, &[&pod]);
        assert_eq!(found.details, ["no container of its pods has a port named `http`"]);
    }

    #[test]
    fn only_addresses_that_are_ready_count() {
        let endpoints: Endpoints = object(
            json!({ "metadata": { "name": "s" }, "subsets": [{ "notReadyAddresses": [{ "ip": "192.0.2.1" }] }] }),
        );
        assert_eq!(ready_addresses(&endpoints), 0);
    }

    #[test]
    fn the_selector_of_a_component_is_recognised() {
        let components = Components::default();
        let selector = object(json!({ "app.kubernetes.io/instance": "mongodb", "x": "y" }));
        assert_eq!(component_of(&selector, &components).map(|(short, _)| short), Some("mongodb"));
        assert!(component_of(&object(json!({ "app": "mongodb" })), &components).is_none());
    }
}
