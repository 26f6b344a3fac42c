//! The checks as they are registered, against the sandbox: healthy, and broken on purpose.

mod capacity;
mod host;
mod numbers;
mod params;
mod policy;
mod rates;
mod streams;

// Linked for their registrations.
use shakedown_focus_api as _;
use shakedown_k8s as _;
use shakedown_load as _;
