//! How evenly something is shared.

use crate::interval::number;

/// Jain's index of fairness: 1 where all have the same, 1/n where one of n has everything.
///
/// `values` are what each has of a good thing, for example served requests per second; of a bad thing, such as latency, give
/// the inverse. None where there are no values, where all are zero, or where one is negative or not finite: nothing was
/// shared, or it cannot be said how.
pub fn jain(values: &[f64]) -> Option<f64> {
    if values.iter().any(|value| !value.is_finite() || *value < 0.0) {
        return None;
    }
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares > 0.0).then(|| sum * sum / (number(values.len()) * squares))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_indices() {
        let of = |values: &[f64]| jain(values).map(|index| (index * 1e4).round() / 1e4);
        assert_eq!(of(&[5.0, 5.0, 5.0]), Some(1.0));
        assert_eq!(of(&[9.0, 0.0, 0.0]), Some(0.3333));
        assert_eq!(of(&[1.0, 2.0, 3.0]), Some(0.8571)); // 36 / (3 × 14)
        for nothing in [&[][..], &[0.0, 0.0], &[1.0, f64::NAN], &[2.0, -1.0]] {
            assert_eq!(of(nothing), None);
        }
    }

    proptest! {
        #[test]
        fn it_lies_between_one_share_and_one_and_ignores_the_unit(values in proptest::collection::vec(0.001..1e6, 1..50)) {
            let index = jain(&values).unwrap();
            prop_assert!(index <= 1.0 + 1e-9 && index >= 1.0 / number(values.len()) - 1e-9);
            let scaled: Vec<f64> = values.iter().map(|value| value * 1000.0).collect();
            prop_assert!((jain(&scaled).unwrap() - index).abs() < 1e-9);
        }
    }
}
