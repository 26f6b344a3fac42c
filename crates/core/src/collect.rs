//! Gathering, when a check has failed, what an engineer would look at next.

use crate::check::{Docs, Source};
use crate::evidence::Evidence;
use crate::target::{Target, TargetError};
use async_trait::async_trait;
use jiff::Timestamp;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Gathers evidence of a target's state: pods and their logs, current operations, indexes.
///
/// The runner asks it when a check of that target fails or errors, at most once for each [`Cause`](crate::Cause) in a
/// run. It only reads, asks within the deadline of its context, and gathers no more than a person would look at: what is
/// kept is redacted and capped like all evidence.
#[async_trait]
pub trait Collector: Send + Sync + 'static {
    /// The target whose state it looks at.
    type Target: Target;

    /// Gathers. What has been gathered before something went wrong should be returned, with the trouble as text in it.
    ///
    /// # Errors
    /// Where nothing could be gathered; it is noted, and changes no verdict.
    async fn collect(
        client: &<Self::Target as Target>::Client,
        cx: &CollectContext,
    ) -> Result<Vec<Evidence>, TargetError>;
}

/// What a collector may use.
#[derive(Clone, Debug)]
pub struct CollectContext {
    /// The check that failed or errored.
    pub check: &'static str,
    /// When the run began: what is older is history.
    pub since: Timestamp,
    /// The present moment, in UTC.
    pub now: Timestamp,
    /// When gathering must have ended.
    pub deadline: Instant,
}

impl CollectContext {
    /// How much time is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A future that gathers.
pub type Collecting = Pin<Box<dyn Future<Output = Result<Vec<Evidence>, TargetError>> + Send>>;

/// A registered collector: const data and a factory.
pub struct CollectorSpec {
    /// Stable id, `plugin.name`, for example `k8s.pods`.
    pub id: &'static str,
    /// The target's kind.
    pub target: &'static str,
    /// What it gathers.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
    /// Gathers, with the target's client.
    pub collect: fn(Arc<dyn Any + Send + Sync>, CollectContext) -> Collecting,
}

impl CollectorSpec {
    /// The specification of a collector type.
    pub const fn of<C: Collector>(id: &'static str, docs: Docs, source: Source) -> Self {
        Self {
            id,
            target: <C::Target as Target>::KIND,
            docs,
            source,
            collect: |client, cx| {
                Box::pin(async move {
                    // The registry pairs a collector with the client of its own target.
                    match client.downcast::<<C::Target as Target>::Client>() {
                        Ok(client) => C::collect(&client, &cx).await,
                        Err(_) => Ok(Vec::new()),
                    }
                })
            },
        }
    }
}

impl fmt::Debug for CollectorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorSpec")
            .field("id", &self.id)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

inventory::collect!(CollectorSpec);
