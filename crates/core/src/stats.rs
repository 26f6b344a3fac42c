//! Percentiles and means, in one place.

use crate::check::CheckError;

/// A non-empty set of samples, sorted. It cannot be built from nothing: no data is never a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Sorts the samples.
    ///
    /// # Errors
    /// [`CheckError::NoData`] naming `what` where there are none, or where one is not a finite number.
    pub fn new(what: &str, mut values: Vec<f64>) -> Result<Self, CheckError> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return Err(CheckError::no_data(format!("no usable samples of {what}")));
        }
        values.sort_by(f64::total_cmp);
        Ok(Self(values))
    }

    /// The nearest-rank percentile: the smallest sample that at least `percent` % of the samples do not exceed.
    ///
    /// `percent` is clamped to 0–100; 0 gives the minimum.
    pub fn percentile(&self, percent: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "sample counts are far below 2^52")]
        let rank = (percent.clamp(0.0, 100.0) / 100.0 * self.0.len() as f64).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the rank is within 0..=len"
        )]
        let index = (rank as usize).saturating_sub(1);
        self.0[index]
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "sample counts are far below 2^52")]
        let count = self.0.len() as f64;
        self.0.iter().sum::<f64>() / count
    }

    /// The smallest sample.
    pub fn min(&self) -> f64 {
        self.0[0]
    }

    /// The largest sample.
    pub fn max(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// How many there are; never zero.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The samples in ascending order.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nearest_rank_of_a_known_set() {
        let samples = Samples::new("latency", vec![15.0, 20.0, 35.0, 40.0, 50.0]).unwrap();
        let of = [0, 30, 40, 50, 100].map(|percent| samples.percentile(percent.into()).to_string());
        assert_eq!(of, ["15", "20", "20", "35", "50"]);
        assert!(Samples::new("latency", vec![]).is_err());
        assert!(Samples::new("latency", vec![f64::NAN]).is_err());
    }

    proptest! {
        #[test]
        fn a_percentile_is_a_sample_and_has_its_share_below(values in proptest::collection::vec(-1e6..1e6, 1..200), percent in 0.0..=100.0) {
            let samples = Samples::new("x", values.clone()).unwrap();
            let value = samples.percentile(percent);
            prop_assert!(values.contains(&value));
            let count = |wanted: &dyn Fn(f64) -> bool| f64::from(u32::try_from(values.iter().filter(|v| wanted(**v)).count()).unwrap());
            prop_assert!(count(&|v| v <= value) >= percent / 100.0 * count(&|_| true) - 1e-9);
        }

        #[test]
        fn percentiles_rise(values in proptest::collection::vec(-1e6..1e6, 1..200), a in 0.0..=100.0, b in 0.0..=100.0) {
            let samples = Samples::new("x", values).unwrap();
            prop_assert!(samples.percentile(f64::min(a, b)) <= samples.percentile(f64::max(a, b)));
        }
    }
}
