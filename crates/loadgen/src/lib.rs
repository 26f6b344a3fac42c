//! The load engine: what is sent when, how long it took, and whether the generator kept up.
//!
//! A [`Plan`] says which load is put on, a [`Scenario`] what each arrival does. [`Engine`] runs one against the other and
//! makes a [`Report`]. It knows no system in particular.
//!
//! What is measured is gathered in [`Interval`](interval::Interval)s, about one a second, and folded into the report by
//! [`Fold`](fold::Fold); several workers send theirs to one coordinator, which folds them in the same way. Percentiles
//! come from merged histograms and are never averaged.

pub mod arrivals;
pub mod engine;
pub mod failure;
pub mod feasible;
pub mod fold;
pub mod histogram;
pub mod http;
pub mod interval;
pub mod limits;
pub mod mix;
pub mod plan;
pub mod progress;
pub mod report;
pub mod scenario;
pub mod threshold;
pub mod workers;

mod collect;
mod conduct;
mod drive;
mod gate;
mod iteration;
mod pace;
mod pool;
mod record;
mod seat;
mod timeline;
mod watch;

pub use engine::{Engine, EngineError};
pub use failure::Failure;
pub use histogram::Histogram;
pub use mix::Mix;
pub use plan::{Arrivals, Load, Phase, Plan};
pub use progress::Progress;
pub use report::{Completeness, OperationReport, PhaseReport, Report, Tally};
pub use scenario::{Iteration, Scenario, Session};
pub use threshold::{Metric, Statistic, Threshold};
