//! The runner against checks and a target that misbehave in every way a plugin can.

mod cascade;
mod hostile;
mod ledger;
mod plan;
mod stage;
mod stop;
