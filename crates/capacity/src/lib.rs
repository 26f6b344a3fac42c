//! What measurements under load say of a system: pure functions, no network, no clock.
//!
//! [`proportion`], [`fairness`], [`trend`] and [`scalability`] are statistics, each with its uncertainty. [`search`] finds the
//! highest number that a system sustains, whatever is counted. [`resources`] and [`bottleneck`] say what limited it, and
//! [`gap`] and [`page`] are the infrastructure gap report, for programs and for people, with the drawings of [`chart`].

pub mod bottleneck;
pub mod chart;
pub mod fairness;
pub mod gap;
pub mod interval;
pub mod page;
pub mod posterior;
pub mod proportion;
pub mod resources;
pub mod scalability;
pub mod search;
pub mod trend;

pub use bottleneck::{Bottleneck, Facts, Flag};
pub use gap::{GapFacts, GapReport};
pub use interval::Interval;
pub use proportion::Proportion;
pub use resources::{Resources, Usage};
pub use scalability::{Law, Point};
pub use search::{Answer, Search, SearchPlan, Step, Try};
pub use trend::{Direction, Trend};
