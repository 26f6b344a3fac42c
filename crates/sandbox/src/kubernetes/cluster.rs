//! The simulated cluster: its objects, and the task that keeps them alive.

use super::breakage;
use super::bulk;
use super::chores::Chore;
use super::error::ApiError;
use super::faults::{Fault, Faults};
use super::keeper::{Keeper, Request, Task};
use super::kinds::JOB;
use super::kubelet::Kubelet;
use super::process::Exit;
use super::seed;
use super::store::Store;
use crate::options::SandboxOptions;
use serde_json::Value;
use shakedown_core::Clock;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a fault that takes its time may take to show, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// How long ago the cluster was made, as far as its objects tell.
const AGE: Duration = Duration::from_hours(72);

/// A running cluster. It ends with its token, and its processes with it.
pub(crate) struct Cluster {
    pub(crate) store: Arc<Store>,
    pub(crate) kubelet: Arc<Kubelet>,
    pub(crate) clock: Clock,
    /// A private directory of the sandbox.
    pub(crate) directory: PathBuf,
    faults: Mutex<Faults>,
    requests: mpsc::UnboundedSender<Request>,
    keeping: Mutex<Option<JoinHandle<()>>>,
    shutdown: CancellationToken,
}

impl Cluster {
    /// A cluster with its nodes and components, healthy, kept alive until `shutdown`.
    ///
    /// # Errors
    /// It could not be filled.
    pub(crate) fn start(
        clock: Clock,
        directory: PathBuf,
        options: &SandboxOptions,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, ApiError> {
        let (keeper, exited) = found(&clock, options, &shutdown)?;
        let (store, kubelet) = (Arc::clone(&keeper.store), Arc::clone(&keeper.kubelet));
        let (requests, requested) = mpsc::unbounded_channel();
        let keeping = tokio::spawn(keeper.run(requested, exited));
        Ok(Arc::new(Self {
            store,
            kubelet,
            clock,
            directory,
            faults: Mutex::default(),
            requests,
            keeping: Mutex::new(Some(keeping)),
            shutdown,
        }))
    }

    /// The faults that are on now.
    pub(super) fn faults(&self) -> Faults {
        self.lock().clone()
    }

    /// Turns a fault on, and returns when the cluster shows it. A fault of the interface shows with the next request.
    pub(super) async fn inject(&self, fault: Fault) {
        let is_new = self.lock().turn_on(fault);
        if !is_new {
            return;
        }
        let (done, shown) = oneshot::channel();
        self.ask(move |keeper| {
            breakage::inject(keeper, fault);
            keeper.settle_all();
            // Where nobody waits nobody needs to know.
            let _ = done.send(());
        });
        // An error would mean that the cluster has ended.
        let _ = shown.await;
        if fault == Fault::JobFailed {
            // The Job is given up when its pod has ended, in its own time.
            let _ = tokio::time::timeout(PATIENCE, self.until_a_job_has_failed()).await;
        }
    }

    async fn until_a_job_has_failed(&self) {
        let failed = |job: &Arc<Value>| {
            let conditions = job["status"]["conditions"].as_array();
            conditions.into_iter().flatten().any(|condition| condition["type"] == "Failed")
        };
        while !self.store.list(&JOB, None).0.iter().any(failed) {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has something done between two looks of the controllers, without waiting for it.
    pub(super) fn ask(&self, what: impl FnOnce(&mut Keeper) + Send + 'static) {
        // An error would mean that the cluster has ended.
        let _ = self.requests.send(Box::new(what));
    }

    /// Ends the cluster, and returns when its processes are gone.
    pub(crate) async fn stop(&self) {
        self.shutdown.cancel();
        let keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeping) = keeping {
            // That it panicked would be no reason to wait any longer.
            let _ = keeping.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A cluster with its nodes and components, healthy; its keeper has not begun to work.
pub(super) fn found(
    clock: &Clock,
    options: &SandboxOptions,
    shutdown: &CancellationToken,
) -> Result<(Keeper, mpsc::UnboundedReceiver<Exit>), ApiError> {
    let store = Store::new(clock.clone());
    let kubelet = Kubelet::new(Arc::clone(&store), clock.clone());
    let (mut keeper, exited) =
        Keeper::new(Arc::clone(&store), kubelet, clock.clone(), executables(options), shutdown.clone());
    let (pods, events) = (options.pods as usize, options.events as usize);
    let made = clock.now() - AGE;
    keeper.seeding = Some(made);
    seed::plant(&store, made, pods)?;
    keeper.settle_all();
    bulk::plant(&mut keeper, pods, events)?;
    keeper.settle_all();
    keeper.seeding = None;
    keeper.soon(Task::Chore(Chore::Heartbeat));
    Ok((keeper, exited))
}

/// The paths of our own executables.
fn executables(options: &SandboxOptions) -> Vec<String> {
    let own = std::env::current_exe().ok().map(|path| path.to_string_lossy().into_owned());
    own.into_iter().chain(options.executable.clone()).collect()
}
