//! The MongoDB of the sandbox: a real server, a database of its own for each sandbox, a proxy before it.

mod cache;
mod dataset;
mod faults;
mod install;
mod provider;
mod rewrite;
mod seed;
mod server;
mod wire;

use crate::options::SandboxOptions;
use crate::proxy::{Mode, Proxy};
use dataset::Dataset;
use faults::Fault;
use mongodb::Database;
use mongodb::bson::doc;
use provider::Upstream;
use rewrite::Rewriter;
use serde_json::{Value, json};
use shakedown_core::sandbox::{Part, PartContext, RunningPart, Unavailable};
use shakedown_core::{Clock, async_trait, register_part};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use uuid::Uuid;

const KIND: &str = "mongo";
/// The path whose recordings Focus Server shows.
const BASE_PATH: &str = "/prisma/root/recordings";
/// The user that the settings log in with.
const USER: &str = "shakedown";

/// How long the sandbox itself waits for its server.
const PATIENCE: Duration = Duration::from_secs(10);
/// What helps where no private server can be had.
const BY_URI: &str = "export SHAKEDOWN_SANDBOX_MONGO_URI=mongodb://HOST:PORT";

/// MongoDB, as a part of the sandbox.
struct Mongo;

register_part!(Mongo);

#[async_trait]
impl Part for Mongo {
    const KIND: &'static str = KIND;
    const NEEDS: &'static [&'static str] = &[];

    async fn start(cx: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        let options = SandboxOptions::read(&cx.options)
            .map_err(|reason| unavailable(reason, "shakedown validate".to_owned()))?;
        let upstream = Upstream::find(options.mongo_uri).await?;
        match RunningMongo::start(upstream, options.recordings, cx.clock.clone()).await {
            Ok(running) => Ok(Box::new(running)),
            Err(error) => {
                Err(unavailable(format!("the database could not be prepared: {error}"), BY_URI.to_owned()))
            }
        }
    }
}

/// The one kind of error there is while a database is prepared or broken.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A seeded database behind a proxy.
struct RunningMongo {
    proxy: Proxy,
    /// The database, around the proxy, with the rights of the server's owner.
    database: Database,
    dataset: Dataset,
    clock: Clock,
    /// What a plugin connects with, through the proxy.
    uri: String,
    /// Whether the sandbox made the user that `uri` names.
    has_user: bool,
    upstream: Mutex<Option<Upstream>>,
    /// Changes what the server answers, once a fault needs that.
    rewriter: OnceCell<Rewriter>,
}

impl RunningMongo {
    async fn start(upstream: Upstream, recordings: u32, clock: Clock) -> Result<Self, Failure> {
        let name = format!("prisma_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let proxy = Proxy::start(upstream.address()).await?;
        let database = upstream.connect(&name).await?;
        let dataset = Dataset::new(recordings, clock.now());
        seed::fill(&database, &dataset).await?;

        let has_user = upstream.is_private();
        let uri = if has_user {
            let password = Uuid::new_v4().simple().to_string();
            let roles = vec![doc! { "role": "readWrite", "db": &name }];
            let user = doc! { "createUser": USER, "pwd": &password, "roles": roles };
            database.run_command(user).await?;
            let proxy = proxy.address();
            format!("mongodb://{USER}:{password}@{proxy}/?directConnection=true&authSource={name}")
        } else {
            upstream.uri_at(proxy.address())
        };
        direct_uris(|uris| uris.insert(name, upstream.uri_at(upstream.address())));
        let upstream = Mutex::new(Some(upstream));
        Ok(Self { proxy, database, dataset, clock, uri, has_user, upstream, rewriter: OnceCell::new() })
    }

    /// Where the server listens; `None` after the end.
    fn upstream_address(&self) -> Option<SocketAddr> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Upstream::address)
    }
}

#[async_trait]
impl RunningPart for RunningMongo {
    fn settings(&self) -> Value {
        json!({ "uri": self.uri, "database": self.database.name(), "base_path": BASE_PATH })
    }

    fn exports(&self) -> Vec<(String, String)> {
        vec![
            ("SHAKEDOWN_LOCAL_MONGO_URI".to_owned(), self.uri.clone()),
            ("SHAKEDOWN_LOCAL_MONGO_DATABASE".to_owned(), self.database.name().to_owned()),
        ]
    }

    async fn inject(&self, fault: &str) -> Result<(), String> {
        let known = Fault::named(fault).ok_or_else(|| format!("{KIND} has no such fault"))?;
        self.turn_on(known).await.map_err(|error| error.to_string())
    }

    async fn stop(&self) {
        let upstream = self.upstream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(upstream) = upstream else { return };
        direct_uris(|uris| uris.remove(self.database.name()));
        self.proxy.set(Mode::Away).await;
        if self.has_user {
            let _ = self.database.run_command(doc! { "dropUser": USER }).await;
        }
        if let Err(error) = self.database.drop().await {
            tracing::warn!(database = self.database.name(), %error, "the sandbox's database was not removed");
        }
        self.database.client().clone().shutdown().await;
        upstream.release().await;
    }
}

/// A server that the sandbox starts by itself: how to run it, and how it says that it is ready.
struct PrivateServer {
    name: &'static str,
    command: Vec<OsString>,
    /// Arguments for a port and a storage directory, in which `data` is an empty directory.
    arguments: fn(u16, &Path) -> Vec<OsString>,
    /// What its log says once it listens.
    ready: &'static str,
}

/// A variable of the environment, where it is set to something. Where a server may come from depends on the machine,
/// not on what is checked: this is the one place where the sandbox reads it.
#[expect(clippy::disallowed_methods, reason = "the machine's own set-up, which no configuration file knows")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn unavailable(reason: String, command: String) -> Unavailable {
    Unavailable { part: KIND.to_owned(), reason, command }
}

/// The last `count` lines that say something, on one line.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

/// How to reach a sandbox database around its proxy, for parts that must not suffer from the proxy's faults.
pub(crate) fn direct_uri(database: &str) -> Option<String> {
    direct_uris(|uris| uris.get(database).cloned())
}

fn direct_uris<T>(use_them: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
    static URIS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    use_them(&mut URIS.lock().unwrap_or_else(PoisonError::into_inner))
}
