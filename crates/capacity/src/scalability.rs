//! The Universal Scalability Law: how throughput grows, levels off and falls with concurrency.
//!
//! `C(N) = λN / (1 + σ(N−1) + κN(N−1))`. λ is the throughput of one alone, σ the share of work that waits in line
//! (contention), κ the cost of keeping each informed of every other (coherency).
//!
//! It is fitted in closed form: `N / C(N)` is linear in `1/λ`, `σ/λ` and `κ/λ`, so least squares of the relative deviation are
//! one small system of equations, with σ and κ held at or above zero (a fit that goes below them bends upward, and promises
//! throughput without end). The uncertainty comes from resampling the measured points' deviations, with a fixed seed.

use crate::interval::{Estimate, number};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was measured once at one level of concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// How many at the same time.
    pub concurrency: f64,
    /// What was completed per second.
    pub throughput: f64,
}

/// A fitted law.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Law {
    /// Throughput of one alone, per second.
    pub lambda: Estimate,
    /// Contention.
    pub sigma: Estimate,
    /// Coherency.
    pub kappa: Estimate,
    /// Where throughput is highest; none where it levels off without falling.
    pub peak: Option<Peak>,
    /// The share of the variance of throughput that the law explains, at most 1.
    pub explained: f64,
    /// The points it was fitted to.
    pub points: Vec<Point>,
    #[serde(skip)]
    best: Coefficients,
    #[serde(skip)]
    resamples: Vec<Coefficients>,
}

/// Where throughput is highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peak {
    /// At which concurrency.
    pub concurrency: f64,
    /// The lower end of the 95 % interval.
    pub lower: f64,
    /// The upper end; none where the points do not exclude that there is no peak.
    pub upper: Option<f64>,
    /// The throughput there, per second.
    pub throughput: Estimate,
}

/// What the law says of one level of concurrency. The intervals are those of the law, not of a single measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// Of how many at the same time.
    pub concurrency: f64,
    /// Throughput, per second.
    pub throughput: Estimate,
    /// The time each takes by Little's law, in milliseconds.
    pub latency_ms: Estimate,
    /// Whether it lies beyond what was measured, where a law may no longer hold.
    pub extrapolated: bool,
}

/// Why no law can be fitted.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unfitted {
    /// There are too few levels.
    #[error(
        "{levels} levels of concurrency with throughput are too few; it takes at least {}",
        Law::LEAST_LEVELS
    )]
    TooFewLevels {
        /// How many there are.
        levels: usize,
    },
    /// The points do not tell a curve from a straight line.
    #[error(
        "throughput cannot be told from a straight line up to {up_to:.0} at once: the bend, and with it the peak, lies beyond"
    )]
    Linear {
        /// The highest level that was measured.
        up_to: f64,
    },
}

/// The law's coefficients.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Coefficients {
    lambda: f64,
    sigma: f64,
    kappa: f64,
}

impl Coefficients {
    fn throughput(self, n: f64) -> f64 {
        self.lambda * n / self.slowdown(n)
    }

    /// How many times longer than alone each takes.
    fn slowdown(self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }

    /// Where throughput is highest; infinite where it never falls.
    fn peak(self) -> f64 {
        if self.sigma >= 1.0 { 1.0 } else { ((1.0 - self.sigma) / self.kappa).sqrt().max(1.0) }
    }

    /// Least squares of the relative deviation, over the combinations of coefficients that are not held at zero.
    fn fit(points: &[Point]) -> Option<Self> {
        let system = System::of(points);
        let fits =
            [&[0, 1, 2][..], &[0, 1], &[0, 2], &[0]].into_iter().filter_map(|columns| system.solve(columns));
        let allowed = fits.filter(|([alone, contention, coherency], _)| {
            *alone > 0.0 && *contention >= 0.0 && *coherency >= 0.0
        });
        let ([alone, contention, coherency], _) = allowed.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Self { lambda: 1.0 / alone, sigma: contention / alone, kappa: coherency / alone })
    }
}

/// The normal equations of `1 ≈ (1/λ)(1/y) + (σ/λ)((N−1)/y) + (κ/λ)(N(N−1)/y)` with `y = N/C`, so that what is kept small is
/// the relative deviation. Scaled columns keep them well conditioned: N(N−1) is far larger than 1.
struct System {
    scale: [f64; 3],
    normal: [[f64; 3]; 3],
    right: [f64; 3],
}

impl System {
    fn of(points: &[Point]) -> Self {
        let row = |Point { concurrency: n, throughput }: &Point| {
            let inverse = throughput / n;
            [inverse, (n - 1.0) * inverse, n * (n - 1.0) * inverse]
        };
        let mut scale = [f64::MIN_POSITIVE; 3];
        for row in points.iter().map(row) {
            for (scale, value) in scale.iter_mut().zip(row) {
                *scale = scale.max(value);
            }
        }
        let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
        for row in points.iter().map(row) {
            for i in 0..3 {
                let value = row[i] / scale[i];
                right[i] += value;
                for j in 0..3 {
                    normal[i][j] += value * row[j] / scale[j];
                }
            }
        }
        Self { scale, normal, right }
    }

    /// The coefficients of `columns`, the others being 0, and by how much they reduce the sum of squares.
    fn solve(&self, columns: &[usize]) -> Option<([f64; 3], f64)> {
        let size = columns.len();
        let mut system = [[0.0; 4]; 3];
        for (i, a) in columns.iter().enumerate() {
            for (j, b) in columns.iter().enumerate() {
                system[i][j] = self.normal[*a][*b];
            }
            system[i][size] = self.right[*a];
        }
        let (mut solution, mut reduced) = ([0.0; 3], 0.0);
        for (value, column) in eliminate(system, size)?.into_iter().zip(columns) {
            reduced += value * self.right[*column];
            solution[*column] = value / self.scale[*column];
        }
        Some((solution, reduced))
    }
}

/// Gauss's elimination with pivoting of the first `size` equations, the right side in column `size`; the rest stays 0.
fn eliminate(mut system: [[f64; 4]; 3], size: usize) -> Option<[f64; 3]> {
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()))?;
        system.swap(column, pivot);
        if system[column][column].abs() < 1e-12 {
            return None;
        }
        let pivot = system[column];
        for (_, row) in system.iter_mut().enumerate().take(size).filter(|(row, _)| *row != column) {
            let factor = row[column] / pivot[column];
            for (value, pivot) in row.iter_mut().zip(pivot) {
                *value -= factor * pivot;
            }
        }
    }
    let mut solution = [0.0; 3];
    for (row, value) in solution.iter_mut().enumerate().take(size) {
        *value = system[row][size] / system[row][row];
    }
    Some(solution)
}

impl Law {
    /// Three coefficients need more levels than three for their uncertainty to be told.
    pub const LEAST_LEVELS: usize = 5;
    const RESAMPLES: usize = 1000;
    /// Where the points do not exclude that less than this share is lost to contention and coherency, there is no bend.
    const LEAST_BEND: f64 = 0.02;

    /// Fits the law to what was measured; points without throughput are left out. The same seed gives the same intervals.
    ///
    /// # Errors
    /// [`Unfitted`] where the points do not allow it.
    pub fn fit(points: &[Point], seed: u64) -> Result<Self, Unfitted> {
        let usable = |point: &&Point| {
            point.concurrency >= 1.0 && point.throughput > 0.0 && point.throughput.is_finite()
        };
        let mut points: Vec<Point> = points.iter().filter(usable).copied().collect();
        points.sort_by(|a, b| a.concurrency.total_cmp(&b.concurrency));
        let levels = points.chunk_by(|a, b| a.concurrency.total_cmp(&b.concurrency).is_eq()).count();
        let too_few = Unfitted::TooFewLevels { levels };
        if levels < Self::LEAST_LEVELS {
            return Err(too_few);
        }
        let best = Coefficients::fit(&points).ok_or(too_few)?;
        let resamples = resample(&points, best, seed);
        let over = |value: &dyn Fn(Coefficients) -> f64| {
            Estimate::of(value(best), resamples.iter().map(|one| value(*one)).collect())
        };
        let up_to = points[points.len() - 1].concurrency;
        if over(&|law| 1.0 - 1.0 / law.slowdown(up_to)).lower < Self::LEAST_BEND {
            return Err(Unfitted::Linear { up_to });
        }
        Ok(Self {
            lambda: over(&|law| law.lambda),
            sigma: over(&|law| law.sigma),
            kappa: over(&|law| law.kappa),
            peak: peak(best, &resamples),
            explained: explained(&points, best),
            best,
            resamples,
            points,
        })
    }

    /// Throughput at a concurrency, per second.
    pub fn throughput(&self, concurrency: f64) -> f64 {
        self.best.throughput(concurrency)
    }

    /// What the law says of `concurrency`.
    pub fn predict(&self, concurrency: f64) -> Prediction {
        let over = |value: &dyn Fn(Coefficients) -> f64| {
            Estimate::of(value(self.best), self.resamples.iter().map(|law| value(*law)).collect())
        };
        Prediction {
            concurrency,
            throughput: over(&|law| law.throughput(concurrency)),
            latency_ms: over(&|law| 1000.0 * law.slowdown(concurrency) / law.lambda),
            extrapolated: self.points.last().is_none_or(|last| concurrency > last.concurrency),
        }
    }
}

/// Laws of points that might as well have been measured: the fitted law with the measured points' relative deviations, dealt
/// anew. The levels stay as they were chosen. Deviations are widened for the coefficients that the fit has taken from them.
fn resample(points: &[Point], law: Coefficients, seed: u64) -> Vec<Coefficients> {
    let count = number(points.len());
    let widened = (count / (count - 3.0)).sqrt();
    let logs: Vec<f64> =
        points.iter().map(|point| (point.throughput / law.throughput(point.concurrency)).ln()).collect();
    let mean = logs.iter().sum::<f64>() / count;
    let deviations: Vec<f64> = logs.iter().map(|log| (log - mean) * widened).collect();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut once = || {
        let again = points.iter().map(|point| {
            let deviation = deviations[random.random_range(0..deviations.len())];
            Point { throughput: law.throughput(point.concurrency) * deviation.exp(), ..*point }
        });
        Coefficients::fit(&again.collect::<Vec<_>>())
    };
    (0..Law::RESAMPLES).filter_map(|_| once()).collect()
}

fn peak(best: Coefficients, resamples: &[Coefficients]) -> Option<Peak> {
    let concurrency = Some(best.peak()).filter(|peak| peak.is_finite())?;
    // Without coherency there is no peak: it lies beyond every number.
    let far = |law: &Coefficients| law.peak().min(f64::MAX);
    let range = Estimate::of(concurrency, resamples.iter().map(far).collect());
    let highest = |law: &Coefficients| law.throughput(law.peak().min(1e9));
    Some(Peak {
        concurrency,
        lower: range.lower,
        upper: Some(range.upper).filter(|upper| *upper < f64::MAX),
        throughput: Estimate::of(highest(&best), resamples.iter().map(highest).collect()),
    })
}

fn explained(points: &[Point], law: Coefficients) -> f64 {
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / number(points.len());
    let around = |expected: &dyn Fn(f64) -> f64| -> f64 {
        points.iter().map(|point| (point.throughput - expected(point.concurrency)).powi(2)).sum()
    };
    let total = around(&|_| mean);
    if total > 0.0 { 1.0 - around(&|n| law.throughput(n)) / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 120.0];

    fn measured(truth: Coefficients, noise: f64, seed: u64) -> Vec<Point> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let twice = LEVELS.iter().chain(&LEVELS);
        twice
            .map(|n| {
                let factor = 1.0 + noise * random.random_range(-1.0..=1.0);
                Point { concurrency: *n, throughput: truth.throughput(*n) * factor }
            })
            .collect()
    }

    const TRUTH: Coefficients = Coefficients { lambda: 100.0, sigma: 0.03, kappa: 0.0004 };

    #[test]
    fn the_truth_is_found_where_there_is_no_noise() {
        let law = Law::fit(&measured(TRUTH, 0.0, 1), 7).unwrap();
        assert!((law.lambda.value - 100.0).abs() < 1e-6 && (law.sigma.value - 0.03).abs() < 1e-9, "{law:?}");
        assert!((law.kappa.value - 0.0004).abs() < 1e-9 && law.explained > 0.999_999);
        let peak = law.peak.unwrap();
        assert!((peak.concurrency - (0.97_f64 / 0.0004).sqrt()).abs() < 1e-3, "{peak:?}");
    }

    #[test]
    fn noise_widens_the_intervals_and_they_hold_the_truth() {
        let held = (0..60_u64).filter(|seed| {
            let law = Law::fit(&measured(TRUTH, 0.08, *seed), 7).unwrap();
            let at_200 = law.predict(200.0);
            assert!(at_200.extrapolated && at_200.throughput.lower < at_200.throughput.upper);
            (at_200.throughput.lower..=at_200.throughput.upper).contains(&TRUTH.throughput(200.0))
        });
        let held = held.count();
        assert!(held >= 51, "the interval held the truth in {held} of 60 simulations");
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals() {
        let points = measured(TRUTH, 0.05, 3);
        assert_eq!(Law::fit(&points, 1), Law::fit(&points, 1));
        assert_ne!(Law::fit(&points, 1), Law::fit(&points, 2));
    }

    #[test]
    fn contention_alone_has_no_peak() {
        let law = Law::fit(&measured(Coefficients { kappa: 0.0, ..TRUTH }, 0.0, 1), 7).unwrap();
        assert!(law.peak.is_none_or(|peak| peak.concurrency > 1e4), "{:?}", law.peak);
        let ceiling = 100.0 / 0.03;
        assert!((law.predict(1e6).throughput.value / ceiling - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_does_not_bend_is_not_fitted() {
        let straight = Coefficients { lambda: 8.0, sigma: 0.0, kappa: 0.0 };
        for noise in [0.0, 0.05] {
            let refused = Law::fit(&measured(straight, noise, 5), 7).unwrap_err();
            assert_eq!(refused, Unfitted::Linear { up_to: 120.0 });
        }
        insta::assert_snapshot!(Unfitted::Linear { up_to: 120.0 }, @"throughput cannot be told from a straight line up to 120 at once: the bend, and with it the peak, lies beyond");
    }

    #[test]
    fn too_few_levels_are_not_fitted() {
        let points: Vec<Point> =
            measured(TRUTH, 0.0, 1).into_iter().filter(|point| point.concurrency < 12.0).collect();
        assert_eq!(Law::fit(&points, 7).unwrap_err(), Unfitted::TooFewLevels { levels: 4 });
        let silent = points.iter().map(|point| Point { throughput: 0.0, ..*point }).collect::<Vec<_>>();
        assert_eq!(Law::fit(&silent, 7).unwrap_err(), Unfitted::TooFewLevels { levels: 0 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_law_is_found_again(lambda in 1.0..5000.0, sigma in 0.01..0.5, kappa in 0.0001..0.01) {
            let truth = Coefficients { lambda, sigma, kappa };
            let law = Law::fit(&measured(truth, 0.0, 1), 7).unwrap();
            prop_assert!((law.lambda.value / lambda - 1.0).abs() < 1e-6);
            prop_assert!((law.sigma.value / sigma - 1.0).abs() < 1e-4, "{:?}", law.sigma);
            prop_assert!((law.kappa.value / kappa - 1.0).abs() < 1e-4, "{:?}", law.kappa);
        }
    }
}
