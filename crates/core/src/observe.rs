//! Looking at what a target uses, while others load it.

use crate::check::{Docs, Source};
use crate::measurement::Unit;
use crate::target::{Target, TargetError};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Reads what a target uses of its resources: processor, memory, connections, queues.
///
/// A check asks all observers of the configured targets at once, by [`Context::observe`](crate::Context::observe). An
/// observer only reads, and leaves out what it cannot read: an absent reading is *not measured*, never zero.
#[async_trait]
pub trait Observer: Send + Sync + 'static {
    /// The target whose resources it reads.
    type Target: Target;

    /// Reads.
    ///
    /// # Errors
    /// Where nothing could be read.
    async fn observe(
        client: &<Self::Target as Target>::Client,
        cx: &ObserveContext,
    ) -> Result<Vec<Reading>, TargetError>;
}

/// What an observer may use.
#[derive(Clone, Debug)]
pub struct ObserveContext {
    /// When reading must have ended.
    pub deadline: Instant,
}

impl ObserveContext {
    /// How much time is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// One resource, as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Whose it is, for example `pod/focus-server-0`.
    pub subject: String,
    /// What it is, for example `cpu` or `memory`; see the observer's documentation.
    pub what: String,
    /// How much.
    pub value: f64,
    /// The unit of `value` and of `limit`.
    pub unit: Unit,
    /// How much there may be, where that is known.
    pub limit: Option<f64>,
    /// What the target says of it, for example why a pod is pending.
    pub note: Option<String>,
}

impl Reading {
    /// A reading without a limit.
    pub fn new(subject: impl Into<String>, what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { subject: subject.into(), what: what.into(), value, unit, limit: None, note: None }
    }

    /// With how much there may be.
    #[must_use]
    pub fn of(mut self, limit: Option<f64>) -> Self {
        self.limit = limit;
        self
    }

    /// With what the target says of it.
    #[must_use]
    pub fn because(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The share of the limit, 0–1; none where no limit is known.
    pub fn share(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.value / limit)
    }
}

/// What an observer has seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The observer's id.
    pub observer: String,
    /// The kind of its target.
    pub target: String,
    /// When, in UTC.
    pub at: Timestamp,
    /// What; or why nothing could be read.
    pub readings: Result<Vec<Reading>, String>,
}

/// A future that reads.
pub type Observing = Pin<Box<dyn Future<Output = Result<Vec<Reading>, TargetError>> + Send>>;

/// A registered observer: const data and a factory.
pub struct ObserverSpec {
    /// Stable id, `plugin.name`, for example `k8s.resources`.
    pub id: &'static str,
    /// The target's kind.
    pub target: &'static str,
    /// What it reads.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
    /// Reads, with the target's client.
    pub observe: fn(Arc<dyn Any + Send + Sync>, ObserveContext) -> Observing,
}

impl ObserverSpec {
    /// The specification of an observer type.
    pub const fn of<O: Observer>(id: &'static str, docs: Docs, source: Source) -> Self {
        Self {
            id,
            target: <O::Target as Target>::KIND,
            docs,
            source,
            observe: |client, cx| {
                Box::pin(async move {
                    // The registry pairs an observer with the client of its own target.
                    match client.downcast::<<O::Target as Target>::Client>() {
                        Ok(client) => O::observe(&client, &cx).await,
                        Err(_) => Ok(Vec::new()),
                    }
                })
            },
        }
    }
}

impl fmt::Debug for ObserverSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverSpec")
            .field("id", &self.id)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

inventory::collect!(ObserverSpec);
