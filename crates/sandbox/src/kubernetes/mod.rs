//! The Kubernetes API of the sandbox, and the small cluster behind it.
//!
//! [`store`] holds the objects, [`api`] serves them over HTTPS as an API server does, and the [`cluster`] gives them
//! life: controllers, a kubelet, logs, figures. `kubectl` and every client library work against it unchanged.

mod api;
mod breakage;
mod bulk;
mod certificate;
mod chores;
mod cluster;
mod containers;
mod controllers;
mod defaults;
mod error;
mod faults;
mod focus_jobs;
mod keeper;
mod kinds;
mod kubelet;
mod load;
mod logs;
mod metrics;
mod objects;
mod orders;
mod process;
mod recorder;
mod seed;
mod selectors;
mod store;
mod tend;
#[cfg(test)]
mod tests;
mod voices;
mod world;

pub(crate) use cluster::Cluster as RunningCluster;
pub(crate) use focus_jobs::{Configured, End, FocusJobs};

use crate::options::SandboxOptions;
use crate::proxy::{Mode, Proxy};
use crate::serving::{Serving, Stopped};
use api::Api;
use api::tls::Identity;
use cluster::Cluster;
use faults::Fault;
use kinds::NAMESPACE;
use serde_json::{Value, json};
use shakedown_core::async_trait;
use shakedown_core::sandbox::{Part, PartContext, RunningPart, Unavailable};
use std::any::Any;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const KIND: &str = "k8s";
/// The namespace of the product.
const HOME: &str = "panda";
/// How much later each direction is on a slow line: more than a second for an answer, and yet a client gets in.
const LATENCY: Duration = Duration::from_millis(600);

shakedown_core::register_part!(Kubernetes);

/// The part that stands in for a Kubernetes cluster.
struct Kubernetes;

#[async_trait]
impl Part for Kubernetes {
    const KIND: &'static str = KIND;
    const NEEDS: &'static [&'static str] = &[];

    async fn start(cx: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        let running = Running::start(cx).await.map_err(|error| Unavailable {
            part: KIND.to_owned(),
            reason: format!("its API server could not be started: {error}"),
            command: "shakedown doctor".to_owned(),
        })?;
        Ok(Box::new(running))
    }
}

/// The cluster while it runs.
struct Running {
    cluster: Arc<Cluster>,
    kubeconfig: PathBuf,
    serving: Serving,
    shutdown: CancellationToken,
    _stop: DropGuard,
}

impl Running {
    async fn start(cx: &PartContext) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let options = SandboxOptions::read(&cx.options)?;
        let directory = cx.directory.join(KIND);
        std::fs::create_dir_all(&directory)?;
        let shutdown = CancellationToken::new();
        let identity = Identity::make()?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = Proxy::start(socket.local_addr()?).await?;
        let token = Uuid::new_v4().simple().to_string();
        let kubeconfig = directory.join("kubeconfig");
        write_private(&kubeconfig, &identity.kubeconfig(proxy.address(), &token, HOME).to_string())?;
        std::fs::write(directory.join("ca.crt"), &identity.authority)?;

        let cluster = Cluster::start(cx.clock.clone(), directory, &options, shutdown.clone())?;
        let api = Api::new(Arc::clone(&cluster), token, shutdown.clone());
        let serving = axum::serve(identity.listen(socket, shutdown.clone())?, api.router());
        let ended = shutdown.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.with_graceful_shutdown(ended).await {
                tracing::error!(%error, "the simulated Kubernetes API has failed");
            }
        });
        Ok(Self {
            cluster,
            kubeconfig,
            serving: Serving::new(proxy, serving),
            _stop: shutdown.clone().drop_guard(),
            shutdown,
        })
    }
}

/// Writes a file that only its owner can read: it holds a token.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[async_trait]
impl RunningPart for Running {
    fn settings(&self) -> Value {
        json!({ "kubeconfig": self.kubeconfig, "namespace": HOME })
    }

    fn exports(&self) -> Vec<(String, String)> {
        vec![("SHAKEDOWN_LOCAL_KUBECONFIG".to_owned(), self.kubeconfig.display().to_string())]
    }

    fn handle(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::clone(&self.cluster) as Arc<dyn Any + Send + Sync>)
    }

    async fn inject(&self, fault: &str) -> Result<(), String> {
        let known = Fault::named(fault).ok_or_else(|| format!("the cluster has no fault `{fault}`"))?;
        let mode = match known {
            Fault::Away => Mode::Away,
            Fault::Silent => Mode::Silent,
            Fault::Slow => Mode::Slow(LATENCY),
            Fault::Garbage => Mode::Garbage,
            Fault::WrongCluster => {
                let renamed = self.cluster.store.modify(&NAMESPACE, "", "kube-system", |namespace| {
                    namespace["metadata"]["uid"] = json!(Uuid::new_v4());
                });
                return renamed.map(drop).map_err(|error| error.to_string());
            }
            other => {
                self.cluster.inject(other).await;
                return Ok(());
            }
        };
        let set = self.serving.set(mode).await;
        set.map_err(|Stopped| format!("`{fault}` comes too late: the cluster is stopped"))
    }

    async fn stop(&self) {
        self.shutdown.cancel();
        self.serving.stop().await;
        self.cluster.stop().await;
    }
}
