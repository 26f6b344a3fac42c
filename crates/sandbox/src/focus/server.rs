//! What the server knows: its faults, its jobs and tasks, its recordings, its clock.

use super::capacity::{Book, Desk, Strain, Truth};
use super::errors::Refusal;
use super::faults::{Fault, Faults};
use super::history::{History, HistoryError};
use super::jobs::Jobs;
use super::mishaps::Mishaps;
use super::planned::Tasks;
use super::twist::Twists;
use super::validate::Range;
use crate::kubernetes::FocusJobs;
use axum::http::StatusCode;
use shakedown_core::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The state behind every route.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) clock: Clock,
    pub(super) desk: Desk,
    pub(super) strain: Strain,
    pub(super) book: Arc<Book>,
    pub(super) jobs: Arc<Jobs>,
    /// The tasks of the planned API, where it is served.
    pub(super) planned: Option<Tasks>,
    pub(super) history: Option<History>,
    pub(super) shutdown: CancellationToken,
    pub(super) faults: Mutex<Faults>,
    pub(super) mishaps: Mishaps,
    pub(super) twists: Twists,
    /// The cluster that it runs in, where there is one.
    pub(super) kubernetes: Option<Arc<FocusJobs>>,
}

impl Server {
    /// The faults that are on now. A request is served under those that were on when it came.
    pub(super) fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Turns a fault on.
    pub(super) fn turn_on(&self, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).turn_on(fault);
    }

    /// What it did.
    pub(super) fn truth(&self) -> Truth {
        self.book.truth(self.jobs.active())
    }

    /// Logs how a configuration was answered, where somebody can read it.
    pub(super) fn log_configuration(&self, status: StatusCode) {
        let Some(kubernetes) = &self.kubernetes else { return };
        if status == StatusCode::SERVICE_UNAVAILABLE && self.faults().has(Fault::WaitingForFiber) {
            let why = "Cannot proceed: Missing required fiber metadata fields: prr";
            kubernetes.log(format!("ERROR:    Cannot configure job - validation failed: {why}"));
        }
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            kubernetes.log("ERROR:    Exception in ASGI application".to_owned());
        }
        kubernetes.log(format!(
            "INFO:     198.51.100.1:40112 - \"POST /focus-server/configure HTTP/1.1\" {status}"
        ));
    }

    /// What was recorded of a range (epoch seconds); nothing, where there is no database.
    pub(super) async fn recorded(&self, range: Range) -> Result<Vec<(i64, i64)>, Refusal> {
        match &self.history {
            Some(history) => history.within(range).await.map_err(|error| database_down(&error)),
            None => Ok(Vec::new()),
        }
    }

    /// Refuses a range (epoch seconds) of which nothing was recorded.
    pub(super) async fn require_recordings(&self, range: Range) -> Result<(), Refusal> {
        if let Some(history) = &self.history
            && history.covers(range).await.map_err(|error| database_down(&error))?
        {
            return Ok(());
        }
        Err(Refusal::not_found(format!(
            "No recordings found in the time range {} to {}",
            range.min, range.max
        )))
    }
}

/// Says that the database does not answer. Why is for the server's log only.
fn database_down(error: &HistoryError) -> Refusal {
    tracing::debug!(%error, "the simulated Focus Server has no answer from its database");
    Refusal::unavailable("Recordings database is not available")
}
