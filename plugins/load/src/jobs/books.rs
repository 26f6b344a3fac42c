//! The books of jobs under load: which live, which room they take, and whether the server has asked for patience.

use shakedown_core::ledger::Resource;
use shakedown_core::{CheckError, Context};
use shakedown_focus::client::{FocusClient, Room};
use shakedown_loadgen::Failure;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server is left alone that answers 429 without saying how long.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest that a server is left alone, whatever it asks for.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// A job that lives, as far as is known.
pub(crate) struct Living {
    /// Its entry on the ledger.
    pub(crate) resource: Resource,
    /// The room that it takes.
    pub(crate) room: Room,
    /// Host and port of its stream.
    pub(crate) place: Option<(String, u16)>,
}

/// The books. They are shared by all users of a load.
pub(crate) struct Books {
    pub(crate) client: Arc<FocusClient>,
    cx: Context,
    living: Mutex<BTreeMap<String, Living>>,
    patient_until: Mutex<Option<Instant>>,
}

impl Books {
    pub(super) fn new(cx: Context, client: Arc<FocusClient>) -> Self {
        Self { client, cx, living: Mutex::default(), patient_until: Mutex::default() }
    }

    /// Room for a job, where there is some now.
    pub(crate) async fn room(&self) -> Option<Room> {
        self.client.room(&self.cx, Duration::ZERO).await.ok()
    }

    /// A request started no job, unless that cannot be known: then its room stays taken as long as a job may live. A
    /// server that asks for patience is given it.
    pub(super) fn refused(&self, room: Room, failure: &Failure) {
        let started_none = match failure {
            Failure::Connect(_) | Failure::Tls(_) | Failure::Throttled { .. } => true,
            // A gateway says nothing about what happened behind it.
            Failure::Status(status) => ![502, 504].contains(status),
            _ => false,
        };
        if started_none {
            room.release();
        }
        if let Failure::Throttled { retry_after } = failure {
            let until = Instant::now() + retry_after.unwrap_or(PATIENCE).min(MOST_PATIENCE);
            let mut patient = lock(&self.patient_until);
            *patient = Some(patient.map_or(until, |earlier| earlier.max(until)));
        }
    }

    /// How long the server still wants to be left alone.
    pub(super) fn patience_asked_for(&self) -> Option<Duration> {
        let until = (*lock(&self.patient_until))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// How long to wait between two requests so that the policy's rate is kept.
    pub(super) fn pause_between_requests(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.cx.limits.requests_per_second).unwrap_or_default()
    }

    /// Puts a job on the ledger.
    pub(super) fn started(&self, id: &str) -> Result<Resource, CheckError> {
        self.client.book(&self.cx, id)
    }

    /// A job lives.
    pub(super) fn keep(&self, job: Living) {
        lock(&self.living).insert(job.resource.id.clone(), job);
    }

    /// A job is about to be ended by whoever takes it.
    pub(crate) fn take(&self, id: &str) -> Option<Living> {
        lock(&self.living).remove(id)
    }

    /// The same for all jobs.
    pub(super) fn take_all(&self) -> Vec<Living> {
        std::mem::take(&mut *lock(&self.living)).into_values().collect()
    }

    /// A job has ended.
    pub(super) fn ended(&self, job: Living) -> Result<(), CheckError> {
        job.room.release();
        self.cx.removed(&job.resource)
    }

    /// The ids of the jobs that live.
    pub(crate) fn living(&self) -> Vec<String> {
        lock(&self.living).keys().cloned().collect()
    }
}

/// A panic elsewhere leaves the books as they are, and that is what they are for.
fn lock<T>(books: &Mutex<T>) -> MutexGuard<'_, T> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
