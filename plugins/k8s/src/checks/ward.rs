//! The pods of the namespace with what ails them, and how that is told.

use super::ailment::{Ailment, Kind, diagnose};
use crate::client::K8sClient;
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use serde_json::{Value, json};
use shakedown_core::finding::Weight;
use shakedown_core::{
    Cause, CheckError, Context, Evidence, EvidenceRef, Finding, Observation, TargetErrorKind, Verdict,
    duration,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// At most so many examples of each kind are named.
pub(super) const EXAMPLES: usize = 10;

/// The check that everything here rests on: there are pods at all.
pub(super) const PODS: &[&str] = &["k8s.list.pods"];

/// A pod and what ails it.
pub(super) type Patient<'a> = (&'a Pod, Ailment);

/// The pods of the namespace at one moment.
pub(super) struct Ward {
    pub(super) k8s: Arc<K8sClient>,
    pub(super) pods: Arc<Vec<Pod>>,
    pub(super) now: Timestamp,
    lost_nodes: BTreeSet<String>,
}

impl Ward {
    /// Looks at the pods, and at the nodes where that is permitted.
    pub(super) async fn enter(cx: &Context) -> Result<Self, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let pods = k8s.pods(cx).await?;
        Self::around(k8s, pods, cx).await
    }

    /// Looks at the pods when those that were not started yet, and that are younger than `grace`, have had that time.
    /// Waits only for those whose ailment is `of_interest`.
    pub(super) async fn settled(
        cx: &Context,
        grace: Duration,
        of_interest: impl Fn(&Ailment) -> bool,
    ) -> Result<Self, CheckError> {
        let ward = Self::enter(cx).await?;
        let waits =
            |pod: &Pod| ward.ailment(pod).is_some_and(|it| it.kind == Kind::NotStarted && of_interest(&it));
        let young: BTreeSet<Option<&str>> = ward
            .pods
            .iter()
            .filter(|pod| waits(pod) && ward.age(pod) < grace)
            .map(|pod| pod.metadata.uid.as_deref())
            .collect();
        let times = ward.pods.iter().filter(|pod| young.contains(&pod.metadata.uid.as_deref()));
        let Some(longest) = times.map(|pod| grace.saturating_sub(ward.age(pod))).max() else {
            return Ok(ward);
        };
        let params = ListParams::default().fields("status.phase=Pending");
        let all_settled = |pods: &BTreeMap<String, Pod>| {
            let mut watched = pods.values().filter(|pod| young.contains(&pod.metadata.uid.as_deref()));
            (!watched.any(&waits)).then_some(())
        };
        let api = ward.k8s.here::<Pod>();
        ward.k8s.until(cx, longest, "watch the pods that are pending", &api, params, all_settled).await?;
        let pods = ward.k8s.pods_now(cx).await?;
        Self::around(Arc::clone(&ward.k8s), pods, cx).await
    }

    async fn around(k8s: Arc<K8sClient>, pods: Arc<Vec<Pod>>, cx: &Context) -> Result<Self, CheckError> {
        let lost_nodes = match k8s.nodes(cx).await {
            Ok(nodes) => {
                nodes.iter().filter(|node| !is_ready(node)).map(|node| name(&node.metadata)).collect()
            }
            // Who may not see the nodes judges pods by themselves.
            Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { k8s, pods, now: cx.clock.now(), lost_nodes })
    }

    /// What was looked at.
    ///
    /// # Errors
    /// [`CheckError::NotApplicable`] where there are no pods, which `k8s.list.pods` reports.
    pub(super) fn counted(&self) -> Result<Observation, CheckError> {
        let namespace = &self.k8s.namespace;
        Observation::counted(self.pods.len() as u64, &format!("pods of the namespace `{namespace}`")).map_err(
            |_| {
                CheckError::not_applicable(format!(
                    "there are no pods in the namespace `{namespace}` to judge"
                ))
            },
        )
    }

    /// All pods that are not well.
    pub(super) fn patients(&self) -> Vec<Patient<'_>> {
        let patient = |pod| Some((pod, self.ailment(pod)?));
        self.pods.iter().filter_map(patient).collect()
    }

    /// The pods with ailments of one kind.
    pub(super) fn patients_with(&self, kind: Kind) -> Vec<Patient<'_>> {
        self.patients().into_iter().filter(|(_, ailment)| ailment.kind == kind).collect()
    }

    /// What ails a pod.
    pub(super) fn ailment(&self, pod: &Pod) -> Option<Ailment> {
        diagnose(pod, self.now, &self.lost_nodes)
    }

    /// The check that judges a patient: what ails MongoDB for no other reason is its own check's affair.
    pub(super) fn judge_of(&self, (pod, ailment): &Patient<'_>) -> &'static str {
        match ailment.kind {
            Kind::Failed | Kind::Stuck | Kind::NotReady if self.is_mongo(pod) => super::mongo::STATUS,
            kind => kind.owner(),
        }
    }

    /// Whether a pod is MongoDB's.
    pub(super) fn is_mongo(&self, pod: &Pod) -> bool {
        self.k8s.components.get(super::mongo::COMPONENT).is_some_and(|component| component.owns(pod))
    }

    /// How long a pod has existed.
    pub(super) fn age(&self, pod: &Pod) -> Duration {
        age(&pod.metadata, self.now)
    }

    /// The verdict on these patients: a finding for each group of them, with what the cluster says of them as evidence.
    pub(super) fn verdict(
        &self,
        cx: &Context,
        patients: &[Patient<'_>],
        tell: impl Fn(&Pod, &Ailment) -> Finding,
    ) -> Result<Verdict, CheckError> {
        let observation = self.counted()?;
        let keep = || keep(cx, "pods.json", patients.iter().map(|(pod, _)| *pod));
        Ok(Verdict::of(observation).with_all(with_evidence(findings(patients, tell), keep)?))
    }

    /// One note that names those whom another check judges; none where there are none.
    pub(super) fn note(&self, patients: &[Patient<'_>], own: &str) -> Option<Finding> {
        let others: Vec<&Patient> = patients.iter().filter(|patient| self.judge_of(patient) != own).collect();
        let lines = others.iter().map(|patient| {
            let (pod, ailment) = patient;
            format!("{}: {}; see {}", name(&pod.metadata), ailment.words(), self.judge_of(patient))
        });
        elsewhere(others.len(), "pods that are not well", lines)
    }
}

/// One note about what other checks judge: how many of what, and a line for each of the first.
pub(super) fn elsewhere(
    count: usize,
    what: &str,
    lines: impl IntoIterator<Item = String>,
) -> Option<Finding> {
    let message = format!("{count} {what}, for reasons that other checks report");
    let note = || Finding::new("reported-elsewhere", Cause::Environment, what, message).note();
    (count > 0).then(note).map(|note| with_examples(note, lines, count))
}

/// Adds the first examples as details, and says how many more there are.
pub(super) fn with_examples(
    finding: Finding,
    lines: impl IntoIterator<Item = String>,
    count: usize,
) -> Finding {
    let finding = lines.into_iter().take(EXAMPLES).fold(finding, Finding::detail);
    if count > EXAMPLES { finding.detail(format!("and {} more", count - EXAMPLES)) } else { finding }
}

/// Patients that are one case: the same controller, container and reason.
pub(super) fn grouped<'a, 'b>(patients: &'b [Patient<'a>]) -> Vec<Vec<&'b Patient<'a>>> {
    let mut groups: BTreeMap<(String, Option<&str>, &str), Vec<&Patient<'a>>> = BTreeMap::new();
    for patient in patients {
        let (pod, ailment) = patient;
        let controller = controller(&pod.metadata).unwrap_or_else(|| name(&pod.metadata));
        let key = (controller, ailment.container.as_deref(), ailment.reason.as_str());
        groups.entry(key).or_default().push(patient);
    }
    groups.into_values().collect()
}

/// One finding for each group; `tell` makes it of the group's first, and the others are named in its details.
pub(super) fn findings(patients: &[Patient<'_>], tell: impl Fn(&Pod, &Ailment) -> Finding) -> Vec<Finding> {
    bounded(&grouped(patients), |group| {
        let (pod, ailment) = group[0];
        let likewise =
            |(pod, ailment): &&Patient| format!("likewise {}: {}", name(&pod.metadata), ailment.words());
        with_examples(tell(pod, ailment), group[1..].iter().map(likewise), group.len() - 1)
    })
}

/// A finding for each of the first; the last of them says how many more there are.
pub(super) fn bounded<T>(all: &[T], tell: impl Fn(&T) -> Finding) -> Vec<Finding> {
    let mut findings: Vec<Finding> = all.iter().take(EXAMPLES).map(tell).collect();
    if let (true, Some(last)) = (all.len() > EXAMPLES, findings.last_mut()) {
        last.details.push(format!("and {} more like this, {} in all", all.len() - EXAMPLES, all.len()));
    }
    findings
}

/// What a finding about an object is about.
pub(super) fn subject(kind: &str, metadata: &ObjectMeta) -> String {
    match &metadata.namespace {
        Some(namespace) => format!("{kind} {} in namespace {namespace}", name(metadata)),
        None => format!("{kind} {}", name(metadata)),
    }
}

/// The beginning of a command that concerns an object.
pub(super) fn kubectl(metadata: &ObjectMeta) -> String {
    match &metadata.namespace {
        Some(namespace) => format!("kubectl -n {namespace}"),
        None => "kubectl".to_owned(),
    }
}

/// How old an object is; not yet a moment where it does not say.
pub(super) fn age(metadata: &ObjectMeta, now: Timestamp) -> Duration {
    let created = metadata.creation_timestamp.as_ref();
    created.map_or(Duration::ZERO, |created| since(created.0, now))
}

/// The time from one moment to another; none where the clocks disagree.
pub(super) fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// "3m 20s ago".
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration::brief(since(then, now)))
}

pub(super) fn name(metadata: &ObjectMeta) -> String {
    metadata.name.clone().unwrap_or_else(|| "(no name)".to_owned())
}

/// The controller of an object, as "ReplicaSet mongodb-5d".
pub(super) fn controller(metadata: &ObjectMeta) -> Option<String> {
    let mut owners = metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true))?;
    Some(format!("{} {}", owner.kind, owner.name))
}

/// Whether a node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.clone().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Keeps what the cluster says of these pods, without their environment and commands, which may hold secrets.
pub(super) fn keep<'a>(
    cx: &Context,
    file: &str,
    pods: impl IntoIterator<Item = &'a Pod>,
) -> Result<EvidenceRef, CheckError> {
    let shown = |pod: &Pod| json!({ "metadata": told(&pod.metadata), "status": pod.status });
    let pods: Vec<Value> = pods.into_iter().take(EXAMPLES).map(shown).collect();
    cx.attach(Evidence::json(file, &json!(pods)))
}

/// Metadata without annotations, which hold whatever somebody put there.
pub(super) fn told(metadata: &ObjectMeta) -> Value {
    json!(ObjectMeta { annotations: None, managed_fields: None, ..metadata.clone() })
}

/// Puts a piece of evidence to all findings that are more than notes; keeps none where there are none.
pub(super) fn with_evidence(
    findings: Vec<Finding>,
    keep: impl FnOnce() -> Result<EvidenceRef, CheckError>,
) -> Result<Vec<Finding>, CheckError> {
    if findings.iter().all(|finding| finding.weight == Weight::Note) {
        return Ok(findings);
    }
    let evidence = keep()?;
    let show = |finding: Finding| match finding.weight {
        Weight::Note => finding,
        _ => finding.evidence(evidence.clone()),
    };
    Ok(findings.into_iter().map(show).collect())
}
