//! `k8s.workloads.replicas`

use crate::checks::ailment::Ailment;
use crate::checks::mongo;
use crate::checks::ward::{PODS, Ward, age, bounded, elsewhere, kubectl, name, subject, told, with_evidence};
use crate::checks::workload::{self, Workload};
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, Verdict, async_trait, fault, register_check,
};

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReplicasParams {
    /// How long a new workload may take until it has its pods.
    pub(crate) grace: HumanDuration,
}

impl Default for ReplicasParams {
    fn default() -> Self {
        Self { grace: HumanDuration::secs(60) }
    }
}

impl Params for ReplicasParams {}

register_check! {
    /// Every Deployment and StatefulSet has the pods that it is to have.
    ///
    /// As many are available as `spec.replicas` says. Where some are missing because pods of the workload are not well,
    /// the check of that ailment reports it and this one only notes it. MongoDB is judged by `k8s.mongo.status`. A
    /// workload that is scaled to nothing has what it wants; one that is paused is noted.
    ///
    /// # Why it matters
    /// What is missing does no work, and the next failure meets nobody who could take over.
    ///
    /// # How to mend it
    /// The finding has what the controller complains about: most often a quota, a webhook that refuses, or a rollout that
    /// does not get on. `kubectl describe` of the workload and of its ReplicaSet shows the events.
    pub(crate) struct Replicas(ReplicasParams) {
        id: "k8s.workloads.replicas",
        title: "Every Deployment and StatefulSet has its pods",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.deployment-short", "replicas-missing")],
    }
}

/// What is said about a workload that is short of pods.
#[derive(Debug, PartialEq)]
enum Answer {
    /// Nothing else explains it.
    Short,
    /// It does, in these words.
    Explained(String),
}

#[async_trait]
impl Check for Replicas {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let workloads = workload::all(&ward.k8s, cx).await?;
        let is_mongo = |workload: &Workload| {
            let component = ward.k8s.components.get(mongo::COMPONENT);
            component.is_some_and(|component| component.selector.matches(&workload.labels))
        };
        let (mut short, mut explained, mut paused) = (Vec::new(), Vec::new(), Vec::new());
        for workload in &workloads {
            if workload.paused {
                paused.push(name(&workload.metadata));
            }
            let is_young = age(&workload.metadata, ward.now) < self.params.grace.0;
            let pods = ward.pods.iter().filter(|pod| workload.has(pod));
            let ailing: Vec<(&Pod, Ailment)> =
                pods.filter_map(|pod| Some((pod, ward.ailment(pod)?))).collect();
            match judge(workload, is_mongo(workload), is_young, &ailing) {
                Some(Answer::Short) => short.push(workload),
                Some(Answer::Explained(why)) => explained.push(why),
                None => {}
            }
        }
        let findings = bounded(&short, |workload| tell(workload));
        let findings = with_evidence(findings, || {
            let shown: Vec<Value> = short
                .iter()
                .take(10)
                .map(|workload| json!({ "kind": workload.kind, "metadata": told(&workload.metadata),
                    "wanted": workload.wanted, "available": workload.available, "complaints": workload.complaints }))
                .collect();
            cx.attach(Evidence::json("workloads.json", &json!(shown)))
        })?;
        let what = format!("Deployments and StatefulSets of the namespace `{}`", ward.k8s.namespace);
        let observation = Observation::counted(workloads.len() as u64, &what)?;
        let paused = (!paused.is_empty()).then(|| {
            let message = format!("changes to these are held back (paused): {}", paused.join(", "));
            Finding::new("deployment-paused", Cause::Expected, "paused Deployments", message).note()
        });
        let note = elsewhere(explained.len(), "workloads that are short of pods", explained);
        Ok(Verdict::of(observation).with_all(findings).with_all(note).with_all(paused))
    }
}

/// Whether a workload is short of pods, and whether something else says so already.
fn judge(workload: &Workload, is_mongo: bool, is_young: bool, ailing: &[(&Pod, Ailment)]) -> Option<Answer> {
    if workload.available >= workload.wanted {
        return None;
    }
    let state = format!(
        "{} {}: {} of {} available",
        workload.kind,
        name(&workload.metadata),
        workload.available,
        workload.wanted
    );
    if is_mongo {
        return Some(Answer::Explained(format!("{state}; see {}", mongo::STATUS)));
    }
    if is_young {
        return Some(Answer::Explained(format!("{state}; it is new")));
    }
    // Pods that are not well explain as many missing ones as there are of them.
    let missing = usize::try_from(workload.wanted - workload.available).unwrap_or_default();
    Some(match ailing.first() {
        Some((pod, ailment)) if ailing.len() >= missing => Answer::Explained(format!(
            "{state}; {}: {}; see {}",
            name(&pod.metadata),
            ailment.words(),
            ailment.kind.owner()
        )),
        _ => Answer::Short,
    })
}

fn tell(workload: &Workload) -> Finding {
    let Workload { kind, metadata, wanted, available, .. } = workload;
    let (kubectl, own_name) = (kubectl(metadata), name(metadata));
    let missing = wanted - available;
    let message =
        format!("{available} of {wanted} pods are available, and no pod says why {missing} are missing");
    let finding = Finding::new("replicas-missing", Cause::Environment, subject(kind, metadata), message)
        .expected(format!("{wanted} available"), available)
        .remedy(
            format!("see what its controller says: `{kubectl} describe {kind}/{own_name}`"),
            "about an hour",
        );
    let finding = workload.complaints.iter().fold(finding, Finding::detail);
    if workload.observed {
        finding
    } else {
        finding.detail("its controller has not seen its newest form yet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::ailment::Kind;
    use crate::checks::testing::{object, pod};
    use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};

    fn deployment(spec: Value, status: Value) -> Workload {
        let deployment: Deployment = object(json!({
            "metadata": { "name": "d", "namespace": "panda", "generation": 2 }, "spec": spec, "status": status,
        }));
        Workload::from(&deployment)
    }

    fn spec(replicas: i32) -> Value {
        json!({ "replicas": replicas, "selector": { "matchLabels": { "app": "d" } },
                "template": { "metadata": { "labels": { "app": "d" } } } })
    }

    fn crash() -> Ailment {
        Ailment {
            kind: Kind::CrashLoop,
            container: None,
            reason: "CrashLoopBackOff".to_owned(),
            message: String::new(),
        }
    }

    #[test]
    fn as_many_as_wanted_is_enough() {
        let full = deployment(spec(1), json!({ "availableReplicas": 1, "observedGeneration": 2 }));
        assert_eq!(judge(&full, false, false, &[]), None);
        assert_eq!(judge(&deployment(spec(0), json!({})), false, false, &[]), None);
        assert!(full.observed);
    }

    #[test]
    fn a_missing_pod_is_found_and_an_ailing_one_explains_it() {
        let status = json!({ "conditions": [
            { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota" },
            { "type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated" },
        ] });
        let short = deployment(spec(2), status);
        assert_eq!(judge(&short, false, false, &[]), Some(Answer::Short));
        let finding = tell(&short);
        assert_eq!(finding.message, "0 of 2 pods are available, and no pod says why 2 are missing");
        assert_eq!(
            finding.details,
            [
                "ReplicaFailure is True: FailedCreate: exceeded quota",
                "its controller has not seen its newest form yet"
            ]
        );
        let crashing = pod("d-1", json!({}));
        let one = [(&crashing, crash())];
        assert_eq!(judge(&short, false, false, &one), Some(Answer::Short), "one of two is explained");
        let two = [(&crashing, crash()), (&crashing, crash())];
        let Some(Answer::Explained(why)) = judge(&short, false, false, &two) else { panic!("not explained") };
        insta::assert_snapshot!(why, @"Deployment d: 0 of 2 available; d-1: CrashLoopBackOff; see k8s.pods.crashes");
        assert!(
            matches!(judge(&short, true, false, &[]), Some(Answer::Explained(_))),
            "MongoDB has its own check"
        );
        assert!(matches!(judge(&short, false, true, &[]), Some(Answer::Explained(_))), "a new one has time");
    }

    #[test]
    fn a_paused_deployment_is_still_to_have_its_pods() {
        let mut paused = spec(1);
        paused["paused"] = json!(true);
        let paused = deployment(paused, json!({}));
        assert!(paused.paused);
        assert_eq!(judge(&paused, false, false, &[]), Some(Answer::Short));
    }

    #[test]
    fn pods_are_told_by_labels_and_controller() {
        let set: StatefulSet = object(json!({
            "metadata": { "name": "s", "uid": "7" }, "spec": spec(1), "status": { "replicas": 1, "readyReplicas": 1 },
        }));
        let set = Workload::from(&set);
        assert_eq!(set.available, 1);
        let mut own = crate::checks::testing::well("s-0", json!({ "app": "d", "more": "x" }));
        assert!(!set.has(&own), "nobody controls it");
        let controlled = |uid: &str| {
            object(
                json!([{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": uid, "controller": true }]),
            )
        };
        own.metadata.owner_references = Some(controlled("7"));
        assert!(set.has(&own));
        own.metadata.owner_references = Some(controlled("8"));
        assert!(!set.has(&own), "the one before it had the same name");
    }
}
