//! The runner against checks and a target that misbehave in every way a plugin can.

mod cascade;
mod collect;
mod hostile;
mod identity;
mod ledger;
mod observe;
mod plan;
mod resume;
mod stage;
mod stop;
