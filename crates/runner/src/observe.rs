//! Asks the observers of all targets what is used now.

use crate::bounded::{Unanswered, bounded};
use crate::bus::Bus;
use crate::pool::Pool;
use shakedown_core::duration::brief;
use shakedown_core::event::EventKind;
use shakedown_core::{Clock, ObserveContext, Observed, ObserverSpec, Reading, Registry};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long an observer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The observers of a run.
pub(crate) struct Observers {
    specs: Vec<&'static ObserverSpec>,
    workers: Handle,
    clock: Clock,
    /// Targets that were away when they were first looked at, and why: nobody waits for them again.
    away: Mutex<BTreeMap<&'static str, String>>,
}

impl Observers {
    pub(crate) fn new(registry: &Registry, workers: Handle, clock: Clock) -> Self {
        Self { specs: registry.observers().to_vec(), workers, clock, away: Mutex::default() }
    }

    /// What each observer of a configured target sees, all asked at once.
    pub(crate) async fn observe(&self, pool: &Pool, bus: &Bus) -> Vec<Observed> {
        let configured = self.specs.iter().filter(|spec| pool.kinds().any(|kind| kind == spec.target));
        let asked = configured.map(|spec| async move {
            let readings = self.ask(spec, pool, bus).await;
            let (observer, target) = (spec.id.to_owned(), spec.target.to_owned());
            Observed { observer, target, at: self.clock.now(), readings }
        });
        futures_util::future::join_all(asked).await
    }

    async fn ask(&self, spec: &ObserverSpec, pool: &Pool, bus: &Bus) -> Result<Vec<Reading>, String> {
        let known_away = self.away.lock().unwrap_or_else(PoisonError::into_inner).get(spec.target).cloned();
        if let Some(error) = known_away {
            return Err(error);
        }
        let (target, is_new) = pool.look(spec.target).await.map_err(|error| {
            let error = error.to_string();
            self.away.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.target, error.clone());
            error
        })?;
        if is_new {
            let info = target.info().clone();
            bus.emit(EventKind::TargetConnected { target: spec.target.to_owned(), info });
        }
        let cx = ObserveContext { deadline: Instant::now() + PATIENCE };
        match bounded(&self.workers, PATIENCE, (spec.observe)(target.client(), cx)).await {
            Ok(readings) => readings.map_err(|error| error.to_string()),
            Err(Unanswered::Panicked) => Err("the observer panicked".to_owned()),
            Err(Unanswered::TimedOut) => Err(format!("no answer within {}", brief(PATIENCE))),
        }
    }
}
