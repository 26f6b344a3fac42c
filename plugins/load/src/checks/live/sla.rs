//! What a climb must keep at each step, by what the environment is for.

use serde::Serialize;
use shakedown_core::HumanDuration;

/// The bounds of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Sla {
    /// The least share of the new jobs that come up, in percent.
    pub(super) success: f64,
    /// The 95th percentile of the time until a job's stream is up may be at most this.
    pub(super) latency: HumanDuration,
    /// The greatest share of starts and signs of life that fail, in percent.
    pub(super) errors: f64,
}

impl Sla {
    /// What is documented for environments of this role.
    pub(super) fn of_role(role: Option<&str>) -> Self {
        let sla = |success, seconds, errors| Self { success, latency: HumanDuration::secs(seconds), errors };
        match role {
            Some("capacity-target" | "staging") => sla(70.0, 30, 30.0),
            Some("production") => sla(85.0, 15, 20.0),
            _ => sla(60.0, 60, 40.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_the_role_the_stricter_the_bounds() {
        let [any, staging, production] =
            [None, Some("capacity-target"), Some("production")].map(Sla::of_role);
        assert!(any.success < staging.success && staging.success < production.success);
        assert!(any.latency > staging.latency && staging.latency > production.latency);
        assert!(any.errors > staging.errors && staging.errors > production.errors);
        assert_eq!(Sla::of_role(Some("else")), any);
    }
}
