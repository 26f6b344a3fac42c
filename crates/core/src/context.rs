//! Everything a check may use.

use crate::budget::Budget;
use crate::check::CheckError;
use crate::clock::Clock;
use crate::evidence::{Evidence, EvidenceRef};
use crate::finding::Finding;
use crate::ledger::Resource;
use crate::level::Effect;
use crate::limits::Limits;
use crate::observe::Observed;
use crate::target::{Target, TargetError};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What the runner offers to a running check.
#[async_trait]
pub trait Host: Send + Sync {
    /// The client of a target, connected once per run.
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError>;
    /// Writes a piece of evidence.
    fn attach(&self, check: &str, evidence: Evidence) -> std::io::Result<EvidenceRef>;
    /// Puts a resource on the ledger, on disk, before or as soon as it exists.
    fn created(&self, check: &str, resource: Resource) -> std::io::Result<()>;
    /// Takes a resource off the ledger.
    fn removed(&self, check: &str, resource: &Resource) -> std::io::Result<()>;
    /// When the run began, where there is one.
    fn began(&self) -> Option<Timestamp> {
        None
    }
    /// What all observers of the configured targets see.
    async fn observe(&self) -> Vec<Observed> {
        Vec::new()
    }
    /// Keeps what a check needs to go on after this process has ended.
    fn checkpoint(&self, _check: &str, _state: Value) {}
    /// The last checkpoint of a check, and when it was made, where this run goes on with an earlier one.
    fn resumed(&self, _check: &str) -> Option<(Value, Timestamp)> {
        None
    }
    /// Shows how far a check is.
    fn progress(&self, check: &str, progress: Progress);
    /// The findings of the checks that have ended so far, with their ids.
    fn findings_so_far(&self) -> Vec<(String, Finding)>;
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
    /// What is being done.
    pub what: String,
}

/// The environment in which one attempt of one check runs. Clones are the same one.
#[derive(Clone)]
pub struct Context {
    /// The check's id.
    pub check: &'static str,
    /// What the check declared that it does.
    pub effect: Effect,
    /// The kind of target the check declared, where it did.
    pub target: Option<&'static str>,
    /// Further kinds of target it declared.
    pub also: &'static [&'static str],
    /// The name of the environment.
    pub environment: Arc<str>,
    /// What the environment is for, where the configuration says it.
    pub role: Option<Arc<str>>,
    /// A short id of the run, for names that others will see.
    pub run: Arc<str>,
    /// The clock.
    pub clock: Clock,
    /// When the attempt must have ended.
    pub deadline: Instant,
    /// Cancelled when the deadline passes or the run is interrupted.
    pub cancelled: CancellationToken,
    /// The bound on jobs that exist at once.
    pub jobs: Budget,
    /// What load may not exceed.
    pub limits: Limits,
    /// What the runner offers.
    pub host: Arc<dyn Host>,
}

impl Context {
    /// The shared client of the target `T`, which must be one that the check declared.
    ///
    /// # Errors
    /// [`CheckError::Target`] where it is away; [`CheckError::Unclear`] where the check did not declare it.
    pub async fn target<T: Target>(&self) -> Result<Arc<T::Client>, CheckError> {
        if self.target != Some(T::KIND) && !self.also.contains(&T::KIND) {
            return Err(CheckError::unclear(format!(
                "{} uses the target `{}` without declaring it",
                self.check,
                T::KIND
            )));
        }
        let client = self.host.target(T::KIND).await?;
        client
            .downcast()
            .map_err(|_| CheckError::unclear(format!("the client of `{}` has another type", T::KIND)))
    }

    /// Refuses an action that does more than the check declared. Clients call this before they create anything.
    ///
    /// # Errors
    /// [`CheckError::Unclear`]: a defect of the check.
    pub fn require(&self, effect: Effect) -> Result<(), CheckError> {
        if self.effect >= effect {
            Ok(())
        } else {
            Err(CheckError::unclear(format!(
                "{} declares the effect `{}` but needs `{effect}`",
                self.check, self.effect
            )))
        }
    }

    /// A name for something the check makes: recognisable, unique to the run.
    pub fn scratch_name(&self, what: &str) -> String {
        format!("shakedown-{}-{what}", self.run)
    }

    /// How much time is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Writes a piece of evidence and returns its reference.
    ///
    /// # Errors
    /// [`CheckError::Unclear`] where it cannot be written.
    pub fn attach(&self, evidence: Evidence) -> Result<EvidenceRef, CheckError> {
        self.host
            .attach(self.check, evidence)
            .map_err(|error| CheckError::unclear(format!("cannot keep evidence: {error}")))
    }

    /// Puts a resource on the ledger; call it before, or at once after, it comes to be.
    ///
    /// # Errors
    /// [`CheckError::Unclear`] where the ledger cannot be written: nothing must then be created.
    pub fn created(&self, resource: Resource) -> Result<(), CheckError> {
        self.host
            .created(self.check, resource)
            .map_err(|error| CheckError::unclear(format!("cannot write the cleanup ledger: {error}")))
    }

    /// Takes a resource off the ledger after it was removed.
    ///
    /// # Errors
    /// [`CheckError::Unclear`] where the ledger cannot be written.
    pub fn removed(&self, resource: &Resource) -> Result<(), CheckError> {
        self.host
            .removed(self.check, resource)
            .map_err(|error| CheckError::unclear(format!("cannot write the cleanup ledger: {error}")))
    }

    /// When the run began. What a check sees and is younger, the run itself may have brought about.
    pub fn began(&self) -> Option<Timestamp> {
        self.host.began()
    }

    /// What all observers of the environment's targets see now: readings of those that answer, the reason of those that
    /// do not; nothing where no target has an observer.
    pub async fn observe(&self) -> Vec<Observed> {
        self.host.observe().await
    }

    /// Notes in the journal what the check needs to go on after this process has ended; see [`Self::resumed`].
    ///
    /// # Errors
    /// [`CheckError::Unclear`] where the state cannot be written as JSON.
    pub fn checkpoint(&self, state: &impl Serialize) -> Result<(), CheckError> {
        let state = serde_json::to_value(state)
            .map_err(|error| CheckError::unclear(format!("cannot note how far the check is: {error}")))?;
        self.host.checkpoint(self.check, state);
        Ok(())
    }

    /// What the check noted last in the run that this one goes on with, and when; none in a run that begins.
    pub fn resumed<T: DeserializeOwned>(&self) -> Option<(T, Timestamp)> {
        let (state, at) = self.host.resumed(self.check)?;
        Some((serde_json::from_value(state).ok()?, at))
    }

    /// Shows how far the check is.
    pub fn progress(&self, done: u64, total: u64, what: impl Into<String>) {
        self.host.progress(self.check, Progress { done, total, what: what.into() });
    }
}
