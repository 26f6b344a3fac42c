//! The real `kubectl`, as people use it. Without one these tests are skipped, but for CI, where they fail.

use super::{BOUND, Cluster};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A `kubectl` with a home of its own, and the cluster it talks to.
struct Kubectl {
    cluster: Cluster,
    home: TempDir,
}

/// What a run has said.
#[derive(Debug)]
struct Said {
    is_fine: bool,
    output: String,
    errors: String,
}

impl Kubectl {
    /// None where there is no `kubectl`; in CI that is a failure.
    async fn start() -> Option<Self> {
        if which::which("kubectl").is_err() {
            #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "kubectl is not on the PATH");
            eprintln!("skipped: kubectl is not on the PATH");
            return None;
        }
        let cluster = Cluster::start().await;
        let kubectl = Self { cluster, home: tempfile::tempdir().unwrap() };
        kubectl.fine("wait --for=condition=Ready pod --all --timeout=50s").await;
        Some(kubectl)
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new("kubectl");
        command.args(arguments).env("HOME", self.home.path()).env("KUBECONFIG", self.cluster.kubeconfig());
        command.env("KUBECACHEDIR", self.home.path().join("cache")).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it with arguments, and with something to read.
    async fn feed(&self, arguments: &str, input: &str) -> Said {
        let mut child = self.spawn(&arguments.split_whitespace().collect::<Vec<_>>());
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = timeout(BOUND, child.wait_with_output()).await.expect(arguments).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { is_fine: output.status.success(), output: text(output.stdout), errors: text(output.stderr) }
    }

    async fn run(&self, arguments: &str) -> Said {
        self.feed(arguments, "").await
    }

    /// Runs it and expects it to succeed.
    async fn fine(&self, arguments: &str) -> String {
        let said = self.run(arguments).await;
        assert!(said.is_fine, "kubectl {arguments}: {said:?}");
        said.output
    }

    /// The name of a pod that begins so.
    async fn pod(&self, stem: &str) -> String {
        let names = self.fine("get pods -o name").await;
        let mut names = names.lines().filter_map(|name| name.strip_prefix("pod/"));
        names.find(|name| name.starts_with(stem)).unwrap().to_owned()
    }
}

/// The words of the first line.
fn heading(table: &str) -> String {
    table.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn get_prints_in_every_form() {
    let Some(kubectl) = Kubectl::start().await else { return };
    let pods = kubectl.fine("get pods").await;
    assert_eq!(heading(&pods), "NAME READY STATUS RESTARTS AGE");
    let server = pods.lines().find(|line| line.starts_with("panda-panda-focus-server-")).unwrap();
    assert!(server.contains("1/1") && server.contains("Running"), "{server}");
    let wide = kubectl.fine("get pods -o wide").await;
    assert_eq!(heading(&wide), "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES");
    let all = kubectl.fine("get all -A").await;
    for name in ["deployment.apps/mongodb", "statefulset.apps/rabbitmq-panda", "service/"] {
        assert!(all.contains(name), "{name}: {all}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&kubectl.fine("get deploy mongodb -o json").await).unwrap();
    assert_eq!(json["kind"], "Deployment");
    assert!(kubectl.fine("get sts rabbitmq-panda -o yaml").await.contains("kind: StatefulSet"));
    assert_eq!(kubectl.fine("get svc -l nothing=here -o name").await, "");
    let headings = [
        (
            "nodes -o wide",
            "NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME",
        ),
        ("deployments", "NAME READY UP-TO-DATE AVAILABLE AGE"),
        ("rs", "NAME DESIRED CURRENT READY AGE"),
        ("sts", "NAME READY AGE"),
        ("svc", "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE"),
        ("ep", "NAME ENDPOINTS AGE"),
        ("ns", "NAME STATUS AGE"),
        ("secrets", "NAME TYPE DATA AGE"),
    ];
    for (what, wanted) in headings {
        assert_eq!(heading(&kubectl.fine(&format!("get {what}")).await), wanted, "{what}");
    }
    let missing = kubectl.run("get pod nothing").await;
    assert!(!missing.is_fine);
    insta::assert_snapshot!(missing.errors, @r#"Error from server (NotFound): pods "nothing" not found"#);
    assert!(kubectl.run("get nonsense").await.errors.contains("the server doesn't have a resource type"));
    assert!(kubectl.fine("api-resources").await.contains("deployments"));
    assert!(kubectl.fine("version").await.contains("Server Version: v1.32"));
}

#[tokio::test]
async fn describe_tells_all() {
    let Some(kubectl) = Kubectl::start().await else { return };
    let pod = kubectl.pod("panda-panda-focus-server-").await;
    let described = kubectl.fine(&format!("describe pod {pod}")).await;
    for part in ["Node:", "Containers:", "Limits:", "Requests:", "Conditions:", "Events:"] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let described = kubectl.fine("describe deployment mongodb").await;
    assert!(described.contains("Replicas:") && described.contains("1 available"), "{described}");
    let described = kubectl.fine("describe nodes").await;
    assert!(
        described.contains("Allocated resources:") && described.contains("MemoryPressure"),
        "{described}"
    );
}

#[tokio::test]
async fn logs_and_figures_are_shown() {
    let Some(kubectl) = Kubectl::start().await else { return };
    assert!(!kubectl.fine("logs deployment/panda-panda-focus-server --tail=5").await.is_empty());
    assert_eq!(heading(&kubectl.fine("top pod").await), "NAME CPU(cores) MEMORY(bytes)");
    assert_eq!(
        heading(&kubectl.fine("top pod --containers -A").await),
        "NAMESPACE POD NAME CPU(cores) MEMORY(bytes)"
    );
    assert_eq!(heading(&kubectl.fine("top node").await), "NAME CPU(cores) CPU(%) MEMORY(bytes) MEMORY(%)");
    kubectl.cluster.inject("k8s.warning-events").await;
    assert_eq!(heading(&kubectl.fine("events -A").await), "NAMESPACE LAST SEEN TYPE REASON OBJECT MESSAGE");
    assert_eq!(heading(&kubectl.fine("get events").await), "LAST SEEN TYPE REASON OBJECT MESSAGE");
}

#[tokio::test]
async fn deployments_are_scaled_and_rolled_out() {
    let Some(kubectl) = Kubectl::start().await else { return };
    let name = "deployment/panda-panda-segy-recorder";
    assert!(kubectl.fine(&format!("scale {name} --replicas=3")).await.contains("scaled"));
    assert!(
        kubectl
            .fine(&format!("rollout status {name} --timeout=50s"))
            .await
            .contains("successfully rolled out")
    );
    let ready = kubectl.fine(&format!("get {name} -o jsonpath={{.status.readyReplicas}}")).await;
    assert_eq!(ready, "3");
    kubectl.fine(&format!("scale {name} --replicas=0")).await;
    kubectl.fine(&format!("wait {name} --for=jsonpath={{.spec.replicas}}=0 --timeout=50s")).await;
    kubectl.fine("rollout restart deployment/mongodb").await;
    kubectl.fine("rollout status deployment/mongodb --timeout=50s").await;
    kubectl.fine("rollout status statefulset/rabbitmq-panda --timeout=50s").await;
}

const JOB: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: greeting
  labels: {of: kubectl}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
        - {name: main, image: "example.com/idle:1", command: [sleep, "3600"]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
data: {text: VALUE, other: same}
"#;

#[tokio::test]
async fn manifests_are_applied_changed_and_deleted() {
    let Some(kubectl) = Kubectl::start().await else { return };
    let apply = async |value: &str, how: &str| {
        let said = kubectl.feed(&format!("apply {how} -f -"), &JOB.replace("VALUE", value)).await;
        assert!(said.is_fine, "{said:?}");
        said.output
    };
    assert_eq!(apply("hello", "").await, "job.batch/greeting created\nconfigmap/greeting created\n");
    assert_eq!(apply("hello", "").await, "job.batch/greeting unchanged\nconfigmap/greeting unchanged\n");
    assert_eq!(apply("there", "").await, "job.batch/greeting unchanged\nconfigmap/greeting configured\n");
    assert_eq!(kubectl.fine("get cm greeting -o jsonpath={.data.text}").await, "there");
    let created = kubectl.feed("create -f -", &JOB.replace("VALUE", "again")).await;
    assert!(created.errors.contains("AlreadyExists"), "{created:?}");
    assert!(apply("everywhere", "--server-side --force-conflicts").await.contains("serverside-applied"));
    assert_eq!(kubectl.fine("get cm greeting -o jsonpath={.data.text}").await, "everywhere");
    let patch = r#"patch cm greeting --type=json -p [{"op":"remove","path":"/data/other"}]"#;
    assert_eq!(kubectl.fine(patch).await, "configmap/greeting patched\n");
    kubectl.fine("label cm greeting color=green").await;
    assert!(kubectl.fine("get cm -l color=green -o name").await.contains("configmap/greeting"));

    kubectl.fine("wait --for=jsonpath={.status.active}=1 job/greeting --timeout=50s").await;
    assert_eq!(heading(&kubectl.fine("get jobs").await), "NAME STATUS COMPLETIONS DURATION AGE");
    let pod = kubectl.pod("greeting-").await;
    let deleted = kubectl.feed("delete -f -", JOB).await;
    assert_eq!(
        deleted.output, "job.batch \"greeting\" deleted\nconfigmap \"greeting\" deleted\n",
        "{deleted:?}"
    );
    kubectl.fine(&format!("wait --for=delete pod/{pod} --timeout=50s")).await;
}

#[tokio::test]
async fn pods_are_deleted_and_waited_for() {
    let Some(kubectl) = Kubectl::start().await else { return };
    kubectl.fine("run alone --image=example.com/idle:1 --restart=Never -- sleep 3600").await;
    kubectl.fine("wait pod/alone --for=condition=Ready --timeout=50s").await;
    assert_eq!(kubectl.fine("delete pod alone --grace-period=1").await, "pod \"alone\" deleted\n");
    assert!(!kubectl.run("get pod alone").await.is_fine);
    assert_eq!(kubectl.fine("create namespace other").await, "namespace/other created\n");
    assert_eq!(kubectl.fine("delete namespace other").await, "namespace \"other\" deleted\n");
}

#[tokio::test]
async fn changes_are_watched() {
    let Some(kubectl) = Kubectl::start().await else { return };
    let mut watching = kubectl.spawn(&["get", "configmaps", "-w", "--output-watch-events"]);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next =
        async || timeout(BOUND, lines.next_line()).await.expect("nothing is said").unwrap().unwrap();
    assert!(heading(&next().await).starts_with("EVENT NAME DATA AGE"));
    kubectl.fine("create configmap watched --from-literal=a=1").await;
    while !heading(&next().await).starts_with("ADDED watched 1") {}
    kubectl.fine("delete configmap watched").await;
    while !heading(&next().await).starts_with("DELETED watched 1") {}
}

#[tokio::test]
async fn rights_are_asked_for() {
    let Some(kubectl) = Kubectl::start().await else { return };
    assert_eq!(kubectl.fine("auth can-i delete jobs").await, "yes\n");
    assert!(kubectl.fine("auth can-i --list").await.contains("pods/log"));
    kubectl.cluster.inject("k8s.logs-forbidden").await;
    let said = kubectl.run("auth can-i get pods --subresource=log").await;
    assert!(!said.is_fine && said.output.starts_with("no"), "{said:?}");
    let said = kubectl.run("logs deployment/mongodb").await;
    assert!(said.errors.contains("Forbidden"), "{said:?}");
}
