//! `metrics.k8s.io`: what pods and nodes use.

use super::Api;
use super::path::MetricsTarget;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::{Kind, NODE, POD};
use crate::kubernetes::metrics::{Amount, PodUsage, Usage};
use crate::kubernetes::store::time_text;
use serde_json::{Value, json};

/// Over which time the figures are averages.
const WINDOW: &str = "15s";

/// The figures of one node or pod, or of all that are meant.
pub(super) fn answer(api: &Api, target: &MetricsTarget, query: &Query) -> Result<Value, ApiError> {
    let usage = api.cluster.kubelet.usage();
    let (kind, what): (&'static Kind, _) =
        if target.plural == "nodes" { (&NODE, "NodeMetrics") } else { (&POD, "PodMetrics") };
    let selector = query.selector(kind)?;
    let all = if kind == &NODE { nodes(api, &usage) } else { pods(&usage) };
    let is_here = |figures: &Value| {
        target.namespace.as_ref().is_none_or(|namespace| figures["metadata"]["namespace"] == **namespace)
    };
    let mut found = all.into_iter().filter(|figures| is_here(figures) && selector.matches(figures));
    if let Some(name) = &target.name {
        let mut figures = found
            .find(|figures| figures["metadata"]["name"] == **name)
            .ok_or_else(|| ApiError::not_found(kind, name))?;
        figures["kind"] = json!(what);
        figures["apiVersion"] = json!("metrics.k8s.io/v1beta1");
        return Ok(figures);
    }
    Ok(json!({
        "kind": format!("{what}List"),
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": found.collect::<Vec<_>>(),
    }))
}

fn nodes(api: &Api, usage: &Usage) -> Vec<Value> {
    let nodes = usage.nodes.iter().map(|(name, amount)| {
        let labels = api.store().get(&NODE, "", name).map(|node| node["metadata"]["labels"].clone());
        json!({
            "metadata": metadata(usage, "", name, &labels.unwrap_or_default()),
            "timestamp": time_text(usage.time),
            "window": WINDOW,
            "usage": quantities(*amount),
        })
    });
    nodes.collect()
}

fn pods(usage: &Usage) -> Vec<Value> {
    let pod = |PodUsage { place: (namespace, name), labels, containers }: &PodUsage| {
        let containers = containers.iter();
        json!({
            "metadata": metadata(usage, namespace, name, labels),
            "timestamp": time_text(usage.time),
            "window": WINDOW,
            "containers": containers
                .map(|(name, amount)| json!({ "name": name, "usage": quantities(*amount) }))
                .collect::<Vec<_>>(),
        })
    };
    usage.pods.iter().map(pod).collect()
}

fn metadata(usage: &Usage, namespace: &str, name: &str, labels: &Value) -> Value {
    let mut metadata = json!({ "name": name, "creationTimestamp": time_text(usage.time) });
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    if labels.is_object() {
        metadata["labels"] = labels.clone();
    }
    metadata
}

fn quantities(amount: Amount) -> Value {
    json!({ "cpu": format!("{}n", amount.cpu_nanocores), "memory": format!("{}Ki", amount.memory_bytes / 1024) })
}
