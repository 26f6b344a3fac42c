//! When arrivals come: the exact time of the k-th, from the integral of the rate.

use crate::plan::{Arrivals, Load};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which arrivals a worker owns: those whose number, divided by `of`, leaves `index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The worker, from 0.
    pub index: u32,
    /// How many workers there are.
    pub of: u32,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Whether the `k`-th is this worker's.
    pub const fn owns(self, k: u64) -> bool {
        k % self.of as u64 == self.index as u64
    }

    /// How many of the first `count` are this worker's.
    pub const fn of_the_first(self, count: u64) -> u64 {
        (count + self.of as u64 - 1 - self.index as u64) / self.of as u64
    }
}

/// A rate over time, made of pieces in which it changes evenly.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// When it begins, in seconds.
    begins: f64,
    /// How long it is, in seconds.
    lasts: f64,
    /// The rate at its beginning.
    from: f64,
    /// The rate at its end.
    to: f64,
    /// How many arrivals come before it.
    before: f64,
}

impl Piece {
    fn arrivals(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.lasts
    }
}

impl Curve {
    /// The rate of an open load; nothing for a closed one.
    pub fn of(load: &Load) -> Self {
        match load {
            Load::Rate { per_second, during, .. } => Self::through([(during.0, *per_second, *per_second)]),
            Load::Ramp { from, to, during } => Self::through([(during.0, *from, *to)]),
            Load::Steps { from, to, steps, during } => Self::through((0..*steps).map(|step| {
                let rate = from + (to - from) * f64::from(step) / f64::from((steps - 1).max(1));
                (during.0 / *steps, rate, rate)
            })),
            _ => Self(Vec::new()),
        }
    }

    fn through(pieces: impl IntoIterator<Item = (Duration, f64, f64)>) -> Self {
        let (mut begins, mut before) = (0.0, 0.0);
        let place = |(lasts, from, to): (Duration, f64, f64)| {
            let piece = Piece { begins, lasts: lasts.as_secs_f64(), from, to, before };
            begins += piece.lasts;
            before += piece.arrivals();
            piece
        };
        Self(pieces.into_iter().map(place).collect())
    }

    /// How many arrivals come in all, as a real number.
    pub fn area(&self) -> f64 {
        self.0.last().map_or(0.0, |piece| piece.before + piece.arrivals())
    }

    /// How many arrivals come in all: the first at the very beginning, the last before the end.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "plans hold far below 2^52 arrivals"
    )]
    pub fn total(&self) -> u64 {
        let area = self.area();
        // 1.1/s for 10 s are 11, not the 12 that rounding errors would make of it.
        (area - 1e-9 * area.max(1.0)).ceil().max(0.0) as u64
    }

    /// When so many arrivals have come: the inverse of the integral of the rate.
    pub fn time_of(&self, arrivals: f64) -> Duration {
        let at = self.0.partition_point(|piece| piece.before <= arrivals).saturating_sub(1);
        let Some(piece) = self.0.get(at) else { return Duration::ZERO };
        let ahead = (arrivals - piece.before).max(0.0);
        // The root of (to - from) / (2 · lasts) · t² + from · t = ahead, in the form that also holds for an even rate.
        let bend = (piece.to - piece.from) / (2.0 * piece.lasts);
        let divisor = piece.from + (piece.from * piece.from + 4.0 * bend * ahead).max(0.0).sqrt();
        let within = if ahead > 0.0 { (2.0 * ahead / divisor).min(piece.lasts) } else { 0.0 };
        Duration::from_secs_f64(piece.begins + within)
    }

    /// The rate at a time; that of the end, after the end.
    pub fn rate_at(&self, at: Duration) -> f64 {
        let at = at.as_secs_f64();
        let index = self.0.partition_point(|piece| piece.begins <= at).saturating_sub(1);
        self.0.get(index).map_or(0.0, |piece| {
            let part = ((at - piece.begins) / piece.lasts).clamp(0.0, 1.0);
            piece.from + (piece.to - piece.from) * part
        })
    }
}

/// The arrivals of an open load that a worker owns: their numbers in the phase, and when they come.
#[derive(Debug)]
pub struct Schedule {
    curve: Curve,
    share: Share,
    spread: Spread,
}

#[derive(Debug)]
enum Spread {
    Even {
        next: u64,
        total: u64,
    },
    /// Walks the integral in exponential strides; every worker walks all of it and keeps what it owns.
    Poisson {
        random: Box<StdRng>,
        walked: f64,
        next: u64,
        area: f64,
    },
}

impl Schedule {
    /// Of the phase with this index, in a plan with this seed.
    pub fn of(load: &Load, seed: u64, phase: usize, share: Share) -> Self {
        let curve = Curve::of(load);
        let spread = if let Load::Rate { arrivals: Arrivals::Poisson, .. } = load {
            let random = Box::new(StdRng::seed_from_u64(mixed(seed, phase as u64)));
            Spread::Poisson { random, walked: 0.0, next: 0, area: curve.area() }
        } else {
            Spread::Even { next: share.index.into(), total: curve.total() }
        };
        Self { curve, share, spread }
    }
}

impl Iterator for Schedule {
    type Item = (u64, Duration);

    #[expect(clippy::cast_precision_loss, reason = "plans hold far below 2^52 arrivals")]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.spread {
            Spread::Even { next, total } => {
                let k = *next;
                *next += u64::from(self.share.of);
                (k < *total).then(|| (k, self.curve.time_of(k as f64)))
            }
            Spread::Poisson { random, walked, next, area } => loop {
                *walked -= (1.0 - random.random::<f64>()).ln();
                if *walked >= *area {
                    return None;
                }
                let k = *next;
                *next += 1;
                if self.share.owns(k) {
                    return Some((k, self.curve.time_of(*walked)));
                }
            },
        }
    }
}

/// One number that depends on both, evenly spread (the finaliser of SplitMix64).
pub(crate) const fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shakedown_core::HumanDuration;

    fn rate(per_second: f64, seconds: u64, arrivals: Arrivals) -> Load {
        Load::Rate { per_second, during: HumanDuration::secs(seconds), arrivals }
    }

    fn times(load: &Load) -> Vec<f64> {
        Schedule::of(load, 1, 0, Share::WHOLE).map(|(_, at)| at.as_secs_f64()).collect()
    }

    #[test]
    fn an_even_rate_comes_at_equal_distances() {
        assert_eq!(times(&rate(4.0, 1, Arrivals::Even)), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(times(&rate(1.1, 10, Arrivals::Even)).len(), 11);
    }

    #[test]
    fn a_ramp_from_nothing_follows_the_square_root() {
        let ramp = Load::Ramp { from: 0.0, to: 10.0, during: HumanDuration::secs(10) };
        let times = times(&ramp);
        assert_eq!(times.len(), 50);
        for (k, at) in (0_u32..).zip(times) {
            // The integral of t per second is t² / 2.
            assert!((at - (2.0 * f64::from(k)).sqrt()).abs() < 1e-6, "{k} at {at}");
        }
    }

    #[test]
    fn steps_have_their_own_rates() {
        let steps = Load::Steps { from: 1.0, to: 3.0, steps: 3, during: HumanDuration::secs(6) };
        let expected = [0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 4.333, 4.667, 5.0, 5.333, 5.667];
        let times = times(&steps);
        assert_eq!(times.len(), expected.len());
        assert!(times.iter().zip(expected).all(|(at, expected)| (at - expected).abs() < 1e-3), "{times:?}");
        assert_eq!(steps.rate_at(Duration::from_millis(3999)), Some(2.0));
    }

    #[test]
    fn random_arrivals_have_mean_and_variance_of_a_poisson_process() {
        let times = times(&rate(100.0, 1000, Arrivals::Poisson));
        // 100,000 expected, with a standard deviation of 316: five of them are seen once in millions of seeds, and
        // this seed is fixed.
        assert!((98_400..101_600).contains(&times.len()), "{}", times.len());
        let mut per_second = vec![0.0; 1000];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds below 1000")]
        for at in &times {
            per_second[*at as usize] += 1.0;
        }
        let mean = per_second.iter().sum::<f64>() / 1000.0;
        let variance = per_second.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 999.0;
        assert!((variance / mean - 1.0).abs() < 0.2, "variance {variance}, mean {mean}");
    }

    #[test]
    fn another_seed_is_another_order_and_the_same_seed_the_same() {
        let load = rate(50.0, 10, Arrivals::Poisson);
        let of = |seed, phase| Schedule::of(&load, seed, phase, Share::WHOLE).collect::<Vec<_>>();
        assert_eq!(of(1, 0), of(1, 0));
        assert_ne!(of(1, 0), of(2, 0));
        assert_ne!(of(1, 0), of(1, 1));
    }

    fn any_load() -> impl Strategy<Value = Load> {
        let span = || (1_u64..4000).prop_map(HumanDuration::millis);
        prop_oneof![
            (0.1..500.0, span(), any::<bool>()).prop_map(|(per_second, during, even)| Load::Rate {
                per_second,
                during,
                arrivals: if even { Arrivals::Even } else { Arrivals::Poisson },
            }),
            (0.0..500.0, 0.1..500.0, span()).prop_map(|(from, to, during)| Load::Ramp { from, to, during }),
            (0.1..500.0, 0.0..500.0, 2_u32..9, span()).prop_map(|(from, to, steps, during)| Load::Steps {
                from,
                to,
                steps,
                during
            }),
        ]
    }

    proptest! {
        #[test]
        fn arrivals_rise_within_the_phase_and_match_the_integral(load in any_load()) {
            let all: Vec<_> = Schedule::of(&load, 3, 0, Share::WHOLE).collect();
            prop_assert!(all.is_sorted_by_key(|(_, at)| *at));
            prop_assert!(all.iter().zip(0..).all(|((k, _), expected)| *k == expected));
            prop_assert!(all.iter().all(|(_, at)| *at <= load.duration().unwrap()));
            if !matches!(load, Load::Rate { arrivals: Arrivals::Poisson, .. }) {
                prop_assert_eq!(all.len() as u64, load.arrivals().unwrap());
                let count = f64::from(u32::try_from(all.len()).unwrap());
                prop_assert!((count - Curve::of(&load).area()).abs() <= 1.0 + 1e-6);
            }
        }

        #[test]
        fn workers_share_the_arrivals_without_loss(load in any_load(), of in 1_u32..7) {
            let all: Vec<_> = Schedule::of(&load, 3, 0, Share::WHOLE).collect();
            let mut shared: Vec<_> = (0..of)
                .flat_map(|index| {
                    let share = Share { index, of };
                    let own: Vec<_> = Schedule::of(&load, 3, 0, share).collect();
                    assert!(own.iter().all(|(k, _)| share.owns(*k)));
                    assert_eq!(own.len() as u64, share.of_the_first(all.len() as u64));
                    own
                })
                .collect();
            shared.sort_unstable();
            prop_assert_eq!(shared, all);
        }
    }
}
