//! The checks as they are registered, against a small server that follows the contract, and against one that does not.

mod checks;
mod host;
mod jobs;
mod server;
mod target;

// Linked for its registrations.
use shakedown_focus_api as _;
