//! From a profile to a finished run: plan (pure) → schedule (pure) → execute → one ordered stream of events.
//!
//! [`plan::plan`] decides what runs and says why the rest does not; [`gate`] is the one place where a check's effect meets
//! the environment's policy; [`execute::run`] carries a plan out; [`Mender`] carries out fixes of what was found.

mod attempt;
mod audit;
mod bounded;
mod bus;
mod collect;
mod evidence;
mod execute;
mod gate;
mod host;
mod interrupt;
mod ledger;
mod mend;
mod observe;
mod plan;
mod pool;
mod schedule;
mod undo;

pub use audit::{Audit, AuditEntry, AuditLine};
pub use execute::{ENDING, Finished, Request, STACK, run};
pub use gate::{Confirmation, Permit, Refusal, admit_fix};
pub use interrupt::Interrupt;
pub use ledger::{Debt, Ledger, LedgerError};
pub use mend::{MendError, MendRequest, Mender, OnProgress, due};
pub use plan::{Plan, Planned, plan};
pub use pool::{Absence, Pool, Reached};
pub use undo::{Change, UndoError, UndoFile, UndoHeader, read_undo};
