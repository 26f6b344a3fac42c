//! The simulated Focus Server, over HTTP, on a clock that is moved by hand.

mod contract;
mod faults;
mod history;
mod jobs;
mod load;
mod planned;
mod security;
mod twists;

use crate::support::{complete, registry};
use jiff::Timestamp;
use mongodb::bson::{Document, doc};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use shakedown_core::Clock;
use shakedown_core::registry::Entries;
use shakedown_core::sandbox::{PartContext, RunningPart};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything here may take before it counts as hanging.
const BOUND: Duration = Duration::from_secs(20);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
const NOW: i64 = 1_763_886_600;

/// What the server runs in.
enum Home {
    /// Nothing: there is no database.
    Alone(Box<dyn RunningPart>),
    /// A sandbox with a database.
    Sandbox(Sandbox),
}

/// A running server and a client of it.
struct Focus {
    home: Home,
    clock: Clock,
    client: Client,
    base: String,
    /// What a plugin is told of the server.
    settings: Value,
}

impl Focus {
    async fn start(options: Value, faults: &[&str]) -> Self {
        let clock = Clock::manual(Timestamp::from_second(NOW).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let cx = PartContext {
            clock: clock.clone(),
            directory: directory.path().to_owned(),
            options,
            settings: BTreeMap::new(),
            handles: BTreeMap::new(),
        };
        let parts = Entries::linked().parts;
        let spec = parts.iter().find(|part| part.kind == "focus-api").unwrap();
        let part = (spec.start)(&cx).await.unwrap();
        for fault in faults {
            part.inject(fault).await.unwrap();
        }
        let settings = part.settings();
        Self::at(&settings, clock, Home::Alone(part))
    }

    /// With a database of some recordings. None where that cannot be had; in CI that is a failure.
    async fn with_history() -> Option<Self> {
        let clock = Clock::manual(Timestamp::from_second(NOW).unwrap());
        let kinds = Some(["focus-api".to_owned()].into());
        let options = Options { clock: clock.clone(), options: json!({"recordings": 200}), kinds };
        let sandbox = complete(Sandbox::start(&registry(), options).await.unwrap())?;
        let settings = sandbox.settings()["focus-api"].clone();
        Some(Self::at(&settings, clock, Home::Sandbox(sandbox)))
    }

    fn at(settings: &Value, clock: Clock, home: Home) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = settings["base_url"].as_str().unwrap().to_owned();
        let client = Client::builder().timeout(BOUND).no_proxy().build().unwrap();
        Self { home, clock, client, base, settings: settings.clone() }
    }

    async fn healthy() -> Self {
        Self::start(json!({}), &[]).await
    }

    async fn with(fault: &str) -> Self {
        Self::start(json!({}), &[fault]).await
    }

    async fn send(&self, method: Method, path: &str, body: &[u8]) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_vec());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, &[]).await
    }

    async fn configure(&self, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, "configure", body.to_string().as_bytes()).await
    }

    /// Configures and expects a job: its id, its port, the whole answer.
    async fn job(&self, body: &Value) -> (String, u16, Value) {
        let (status, answer) = self.configure(body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let port = u16::try_from(answer["stream_port"].as_u64().unwrap()).unwrap();
        (answer["job_id"].as_str().unwrap().to_owned(), port, answer)
    }

    async fn inject(&self, fault: &str) -> Result<(), String> {
        match &self.home {
            Home::Alone(part) => part.inject(fault).await,
            Home::Sandbox(sandbox) => sandbox.inject(fault).await.map_err(|error| error.to_string()),
        }
    }

    async fn job_status(&self, id: &str) -> String {
        let (status, answer) = self.get(&format!("metadata/{id}")).await;
        if status == StatusCode::OK {
            answer["status"].as_str().unwrap().to_owned()
        } else {
            status.to_string()
        }
    }

    /// The status and the sentence of a refusal of a live request that is changed in one place.
    async fn refusal(&self, pointer: &str, value: Value) -> String {
        let (status, answer) = self.configure(&changed(pointer, value)).await;
        format!("{} {}", status.as_u16(), answer["detail"].as_str().unwrap_or(&answer.to_string()))
    }

    /// Marks every recording of its database as deleted.
    async fn delete_all_recordings(&self) {
        let Home::Sandbox(sandbox) = &self.home else { panic!("there is no database") };
        let mongo = &sandbox.settings()["mongo"];
        let client = mongodb::Client::with_uri_str(mongo["uri"].as_str().unwrap()).await.unwrap();
        let database = client.database(mongo["database"].as_str().unwrap());
        let wanted = doc! { "base_path": mongo["base_path"].as_str().unwrap(), "is_archive": false };
        let base = database.collection::<Document>("base_paths").find_one(wanted).await.unwrap().unwrap();
        let recordings = database.collection::<Document>(base.get_str("guid").unwrap());
        let marked = recordings.update_many(doc! {}, doc! { "$set": { "deleted": true } }).await.unwrap();
        assert!(marked.modified_count > 0);
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn stop(self) {
        let stop = async {
            match self.home {
                Home::Alone(part) => part.stop().await,
                Home::Sandbox(sandbox) => sandbox.stop().await,
            }
        };
        timeout(BOUND, stop).await.unwrap();
    }
}

fn live() -> Value {
    json!({
        "displayTimeAxisDuration": 30, "nfftSelection": 1024, "displayInfo": {"height": 1000},
        "channels": {"min": 1, "max": 8}, "frequencyRange": {"min": 0, "max": 1000},
        "start_time": null, "end_time": null, "view_type": 0,
    })
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut body = live();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn without(object: &str, key: &str) -> Value {
    let mut body = live();
    body.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    body
}

fn historic(start: i64, end: i64) -> Value {
    let mut body = changed("/start_time", json!(start));
    body["end_time"] = json!(end);
    body
}

/// Waits until the port refuses connections.
async fn closed(port: u16) {
    timeout(BOUND, async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the port of an ended job must be closed");
}

/// Connects as an HTTP/2 client and reads the server's settings.
async fn attach(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&EMPTY_SETTINGS).await.unwrap();
    let mut answer = [0; 18];
    timeout(BOUND, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer[..9], EMPTY_SETTINGS);
    assert_eq!(answer[9..], SETTINGS_ACK);
    stream
}
