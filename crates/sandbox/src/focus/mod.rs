//! The simulated Focus Server: the whole deployed interface, jobs with ports that listen and, behind the
//! option `planned_api`, the planned interface too.
//!
//! A request is read by [`body`], judged by [`validate`], and becomes one of [`jobs`]. Historic ones ask the
//! recordings in the sandbox's MongoDB, see [`history`]. Where there is a simulated cluster, jobs are pods in it.

mod bend;
mod body;
mod capacity;
mod configure;
mod errors;
mod faults;
mod front;
mod history;
mod jobs;
mod life;
mod live;
mod mishaps;
mod openapi;
mod planned;
mod routes;
mod server;
mod stream;
mod twist;
mod validate;
mod waterfall;

pub use capacity::{JobTruth, OperationTruth, RowTruth, Served, Stall, Times, Truth};

use crate::kubernetes::{FocusJobs, RunningCluster};
use crate::options::SandboxOptions;
use crate::proxy::{Mode, Proxy};
use crate::serving::{Serving, Stopped};
use capacity::{Book, Desk, Doom, Door, Strain};
use faults::{Fault, Faults};
use front::Front;
use history::History;
use jobs::Jobs;
use mishaps::Mishaps;
use planned::Tasks;
use serde_json::{Value, json};
use server::Server;
use shakedown_core::async_trait;
use shakedown_core::sandbox::{Part, PartContext, RunningPart, Unavailable};
use std::any::Any;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::{CancellationToken, DropGuard};
use twist::Twists;

shakedown_core::register_part!(FocusServer);

/// The part that stands in for the Focus Server.
pub(crate) struct FocusServer;

#[async_trait]
impl Part for FocusServer {
    const KIND: &'static str = "focus-api";
    const NEEDS: &'static [&'static str] = &["mongo", "k8s"];

    async fn start(cx: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        let options = SandboxOptions::read(&cx.options)
            .map_err(|why| unavailable("its options cannot be read", &why))?;
        let history = match cx.settings.get("mongo") {
            Some(settings) => Some(
                History::at(settings)
                    .await
                    .map_err(|error| unavailable("no way to the recordings", &error))?,
            ),
            None => None,
        };
        let shutdown = CancellationToken::new();
        let cluster =
            cx.handles.get("k8s").cloned().and_then(|handle| handle.downcast::<RunningCluster>().ok());
        let kubernetes = cluster.map(|cluster| Arc::new(FocusJobs::new(cluster)));
        let (mishaps, crashes) = Mishaps::new();
        let book = Arc::new(Book::new(cx.clock.now()));
        let server = Arc::new(Server {
            clock: cx.clock.clone(),
            desk: Desk::default(),
            strain: Strain::default(),
            jobs: Jobs::new(cx.clock.clone(), kubernetes.clone(), Arc::clone(&book), shutdown.clone()),
            book,
            planned: options.planned_api.then(Tasks::default),
            history,
            shutdown: shutdown.clone(),
            faults: Mutex::new(Faults::default()),
            mishaps,
            twists: Twists::default(),
            kubernetes,
        });
        let no_port =
            |error: std::io::Error| unavailable("no port of the loopback interface is free", &error);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let upstream = socket.local_addr().map_err(no_port)?;
        let proxy = Proxy::start(upstream).await.map_err(no_port)?;
        let front = Front::open(&server).await.map_err(no_port)?;
        let router = routes::router(Arc::clone(&server)).into_make_service_with_connect_info::<Doom>();
        let serving = axum::serve(Door(socket), router);
        let serving = tokio::spawn(async move {
            if let Err(error) = serving.with_graceful_shutdown(shutdown.cancelled_owned()).await {
                tracing::error!(%error, "the simulated Focus Server has failed");
            }
        });
        let base_url = format!("http://{}{}/", proxy.address(), routes::PREFIX);
        let stop = server.shutdown.clone().drop_guard();
        let serving = Arc::new(Serving::new(proxy, serving));
        tokio::spawn(go_down_and_up(Arc::clone(&serving), crashes, server.shutdown.clone()));
        Ok(Box::new(Running { base_url, front, server, serving, _stop: stop }))
    }
}

/// Takes the server away as often and as long as it is told to.
async fn go_down_and_up(
    serving: Arc<Serving>,
    mut crashes: UnboundedReceiver<Duration>,
    shutdown: CancellationToken,
) {
    let told = async {
        while let Some(duration) = crashes.recv().await {
            // A server that is stopped stays away.
            let _ = serving.set(Mode::Away).await;
            tokio::time::sleep(duration).await;
            let _ = serving.set(Mode::Pass).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = told => {}
    }
}

fn unavailable(what: &str, error: &dyn Display) -> Unavailable {
    Unavailable {
        part: FocusServer::KIND.to_owned(),
        reason: format!("{what}: {error}"),
        command: "shakedown doctor".to_owned(),
    }
}

/// Can be asked what the server did.
pub(crate) struct Witness(Arc<Server>);

impl Witness {
    /// What it did so far.
    pub(crate) fn truth(&self) -> Truth {
        self.0.truth()
    }
}

/// The server while it runs.
struct Running {
    base_url: String,
    front: Front,
    server: Arc<Server>,
    serving: Arc<Serving>,
    _stop: DropGuard,
}

#[async_trait]
impl RunningPart for Running {
    fn settings(&self) -> Value {
        let mut settings = json!({ "base_url": self.base_url });
        self.front.describe(&mut settings);
        settings
    }

    fn handle(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(Witness(Arc::clone(&self.server))))
    }

    fn exports(&self) -> Vec<(String, String)> {
        vec![("SHAKEDOWN_LOCAL_FOCUS_URL".to_owned(), self.base_url.clone())]
    }

    async fn inject(&self, fault: &str) -> Result<(), String> {
        let known = Fault::named(fault).ok_or_else(|| format!("the Focus Server has no fault `{fault}`"))?;
        let mode = match known {
            Fault::Away => Mode::Away,
            Fault::Silent => Mode::Silent,
            Fault::Slow => Mode::Slow(Duration::from_secs(1)),
            Fault::Garbage => Mode::Garbage,
            other => {
                self.server.turn_on(other);
                return Ok(());
            }
        };
        let set = self.serving.set(mode).await;
        set.map_err(|Stopped| format!("`{fault}` comes too late: the Focus Server is stopped"))
    }

    async fn stop(&self) {
        self.server.shutdown.cancel();
        self.server.jobs.close();
        self.serving.stop().await;
    }
}
