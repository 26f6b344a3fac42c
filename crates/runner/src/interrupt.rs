//! Ending a run before its time.

use std::sync::Arc;
use tokio::sync::watch;

/// A handle with which a signal, a deadline or a first failure ends a run tidily. Clones share the same state.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<watch::Sender<Option<String>>>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Interrupt {
    /// Ends the run; `by` says what did, for example `SIGINT`. Only the first call counts.
    pub fn raise(&self, by: &str) {
        self.0.send_if_modified(|raised| {
            let first = raised.is_none();
            if first {
                *raised = Some(by.to_owned());
            }
            first
        });
    }

    /// What ended the run, where something did.
    pub fn raised(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Returns once the run is ended.
    pub async fn wait(&self) -> String {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot end in an error.
        let raised = receiver.wait_for(Option::is_some).await.map(|raised| raised.clone());
        raised.ok().flatten().unwrap_or_default()
    }
}
