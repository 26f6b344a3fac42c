//! The part of the sandbox that stands in for __Title__, and its faults. Nothing but `/health` is simulated.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use shakedown_core::sandbox::{Part, PartContext, RunningPart, Unavailable};
use shakedown_core::{async_trait, register_faults, register_part};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

register_faults! {
    "__name__": {
        /// Jobs wait, and nobody does them.
        "__name__.backlogged",
        /// It accepts requests and never answers.
        "__name__.silent",
        /// Nobody listens.
        "__name__.away",
    }
}

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Backlogged,
    Silent,
    Away,
}

/// `GET /health`.
async fn health(State(mood): State<watch::Receiver<Mood>>) -> impl IntoResponse {
    let mood = *mood.borrow();
    let waiting = match mood {
        Mood::Well => 3,
        Mood::Backlogged => 5000,
        Mood::Silent | Mood::Away => std::future::pending().await,
    };
    ([(CONTENT_TYPE, "application/json")], json!({ "waiting": waiting }).to_string())
}

struct Simulation;

struct Running {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    server: JoinHandle<()>,
}

#[async_trait]
impl Part for Simulation {
    const KIND: &'static str = "__name__";
    const NEEDS: &'static [&'static str] = &[];

    async fn start(_: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        let missing = |error: std::io::Error| Unavailable {
            part: Self::KIND.to_owned(),
            reason: format!("no port on the loopback interface: {error}"),
            command: "ip link set lo up".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(missing)?;
        let address = listener.local_addr().map_err(missing)?;
        let (mood, felt) = watch::channel(Mood::Well);
        let app = Router::new().route("/health", get(health)).with_state(felt.clone());
        let server = tokio::spawn(async move {
            let serve = axum::serve(listener, app).with_graceful_shutdown(goes_away(felt));
            // It ends when it is told to, and never fails.
            drop(serve.await);
        });
        Ok(Box::new(Running { address, mood, server }))
    }
}

register_part!(Simulation);

/// Returns once it is to go away; its port is closed then, and so are connections on which nobody waits.
async fn goes_away(mut mood: watch::Receiver<Mood>) {
    // The other end is gone only where the part itself is.
    drop(mood.wait_for(|mood| *mood == Mood::Away).await);
}

#[async_trait]
impl RunningPart for Running {
    fn settings(&self) -> Value {
        json!({ "base_url": format!("http://{}", self.address) })
    }

    fn exports(&self) -> Vec<(String, String)> {
        vec![("__UPPER___URL".to_owned(), format!("http://{}", self.address))]
    }

    async fn inject(&self, fault: &str) -> Result<(), String> {
        let mood = match fault {
            "__name__.backlogged" => Mood::Backlogged,
            "__name__.silent" => Mood::Silent,
            "__name__.away" => Mood::Away,
            other => return Err(format!("there is no fault `{other}`")),
        };
        self.mood.send_replace(mood);
        Ok(())
    }

    async fn stop(&self) {
        self.mood.send_replace(Mood::Away);
        self.server.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}
