//! A private server process: started on a free port, shared by all sandboxes of this process, gone with the last.

use super::cache::{Cache, Storage};
use super::{BY_URI, PrivateServer, last_lines, unavailable};
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use shakedown_core::sandbox::Unavailable;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long a server may take until it answers.
const READY: Duration = Duration::from_mins(1);
/// How often a server is started again because somebody else took its port.
const PORT_ATTEMPTS: usize = 5;

/// Runs the server and kills it when standard input ends: when its owner stops it, or is gone, however it died.
/// The server's own exit status is passed on.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ read -r _ <&3; kill -KILL "$server"; } >/dev/null 2>&1 &
watch=$!
wait "$server"
status=$?
kill -KILL "$watch"
exit "$status"
"#;

/// A running private server. Dropping it kills the process and removes what it stored.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    process: Process,
    _storage: Storage,
}

/// What this process knows of its server.
enum Shared {
    /// None was started, or the last sandbox has stopped it.
    Server(Weak<Server>),
    /// None can be had; to find that out again would only take time.
    Unavailable(Unavailable),
}

static SHARED: Mutex<Shared> = Mutex::const_new(Shared::Server(Weak::new()));

impl Server {
    /// The server of this process, started where it does not run.
    pub(super) async fn shared() -> Result<Arc<Self>, Unavailable> {
        let mut shared = SHARED.lock().await;
        match &*shared {
            Shared::Unavailable(reason) => return Err(reason.clone()),
            Shared::Server(server) => {
                if let Some(server) = server.upgrade().filter(|server| server.process.is_alive()) {
                    return Ok(server);
                }
            }
        }
        match Self::start().await {
            Ok(server) => {
                let server = Arc::new(server);
                *shared = Shared::Server(Arc::downgrade(&server));
                Ok(server)
            }
            Err(reason) => {
                *shared = Shared::Unavailable(reason.clone());
                Err(reason)
            }
        }
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives up one share. Returns after the server is gone, if this was the last one.
    pub(super) async fn release(server: Arc<Self>) {
        // Killing it and removing its files blocks for some milliseconds.
        let _ = spawn_blocking(move || drop(server)).await;
    }

    async fn start() -> Result<Self, Unavailable> {
        let cache = Cache::open().map_err(|reason| unavailable(reason, BY_URI.to_owned()))?;
        let how = PrivateServer::find(&cache).await?;
        let failed =
            |reason: String| unavailable(format!("{} did not start: {reason}", how.name), BY_URI.to_owned());
        let mut taken = String::new();
        for _ in 0..PORT_ATTEMPTS {
            match Self::start_once(&cache, &how).await {
                Ok(server) => return Ok(server),
                Err(log) if log.contains("ddress already in use") => taken = log,
                Err(reason) => return Err(failed(reason)),
            }
        }
        Err(failed(taken))
    }

    async fn start_once(cache: &Cache, how: &PrivateServer) -> Result<Self, String> {
        let cache = cache.clone();
        let storage =
            spawn_blocking(move || Storage::create(&cache)).await.map_err(|error| error.to_string())?;
        let storage = storage.map_err(|error| format!("no directory for its data: {error}"))?;
        let prepared = fs::create_dir(storage.path("data"))
            .and_then(|()| fs::write(storage.path("config.toml"), ""))
            .and_then(|()| free_port());
        let port = prepared.map_err(|error| format!("failed to prepare it: {error}"))?;
        let log = storage.path("log");
        let process = Process::spawn(how, port, &storage.path(""), &log)
            .map_err(|error| format!("failed to run it: {error}"))?;
        let server = Self { address: (Ipv4Addr::LOCALHOST, port).into(), process, _storage: storage };
        server.wait_until_ready(how.ready, &log).await?;
        Ok(server)
    }

    /// Waits until the server itself says that it listens, since a port can be answered by somebody else's, and
    /// until it answers.
    async fn wait_until_ready(&self, ready: &str, log: &Path) -> Result<(), String> {
        let said = || String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
        let give_up = Instant::now() + READY;
        while !said().contains(ready) {
            if !self.process.is_alive() {
                return Err(format!("it ended: {}", last_lines(&said(), 12)));
            }
            if Instant::now() > give_up {
                return Err(format!(
                    "it was not ready within {} s: {}",
                    READY.as_secs(),
                    last_lines(&said(), 12)
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
        let left = give_up.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        ping(self.address, left).await.map_err(|error| format!("{error}: {}", last_lines(&said(), 12)))
    }
}

async fn ping(address: SocketAddr, patience: Duration) -> Result<(), mongodb::error::Error> {
    let mut options = ClientOptions::parse(format!("mongodb://{address}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(patience);
    let client = Client::with_options(options)?;
    client.database("admin").run_command(doc! { "ping": 1 }).await?;
    client.shutdown().await;
    Ok(())
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The watchdog's process, and with it the server's.
#[derive(Debug)]
struct Process(std::sync::Mutex<Child>);

impl Process {
    fn spawn(how: &PrivateServer, port: u16, storage: &Path, log: &Path) -> io::Result<Self> {
        let log = File::create(log)?;
        let child = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .args(&how.command)
            .args((how.arguments)(port, storage))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // An interrupt from the terminal goes to the whole group; the server must live until we stop it.
            .process_group(0)
            .spawn()?;
        Ok(Self(std::sync::Mutex::new(child)))
    }

    fn is_alive(&self) -> bool {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // `wait` closes standard input first, which tells the watchdog to kill the server.
        let _ = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

#[cfg(test)]
mod tests {
    use super::super::variable;
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;

    /// Set in the process that is to be killed.
    const HELPER: &str = "SHAKEDOWN_TEST_HOLD_SERVER";
    const PATIENCE: Duration = Duration::from_secs(30);

    /// This test binary again, as a process that holds a server.
    struct Helper {
        process: Child,
        /// Where its server listens, or why it has none.
        server: Result<SocketAddr, String>,
    }

    impl Helper {
        fn start(path: &std::ffi::OsStr) -> Self {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "mongo::server::tests::holds_a_server", "--ignored", "--nocapture"])
                .envs([(HELPER, "1".as_ref()), ("PATH", path)])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let said = BufReader::new(process.stdout.take().unwrap());
            let mut helper = Self { process, server: Err("the helper said nothing".to_owned()) };
            for line in said.lines().map(Result::unwrap) {
                if let Some((_, address)) = line.split_once("server at ") {
                    helper.server = Ok(address.parse().unwrap());
                    break;
                } else if let Some((_, reason)) = line.split_once("no server: ") {
                    helper.server = Err(reason.to_owned());
                    break;
                }
            }
            helper
        }

        /// SIGKILL: the process has no chance to do anything.
        fn kill(&mut self) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }

    impl Drop for Helper {
        fn drop(&mut self) {
            self.kill();
        }
    }

    #[tokio::test]
    #[ignore = "other tests run it in a process of its own, and kill it"]
    async fn holds_a_server() {
        if variable(HELPER).is_some() {
            match Server::shared().await {
                Ok(server) => {
                    println!("server at {}", server.address());
                    sleep(2 * PATIENCE).await;
                }
                Err(reason) => println!("no server: {reason}: {}", reason.command),
            }
        }
    }

    /// Whether the test cannot be done here; in CI that is a failure.
    fn skipped(reason: &str) {
        assert!(variable("CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
    }

    fn listens(address: SocketAddr) -> bool {
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    fn dies(address: SocketAddr) -> bool {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            if !listens(address) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    #[test]
    fn the_server_dies_with_a_killed_owner() {
        let mut owner = Helper::start(&variable("PATH").unwrap());
        let address = match &owner.server {
            Ok(address) => *address,
            Err(reason) => return skipped(reason),
        };
        assert!(listens(address));
        owner.kill();
        assert!(dies(address), "the server at {address} outlived its owner");
    }

    #[test]
    fn a_dead_server_is_noticed_and_quoted() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let how = PrivateServer {
            name: "broken",
            command: ["sh", "-c", "echo first; echo 'it has a cold' >&2; exit 3"].map(Into::into).into(),
            arguments: |_, _| Vec::new(),
            ready: "ready",
        };
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::at(home.path());
        let error = runtime.block_on(Server::start_once(&cache, &how)).unwrap_err();
        insta::assert_snapshot!(error, @"it ended: first | it has a cold");
    }

    #[test]
    fn mongod_on_the_path_comes_first() {
        let cache = Cache::open().unwrap();
        let installed =
            tokio::runtime::Runtime::new().unwrap().block_on(super::super::install::secantusdb(&cache));
        let Ok(secantusdb) = installed else {
            return skipped("secantusdb cannot be installed");
        };
        // Understands the arguments of `mongod` that the sandbox passes, and nothing else.
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("mongod");
        let python = secantusdb.command[0].to_str().unwrap();
        let text = format!(
            "#!/bin/sh\n[ \"$1 $2 $3 $6\" = '--bind_ip 127.0.0.1 --nounixsocket --port' ] && [ \"$8\" = --dbpath ] || exit 9\n\
             echo 'Waiting for connections'\n\
             exec '{python}' -I -m secantus --host 127.0.0.1 --port \"$7\" --storage-path \"$9\" --config \"$9/../config.toml\" --standalone\n"
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut path = directory.path().as_os_str().to_owned();
        path.push(":");
        path.push(variable("PATH").unwrap());
        let mut owner = Helper::start(&path);
        let address = *owner.server.as_ref().unwrap();
        assert!(listens(address));
        owner.kill();
        assert!(dies(address));
    }
}
