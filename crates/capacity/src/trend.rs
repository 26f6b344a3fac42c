//! Whether a number rises over time, and how sure that is.
//!
//! The slope is that of Theil and Sen: the median of the slopes of all pairs of points, which up to 29 % of outliers (a pause
//! of the garbage collector, a lost sample) do not move. Its interval is Sen's, from the variance of Kendall's rank statistic,
//! corrected for ties and widened for autocorrelation after Hamed and Rao: neighbouring samples of memory say much the same, so
//! that 600 of them are worth far fewer independent ones. Least squares with its usual interval would take each for news and
//! find trends in noise; a bootstrap of blocks needs a choice of block length and random numbers. This needs neither.

use crate::interval::{Interval, Z_95, number, whole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::stats::Samples;
use std::fmt;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// How a number changed over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// The change per hour, in the number's own unit.
    pub per_hour: f64,
    /// The 95 % interval of the change per hour.
    pub interval: Interval,
    /// The level of the fitted line at the first sample.
    pub start: f64,
    /// The level of the fitted line at the last sample.
    pub end: f64,
    /// Hours from the first sample to the last.
    pub hours: f64,
    /// How many samples there were.
    pub samples: usize,
}

/// Which way a trend goes, as far as its interval tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// It rises faster than is tolerated: the whole interval lies above.
    Rising,
    /// It keeps within what is tolerated: the whole interval does.
    Flat,
    /// It falls faster than is tolerated: the whole interval lies below.
    Falling,
    /// The interval holds both: watch longer.
    Undecided,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rising => "rising",
            Self::Flat => "flat",
            Self::Falling => "falling",
            Self::Undecided => "undecided",
        })
    }
}

/// Why no trend can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTrend {
    /// There are too few samples.
    #[error("{samples} samples are too few for a trend; it takes at least {}", Trend::LEAST_SAMPLES)]
    TooFew {
        /// How many there are.
        samples: usize,
    },
    /// All samples are of the same moment.
    #[error("all samples are of the same moment")]
    NoTime,
}

impl Trend {
    /// With fewer samples the normal approximation of the rank statistic does not hold.
    pub const LEAST_SAMPLES: usize = 10;
    /// More samples than this are merged into medians of neighbours: the number of pairs grows with the square.
    const MOST_POINTS: usize = 500;

    /// The trend of `points`: seconds since any moment, and the value then. What is no finite number is left out.
    ///
    /// # Errors
    /// [`NoTrend`] where they cannot tell one.
    pub fn of(points: &[[f64; 2]]) -> Result<Self, NoTrend> {
        let finite = |[at, value]: &&[f64; 2]| at.is_finite() && value.is_finite();
        let mut all: Vec<[f64; 2]> = points.iter().filter(finite).copied().collect();
        all.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let samples = all.len();
        if samples < Self::LEAST_SAMPLES {
            return Err(NoTrend::TooFew { samples });
        }
        let (first, last) = (all[0][0], all[samples - 1][0]);
        let together = samples.div_ceil(Self::MOST_POINTS);
        let points: Vec<[f64; 2]> =
            if together == 1 { all } else { all.chunks(together).map(middle).collect() };
        let slopes = Samples::new("slopes", slopes(&points)).map_err(|_| NoTrend::NoTime)?;
        let slope = median(slopes.sorted());
        let mut residuals: Vec<f64> = points.iter().map(|[at, value]| value - slope * (at - first)).collect();
        let spread = rank_deviation(&points) * inflation(&residuals).sqrt();
        residuals.sort_by(f64::total_cmp);
        let start = median(&residuals);
        Ok(Self {
            per_hour: slope * SECONDS_PER_HOUR,
            interval: sen(slopes.sorted(), spread).times(SECONDS_PER_HOUR),
            start,
            end: start + slope * (last - first),
            hours: (last - first) / SECONDS_PER_HOUR,
            samples,
        })
    }

    /// Which way it goes, where a change of up to `tolerated` per hour, either way, is none.
    pub fn direction(&self, tolerated: f64) -> Direction {
        let tolerated = tolerated.abs();
        if self.interval.lower > tolerated {
            Direction::Rising
        } else if self.interval.upper < -tolerated {
            Direction::Falling
        } else if self.interval.lower >= -tolerated && self.interval.upper <= tolerated {
            Direction::Flat
        } else {
            Direction::Undecided
        }
    }

    /// The change over the whole time watched, with its interval, in the number's own unit.
    pub fn change(&self) -> (f64, Interval) {
        (self.per_hour * self.hours, self.interval.times(self.hours))
    }

    /// The same as a share of the level at the start; none where that is not above zero.
    pub fn relative_change(&self) -> Option<(f64, Interval)> {
        let (change, interval) = self.change();
        (self.start > 0.0).then(|| (change / self.start, interval.times(1.0 / self.start)))
    }
}

/// One point for several neighbours: the medians of their times and of their values.
fn middle(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| {
        let mut values: Vec<f64> = points.iter().map(|point| point[axis]).collect();
        values.sort_by(f64::total_cmp);
        median(&values)
    })
}

/// The slopes of all pairs that lie apart in time.
fn slopes(points: &[[f64; 2]]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (index, [from, before]) in points.iter().enumerate() {
        let later = points[index + 1..].iter().filter(|[to, _]| to > from);
        slopes.extend(later.map(|[to, after]| (after - before) / (to - from)));
    }
    slopes
}

/// The median of sorted values, of which there is at least one.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] }
}

/// The standard deviation of Kendall's statistic where there is no trend, corrected for equal values.
fn rank_deviation(points: &[[f64; 2]]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut values: Vec<f64> = points.iter().map(|[_, value]| *value).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|same| term(number(same.len()))).sum();
    ((term(number(values.len())) - ties) / 18.0).max(0.0).sqrt()
}

/// By how much autocorrelation raises the variance: as many times fewer independent samples there are. At least 1.
fn inflation(residuals: &[f64]) -> f64 {
    let ranks = ranks(residuals);
    let n = number(ranks.len());
    let mean = f64::midpoint(n, 1.0);
    let product =
        |lag: usize| -> f64 { ranks.iter().zip(&ranks[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    let variance = product(0);
    if variance <= 0.0 {
        return 1.0;
    }
    // Estimates of far lags are noise: the sum ends where correlation is lost. Those of a detrended series are too low, by
    // about 1/n for each of the fitted line's two parameters.
    let correlations = (1..ranks.len() / 2)
        .map(|lag| (lag, product(lag) / variance + 2.0 / n))
        .take_while(|(_, correlation)| *correlation > 0.0);
    1.0 + 2.0 * correlations.map(|(lag, correlation)| (1.0 - number(lag) / n) * correlation).sum::<f64>()
}

/// The rank of each value, from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for same in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = number(below) + number(same.len() + 1) / 2.0;
        for index in same {
            ranks[*index] = rank;
        }
        below += same.len();
    }
    ranks
}

/// Sen's interval of the median of sorted slopes, where the rank statistic deviates by `deviation`.
fn sen(slopes: &[f64], deviation: f64) -> Interval {
    let (count, reach) = (number(slopes.len()), Z_95 * deviation);
    let at = |rank: f64| {
        let rank = usize::try_from(whole(rank)).unwrap_or(usize::MAX);
        slopes[rank.clamp(1, slopes.len()) - 1]
    };
    Interval::new(at(((count - reach) / 2.0).floor()), at(f64::midpoint(count, reach).ceil() + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// Autocorrelated noise (each sample keeps `memory` of the one before) on a line, one sample a second.
    fn noisy(seed: u64, samples: u32, per_second: f64, memory: f64) -> Vec<[f64; 2]> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut noise = 0.0;
        // What came before the first sample is forgotten by then.
        let draws: Vec<f64> = (0..samples + 100)
            .map(|_| {
                // The sum of twelve uniform numbers is close to normal, with variance 1.
                let draw: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
                noise = memory * noise + draw;
                noise
            })
            .collect();
        (0..samples)
            .zip(&draws[100..])
            .map(|(at, noise)| [f64::from(at), 100.0 + per_second * f64::from(at) + noise])
            .collect()
    }

    #[test]
    fn a_line_is_found_exactly() {
        let points: Vec<[f64; 2]> =
            (0..60).map(|minute| [f64::from(minute) * 60.0, 500.0 + f64::from(minute)]).collect();
        let trend = Trend::of(&points).unwrap();
        assert!((trend.per_hour - 60.0).abs() < 1e-9 && (trend.start - 500.0).abs() < 1e-9);
        assert!((trend.end - 559.0).abs() < 1e-9, "{trend:?}");
        assert_eq!(trend.direction(59.0), Direction::Rising);
        assert_eq!(trend.direction(61.0), Direction::Flat);
    }

    #[test]
    fn outliers_do_not_move_it() {
        let mut points = noisy(1, 100, 0.5, 0.0);
        for index in (3..100).step_by(5) {
            points[index][1] = 1e6;
        }
        let trend = Trend::of(&points).unwrap();
        assert!((trend.per_hour / 3600.0 - 0.5).abs() < 0.05, "{trend:?}");
    }

    #[test]
    fn what_never_changes_is_flat() {
        let points: Vec<[f64; 2]> = (0..20).map(|at| [f64::from(at), 7.0]).collect();
        let trend = Trend::of(&points).unwrap();
        assert_eq!((trend.interval, trend.direction(0.0)), (Interval::new(0.0, 0.0), Direction::Flat));
    }

    #[test]
    fn falling_and_undecided() {
        assert_eq!(Trend::of(&noisy(2, 200, -0.2, 0.3)).unwrap().direction(10.0), Direction::Falling);
        assert_eq!(Trend::of(&noisy(3, 12, 0.0, 0.0)).unwrap().direction(1.0), Direction::Undecided);
    }

    #[test]
    fn nothing_is_no_trend() {
        assert_eq!(Trend::of(&[[0.0, 1.0]; 3]), Err(NoTrend::TooFew { samples: 3 }));
        assert_eq!(Trend::of(&[[5.0, 1.0]; 30]), Err(NoTrend::NoTime));
        assert_eq!(Trend::of(&[[f64::NAN, 1.0]; 30]), Err(NoTrend::TooFew { samples: 0 }));
    }

    #[test]
    fn many_samples_are_merged_and_say_the_same() {
        let trend = Trend::of(&noisy(4, 5_000, 0.01, 0.5)).unwrap();
        assert_eq!(trend.samples, 5_000);
        assert!((trend.per_hour / 3600.0 - 0.01).abs() < 0.001, "{trend:?}");
    }

    /// How many of 200 intervals hold the true slope.
    fn covered(samples: u32, memory: f64) -> usize {
        let holds = |seed: &u64| {
            let trend = Trend::of(&noisy(*seed, samples, 0.05, memory)).unwrap();
            trend.interval.contains(0.05 * 3600.0)
        };
        (1000..1200_u64).filter(holds).count()
    }

    #[test]
    fn the_interval_holds_the_truth_about_as_often_as_it_says() {
        let covered = [covered(60, 0.0), covered(60, 0.5), covered(120, 0.8)];
        // 95 % of 200 are 190; the correction for autocorrelation is an estimate itself.
        assert!(covered.iter().all(|held| *held >= 178), "{covered:?} of 200");
    }
}
