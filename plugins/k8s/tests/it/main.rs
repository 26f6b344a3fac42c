//! The checks as they are registered, against the sandbox.

mod jobs;
mod observe;
mod site;
mod state;

// Linked for their registrations.
use shakedown_focus_api as _;
use shakedown_k8s as _;
