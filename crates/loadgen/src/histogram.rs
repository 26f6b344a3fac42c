//! How long many things took, in the space of a few kilobytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::serialization::{Deserializer as V2Deserializer, Serializer as _, V2Serializer};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

type Counts = hdrhistogram::Histogram<u64>;

/// Counts of durations from 1 µs to a day, each known to one part in a thousand.
///
/// Its size depends on how far its values are apart, not on how many there are. It is written as the base64 of the
/// standard HdrHistogram V2 format, in microseconds, so that other tools read it.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Option<Box<Counts>>);

/// Three significant figures: an error of at most one part in a thousand.
const FIGURES: u8 = 3;
/// What takes longer than a day is counted as a day.
const LONGEST: u64 = 24 * 60 * 60 * 1_000_000;

impl Histogram {
    /// Without any sample.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Without any sample, and with two significant figures: a tenth of the size.
    pub(crate) fn coarse() -> Self {
        Self(Some(Box::new(empty(2))))
    }

    /// Adds one duration.
    pub fn record(&mut self, duration: Duration) {
        self.record_n(duration, 1);
    }

    /// Adds one duration so many times.
    pub fn record_n(&mut self, duration: Duration, times: u64) {
        // To the nearest microsecond, and never to none: the format knows no zero below its unit.
        let micros = duration
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(((duration.subsec_nanos() + 500) / 1000).into());
        let counts = self.0.get_or_insert_with(|| Box::new(empty(FIGURES)));
        // It grows by itself up to `LONGEST`, so that there is room for every value.
        let _ = counts.record_n(micros.clamp(1, LONGEST), times);
    }

    /// Adds all samples of another one.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(own), Some(other)) => {
                // Both grow by themselves, so that there is room for every value.
                let _ = own.add(other.as_ref());
            }
            (own @ None, Some(other)) => *own = Some(other.clone()),
            (_, None) => {}
        }
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |counts| counts.len())
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The mean; none without samples.
    pub fn mean(&self) -> Option<Duration> {
        self.filled().map(|counts| Duration::from_secs_f64(counts.mean() / 1e6))
    }

    /// The standard deviation; none without samples.
    pub fn deviation(&self) -> Option<Duration> {
        self.filled().map(|counts| Duration::from_secs_f64(counts.stdev() / 1e6))
    }

    /// The nearest-rank percentile, 0–100; none without samples.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        self.filled().map(|counts| Duration::from_micros(counts.value_at_quantile(percent.max(0.0) / 100.0)))
    }

    /// The smallest sample; none without samples.
    pub fn min(&self) -> Option<Duration> {
        self.filled().map(|counts| Duration::from_micros(counts.min()))
    }

    /// The largest sample; none without samples.
    pub fn max(&self) -> Option<Duration> {
        self.filled().map(|counts| Duration::from_micros(counts.max()))
    }

    /// The share of samples above a duration, 0–1; none without samples.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn share_above(&self, bound: Duration) -> Option<f64> {
        let bound = u64::try_from(bound.as_micros()).unwrap_or(LONGEST);
        self.filled().map(|counts| {
            let below = counts.count_between(0, bound);
            (counts.len() - below) as f64 / counts.len() as f64
        })
    }

    /// The recorded values in ascending order, each with its count.
    pub fn values(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0.iter().flat_map(|counts| {
            counts.iter_recorded().map(|value| {
                (Duration::from_micros(value.value_iterated_to()), value.count_since_last_iteration())
            })
        })
    }

    /// The bytes of the standard V2 format.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let empty = self.0.is_none().then(|| empty(FIGURES));
        if let Some(counts) = self.0.as_deref().or(empty.as_ref()) {
            // Writing into memory cannot fail.
            let _ = V2Serializer::new().serialize(counts, &mut bytes);
        }
        bytes
    }

    /// Reads the standard V2 format.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut counts: Counts = V2Deserializer::new()
            .deserialize(&mut &bytes[..])
            .map_err(|error| format!("no histogram in the V2 format: {error:?}"))?;
        counts.auto(true);
        Ok(Self(Some(Box::new(counts))))
    }

    fn filled(&self) -> Option<&Counts> {
        self.0.as_deref().filter(|counts| !counts.is_empty())
    }
}

/// Grows with its values.
fn empty(figures: u8) -> Counts {
    match Counts::new(figures) {
        Ok(counts) => counts,
        Err(error) => unreachable!("{figures} significant figures are valid: {error:?}"),
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.values().eq(other.values())
    }
}

impl FromIterator<Duration> for Histogram {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut histogram = Self::new();
        durations.into_iter().for_each(|duration| histogram.record(duration));
        histogram
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text.as_ref()).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Histogram {
    fn schema_name() -> Cow<'static, str> {
        "Histogram".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "Durations in microseconds, in the HdrHistogram V2 format",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_percentile() {
        let empty = Histogram::new();
        assert_eq!((empty.count(), empty.mean(), empty.percentile(95.0), empty.max()), (0, None, None, None));
        let read: Histogram = serde_json::from_str(&serde_json::to_string(&empty).unwrap()).unwrap();
        assert_eq!(read, empty);
    }

    #[test]
    fn the_text_is_the_standard_format() {
        let histogram = Histogram::from_iter([Duration::from_millis(5)]);
        let bytes = histogram.to_bytes();
        assert_eq!(&bytes[..4], &0x1c84_9313_u32.to_be_bytes(), "the cookie of V2");
        assert_eq!(bytes[12..16], u32::from(FIGURES).to_be_bytes());
    }

    #[test]
    fn more_than_a_day_is_a_day() {
        let histogram = Histogram::from_iter([Duration::MAX, Duration::ZERO]);
        assert_eq!(histogram.count(), 2);
        let day = Duration::from_hours(24);
        assert!(histogram.max().unwrap() >= day && histogram.max().unwrap() < day + day / 1000);
    }

    #[test]
    fn the_share_above_a_bound_is_counted() {
        let histogram: Histogram = (1..=100).map(Duration::from_millis).collect();
        assert!((histogram.share_above(Duration::from_millis(90)).unwrap() - 0.1).abs() < 1e-9);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn round_trip_and_merge_lose_nothing(
            first in proptest::collection::vec(1_u64..100_000_000, 0..200),
            second in proptest::collection::vec(1_u64..100_000, 0..200),
        ) {
            let of = |values: &[u64]| values.iter().copied().map(Duration::from_micros).collect::<Histogram>();
            let mut merged = of(&first);
            merged.merge(&of(&second));
            let all: Vec<u64> = first.iter().chain(&second).copied().collect();
            prop_assert_eq!(&merged, &of(&all));
            let read: Histogram = serde_json::from_str(&serde_json::to_string(&merged).unwrap()).unwrap();
            prop_assert_eq!(read.values().collect::<Vec<_>>(), merged.values().collect::<Vec<_>>());
            prop_assert_eq!(read.count(), all.len() as u64);
        }

        #[test]
        fn percentiles_are_known_to_a_part_in_a_thousand(
            mut values in proptest::collection::vec(1_u64..1_000_000_000, 1..300),
            percent in 0.1..=100.0_f64,
        ) {
            let histogram: Histogram = values.iter().copied().map(Duration::from_micros).collect();
            values.sort_unstable();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
            let exact = values[((percent / 100.0 * values.len() as f64).ceil() as usize).max(1) - 1];
            let seen = u64::try_from(histogram.percentile(percent).unwrap().as_micros()).unwrap();
            prop_assert!(seen.abs_diff(exact) <= exact / 1000 + 1, "{seen} for {exact}");
        }
    }
}
