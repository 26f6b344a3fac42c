//! How many of how many, and what that says of the share behind it.

use crate::interval::{Interval, Z_95, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many successes in so many attempts; there is at least one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proportion {
    successes: u64,
    attempts: u64,
}

impl Proportion {
    /// None without attempts, or with more successes than attempts.
    pub fn new(successes: u64, attempts: u64) -> Option<Self> {
        (attempts > 0 && successes <= attempts).then_some(Self { successes, attempts })
    }

    /// How many succeeded.
    pub const fn successes(self) -> u64 {
        self.successes
    }

    /// How many were tried.
    pub const fn attempts(self) -> u64 {
        self.attempts
    }

    /// The share that succeeded, 0–1.
    pub fn share(self) -> f64 {
        number(self.successes) / number(self.attempts)
    }

    /// Wilson's score interval, 95 %, of the share behind it: honest also for few attempts, and near 0 and 1.
    pub fn interval(self) -> Interval {
        let (n, share, z2) = (number(self.attempts), self.share(), Z_95 * Z_95);
        let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        // Where all or none succeeded the ends are exact, which rounding hides.
        let lower = if self.successes == 0 { 0.0 } else { (centre - half).max(0.0) };
        let upper = if self.successes == self.attempts { 1.0 } else { (centre + half).min(1.0) };
        Interval::new(lower, upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rounded(successes: u64, attempts: u64) -> (f64, f64) {
        let interval = Proportion::new(successes, attempts).unwrap().interval();
        let round = |value: f64| (value * 1e4).round() / 1e4;
        (round(interval.lower), round(interval.upper))
    }

    #[test]
    fn known_intervals() {
        // From the closed form, worked by hand: for none of n the upper end is z²/(n + z²).
        assert_eq!(rounded(0, 10), (0.0, 0.2775));
        assert_eq!(rounded(10, 10), (0.7225, 1.0));
        assert_eq!(rounded(190, 200), (0.9104, 0.9726));
        assert_eq!(rounded(40, 200), (0.1505, 0.2609));
    }

    #[test]
    fn nothing_is_no_proportion() {
        assert_eq!(Proportion::new(0, 0), None);
        assert_eq!(Proportion::new(3, 2), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_narrows(attempts in 1_u64..5_000, part in 0.0..=1.0) {
            let successes = crate::interval::whole(number(attempts) * part).min(attempts);
            let few = Proportion::new(successes, attempts).unwrap();
            let many = Proportion::new(successes * 100, attempts * 100).unwrap();
            prop_assert!(few.interval().contains(few.share()));
            let width = |interval: Interval| interval.upper - interval.lower;
            prop_assert!(width(many.interval()) < width(few.interval()));
        }
    }
}
