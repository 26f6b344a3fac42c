//! What the tests of this crate talk to: a server that says what a test wants, over plain HTTP.

use crate::access;
use crate::client::K8sClient;
use crate::target::Settings;
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::target::{ConnectContext, Connected};
use shakedown_core::{Clock, Context, Effect, Evidence, EvidenceRef, Finding, TargetError, async_trait};
use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Long enough never to pass where something does happen.
pub(crate) const AMPLE: Duration = Duration::from_mins(1);

/// What the server answers.
pub(crate) enum Answer {
    /// JSON with this status.
    Json(u16, Value),
    /// These bytes, whatever they are, and the end.
    Raw(Vec<u8>),
    /// A stream of JSON lines that ends, or stays open.
    Lines(Vec<Value>, bool),
    /// A body without an end.
    Endless,
    /// Nothing, for ever.
    Silence,
}

/// What an API server says of itself.
pub(crate) fn version() -> Answer {
    let version = json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.1", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    });
    Answer::Json(200, version)
}

/// A refusal as Kubernetes writes it.
pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": message,
    });
    Answer::Json(code, status)
}

/// A list, and where it goes on.
pub(crate) fn list(kind: &str, items: Vec<Value>, version: u64, more: Option<&str>) -> Answer {
    let api = if kind == "Job" { "batch/v1" } else { "v1" };
    let list = json!({
        "kind": format!("{kind}List"), "apiVersion": api, "items": items,
        "metadata": { "resourceVersion": version.to_string(), "continue": more.unwrap_or_default() },
    });
    Answer::Json(200, list)
}

/// A server that answers as a function says, given the path with its query.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self { address, asked }
    }

    /// A server that is what `answer` says, and well otherwise.
    pub(crate) async fn well(answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::start(move |path| {
            answer(path).unwrap_or_else(|| match path {
                "/version" => version(),
                "/api/v1/namespaces/kube-system" => Answer::Json(
                    200,
                    json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": { "name": "kube-system", "uid": "u-1" } }),
                ),
                _ => refusal(404, "NotFound", "there is no such thing"),
            })
        })
        .await
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The settings that lead here, with the token `s3cret-t0ken`.
    pub(crate) fn settings(&self) -> Settings {
        settings(&kubeconfig(&format!("http://{}", self.address), &json!({ "token": "s3cret-t0ken" })))
    }

    pub(crate) async fn client(&self) -> K8sClient {
        connect(self.settings(), AMPLE).await.unwrap().client
    }
}

/// Settings of a kubeconfig's text.
pub(crate) fn settings(kubeconfig: &Value) -> Settings {
    serde_json::from_value(json!({ "kubeconfig_text": kubeconfig.to_string() })).unwrap()
}

/// A kubeconfig with one context.
pub(crate) fn kubeconfig(server: &str, user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{ "name": "c", "cluster": { "server": server } }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "here", "context": { "cluster": "c", "user": "u" } }],
    })
}

pub(crate) async fn connect(
    settings: Settings,
    timeout: Duration,
) -> Result<Connected<K8sClient>, TargetError> {
    access::open(settings, &ConnectContext { timeout, clock: Clock::system() }).await
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str) -> Answer + Send + Sync),
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(path.clone());
    let head = |status: u16| {
        format!("HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nConnection: close\r\n")
    };
    match answer(&path) {
        Answer::Json(status, body) => {
            let body = body.to_string();
            let head = format!("{}Content-Length: {}\r\n\r\n", head(status), body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
        }
        Answer::Raw(bytes) => stream.write_all(&bytes).await?,
        Answer::Lines(lines, open) => {
            let mut text = format!("{}\r\n", head(200));
            for line in lines {
                text = format!("{text}{line}\n");
            }
            stream.write_all(text.as_bytes()).await?;
            if open {
                std::future::pending::<()>().await;
            }
        }
        Answer::Endless => {
            stream.write_all(format!("{}\r\n", head(200)).as_bytes()).await?;
            let blanks = vec![b' '; 1 << 16];
            loop {
                stream.write_all(&blanks).await?;
            }
        }
        Answer::Silence => std::future::pending::<()>().await,
    }
    // Whoever closes before all was read resets the connection, and with it the answer.
    stream.shutdown().await?;
    let _ = tokio::time::timeout(AMPLE, stream.read_to_end(&mut Vec::new())).await;
    Ok(())
}

/// What a check would be given, with this much time.
pub(crate) fn context(time: Duration) -> Context {
    let clock = Clock::system();
    Context {
        check: "k8s.test",
        effect: Effect::Read,
        target: Some("k8s"),
        also: &[],
        environment: "lab".into(),
        role: None,
        limits: shakedown_core::Limits::default(),
        run: "test".into(),
        clock: clock.clone(),
        deadline: Instant::now() + time,
        cancelled: CancellationToken::new(),
        jobs: Budget::new(1, clock),
        host: Arc::new(Nobody),
    }
}

/// A host that offers nothing.
struct Nobody;

#[async_trait]
impl Host for Nobody {
    async fn target(&self, _kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        panic!("nobody asks for a target here")
    }

    fn attach(&self, _check: &str, _evidence: Evidence) -> io::Result<EvidenceRef> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn created(&self, _check: &str, _resource: Resource) -> io::Result<()> {
        Ok(())
    }

    fn removed(&self, _check: &str, _resource: &Resource) -> io::Result<()> {
        Ok(())
    }

    fn progress(&self, _check: &str, _progress: Progress) {}

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        Vec::new()
    }
}
