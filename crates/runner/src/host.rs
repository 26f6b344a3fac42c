//! What a running check is offered.

use crate::bus::Bus;
use crate::evidence::EvidenceStore;
use crate::ledger::Ledger;
use crate::observe::Observers;
use crate::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use shakedown_core::context::{Host, Progress};
use shakedown_core::event::EventKind;
use shakedown_core::ledger::Resource;
use shakedown_core::{Evidence, EvidenceRef, Finding, Observed, Outcome, TargetError, async_trait};
use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What checks noted last of how far they were, and when.
pub(crate) type Checkpoints = HashMap<String, (Value, Timestamp)>;

/// The host of all checks of a run.
pub(crate) struct RunHost {
    pub(crate) bus: Bus,
    pub(crate) pool: Pool,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) evidence: EvidenceStore,
    observers: Observers,
    began: Timestamp,
    /// How far checks were in the run that this one goes on with.
    checkpoints: Checkpoints,
    findings: Mutex<Vec<(String, Finding)>>,
}

impl RunHost {
    pub(crate) fn new(
        bus: Bus,
        pool: Pool,
        observers: Observers,
        began: Timestamp,
        ledger: Option<Ledger>,
        evidence: EvidenceStore,
        checkpoints: Checkpoints,
    ) -> Self {
        Self { bus, pool, ledger, evidence, observers, began, checkpoints, findings: Mutex::default() }
    }

    /// Remembers what a check has found, for those that come after it.
    pub(crate) fn remember(&self, check: &str, outcome: &Outcome) {
        let found = outcome.all_findings().map(|finding| (check.to_owned(), finding.clone()));
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }
}

#[async_trait]
impl Host for RunHost {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        Ok(self.pool.client(kind).await?.client())
    }

    fn attach(&self, check: &str, evidence: Evidence) -> io::Result<EvidenceRef> {
        let kept = self.evidence.keep(check, evidence, self.bus.redactor())?;
        self.bus.emit(EventKind::Evidence { check: check.to_owned(), evidence: kept.clone() });
        Ok(kept)
    }

    fn created(&self, check: &str, resource: Resource) -> io::Result<()> {
        if let Some(ledger) = &self.ledger {
            ledger.created(check, resource.clone())?;
        }
        self.bus.emit(EventKind::Created { check: check.to_owned(), resource });
        Ok(())
    }

    fn removed(&self, _check: &str, resource: &Resource) -> io::Result<()> {
        if let Some(ledger) = &self.ledger {
            ledger.settled(resource)?;
        }
        let removal = Some(shakedown_core::ledger::Removal::Removed);
        self.bus.emit(EventKind::CleanedUp { resource: resource.clone(), removal, error: None });
        Ok(())
    }

    fn began(&self) -> Option<Timestamp> {
        Some(self.began)
    }

    async fn observe(&self) -> Vec<Observed> {
        self.observers.observe(&self.pool, &self.bus).await
    }

    fn checkpoint(&self, check: &str, state: Value) {
        self.bus.emit(EventKind::Checkpoint { check: check.to_owned(), state });
    }

    fn resumed(&self, check: &str) -> Option<(Value, Timestamp)> {
        self.checkpoints.get(check).cloned()
    }

    fn progress(&self, check: &str, progress: Progress) {
        self.bus.progress(check, progress);
    }

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
