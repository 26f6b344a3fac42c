//! How a number changed while a check watched it.

use crate::measurement::Unit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// What was watched, for example `achieved rate`.
    pub name: String,
    /// The unit of the values.
    pub unit: Unit,
    /// Seconds since the first observation, and the value then; in ascending order, at most [`Series::MAX_POINTS`].
    pub points: Vec<[f64; 2]>,
}

impl Series {
    /// More points than this are thinned, so that a report of a day is as small as that of a minute.
    pub const MAX_POINTS: usize = 600;

    /// A series of `points`, in ascending order of time. What is no finite number is left out. Where there are too many,
    /// neighbours are merged into one: the time of the last, and of the values the one furthest from their mean, so that
    /// a peak stays a peak.
    pub fn new(name: impl Into<String>, unit: Unit, points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        let mut points: Vec<[f64; 2]> =
            points.into_iter().filter(|[at, value]| at.is_finite() && value.is_finite()).collect();
        let together = points.len().div_ceil(Self::MAX_POINTS);
        if together > 1 {
            points = points.chunks(together).map(most_telling).collect();
        }
        Self { name: name.into(), unit, points }
    }
}

/// One point for several.
fn most_telling(points: &[[f64; 2]]) -> [f64; 2] {
    #[expect(clippy::cast_precision_loss, reason = "a chunk has far fewer points than 2^52")]
    let mean = points.iter().map(|[_, value]| value).sum::<f64>() / points.len() as f64;
    let distance = |value: f64| (value - mean).abs();
    let furthest =
        points.iter().map(|[_, value]| *value).max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
    [points[points.len() - 1][0], furthest.unwrap_or(mean)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_thinned_and_keeps_its_peak() {
        let points = (0..10_000).map(|at| [f64::from(at), if at == 5_003 { 900.0 } else { 1.0 }]);
        let series = Series::new("latency", Unit::Milliseconds, points);
        assert!(series.points.len() <= Series::MAX_POINTS);
        assert!(series.points.iter().any(|[_, value]| *value > 899.0), "the peak is gone");
        assert!(series.points.is_sorted_by(|a, b| a[0] < b[0]));
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let series = Series::new("x", Unit::Count, [[0.0, f64::NAN], [1.0, 2.0]]);
        assert_eq!(series.points, [[1.0, 2.0]]);
    }
}
