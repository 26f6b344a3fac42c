//! What pods and nodes use, as the cluster's metrics server says.

use super::{noted, patience, table};
use crate::client::K8sClient;
use crate::quantity;
use crate::target::Kubernetes;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::Value;
use shakedown_core::collect::{CollectContext, Collector};
use shakedown_core::{Evidence, TargetError, async_trait, register_collector};

/// More rows are not read.
const MOST: usize = 200;

register_collector! {
    /// The CPU and memory that each pod of the namespace and each node uses at this moment.
    pub(crate) struct Top: "k8s.top"
}

#[async_trait]
impl Collector for Top {
    type Target = Kubernetes;

    async fn collect(client: &K8sClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let kind = |kind, plural| {
            ApiResource::from_gvk_with_plural(
                &GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", kind),
                plural,
            )
        };
        let (pods, nodes) = (kind("PodMetrics", "pods"), kind("NodeMetrics", "nodes"));
        let pods: Api<DynamicObject> = Api::namespaced_with(client.kube.clone(), &client.namespace, &pods);
        let nodes: Api<DynamicObject> = Api::all_with(client.kube.clone(), &nodes);
        let all = |api, what| client.all_within(patience(cx), what, api, ListParams::default(), Some);
        let used = all(&pods, "ask what pods use").await.map_err(noted(client))?;
        let mut text = format!("pods of the namespace {}, by memory\n\n{}", client.namespace, usage(&used));
        text.push_str("\nnodes, by memory\n\n");
        match all(&nodes, "ask what nodes use").await {
            Ok(used) => text.push_str(&usage(&used)),
            Err(trouble) => {
                text.push_str(&trouble.into_target(&client.place).to_string());
                text.push('\n');
            }
        }
        Ok(vec![Evidence::text("top.txt", text)])
    }
}

fn usage(objects: &[DynamicObject]) -> String {
    let mut rows: Vec<(String, f64, f64)> = objects
        .iter()
        .map(|object| {
            let (cpu, memory) = match object.data["containers"].as_array() {
                Some(containers) => {
                    containers.iter().map(used).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
                }
                None => used(&object.data),
            };
            (object.name_any(), cpu, memory)
        })
        .collect();
    rows.sort_by(|a, b| b.2.total_cmp(&a.2));
    let cells = |(name, cpu, memory): &(String, f64, f64)| {
        vec![name.clone(), format!("{:.0}m", cpu * 1000.0), format!("{:.0}Mi", memory / f64::from(1 << 20))]
    };
    let rows: Vec<Vec<String>> = rows.iter().take(MOST).map(cells).collect();
    table(&["NAME", "CPU", "MEMORY"], &rows)
}

/// Cores and bytes of a `usage`.
fn used(object: &Value) -> (f64, f64) {
    let amount = |name: &str| object["usage"][name].as_str().and_then(quantity::of).unwrap_or(0.0);
    (amount("cpu"), amount("memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn who_uses_most_stands_first() {
        let objects: Vec<DynamicObject> = serde_json::from_value(json!([
            { "metadata": { "name": "small" }, "usage": { "cpu": "12500000n", "memory": "2048Ki" } },
            { "metadata": { "name": "large" }, "containers": [
                { "usage": { "cpu": "1", "memory": "1Gi" } },
                { "usage": { "cpu": "250m", "memory": "64Mi" } },
            ] },
        ]))
        .unwrap();
        assert_snapshot!(usage(&objects), @r"
        NAME    CPU     MEMORY
        large   1250m   1088Mi
        small   12m     2Mi
        ");
    }
}
