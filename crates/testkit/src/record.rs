//! What a check is offered on the bench: the targets, and a memory of everything that it did.

use jiff::Timestamp;
use serde_json::Value;
use shakedown_core::context::{Host, Progress};
use shakedown_core::ledger::Resource;
use shakedown_core::target::LiveTarget;
use shakedown_core::{
    Clock, Evidence, EvidenceRef, Finding, Observed, TargetError, TargetErrorKind, async_trait,
};
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the checks on a bench can use, and what they left behind.
#[derive(Default)]
pub(crate) struct Record(Mutex<Kept>);

/// See the methods of [`Bench`](crate::Bench).
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) targets: BTreeMap<String, Arc<dyn LiveTarget>>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) created: Vec<Resource>,
    pub(crate) removed: Vec<Resource>,
    pub(crate) observed: Vec<Vec<Observed>>,
    pub(crate) checkpoint: Option<(Value, Timestamp)>,
    pub(crate) found: Vec<(String, Finding)>,
}

impl Record {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Host for Record {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        let target = self.kept().targets.get(kind).map(|target| target.client());
        let why = "the bench was given no such target";
        target.ok_or_else(|| TargetError::new(kind, "(bench)", TargetErrorKind::Settings, why))
    }

    fn attach(&self, _check: &str, evidence: Evidence) -> io::Result<EvidenceRef> {
        let reference = EvidenceRef {
            name: evidence.name.clone(),
            path: evidence.name.clone(),
            media_type: evidence.media_type.to_owned(),
            bytes: evidence.content.len() as u64,
            truncated: false,
        };
        self.kept().evidence.push(evidence);
        Ok(reference)
    }

    fn created(&self, _check: &str, resource: Resource) -> io::Result<()> {
        self.kept().created.push(resource);
        Ok(())
    }

    fn removed(&self, _check: &str, resource: &Resource) -> io::Result<()> {
        self.kept().removed.push(resource.clone());
        Ok(())
    }

    async fn observe(&self) -> Vec<Observed> {
        let observed = &mut self.kept().observed;
        if observed.len() > 1 { observed.remove(0) } else { observed.first().cloned().unwrap_or_default() }
    }

    fn checkpoint(&self, _check: &str, state: Value) {
        self.kept().checkpoint = Some((state, Clock::system().now()));
    }

    fn resumed(&self, _check: &str) -> Option<(Value, Timestamp)> {
        self.kept().checkpoint.clone()
    }

    fn progress(&self, _check: &str, _progress: Progress) {}

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        self.kept().found.clone()
    }
}
