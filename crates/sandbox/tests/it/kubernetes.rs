//! The simulated Kubernetes API, driven by the `kube` crate and by the real `kubectl`.

mod faults;
mod kubectl;
mod lists;
mod logs;
mod objects;
mod watches;

use crate::support::start;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use shakedown_sandbox::Sandbox;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long anything here may take before it counts as hanging.
const BOUND: Duration = Duration::from_mins(1);

/// A cluster that runs, and a client of it.
struct Cluster {
    sandbox: Sandbox,
    client: Client,
}

impl Cluster {
    async fn start() -> Self {
        Self::with(json!({})).await
    }

    async fn with(options: Value) -> Self {
        let sandbox = start(&["k8s"], options).await.unwrap();
        let client = client(&kubeconfig(&sandbox)).await;
        Self { sandbox, client }
    }

    async fn inject(&self, fault: &str) {
        self.sandbox.inject(fault).await.unwrap();
    }

    fn kubeconfig(&self) -> String {
        kubeconfig(&self.sandbox)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "panda")
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), "panda")
    }

    /// Sends a request as it is, and reads the answer as it comes.
    async fn send(&self, method: &str, path: &str, kind: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        let sent = self.client.send(request.body(body.into()).unwrap());
        let answer = timeout(BOUND, sent).await.unwrap().unwrap();
        let status = answer.status().as_u16();
        let bytes =
            axum::body::to_bytes(axum::body::Body::new(answer.into_body()), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}

fn kubeconfig(sandbox: &Sandbox) -> String {
    sandbox.settings()["k8s"]["kubeconfig"].as_str().unwrap().to_owned()
}

/// A client that knows no more than the kubeconfig.
pub(crate) async fn client(kubeconfig: &str) -> Client {
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    assert_eq!(config.default_namespace, "panda");
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// Asks again until there is an answer.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: never within {BOUND:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A config map of one entry.
fn config_map(name: &str, labels: &Value) -> ConfigMap {
    let object = json!({ "metadata": { "name": name, "labels": labels }, "data": { "key": "value" } });
    serde_json::from_value(object).unwrap()
}

/// A pod that runs until it is told to end.
fn pod(name: &str) -> Pod {
    let containers = json!([{ "name": "main", "image": "example.com/idle:1", "command": ["sleep", "3600"] }]);
    let spec = json!({ "containers": containers, "terminationGracePeriodSeconds": 1 });
    serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
}

/// The code of the refusal.
fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("it should have been refused: {other:?}"),
    }
}
