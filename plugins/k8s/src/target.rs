//! The target `k8s`: its settings, and what the runner asks of it.

use crate::access;
use crate::client::K8sClient;
use crate::components::Components;
use crate::rights;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use shakedown_core::target::{ConnectContext, Connected, Rights};
use shakedown_core::{Secret, Target, TargetError, async_trait};
use shakedown_tunnel::TunnelSettings;
use std::path::PathBuf;

/// The kind of the target, which all of its errors carry.
pub(crate) const KIND: &str = "k8s";

/// The Kubernetes cluster that Focus Server runs in.
pub(crate) struct Kubernetes;

/// `[environments.E.targets.k8s]`. One of `kubeconfig`, `kubeconfig_text` and `in_cluster` says how to get in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// A kubeconfig file.
    #[serde(default)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The text of a kubeconfig, for where it comes from a masked variable.
    #[serde(default)]
    pub(crate) kubeconfig_text: Option<Secret>,
    /// The context of the kubeconfig; its current one where this is not set.
    #[serde(default)]
    pub(crate) context: Option<String>,
    /// Whether to use the service account of the pod that this runs in.
    #[serde(default)]
    pub(crate) in_cluster: bool,
    /// The namespace of Focus Server.
    #[serde(default = "default_namespace")]
    pub(crate) namespace: String,
    /// The workloads that belong to Focus Server, by a name of your choice.
    #[serde(default)]
    pub(crate) components: Components,
    /// The SSH hosts that lead to the API server, where it cannot be reached directly.
    #[serde(default)]
    pub(crate) tunnel: Option<TunnelSettings>,
}

fn default_namespace() -> String {
    "panda".to_owned()
}

#[async_trait]
impl Target for Kubernetes {
    const KIND: &'static str = KIND;
    type Settings = Settings;
    type Client = K8sClient;

    async fn connect(settings: Settings, cx: &ConnectContext) -> Result<Connected<K8sClient>, TargetError> {
        access::open(settings, cx).await
    }

    async fn probe(client: &K8sClient) -> Result<(), TargetError> {
        client.probe().await
    }

    async fn rights(client: &K8sClient) -> Result<Rights, TargetError> {
        rights::survey(client).await
    }

    async fn time(client: &K8sClient) -> Result<Option<Timestamp>, TargetError> {
        client.time().await
    }
}
