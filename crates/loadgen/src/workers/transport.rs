//! Ways to a worker: a thread of this program, or a process on this machine. The protocol knows nothing of them.

use super::worker::{self, Scenarios};
use crate::scenario::Scenario;
use shakedown_core::{Clock, async_trait};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How much of what a worker process wrote last to its standard error is kept.
const LAST_WORDS: usize = 4 << 10;

/// How long a worker that has been told to end may take before it is left to itself, or killed.
const FAREWELL: Duration = Duration::from_secs(5);

/// Opens ways to workers.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Starts worker `index`, or connects to it.
    ///
    /// # Errors
    /// Why there is none, in words.
    async fn open(&self, index: u32) -> Result<Link, String>;

    /// Whether the worker builds its scenario by name, rather than being given one.
    fn by_name(&self) -> bool;
}

/// The way to one worker. Dropping it ends the worker.
pub struct Link {
    /// What the worker says.
    pub from: Box<dyn AsyncRead + Send + Unpin>,
    /// What it is told.
    pub to: Box<dyn AsyncWrite + Send + Unpin>,
    /// What keeps it alive.
    pub hold: Box<dyn Hold>,
}

/// What keeps a worker alive: dropping it ends the worker.
#[async_trait]
pub trait Hold: Send {
    /// Lets a worker that is done end by itself; ends it after a while.
    async fn release(&mut self);

    /// What it said last besides messages, for example on its standard error.
    fn last_words(&self) -> Option<String> {
        None
    }
}

/// Each worker is a thread of this program with an engine of its own, and all have the same scenario.
pub struct Threads {
    scenario: Arc<dyn Scenario>,
    clock: Clock,
}

impl Threads {
    /// Workers that run this scenario.
    pub fn new(scenario: Arc<dyn Scenario>, clock: Clock) -> Self {
        Self { scenario, clock }
    }
}

#[async_trait]
impl Transport for Threads {
    async fn open(&self, index: u32) -> Result<Link, String> {
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        let (from, to) = tokio::io::split(ours);
        let (input, output) = tokio::io::split(theirs);
        let scenarios = Scenarios::Given(Arc::clone(&self.scenario));
        let (clock, gone) = (self.clock.clone(), CancellationToken::new());
        let ended = gone.clone();
        std::thread::Builder::new()
            .name(format!("load-worker-{index}"))
            .spawn(move || {
                let _says_so_at_the_end = ended.drop_guard();
                worker::run(input, output, scenarios, clock)
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Link { from: Box::new(from), to: Box::new(to), hold: Box::new(Thread { gone }) })
    }

    fn by_name(&self) -> bool {
        false
    }
}

/// A thread ends by itself once its stream is closed; nothing can end it from without.
struct Thread {
    gone: CancellationToken,
}

#[async_trait]
impl Hold for Thread {
    async fn release(&mut self) {
        let _left_to_itself = tokio::time::timeout(FAREWELL, self.gone.cancelled()).await;
    }
}

/// Each worker is a process on this machine that speaks over its standard streams.
pub struct Processes {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Processes {
    /// Workers that are this program again, called with these arguments, which make it call
    /// [`worker_main`](super::worker_main).
    ///
    /// # Errors
    /// That the system does not tell where this program lies.
    pub fn again(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot tell where this program lies: {error}"))?;
        Ok(Self { program, arguments: arguments.into_iter().map(Into::into).collect() })
    }
}

#[async_trait]
impl Transport for Processes {
    async fn open(&self, _: u32) -> Result<Link, String> {
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        let streams = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(to), Some(from), Some(errors)) = streams else {
            return Err(format!("{} has no standard streams", self.program.display()));
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn(listen(errors, Arc::clone(&said)));
        let hold = Process { child: process, said, listener };
        Ok(Link { from: Box::new(from), to: Box::new(to), hold: Box::new(hold) })
    }

    fn by_name(&self) -> bool {
        true
    }
}

/// A child process. It is killed by its own id when dropped.
struct Process {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

#[async_trait]
impl Hold for Process {
    async fn release(&mut self) {
        if tokio::time::timeout(FAREWELL, self.child.wait()).await.is_err() {
            let _gone_already = self.child.kill().await;
        }
    }

    fn last_words(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Keeps the end of what is written to a stream.
async fn listen(mut errors: impl AsyncRead + Unpin, said: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = errors.read(&mut chunk).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&chunk[..length]);
        let surplus = said.len().saturating_sub(LAST_WORDS);
        said.drain(..surplus);
    }
}
