//! How a load is doing, while it runs.

use crate::report::milliseconds;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a load is doing. Rates and shares are those of the last few seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since the start.
    pub elapsed: f64,
    /// Seconds that the plan takes, as far as that is known before.
    pub planned: f64,
    /// The name of the present phase.
    pub phase: String,
    /// Arrivals per second that the plan wants now; none where users come as they can.
    pub target_rate: Option<f64>,
    /// Arrivals per second that were begun.
    pub achieved_rate: f64,
    /// Iterations that are going on.
    pub in_flight: u64,
    /// The 95th percentile of the latency, in milliseconds.
    pub p95: Option<f64>,
    /// The share of attempts that failed, 0–1.
    pub errors: Option<f64>,
    /// Arrivals so far that could not be begun in time.
    pub missed: u64,
    /// Arrivals so far that were begun.
    pub started: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.0}", self.phase, self.achieved_rate)?;
        if let Some(target) = self.target_rate {
            write!(f, " of {target:.0}")?;
        }
        write!(f, "/s, {} in flight", self.in_flight)?;
        if let Some(p95) = self.p95 {
            write!(f, ", p95 {}", milliseconds(p95))?;
        }
        if let Some(errors) = self.errors.filter(|errors| *errors > 0.0) {
            write!(f, ", {:.1} % errors", errors * 100.0)?;
        }
        if self.missed > 0 {
            write!(f, ", {} missed", self.missed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_matters_on_one_line() {
        let mut progress = Progress {
            phase: "load".to_owned(),
            target_rate: Some(10.0),
            achieved_rate: 9.8,
            in_flight: 3,
            p95: Some(41.26),
            errors: Some(0.0),
            ..Progress::default()
        };
        insta::assert_snapshot!(progress, @"load: 10 of 10/s, 3 in flight, p95 41.3 ms");
        progress.errors = Some(0.025);
        progress.missed = 7;
        progress.target_rate = None;
        insta::assert_snapshot!(progress, @"load: 10/s, 3 in flight, p95 41.3 ms, 2.5 % errors, 7 missed");
    }
}
