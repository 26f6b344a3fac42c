//! What pods and nodes use while others load them, and which pods cannot begin.
//!
//! All is asked anew each time: figures that are seconds old would hide a peak. What may not or cannot be read is left
//! out; where that is everything, the first error says why.

mod readings;

use crate::client::K8sClient;
use crate::target::Kubernetes;
use crate::trouble::Trouble;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use readings::{Seen, readings};
use shakedown_core::{ObserveContext, Observer, Reading, TargetError, async_trait, register_observer};

register_observer! {
    /// What the namespace's pods and the nodes use, and which pods cannot begin.
    ///
    /// `cpu` (cores) and `memory` (bytes) of each `pod/NAME` that belongs to no Job, against the sum of its containers'
    /// limits; of `pods of jobs` together; of each pod of a Job that is at 80 % of a limit; and of each `node/NAME`,
    /// against what pods may use of it. Of the `namespace/NAME`: `pods-pending`, those that no node takes or whose container
    /// cannot be made, with what the cluster says of it; `pods-without-address`; `pods-failed`; `restarts` of all
    /// containers. Of `nodes`: `node-pressure`, how many are short of something or not ready. A pod that is only being made
    /// is not pending in this sense. Without a metrics server there is neither `cpu` nor `memory`.
    pub(crate) struct Resources: "k8s.resources"
}

#[async_trait]
impl Observer for Resources {
    type Target = Kubernetes;

    async fn observe(client: &K8sClient, cx: &ObserveContext) -> Result<Vec<Reading>, TargetError> {
        let limit = cx.remaining().mul_f64(0.9);
        let kind = |kind, plural| {
            let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", kind);
            ApiResource::from_gvk_with_plural(&kind, plural)
        };
        let kube = || client.kube.clone();
        let used_by_pods: Api<DynamicObject> =
            Api::namespaced_with(kube(), &client.namespace, &kind("PodMetrics", "pods"));
        let used_of_nodes: Api<DynamicObject> = Api::all_with(kube(), &kind("NodeMetrics", "nodes"));
        let (pods_here, all_nodes, events_here) =
            (client.here::<Pod>(), client.everywhere::<Node>(), client.here::<Event>());
        let every = ListParams::default;
        // What a pod could not be made for is an event of this reason.
        let sandboxes = every().fields(&format!("reason={}", readings::NO_SANDBOX));
        let (pods, nodes, events, pod_usage, node_usage) = tokio::join!(
            client.all_within(limit, "list the pods", &pods_here, every(), Some),
            client.all_within(limit, "list the nodes", &all_nodes, every(), Some),
            client.all_within(limit, "list the events", &events_here, sandboxes, Some),
            client.all_within(limit, "ask what pods use", &used_by_pods, every(), Some),
            client.all_within(limit, "ask what nodes use", &used_of_nodes, every(), Some),
        );
        let mut trouble = None;
        let seen = Seen {
            namespace: &client.namespace,
            pods: kept(pods, &mut trouble),
            nodes: kept(nodes, &mut trouble),
            events: kept(events, &mut trouble),
            pod_usage: kept(pod_usage, &mut trouble),
            node_usage: kept(node_usage, &mut trouble),
        };
        let readings = readings(&seen);
        match trouble {
            Some(trouble) if readings.is_empty() => Err(trouble.into_target(&client.place)),
            _ => Ok(readings),
        }
    }
}

/// What could be read. The first trouble is kept, for where nothing could.
fn kept<T>(answer: Result<T, Trouble>, trouble: &mut Option<Trouble>) -> Option<T> {
    answer.map_err(|found| trouble.get_or_insert(found)).ok()
}
