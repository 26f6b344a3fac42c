//! The interface between the sandbox and its parts: a plugin outside this repository can bring its own.

use crate::check::{Docs, Source};
use crate::clock::Clock;
use async_trait::async_trait;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// What starting a part may use.
#[derive(Clone, Debug)]
pub struct PartContext {
    /// The clock that the simulated life of jobs follows.
    pub clock: Clock,
    /// A private directory of this sandbox, removed with it.
    pub directory: PathBuf,
    /// The environment's `sandbox` table, for example `recordings = 3000`.
    pub options: Value,
    /// The settings of the parts started before, by target kind.
    pub settings: BTreeMap<String, Value>,
    /// What the parts started before hand to later ones, by target kind; see [`RunningPart::handle`].
    pub handles: BTreeMap<String, Arc<dyn Any + Send + Sync>>,
}

/// Why a part cannot be had on this machine.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{part} cannot be had here: {reason}")]
pub struct Unavailable {
    /// The part.
    pub part: String,
    /// Why.
    pub reason: String,
    /// The one command that would provide it.
    pub command: String,
}

/// A part of the sandbox that stands in for one kind of target.
#[async_trait]
pub trait Part: Send + Sync + 'static {
    /// The kind of target it stands in for.
    const KIND: &'static str;
    /// Parts that must be started before it.
    const NEEDS: &'static [&'static str];

    /// Starts it, healthy, on a free port of the loopback interface.
    async fn start(cx: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable>;
}

/// A part that runs. Dropping it stops it.
#[async_trait]
pub trait RunningPart: Send + Sync {
    /// The settings with which the target's plugin connects to it.
    fn settings(&self) -> Value;

    /// What to export to reach it from outside, for example `("SHAKEDOWN_MONGO_URI", "mongodb://…")`.
    fn exports(&self) -> Vec<(String, String)>;

    /// What later parts may use of this one within the process, to be downcast by those that know its type.
    fn handle(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// Turns a fault on; `fault` is one that names this part.
    ///
    /// # Errors
    /// Why it could not be done.
    async fn inject(&self, fault: &str) -> Result<(), String>;

    /// Stops it, and returns when it is gone.
    async fn stop(&self);
}

/// A future that is about to start a part.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn RunningPart>, Unavailable>> + Send + 'a>>;

/// A registered part.
pub struct PartSpec {
    /// See [`Part::KIND`].
    pub kind: &'static str,
    /// See [`Part::NEEDS`].
    pub needs: &'static [&'static str],
    /// Where it is registered.
    pub source: Source,
    /// Starts it.
    pub start: for<'a> fn(&'a PartContext) -> Starting<'a>,
}

impl PartSpec {
    /// The specification of a part type.
    pub const fn of<P: Part>(source: Source) -> Self {
        Self { kind: P::KIND, needs: P::NEEDS, source, start: |cx| P::start(cx) }
    }
}

/// A typed switch that makes a part misbehave in one way.
#[derive(Clone, Copy, Debug)]
pub struct FaultSpec {
    /// Its id, `part.name`.
    pub id: &'static str,
    /// The part it belongs to.
    pub part: &'static str,
    /// Jira keys of the defects it reproduces.
    pub keys: &'static [&'static str],
    /// What it does.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
}

/// A named set of faults that replays something that happened.
#[derive(Clone, Copy, Debug)]
pub struct IncidentSpec {
    /// Its name.
    pub id: &'static str,
    /// The faults it turns on.
    pub faults: &'static [&'static str],
    /// What happened.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
}

inventory::collect!(PartSpec);
inventory::collect!(FaultSpec);
inventory::collect!(IncidentSpec);
