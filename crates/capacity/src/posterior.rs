//! Where a limit lies, judged from tries that held and tries that broke, some of which may mislead.
//!
//! Each try at a level says "the limit is at or above" or "the limit is below". With some unknown probability a try misleads: a
//! limit that is not sharp, a passing disturbance. Every possible limit is weighed by how many tries contradict it, with that
//! probability integrated out (a Beta(1, 9) prior: one in ten at the outset, and what the tries show from then on). That is
//! probabilistic bisection with Bayes' rule in closed form: contradictory tries widen the interval, repeats narrow it.

use crate::interval::number;

/// How many tries would have to be believed to mislead at the outset, against one that does.
const PRIOR_AGREEING: u64 = 8;

/// What the tries at one level said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// How many tries held: the limit is at or above this level.
    pub held: u32,
    /// How many broke: the limit is below.
    pub broke: u32,
}

impl Votes {
    /// How many tries there were.
    pub const fn tries(self) -> u32 {
        self.held + self.broke
    }
}

/// What the tries say of the limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// The lowest and the highest of the limits that are contradicted least; where several ranges are, of the lowest range.
    pub likeliest: (u32, u32),
    /// The shortest range that holds the limit with 95 % probability.
    pub interval: (u32, u32),
}

impl Posterior {
    /// Weighs the limits 0 ..= `most`, after the votes of some levels in ascending order.
    pub fn of(levels: &[(u32, Votes)], most: u32) -> Self {
        let tries: u64 = levels.iter().map(|(_, votes)| u64::from(votes.tries())).sum();
        let contradictions = contradictions(levels, most);
        let least = contradictions.iter().copied().min().unwrap_or(0);
        let is_least = |limit: &u32| contradictions[*limit as usize] == least;
        let from = (0..=most).find(is_least).unwrap_or(0);
        let to = (from..=most).take_while(is_least).last().unwrap_or(from);

        let logs: Vec<f64> = contradictions.iter().map(|count| log_weight(*count, tries)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
        Self { likeliest: (from, to), interval: shortest(&weights, from, to) }
    }
}

/// For each limit from 0 to `most`, how many tries contradict it.
fn contradictions(levels: &[(u32, Votes)], most: u32) -> Vec<u64> {
    let against = |limit: u32| {
        levels
            .iter()
            .map(|(level, votes)| u64::from(if *level <= limit { votes.broke } else { votes.held }))
            .sum()
    };
    (0..=most).map(against).collect()
}

/// The logarithm, up to a constant, of the probability that `misled` of `tries` mislead.
fn log_weight(misled: u64, tries: u64) -> f64 {
    let factorial = |n: u64| (2..=n).map(|factor| number(factor).ln()).sum::<f64>();
    factorial(misled) + factorial(PRIOR_AGREEING + tries - misled)
}

/// Grows the range from its heaviest part to either side, the heavier first, until it holds 95 % of the weight.
fn shortest(weights: &[f64], from: u32, to: u32) -> (u32, u32) {
    let (mut from, mut to) = (from as usize, to as usize);
    let wanted = 0.95 * weights.iter().sum::<f64>();
    let mut held: f64 = weights[from..=to].iter().sum();
    while held < wanted {
        let (below, above) = (from.checked_sub(1).map(|index| weights[index]), weights.get(to + 1).copied());
        match (below, above) {
            (None, None) => break,
            (Some(below), above) if above.is_none_or(|above| below >= above) => {
                from -= 1;
                held += below;
            }
            (_, above) => {
                to += 1;
                held += above.unwrap_or(0.0);
            }
        }
    }
    let level = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    (level(from), level(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(held: u32, broke: u32) -> Votes {
        Votes { held, broke }
    }

    #[test]
    fn agreement_narrows_it_to_the_bracket() {
        let once = [10, 20, 30, 38].map(|level| (level, votes(1, 0)));
        let never = [45, 50, 60, 80].map(|level| (level, votes(0, 1)));
        let border = [(40, votes(3, 0)), (41, votes(0, 3))];
        let levels = [&once[..], &border, &never].concat();
        let posterior = Posterior::of(&levels, 200);
        assert_eq!((posterior.likeliest, posterior.interval), ((40, 40), (40, 40)));
    }

    #[test]
    fn contradiction_widens_it() {
        let sharp = [(10, votes(1, 0)), (40, votes(3, 0)), (48, votes(0, 3)), (80, votes(0, 1))];
        let blurred = [(10, votes(1, 0)), (40, votes(2, 1)), (48, votes(1, 2)), (80, votes(0, 1))];
        let width = |levels: &[(u32, Votes)]| {
            let (from, to) = Posterior::of(levels, 200).interval;
            to - from
        };
        assert!(width(&blurred) > width(&sharp), "{} and {}", width(&blurred), width(&sharp));
    }

    #[test]
    fn without_tries_nothing_is_known() {
        let posterior = Posterior::of(&[], 100);
        assert_eq!(posterior.likeliest, (0, 100));
        assert!(posterior.interval.1 - posterior.interval.0 >= 95);
    }

    #[test]
    fn one_repeat_that_contradicts_does_not_decide() {
        let levels = [(20, votes(1, 0)), (40, votes(2, 1)), (60, votes(0, 2))];
        assert_eq!(Posterior::of(&levels, 100).likeliest, (40, 59));
    }
}
