//! How far a worker's clock is from the coordinator's, by asking it several times.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a worker is asked for its time.
pub(super) const EXCHANGES: u32 = 9;

/// The worker's clock minus the coordinator's.
///
/// The exchange with the least round trip decides: its answer was given within that time, so that the estimate is wrong
/// by half of it at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockOffset {
    /// By how many microseconds the worker's clock is ahead.
    pub micros: i64,
    /// By how many microseconds the estimate may be wrong.
    pub uncertain_by: u64,
    /// How many exchanges it rests on.
    pub exchanges: u32,
}

/// One question and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The coordinator's time when it asked.
    pub asked: Timestamp,
    /// How long the answer took.
    pub took: Duration,
    /// The worker's time when it answered.
    pub answered: Timestamp,
}

impl ClockOffset {
    /// The estimate from these exchanges; nothing where there are none.
    pub fn estimate(exchanges: &[Exchange]) -> Option<Self> {
        let best = exchanges.iter().min_by_key(|exchange| exchange.took)?;
        let middle = best.asked + best.took / 2;
        Some(Self {
            micros: i64::try_from(best.answered.duration_since(middle).as_micros()).unwrap_or(i64::MAX),
            uncertain_by: u64::try_from(best.took.as_micros().div_ceil(2)).unwrap_or(u64::MAX),
            exchanges: u32::try_from(exchanges.len()).unwrap_or(u32::MAX),
        })
    }

    /// What the worker's clock shows at this instant of the coordinator's.
    pub fn at_worker(self, instant: Timestamp) -> Timestamp {
        instant.saturating_add(SignedDuration::from_micros(self.micros)).unwrap_or(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exchange(offset: i64, there: u64, back: u64) -> Exchange {
        let asked = Timestamp::from_second(1_000).unwrap();
        let answered = asked + SignedDuration::from_micros(offset) + Duration::from_micros(there);
        Exchange { asked, took: Duration::from_micros(there + back), answered }
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(ClockOffset::estimate(&[]), None);
    }

    #[test]
    fn the_quickest_exchange_decides() {
        let slow = exchange(5_000_000, 90_000, 1_000);
        let quick = exchange(5_000_000, 40, 60);
        let offset = ClockOffset::estimate(&[slow, quick, slow]).unwrap();
        assert_eq!(offset, ClockOffset { micros: 4_999_990, uncertain_by: 50, exchanges: 3 });
    }

    proptest! {
        #[test]
        fn the_estimate_is_within_its_uncertainty(
            offset in -10_000_000_i64..10_000_000,
            ways in proptest::collection::vec((0_u64..100_000, 0_u64..100_000), 1..12),
        ) {
            let exchanges: Vec<_> = ways.iter().map(|(there, back)| exchange(offset, *there, *back)).collect();
            let estimate = ClockOffset::estimate(&exchanges).unwrap();
            prop_assert!(estimate.micros.abs_diff(offset) <= estimate.uncertain_by + 1);
        }
    }
}
