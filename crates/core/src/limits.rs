//! How much load an environment bears at most, by its policy.

use serde::{Deserialize, Serialize};

/// What load may not exceed, whatever a check asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Requests begun per second, in all.
    pub requests_per_second: f64,
    /// Requests that wait for their answer at the same time.
    pub requests_in_flight: usize,
}

impl Default for Limits {
    /// What a small installation bears: 50 requests per second, 50 at a time.
    fn default() -> Self {
        Self { requests_per_second: 50.0, requests_in_flight: 50 }
    }
}
