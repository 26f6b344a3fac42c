//! What a plugin author sees.
//!
//! A plugin crate implements [`Check`] for its checks and [`Target`] for the system they talk to, and submits both with
//! [`register_check!`] and [`register_target!`]. [`Registry::collect`] gathers what was linked, sorted by id. Everything
//! that leaves a check is a [`Verdict`] or a [`CheckError`]; everything that leaves the runner is an [`Event`](event::Event).
//!
//! A plugin's own types derive the traits of `serde` and `schemars`, which are re-exported here, as is everything else whose types
//! stand in this crate's signatures: [`jiff`], [`serde_json`] and [`CancellationToken`].
//!
//! Nothing here opens a connection, reads the environment or knows a target.

pub mod budget;
pub mod causes;
pub mod check;
pub mod clock;
pub mod collect;
pub mod context;
pub mod duration;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod fix;
pub mod id;
pub mod key;
pub mod ledger;
pub mod level;
pub mod limits;
pub mod measurement;
pub mod moment;
pub mod observe;
pub mod outcome;
pub mod passage;
pub mod redact;
pub mod registry;
pub mod run;
pub mod sandbox;
pub mod secret;
pub mod series;
pub mod sink;
pub mod stats;
pub mod suggest;
pub mod target;
pub mod text;
pub mod verdict;

mod macros;

pub use async_trait::async_trait;
pub use tokio_util::sync::CancellationToken;
pub use {jiff, schemars, serde, serde_json};

pub use causes::causes;
pub use check::{Check, CheckError, CheckSpec, Docs, NoParams, Params, Proof, Source, fault};
pub use clock::Clock;
pub use collect::{CollectContext, Collector, CollectorSpec};
pub use context::Context;
pub use duration::HumanDuration;
pub use evidence::{Evidence, EvidenceRef};
pub use finding::{Cause, Finding};
pub use fix::{Fix, FixSpec};
pub use level::{Effect, Gate, Severity, Status};
pub use limits::Limits;
pub use measurement::{Measurement, Unit};
pub use observe::{ObserveContext, Observed, Observer, ObserverSpec, Reading};
pub use outcome::Outcome;
pub use registry::Registry;
pub use secret::Secret;
pub use series::Series;
pub use stats::Samples;
pub use target::{Target, TargetError, TargetErrorKind, TargetSpec};
pub use verdict::{Case, Cases, Observation, Verdict};

/// What the registration macros expand to; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use schemars;
    pub use serde_json;
}
