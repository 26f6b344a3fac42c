//! A simulated server while it runs: the proxy before it, and the task that serves.

use crate::proxy::{Mode, Proxy};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long requests that are being served may hold up the end.
const GRACE: Duration = Duration::from_secs(2);

/// A server behind its proxy, until it is stopped.
pub(crate) struct Serving {
    /// None once it is stopped.
    proxy: tokio::sync::Mutex<Option<Proxy>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// It is stopped.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Serving {
    pub(crate) fn new(proxy: Proxy, task: JoinHandle<()>) -> Self {
        Self { proxy: tokio::sync::Mutex::new(Some(proxy)), task: Mutex::new(Some(task)) }
    }

    /// Has the proxy behave so.
    pub(crate) async fn set(&self, mode: Mode) -> Result<(), Stopped> {
        match &*self.proxy.lock().await {
            Some(proxy) => {
                proxy.set(mode).await;
                Ok(())
            }
            None => Err(Stopped),
        }
    }

    /// Closes the proxy, and returns when the task, which has been told to end, is gone.
    pub(crate) async fn stop(&self) {
        drop(self.proxy.lock().await.take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}
