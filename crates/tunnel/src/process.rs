//! The `ssh` that holds a tunnel open: started, listened to, and ended with the tunnel.

use crate::config::Route;
use crate::error::TunnelError;
use crate::settings::TunnelSettings;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many lines of `ssh` are kept.
const MOST_LINES: usize = 50;

/// Longer lines are cut.
const LONGEST_LINE: u64 = 400;

/// The port for the tunnel is free when we look, and may be gone when `ssh` takes it.
const TRIES: usize = 3;

/// How long an error may take to be written after the connection broke.
const ECHO: Duration = Duration::from_millis(300);

/// How far a tunnel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Ended,
}

/// An open way to one address. It ends when this is dropped.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    route: String,
    lines: Arc<Mutex<VecDeque<String>>>,
    state: watch::Receiver<State>,
    // The task owns the process, which is killed with it.
    keeper: JoinHandle<()>,
}

impl Tunnel {
    /// Opens a way to `host` and `port`, which the last hop resolves. It is open when this returns.
    ///
    /// # Errors
    /// Which host does not let us through, and why.
    pub async fn open(
        settings: &TunnelSettings,
        host: &str,
        port: u16,
        within: Duration,
    ) -> Result<Self, TunnelError> {
        let route = Route::new(settings, host, port)?;
        let deadline = Instant::now() + within;
        for _ in 1..TRIES {
            match Self::attempt(&route, deadline).await {
                Err(error) if error.message.contains("Address already in use") => {}
                answer => return answer,
            }
        }
        Self::attempt(&route, deadline).await
    }

    async fn attempt(route: &Route, deadline: Instant) -> Result<Self, TunnelError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let port = free_port().await.map_err(|error| here("no port is free", &error))?;
        let directory = tempfile::Builder::new()
            .prefix("shakedown-tunnel-")
            .tempdir()
            .map_err(|error| here("no private directory can be made", &error))?;
        let config = directory.path().join("ssh_config");
        std::fs::write(&config, route.config(left))
            .map_err(|error| here("its configuration cannot be written", &error))?;
        let program = which::which("ssh").map_err(|_| {
            TunnelError::settings("no `ssh` is on the PATH: install the OpenSSH client to use a tunnel")
        })?;
        let mut ssh = Command::new(program)
            .arg("-F")
            .arg(&config)
            .args(["-N", "-T", "-L", &format!("127.0.0.1:{port}:{}", route.end), "--", &route.last()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| here("`ssh` cannot be started", &error))?;
        let stderr = ssh.stderr.take();
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, state) = watch::channel(State::Opening);
        let keeper = tokio::spawn(keep(ssh, stderr, directory, Arc::clone(&lines), tell, port));
        let mut tunnel = Self { port, route: route.shown(), lines, state, keeper };
        let settled = tunnel.state.wait_for(|state| *state != State::Opening);
        match tokio::time::timeout(left, settled).await.map(|state| state.map(|state| *state)) {
            Ok(Ok(State::Open)) => Ok(tunnel),
            Ok(_) => Err(tunnel.meaning()),
            Err(_) => Err(TunnelError::late(&tunnel.route)),
        }
    }

    /// Where the tunnel begins.
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// The hosts that it leads through.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Asked when a connection through the tunnel broke: why the tunnel is to blame for it, where it is. What the last
    /// host said of a connection is told once.
    pub async fn broken(&self) -> Option<TunnelError> {
        let deadline = Instant::now() + ECHO;
        loop {
            if *self.state.borrow() == State::Ended {
                return Some(self.meaning());
            }
            if let Some(line) = self.take_refusal() {
                return Some(TunnelError::of_lines(&[line], &self.route));
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(ECHO / 10).await;
        }
    }

    fn take_refusal(&self) -> Option<String> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let place = lines.iter().position(|line| line.contains("open failed:"))?;
        lines.remove(place)
    }

    fn meaning(&self) -> TunnelError {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        TunnelError::of_lines(&lines.iter().cloned().collect::<Vec<_>>(), &self.route)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Listens to `ssh` until it ends.
async fn keep(
    mut ssh: Child,
    stderr: Option<ChildStderr>,
    directory: TempDir,
    lines: Arc<Mutex<VecDeque<String>>>,
    tell: watch::Sender<State>,
    port: u16,
) {
    let mut listening = pin!(listen(stderr, &lines, &tell, port));
    tokio::select! {
        () = &mut listening => {
            let _ = ssh.wait().await;
        }
        // The `ssh` of the first hop may outlive that of the second for a moment, with something to say.
        _ = ssh.wait() => {
            let _ = tokio::time::timeout(ECHO, listening).await;
        }
    }
    tell.send_replace(State::Ended);
    drop(directory);
}

/// Keeps what `ssh` says, until it says no more.
async fn listen(
    stderr: Option<ChildStderr>,
    lines: &Mutex<VecDeque<String>>,
    tell: &watch::Sender<State>,
    port: u16,
) {
    let Some(stderr) = stderr else { return };
    // The port is named before it is open. The session begins after that; the one of the first of two hops began before.
    let listening = format!("Local forwarding listening on 127.0.0.1 port {port}.");
    let mut is_named = false;
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line of any length costs no more than this; its rest is the next line.
        match (&mut stderr).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        is_named |= text.contains(&listening);
        if is_named && text.contains("Entering interactive session") {
            tell.send_replace(State::Open);
        }
        if !text.is_empty() && !is_chatter(text) {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == MOST_LINES {
                lines.pop_front();
            }
            lines.push_back(text.chars().flat_map(char::escape_debug).collect());
        }
    }
}

/// Lines that say how it goes rather than what is wrong.
fn is_chatter(line: &str) -> bool {
    [
        "debug1:",
        "OpenSSH_",
        "Authenticated to",
        "Transferred:",
        "Bytes per second:",
        "Pseudo-terminal",
        "Warning: Permanently",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

fn here(what: &str, error: &io::Error) -> TunnelError {
    TunnelError::new(
        shakedown_core::TargetErrorKind::Settings,
        format!("{what} on this machine: {error}"),
        "see what this machine lacks",
    )
}
