//! The checks as they are registered, against a small server that follows the contract, and against one that does not.

mod auth;
mod checks;
mod contract;
mod host;
mod jobs;
mod keys;
mod negative;
mod positive;
mod server;
mod target;

// Linked for its registrations.
use shakedown_focus_api as _;
