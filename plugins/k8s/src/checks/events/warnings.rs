//! `k8s.events.warnings`

use crate::checks::ailment::{containers, last_end, owner};
use crate::checks::ward::{PODS, Ward, ago, bounded, elsewhere, since, with_evidence};
use crate::checks::workload;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, ObjectReference, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, Verdict, async_trait, fault, register_check,
};
use std::collections::{BTreeMap, HashMap};

/// What counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WarningsParams {
    /// Events that were seen last before this are history.
    pub(crate) recent: HumanDuration,
    /// Reasons that are no news here, for example `Unhealthy`.
    pub(crate) ignore: Vec<String>,
}

impl Default for WarningsParams {
    fn default() -> Self {
        Self { recent: HumanDuration::secs(3600), ignore: Vec::new() }
    }
}

impl Params for WarningsParams {}

register_check! {
    /// The cluster has warned of nothing in the last hour that no other check reports.
    ///
    /// Warning events of the namespace are grouped by their reason and the object that they concern, and counted; each
    /// group is one warning with its newest message. Events of pods that are not well, of workloads that are short of
    /// pods, of Jobs and of their pods are only counted here, since other checks judge those.
    ///
    /// # Why it matters
    /// Events say what the state does not show: probes that fail now and then, volumes that mount at the third attempt,
    /// pods that a quota keeps from being made. They are gone after an hour.
    ///
    /// # How to mend it
    /// The message says what went wrong. Reasons that are known and harmless can be listed in the parameter `ignore`.
    pub(crate) struct WarningEvents(WarningsParams) {
        id: "k8s.events.warnings",
        title: "The cluster has warned of nothing that no other check reports",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        requires: PODS,
        proofs: &[fault("k8s.warning-events", "warning-events")],
    }
}

/// Events of one reason about one object.
struct Group<'a> {
    object: &'a ObjectReference,
    reason: &'a str,
    count: u64,
    newest: &'a Event,
}

#[async_trait]
impl Check for WarningEvents {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let events = ward.k8s.events(cx).await?;
        let groups = grouped(&events, ward.now, &self.params);
        let pods: HashMap<&str, &Pod> =
            ward.pods.iter().filter_map(|pod| Some((pod.metadata.uid.as_deref()?, pod))).collect();
        let workloads = workload::all(&ward.k8s, cx).await?;
        let is_short = workloads.iter().any(|workload| workload.available < workload.wanted);
        let (known, news): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|group| is_judged_elsewhere(group.object, &pods, &ward, is_short));
        let findings = bounded(&news, |group| tell(group, ward.now));
        let findings = with_evidence(findings, || {
            let shown =
                news.iter().take(20).map(|group| json!({ "count": group.count, "newest": group.newest }));
            cx.attach(Evidence::json("events.json", &Value::Array(shown.collect())))
        })?;
        let lines = known
            .iter()
            .map(|group| format!("{}: {} ({} times)", object(group.object), group.reason, group.count));
        let note = elsewhere(known.len(), "groups of warnings about what is not well", lines);
        let seen = format!("{} events of the namespace `{}` read", events.len(), ward.k8s.namespace);
        Ok(Verdict::of(Observation::seen(seen)).with_all(findings).with_all(note))
    }
}

/// When an event was seen last, by whichever of its fields says so.
pub(in crate::checks) fn last_seen(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|at| at.0);
    let last = event.last_timestamp.as_ref().map(|at| at.0);
    let once = event.event_time.as_ref().map(|at| at.0);
    let first = event.first_timestamp.as_ref().or(event.metadata.creation_timestamp.as_ref()).map(|at| at.0);
    series.or(last).or(once).or(first)
}

/// How often it was seen.
fn count(event: &Event) -> u64 {
    let series = event.series.as_ref().and_then(|series| series.count);
    u64::try_from(series.or(event.count).unwrap_or(1)).unwrap_or(1).max(1)
}

/// The warnings that are recent, most frequent first.
fn grouped<'a>(events: &'a [Event], now: Timestamp, params: &WarningsParams) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(&str, &str, &str), Group<'a>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.type_.as_deref() == Some("Warning")) {
        let reason = event.reason.as_deref().unwrap_or("(no reason)");
        let is_recent = last_seen(event).is_none_or(|at| since(at, now) <= params.recent.0);
        if !is_recent || params.ignore.iter().any(|ignored| ignored == reason) {
            continue;
        }
        let about = &event.involved_object;
        let key =
            (reason, about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default());
        let group = groups.entry(key).or_insert(Group { object: about, reason, count: 0, newest: event });
        group.count += count(event);
        if last_seen(event) >= last_seen(group.newest) {
            group.newest = event;
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// Whether the state of the object is what another check judges.
fn is_judged_elsewhere(
    object: &ObjectReference,
    pods: &HashMap<&str, &Pod>,
    ward: &Ward,
    is_short: bool,
) -> bool {
    match object.kind.as_deref() {
        Some("Job" | "Node") => true,
        // Why a workload has too few pods is said by whoever makes them.
        Some("ReplicaSet" | "StatefulSet" | "Deployment") => is_short,
        Some("Pod") => object.uid.as_deref().and_then(|uid| pods.get(uid)).is_some_and(|pod| {
            let has_failed =
                pod.status.iter().flat_map(containers).filter_map(last_end).any(|end| end.exit_code != 0);
            has_failed || owner(pod, "Job").is_some() || ward.ailment(pod).is_some()
        }),
        _ => false,
    }
}

fn object(object: &ObjectReference) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{} {}", part(&object.kind), part(&object.name))
}

fn tell(group: &Group<'_>, now: Timestamp) -> Finding {
    let about = object(group.object);
    let namespace = group.object.namespace.as_deref().or(group.newest.metadata.namespace.as_deref());
    let namespace = namespace.unwrap_or_default();
    let said = group.newest.message.as_deref().unwrap_or_default().trim();
    let times = if group.count == 1 { "once".to_owned() } else { format!("{} times", group.count) };
    let when = last_seen(group.newest).map(|at| format!(", last {}", ago(at, now))).unwrap_or_default();
    let message = format!("{} was reported {times}{when}: {said}", group.reason);
    let source = group.newest.reporting_component.as_deref().filter(|from| !from.is_empty());
    let source = source.or_else(|| group.newest.source.as_ref()?.component.as_deref());
    let finding = Finding::new(
        "warning-events",
        Cause::Environment,
        format!("{about} in namespace {namespace}"),
        message,
    )
    .warn()
    .expected("no warnings", times)
    .remedy(
        format!(
            "see what the message asks for: `kubectl -n {namespace} get events --field-selector \
                 involvedObject.name={}`",
            group.object.name.as_deref().unwrap_or_default()
        ),
        "depends on the cause",
    );
    match source {
        Some(source) => finding.detail(format!("reported by {source}")),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, object as read};

    fn event(reason: &str, name: &str, at: &str, count: u32) -> Event {
        read(json!({
            "metadata": { "name": "e", "namespace": "panda" }, "type": "Warning", "reason": reason, "count": count,
            "message": format!("{reason} at {at}"), "lastTimestamp": at, "source": { "component": "kubelet" },
            "involvedObject": { "kind": "Pod", "name": name, "namespace": "panda" },
        }))
    }

    #[test]
    fn reason_and_object_make_a_group_and_the_newest_speaks_for_it() {
        let events = [
            event("Unhealthy", "a", "2025-11-20T11:58:00Z", 3),
            event("Unhealthy", "a", "2025-11-20T11:59:00Z", 2),
            event("Unhealthy", "b", "2025-11-20T11:57:00Z", 1),
            event("Unhealthy", "c", "2025-11-20T09:57:00Z", 50),
            event("Known", "a", "2025-11-20T11:57:00Z", 1),
        ];
        let params = WarningsParams { ignore: vec!["Known".to_owned()], ..WarningsParams::default() };
        let groups = grouped(&events, now(), &params);
        assert_eq!(groups.len(), 2);
        let finding = tell(&groups[0], now());
        insta::assert_snapshot!(finding.message, @"Unhealthy was reported 5 times, last 1m 00s ago: Unhealthy at 2025-11-20T11:59:00Z");
        assert_eq!(finding.subject, "Pod a in namespace panda");
        assert_eq!(finding.details, ["reported by kubelet"]);
    }

    #[test]
    fn an_event_of_the_newer_kind_has_its_time_elsewhere() {
        let event: Event = read(json!({
            "metadata": { "name": "e", "creationTimestamp": "2025-11-20T10:00:00Z" }, "involvedObject": {},
            "eventTime": "2025-11-20T10:00:00.000000Z",
            "series": { "count": 7, "lastObservedTime": "2025-11-20T11:59:00.000000Z" },
        }));
        assert_eq!(last_seen(&event).unwrap().to_string(), "2025-11-20T11:59:00Z");
        assert_eq!(count(&event), 7);
        let bare: Event = read(json!({ "metadata": { "name": "e" }, "involvedObject": {} }));
        assert_eq!((last_seen(&bare), count(&bare)), (None, 1));
    }
}
