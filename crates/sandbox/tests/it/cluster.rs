//! The Focus Server in its cluster: what a job is in Kubernetes, over both interfaces, on a clock moved by hand.

use crate::kubernetes::client;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::api::{DeleteParams, ListParams, LogParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use shakedown_core::Clock;
use shakedown_core::registry::Entries;
use shakedown_core::sandbox::{PartContext, RunningPart};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// How long anything here may take before it counts as hanging.
const BOUND: Duration = Duration::from_secs(30);

struct Site {
    clock: Clock,
    http: reqwest::Client,
    base: String,
    cluster: Box<dyn RunningPart>,
    focus: Box<dyn RunningPart>,
    kubernetes: Client,
    _directory: TempDir,
}

impl Site {
    async fn start(options: Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::manual(Timestamp::from_second(1_763_886_600).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let mut cx = PartContext {
            clock: clock.clone(),
            directory: directory.path().to_owned(),
            options,
            settings: BTreeMap::new(),
            handles: BTreeMap::new(),
        };
        let parts = Entries::linked().parts;
        let find = |kind: &str| parts.iter().find(|part| part.kind == kind).unwrap();
        let cluster = (find("k8s").start)(&cx).await.unwrap();
        cx.handles.insert("k8s".to_owned(), cluster.handle().unwrap());
        let focus = (find("focus-api").start)(&cx).await.unwrap();
        let kubernetes = client(cluster.settings()["kubeconfig"].as_str().unwrap()).await;
        let base = focus.settings()["base_url"].as_str().unwrap().to_owned();
        let http = reqwest::Client::builder().timeout(BOUND).no_proxy().build().unwrap();
        Self { clock, http, base, cluster, focus, kubernetes, _directory: directory }
    }

    /// Configures a live job: its id and the port of its stream.
    async fn configure(&self) -> (String, u16) {
        let body = json!({
            "displayTimeAxisDuration": 30, "nfftSelection": 1024, "displayInfo": { "height": 1000 },
            "channels": { "min": 1, "max": 8 }, "frequencyRange": { "min": 0, "max": 1000 },
            "start_time": null, "end_time": null, "view_type": 0,
        });
        let request = self.http.post(format!("{}configure", self.base));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        let port = u16::try_from(answer["stream_port"].as_u64().unwrap()).unwrap();
        (answer["job_id"].as_str().unwrap().to_owned(), port)
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.kubernetes.clone(), "panda")
    }

    /// The pod of a Kubernetes Job in a phase.
    async fn pod(&self, job: &str, phase: &str) -> Pod {
        let of_job = ListParams::default().labels(&format!("job-name={job}"));
        self.eventually(&format!("a pod of {job} that is {phase}"), async || {
            let pods = self.api::<Pod>().list(&of_job).await.unwrap().items;
            pods.into_iter()
                .find(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some(phase))
        })
        .await
    }

    /// Asks again until there is an answer, while the simulated time goes on slowly.
    async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, ask: impl Fn() -> F) -> T {
        let asking = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.clock.advance(Duration::from_millis(100));
            }
        };
        tokio::time::timeout(BOUND, asking).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    async fn jobs(&self) -> Vec<String> {
        let jobs = self.api::<Job>().list(&ListParams::default()).await.unwrap();
        jobs.items.iter().map(kube::ResourceExt::name_any).collect()
    }

    async fn stop(self) {
        let stop = async {
            self.focus.stop().await;
            self.cluster.stop().await;
        };
        tokio::time::timeout(BOUND, stop).await.unwrap();
    }
}

#[tokio::test]
async fn a_configured_job_lives_and_ends_in_the_cluster() {
    let site = Site::start(json!({})).await;
    let (id, port) = site.configure().await;
    assert_eq!(id, "1-1");
    let pod = site.pod("grpc-job-1-1", "Running").await;
    assert_eq!(pod.labels()["app"], "grpc-job-1-1");
    site.pod("cleanup-job-1-1", "Running").await;
    let service = site.api::<Service>().get("grpc-service-1-1").await.unwrap();
    let ports = service.spec.unwrap().ports.unwrap();
    assert_eq!(ports[0].node_port, Some(i32::from(port)));

    let focus_server = ListParams::default().labels("app.kubernetes.io/name=panda-panda-focus-server");
    let server = site.api::<Pod>().list(&focus_server).await.unwrap().items.remove(0).name_any();
    let log = site.api::<Pod>().logs(&server, &LogParams::default()).await.unwrap();
    assert!(log.contains("Running RPC command:") && log.contains("--queue-name focus_baby.1-1"), "{log}");
    assert!(log.contains("Applied YAML from /tmp/jobs/job-1-1.yml"), "{log}");

    site.clock.advance(Duration::from_secs(50));
    site.pod("grpc-job-1-1", "Succeeded").await;
    site.pod("cleanup-job-1-1", "Succeeded").await;
    assert_eq!(site.jobs().await, ["cleanup-job-1-1", "grpc-job-1-1"]);
    site.clock.advance(Duration::from_mins(2));
    site.eventually("no jobs", async || site.jobs().await.is_empty().then_some(())).await;
    site.stop().await;
}

#[tokio::test]
async fn a_cancelled_job_leaves_the_cluster() {
    let site = Site::start(json!({ "planned_api": true })).await;
    let (id, _) = site.configure().await;
    site.pod("grpc-job-1-1", "Running").await;
    let answer = site.http.delete(format!("{}job/{id}", site.base)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let pods = site.api::<Pod>();
    let of_job = ListParams::default().labels("job-name=grpc-job-1-1");
    site.eventually("no pods", async || pods.list(&of_job).await.unwrap().items.is_empty().then_some(()))
        .await;
    assert!(site.jobs().await.is_empty());
    site.stop().await;
}

#[tokio::test]
async fn a_job_whose_kubernetes_job_is_deleted_has_ended() {
    let site = Site::start(json!({})).await;
    let (_, port) = site.configure().await;
    site.pod("grpc-job-1-1", "Running").await;
    site.api::<Job>().delete("grpc-job-1-1", &DeleteParams::background()).await.unwrap();
    site.eventually("a closed port", async || TcpStream::connect(("127.0.0.1", port)).await.err()).await;
    site.eventually("no jobs", async || site.jobs().await.is_empty().then_some(())).await;
    site.stop().await;
}

#[tokio::test]
async fn faults_keep_the_pods_of_ended_jobs() {
    let site = Site::start(json!({ "planned_api": true })).await;
    site.cluster.inject("k8s.job-not-cancelled").await.unwrap();
    site.cluster.inject("k8s.job-not-cleaned").await.unwrap();
    let (id, _) = site.configure().await;
    site.configure().await;
    site.pod("grpc-job-1-1", "Running").await;
    site.pod("grpc-job-1-2", "Running").await;
    let answer = site.http.delete(format!("{}job/{id}", site.base)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    site.clock.advance(Duration::from_secs(200));
    // Long enough for the server to have looked at its jobs several times.
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.pod("grpc-job-1-1", "Running").await;
    site.pod("grpc-job-1-2", "Running").await;
    site.stop().await;
}

/// What the Focus Server's pod uses, in nanocores and bytes.
async fn used(site: &Site) -> (u64, u64) {
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/panda/pods";
    let answer: Value =
        site.kubernetes.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    let is_server =
        |pod: &&Value| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "panda-panda-focus-server";
    let pod = answer["items"].as_array().unwrap().iter().find(is_server).unwrap();
    let amount = |name: &str, suffix: &str, factor: u64| {
        let text = pod["containers"][0]["usage"][name].as_str().unwrap();
        text.strip_suffix(suffix).unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap() * factor
    };
    (amount("cpu", "n", 1), amount("memory", "Ki", 1024))
}

#[tokio::test]
async fn figures_follow_the_load_and_memory_is_given_back_unless_it_leaks() {
    let site = Site::start(json!({})).await;
    let (cpu, memory) = used(&site).await;
    for _ in 0..4 {
        site.configure().await;
    }
    let (busy, more) = used(&site).await;
    assert!(busy > cpu, "{cpu} {busy}");
    assert_eq!(more, memory + 4 * (2 << 20));
    site.clock.advance(Duration::from_secs(50));
    site.eventually("memory given back", async || (used(&site).await == (cpu, memory)).then_some(())).await;
    site.focus.inject("focus-api.leaks").await.unwrap();
    site.configure().await;
    site.clock.advance(Duration::from_secs(50));
    let leaked = (cpu, memory + (48 << 20));
    site.eventually("memory that is not", async || (used(&site).await == leaked).then_some(())).await;
    site.stop().await;
}

#[tokio::test]
async fn addresses_run_out_and_are_passed_on() {
    let site = Site::start(json!({ "planned_api": true })).await;
    site.cluster.inject("k8s.addresses-exhausted").await.unwrap();
    for _ in 0..22 {
        site.configure().await;
    }
    site.pod("grpc-job-1-20", "Running").await;
    site.pod("grpc-job-1-21", "Pending").await;
    site.eventually("an event", async || {
        let events = site.api::<Event>().list(&ListParams::default()).await.unwrap().items;
        let of_pod = |event: &&Event| {
            event.involved_object.name.as_deref().is_some_and(|name| name.starts_with("grpc-job-1-22-"))
        };
        let mut messages = events.iter().filter(of_pod).filter_map(|event| event.message.as_deref());
        messages.find(|message| message.contains("no IP addresses available")).map(drop)
    })
    .await;
    let answer = site.http.delete(format!("{}job/1-3", site.base)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    site.pod("grpc-job-1-21", "Running").await;
    site.pod("grpc-job-1-22", "Pending").await;
    site.stop().await;
}
