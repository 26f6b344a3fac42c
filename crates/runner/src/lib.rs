//! From a profile to a finished run: plan (pure) → schedule (pure) → execute → one ordered stream of events.
//!
//! [`plan::plan`] decides what runs and says why the rest does not; [`gate`] is the one place where a check's effect meets
//! the environment's policy; [`execute::run`] carries a plan out.

mod attempt;
mod bus;
mod evidence;
mod execute;
mod gate;
mod host;
mod interrupt;
mod ledger;
mod plan;
mod pool;
mod schedule;

pub use execute::{Finished, Request, run};
pub use gate::{Confirmation, Permit, Refusal};
pub use interrupt::Interrupt;
pub use ledger::{Debt, Ledger, LedgerError};
pub use plan::{Plan, Planned, plan};
pub use pool::{Absence, Pool, Reached};
