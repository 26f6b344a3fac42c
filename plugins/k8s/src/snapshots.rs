//! What many checks look at, fetched once for all of them. However many ask, the server is asked at most every few
//! seconds, and only what checks need is kept.

use crate::client::{K8sClient, patience};
use crate::trouble::Trouble;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, Endpoints, Event, Node, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;
use shakedown_core::{CheckError, Context};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long what was fetched is good enough for the next who asks.
const FRESH: Duration = Duration::from_secs(5);

type Seen<K> = Option<(Instant, Arc<Vec<K>>)>;

/// The last answer to a question; whoever asks while it is fetched waits for it.
struct Snapshot<K>(Mutex<Seen<K>>);

impl<K> Default for Snapshot<K> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// The snapshots of a run.
#[derive(Default)]
pub(crate) struct Snapshots {
    pods: Snapshot<Pod>,
    events: Snapshot<Event>,
    deployments: Snapshot<Deployment>,
    stateful_sets: Snapshot<StatefulSet>,
    jobs: Snapshot<Job>,
    services: Snapshot<Service>,
    endpoints: Snapshot<Endpoints>,
    nodes: Snapshot<Node>,
    secrets: Snapshot<Secret>,
    /// How often each container had been restarted when the pods were first looked at in this run.
    first_restarts: OnceLock<Restarts>,
}

/// How often each container has been restarted, by the UID of its pod and its name.
pub(crate) type Restarts = BTreeMap<(String, String), i32>;

/// The restarts of these pods.
pub(crate) fn restarts(pods: &[Pod]) -> Restarts {
    let mut restarts = Restarts::new();
    for pod in pods {
        let Some(status) = &pod.status else { continue };
        let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        restarts
            .extend(all.map(|container| ((uid.to_owned(), container.name.clone()), container.restart_count)));
    }
    restarts
}

impl K8sClient {
    /// The pods of the namespace, at most a few seconds old; see [`Self::pods_now`]. Kept are metadata without
    /// `managedFields`, the status, and of the spec what says where and how a pod runs: containers with image, command,
    /// arguments, ports, probes and resources, but not volumes, mounts, environment, affinity and tolerations.
    pub(crate) async fn pods(&self, cx: &Context) -> Result<Arc<Vec<Pod>>, CheckError> {
        Ok(self.pods_within(patience(cx)).await?)
    }

    /// As [`Self::pods`], within a time limit.
    pub(crate) async fn pods_within(&self, limit: Duration) -> Result<Arc<Vec<Pod>>, Trouble> {
        let (what, kept) = ("list the pods", &self.snapshots.pods);
        let pods = self.shared(limit, what, kept, &self.here(), ListParams::default(), lean_pod).await?;
        self.snapshots.first_restarts.get_or_init(|| restarts(&pods));
        Ok(pods)
    }

    /// The restarts at the first look of this run at the pods, whoever took it.
    pub(crate) fn first_restarts(&self) -> Option<&Restarts> {
        self.snapshots.first_restarts.get()
    }

    /// The pods as they are now, kept like [`Self::pods`].
    pub(crate) async fn pods_now(&self, cx: &Context) -> Result<Arc<Vec<Pod>>, CheckError> {
        *self.snapshots.pods.0.lock().await = None;
        self.pods(cx).await
    }

    /// The events of the namespace, in no order.
    pub(crate) async fn events(&self, cx: &Context) -> Result<Arc<Vec<Event>>, CheckError> {
        Ok(self.events_within(patience(cx)).await?)
    }

    /// As [`Self::events`], within a time limit.
    pub(crate) async fn events_within(&self, limit: Duration) -> Result<Arc<Vec<Event>>, Trouble> {
        let (what, kept) = ("list the events", &self.snapshots.events);
        self.shared(limit, what, kept, &self.here(), ListParams::default(), Some).await
    }

    /// The Deployments of the namespace.
    pub(crate) async fn deployments(&self, cx: &Context) -> Result<Arc<Vec<Deployment>>, CheckError> {
        self.listed(cx, "list the Deployments", &self.snapshots.deployments).await
    }

    /// The StatefulSets of the namespace.
    pub(crate) async fn stateful_sets(&self, cx: &Context) -> Result<Arc<Vec<StatefulSet>>, CheckError> {
        self.listed(cx, "list the StatefulSets", &self.snapshots.stateful_sets).await
    }

    /// The Jobs of the namespace.
    pub(crate) async fn jobs(&self, cx: &Context) -> Result<Arc<Vec<Job>>, CheckError> {
        self.listed(cx, "list the Jobs", &self.snapshots.jobs).await
    }

    /// The Services of the namespace.
    pub(crate) async fn services(&self, cx: &Context) -> Result<Arc<Vec<Service>>, CheckError> {
        self.listed(cx, "list the Services", &self.snapshots.services).await
    }

    /// The Endpoints of the namespace.
    pub(crate) async fn endpoints(&self, cx: &Context) -> Result<Arc<Vec<Endpoints>>, CheckError> {
        self.listed(cx, "list the Endpoints", &self.snapshots.endpoints).await
    }

    /// The nodes of the cluster, without the images that they hold.
    pub(crate) async fn nodes(&self, cx: &Context) -> Result<Arc<Vec<Node>>, CheckError> {
        let lean = |mut node: Node| {
            if let Some(status) = &mut node.status {
                status.images = None;
            }
            Some(node)
        };
        let (what, kept) = ("list the nodes", &self.snapshots.nodes);
        Ok(self.shared(patience(cx), what, kept, &self.everywhere(), ListParams::default(), lean).await?)
    }

    /// The TLS Secrets of the namespace: their certificates (`tls.crt`, `ca.crt`), never their private keys.
    pub(crate) async fn secrets(&self, cx: &Context) -> Result<Arc<Vec<Secret>>, CheckError> {
        const TLS: &str = "kubernetes.io/tls";
        let public = |mut secret: Secret| {
            secret.string_data = None;
            if let Some(data) = &mut secret.data {
                data.retain(|name, _| matches!(name.as_str(), "tls.crt" | "ca.crt"));
            }
            (secret.type_.as_deref() == Some(TLS)).then_some(secret)
        };
        let params = ListParams::default().fields(&format!("type={TLS}"));
        let (what, kept) = ("list the TLS Secrets", &self.snapshots.secrets);
        Ok(self.shared(patience(cx), what, kept, &self.here(), params, public).await?)
    }

    /// The objects of that kind in the namespace.
    async fn listed<K>(
        &self,
        cx: &Context,
        what: &str,
        snapshot: &Snapshot<K>,
    ) -> Result<Arc<Vec<K>>, CheckError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let (limit, params) = (patience(cx), ListParams::default());
        Ok(self.shared(limit, what, snapshot, &self.here(), params, Some).await?)
    }

    /// What was fetched of late, or is fetched now: of each object that `keep` keeps what it keeps of it, and none of the
    /// metadata that nobody reads.
    async fn shared<K>(
        &self,
        limit: Duration,
        what: &str,
        snapshot: &Snapshot<K>,
        api: &Api<K>,
        params: ListParams,
        keep: impl Fn(K) -> Option<K>,
    ) -> Result<Arc<Vec<K>>, Trouble>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
    {
        let deadline = Instant::now() + limit;
        // Who waits for another's answer has no more time than the own check leaves.
        let Ok(mut seen) = tokio::time::timeout(limit, snapshot.0.lock()).await else {
            return Err(Trouble::Target(self.late(limit, what)));
        };
        if let Some((when, objects)) = &*seen
            && when.elapsed() < FRESH
        {
            return Ok(Arc::clone(objects));
        }
        // The old answer is let go first, so that two of them never exist.
        *seen = None;
        let left = deadline.saturating_duration_since(Instant::now());
        let keep = |mut object: K| {
            lean(object.meta_mut());
            keep(object)
        };
        let mut objects = self.all_within(left, what, api, params, keep).await?;
        objects.shrink_to_fit();
        let objects = Arc::new(objects);
        *seen = Some((Instant::now(), Arc::clone(&objects)));
        Ok(objects)
    }
}

/// Drops what no check reads and what may be larger than all the rest.
fn lean(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several ways to keep something of an object, or nothing"
)]
fn lean_pod(mut pod: Pod) -> Option<Pod> {
    if let Some(spec) = &mut pod.spec {
        spec.volumes = None;
        spec.affinity = None;
        spec.tolerations = None;
        spec.topology_spread_constraints = None;
        spec.ephemeral_containers = None;
        spec.containers.iter_mut().for_each(lean_container);
        spec.init_containers.iter_mut().flatten().for_each(lean_container);
    }
    Some(pod)
}

fn lean_container(container: &mut Container) {
    container.env = None;
    container.env_from = None;
    container.volume_mounts = None;
    container.volume_devices = None;
    container.lifecycle = None;
}
