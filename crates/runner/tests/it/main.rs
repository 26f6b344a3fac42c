//! The runner against checks and a target that misbehave in every way a plugin can.

mod cascade;
mod collect;
mod hostile;
mod identity;
mod ledger;
mod plan;
mod stage;
mod stop;
