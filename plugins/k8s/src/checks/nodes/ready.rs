//! `k8s.nodes.ready`

use crate::checks::ward::{ago, bounded, is_ready, name, told, with_evidence};
use crate::target::Kubernetes;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, NoParams, Observation, Severity,
    TargetErrorKind, Verdict, async_trait, fault, register_check,
};

register_check! {
    /// Every node is ready and under no pressure.
    ///
    /// A node that is not ready, or of which nothing is heard, is a failure; so is one that runs out of memory, disk or
    /// process ids, since it evicts pods and takes no new ones. A node that somebody has closed for new pods (cordoned) is
    /// noted. A user who may not see nodes learns nothing here: the check is skipped.
    ///
    /// # Why it matters
    /// Pods of a node that is away are away with it, for minutes until they are started elsewhere.
    ///
    /// # How to mend it
    /// `kubectl describe node` shows the conditions and what runs there. Memory: find what uses it. Disk: remove images
    /// and logs. Not ready: see the kubelet on the node itself.
    pub(crate) struct NodesReady(NoParams) {
        id: "k8s.nodes.ready",
        title: "Every node is ready and under no pressure",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899"],
        tags: &["smoke"],
        proofs: &[
            fault("k8s.node-not-ready", "node-not-ready"),
            fault("k8s.node-pressure", "node-pressure"),
        ],
    }
}

#[async_trait]
impl Check for NodesReady {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let nodes = k8s.nodes(cx).await.map_err(|error| match error {
            CheckError::Target(error) if error.kind == TargetErrorKind::Forbidden => {
                CheckError::not_applicable(
                    "the nodes may not be seen; grant `list` on `nodes` to the user to have them judged",
                )
            }
            other => other,
        })?;
        let observation = Observation::counted(nodes.len() as u64, "nodes")?;
        let now = cx.clock.now();
        let away: Vec<&Node> = nodes.iter().filter(|node| !is_ready(node)).collect();
        let pressed: Vec<(&Node, &NodeCondition)> = nodes
            .iter()
            .filter(|node| is_ready(node))
            .flat_map(|node| conditions(node).map(move |condition| (node, condition)))
            .filter(|(_, condition)| is_pressure(condition))
            .collect();
        let mut findings = bounded(&away, |node| not_ready(node, now));
        findings.extend(bounded(&pressed, |(node, condition)| pressure(node, condition, now)));
        let findings = with_evidence(findings, || {
            let bad = away.iter().copied().chain(pressed.iter().map(|(node, _)| *node));
            let shown = bad.take(10).map(|node| {
                let conditions: Vec<&NodeCondition> = conditions(node).collect();
                json!({ "metadata": told(&node.metadata), "conditions": conditions })
            });
            cx.attach(Evidence::json("nodes.json", &Value::Array(shown.collect())))
        })?;
        Ok(Verdict::of(observation).with_all(findings).with_all(cordoned(&nodes)))
    }
}

fn conditions(node: &Node) -> impl Iterator<Item = &NodeCondition> {
    node.status.iter().flat_map(|status| status.conditions.iter().flatten())
}

/// Every condition but `Ready` is a complaint when it is true; nodes may have further ones of their own.
fn is_pressure(condition: &NodeCondition) -> bool {
    condition.status == "True"
        && (condition.type_.ends_with("Pressure") || condition.type_ == "NetworkUnavailable")
}

fn words(condition: &NodeCondition, now: Timestamp) -> String {
    let reason = condition.reason.as_deref().unwrap_or("no reason given");
    let message = condition.message.as_deref().unwrap_or_default();
    let since = condition.last_transition_time.as_ref();
    let since =
        since.map(|at| format!(", since {}", ago(at.0, now).trim_end_matches(" ago"))).unwrap_or_default();
    format!("{reason}: {message}{since}")
}

fn not_ready(node: &Node, now: Timestamp) -> Finding {
    let own = name(&node.metadata);
    let ready = conditions(node).find(|condition| condition.type_ == "Ready");
    let (status, words) = ready.map_or_else(
        || ("unknown".to_owned(), "it has no condition `Ready`".to_owned()),
        |ready| (ready.status.clone(), words(ready, now)),
    );
    Finding::new(
        "node-not-ready",
        Cause::Environment,
        format!("node {own}"),
        format!("it is not ready: {words}"),
    )
    .expected("Ready is True", format!("Ready is {status}"))
    .remedy(format!("see `kubectl describe node {own}`, and the kubelet on the node"), "about an hour")
}

fn pressure(node: &Node, condition: &NodeCondition, now: Timestamp) -> Finding {
    let own = name(&node.metadata);
    let message = format!("{} is {}: {}", condition.type_, condition.status, words(condition, now));
    Finding::new("node-pressure", Cause::Capacity, format!("node {own}"), message)
        .expected(format!("{} is False", condition.type_), &condition.status)
        .detail("it evicts pods and takes no new ones while that lasts")
        .remedy(
            format!("see what runs there: `kubectl describe node {own}` and `kubectl top node {own}`"),
            "about an hour",
        )
}

fn cordoned(nodes: &[Node]) -> Option<Finding> {
    let closed =
        nodes.iter().filter(|node| node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true));
    let names: Vec<String> = closed.map(|node| name(&node.metadata)).collect();
    (!names.is_empty()).then(|| {
        let message = format!("these take no new pods (cordoned): {}", names.join(", "));
        Finding::new("node-cordoned", Cause::Expected, "cordoned nodes", message).note()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{now, object};

    fn node(conditions: Value) -> Node {
        object(
            json!({ "metadata": { "name": "n" }, "spec": { "unschedulable": true }, "status": { "conditions": conditions } }),
        )
    }

    #[test]
    fn ready_false_unknown_and_absent_are_told_apart() {
        let unknown = node(json!([{ "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.", "lastTransitionTime": "2025-11-20T11:59:00Z" }]));
        assert!(!is_ready(&unknown));
        insta::assert_snapshot!(not_ready(&unknown, now()).message, @"it is not ready: NodeStatusUnknown: Kubelet stopped posting node status., since 1m 00s");
        assert_eq!(
            not_ready(&node(json!([])), now()).message,
            "it is not ready: it has no condition `Ready`"
        );
    }

    #[test]
    fn only_what_is_true_is_pressure() {
        let pressed = node(json!([
            { "type": "Ready", "status": "True" }, { "type": "DiskPressure", "status": "False" },
            { "type": "MemoryPressure", "status": "True", "reason": "KubeletHasInsufficientMemory", "message": "m" },
            { "type": "NetworkUnavailable", "status": "Unknown" },
        ]));
        let found: Vec<&str> =
            conditions(&pressed).filter(|c| is_pressure(c)).map(|c| c.type_.as_str()).collect();
        assert_eq!(found, ["MemoryPressure"]);
        assert!(cordoned(&[pressed]).unwrap().message.ends_with(": n"));
    }
}
