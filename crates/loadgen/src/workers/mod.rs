//! One load on several workers: threads of this program, or processes beside it.
//!
//! - [`protocol`]: what coordinator and worker say to each other, over any pair of byte streams.
//! - [`Coordinator`]: ships the plan, starts all workers at one instant, and makes one report of what they bring.
//! - [`worker()`] and [`worker_main`]: the worker's side. A scenario is built there by its name: [`register_scenario!`](crate::register_scenario).
//! - [`Transport`]: a way to a worker. [`Threads`] and [`Processes`] are here; others need to bring two byte streams.
//!
//! Nothing is shared while a load runs: worker *i* of *n* owns the arrivals whose number leaves *i* when divided by *n*,
//! and its part of the limits. What it measured comes in intervals whose histograms are merged. A worker that dies or
//! falls silent is named in the report, which is then degraded.

pub mod protocol;

mod clock;
mod coordinator;
mod frame;
mod gather;
mod muster;
mod registry;
mod transport;
mod web;
mod worker;

pub use clock::{ClockOffset, Exchange};
pub use coordinator::{Coordinator, CoordinatorError, Waits};
pub use frame::{FrameError, MAX_FRAME};
pub use muster::Trouble;
pub use protocol::Shipment;
pub use registry::{Build, ScenarioError, ScenarioSpec, scenarios, shippable};
pub use transport::{Hold, Link, Processes, Threads, Transport};
pub use worker::{WorkerError, worker, worker_main};

#[doc(hidden)]
pub use registry::__private;
