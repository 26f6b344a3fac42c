//! The highest number that a system sustains: found in steps up, then by bisection, with repeats at the border.
//!
//! A [`Search`] says what to try next and is told what was seen; it neither waits nor sends. What it asks for depends only on
//! what it was told, so it can be told again, after an interruption. A single try decides nothing: the limit is where it is
//! contradicted by the fewest tries, and its interval comes from all of them ([`crate::posterior`]).

use crate::interval::{number, whole};
use crate::posterior::{Posterior, Votes};
use crate::proportion::Proportion;
use crate::scalability::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to search, and when a number counts as sustained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchPlan {
    /// The first number to try; at least 1.
    pub from: u32,
    /// By how much each step up multiplies; above 1.
    pub growth: f64,
    /// Nothing above this is tried.
    pub most: u32,
    /// Why nothing above it is tried.
    pub ceiling: Ceiling,
    /// How close the highest that held and the lowest that broke have to come, as a share; 0 for neighbours.
    pub resolution: f64,
    /// How often the two at the border are tried.
    pub repeats: u32,
    /// How many tries there may be in all.
    pub tries: u32,
    /// The share of successes that a try needs to hold, 0–1.
    pub success: f64,
    /// The mean latency that a try may have to hold, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// Why nothing above a number is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ceiling {
    /// The environment's policy allows no more.
    Policy,
    /// No more was asked for.
    Asked,
}

/// What to try: a number, and the how manieth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// How many at once.
    pub n: u32,
    /// How often this number was tried before.
    pub repeat: u32,
}

/// What was seen in one try.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Try {
    /// How many were attempted.
    pub attempts: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, by class.
    pub failures: BTreeMap<String, u64>,
    /// The mean latency of what succeeded, in milliseconds.
    pub mean_ms: Option<f64>,
    /// Its 95th percentile, in milliseconds.
    pub p95_ms: Option<f64>,
    /// Successes per second; none where something else than the target limited them.
    pub per_second: Option<f64>,
    /// How many requests were in flight at once: less than are held, where the policy bounds them.
    pub in_flight: u32,
    /// Why the generator, not the target, limited this try.
    pub generator: Option<String>,
}

/// A try with its place and its judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// What was tried.
    pub step: Step,
    /// What was seen.
    pub seen: Try,
    /// Whether it held.
    pub held: bool,
}

/// What ended the search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "by", content = "why")]
pub enum Limit {
    /// The target: something broke.
    Target,
    /// The environment's policy: the highest number allowed held.
    Policy,
    /// The question: the highest number asked for held.
    Asked,
    /// The generator: it could not load the target further.
    Generator(String),
    /// The search was stopped before it was done.
    Stopped(String),
}

/// How it breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breaking {
    /// The lowest number that broke.
    pub at: u32,
    /// The share that succeeded there, 0–1, over the tries that broke.
    pub success: f64,
    /// The share of attempts that failed in each way, 0–1, the most frequent first.
    pub failures: Vec<(String, f64)>,
    /// The mean latency of what succeeded, in milliseconds, where it was over the bound.
    pub too_slow_ms: Option<f64>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The highest number that held; 0 where none did.
    pub highest: u32,
    /// The lower end of the 95 % interval of the highest sustainable number.
    pub lower: u32,
    /// The upper end; where the ceiling held, more may be sustainable than was tried.
    pub upper: u32,
    /// How it breaks, where anything broke.
    pub breaking: Option<Breaking>,
    /// What ended the search.
    pub limited: Limit,
    /// Every try, in order.
    pub tries: Vec<Tried>,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    plan: SearchPlan,
    tries: Vec<Tried>,
    stopped: Option<Limit>,
}

impl Search {
    /// A search that has tried nothing yet.
    ///
    /// # Errors
    /// What makes the plan one that cannot be followed.
    pub fn new(plan: SearchPlan) -> Result<Self, String> {
        let wrong = if plan.from == 0 || plan.most < plan.from {
            format!("a search needs 1 ≤ from ≤ most, but from is {} and most is {}", plan.from, plan.most)
        } else if plan.growth.is_nan() || plan.growth <= 1.0 {
            format!("a search steps up by a factor above 1, not by {}", plan.growth)
        } else if !(0.0..1.0).contains(&plan.resolution) {
            format!("the resolution of a search is a share from 0 to below 1, not {}", plan.resolution)
        } else if plan.repeats == 0 || plan.tries == 0 {
            "a search tries at least once".to_owned()
        } else {
            return Ok(Self { plan, tries: Vec::new(), stopped: None });
        };
        Err(wrong)
    }

    /// What to try next; none when the search is done.
    pub fn next(&self) -> Option<Step> {
        if self.stopped.is_some() || number(self.tries.len()) >= f64::from(self.plan.tries) {
            return None;
        }
        let (low, high) = self.border();
        let n = match high {
            None if low < self.plan.most => self.step_up(low),
            None => self.again(&[low])?,
            Some(high) if high - low > self.close_enough(low) => low + (high - low) / 2,
            Some(high) => self.again(&[low, high])?,
        };
        Some(Step { n, repeat: self.votes_at(n).tries() })
    }

    /// Takes in what was seen at a step.
    pub fn observe(&mut self, step: Step, seen: Try) {
        if let Some(why) = &seen.generator {
            self.stopped = Some(Limit::Generator(why.clone()));
            return;
        }
        let Some(success) = Proportion::new(seen.succeeded, seen.attempts) else {
            self.stopped = Some(Limit::Stopped(format!("nothing was attempted at {}", step.n)));
            return;
        };
        let held = success.share() >= self.plan.success && !self.too_slow(&seen);
        self.tries.push(Tried { step, seen, held });
    }

    /// Ends the search early.
    pub fn stop(&mut self, why: impl Into<String>) {
        self.stopped.get_or_insert_with(|| Limit::Stopped(why.into()));
    }

    /// How many tries there were.
    pub fn tried(&self) -> usize {
        self.tries.len()
    }

    /// What was found so far; none where nothing was tried.
    pub fn answer(&self) -> Option<Answer> {
        if self.tries.is_empty() {
            return None;
        }
        let (low, high) = self.border();
        let (lower, upper) = self.posterior().interval;
        let limited = match (&self.stopped, high) {
            (Some(why), _) => why.clone(),
            (None, Some(_)) => Limit::Target,
            (None, None) if low < self.plan.most => {
                Limit::Stopped(format!("the {} tries that were allowed are used up", self.plan.tries))
            }
            (None, None) if self.plan.ceiling == Ceiling::Policy => Limit::Policy,
            (None, None) => Limit::Asked,
        };
        Some(Answer {
            highest: low,
            lower: lower.min(low),
            upper: upper.max(low),
            breaking: high.map(|at| self.breaking(at)),
            limited,
            tries: self.tries.clone(),
        })
    }

    /// The highest number that held and the lowest above it that broke, as the tries together say.
    fn border(&self) -> (u32, Option<u32>) {
        let (from, to) = self.posterior().likeliest;
        let levels = self.votes();
        let low = levels.keys().copied().filter(|level| *level <= from).max().unwrap_or(0);
        (low, (to < self.plan.most).then_some(to + 1).filter(|high| levels.contains_key(high)))
    }

    fn posterior(&self) -> Posterior {
        Posterior::of(&self.votes().into_iter().collect::<Vec<_>>(), self.plan.most)
    }

    fn votes(&self) -> BTreeMap<u32, Votes> {
        let mut levels: BTreeMap<u32, Votes> = BTreeMap::new();
        for tried in &self.tries {
            let votes = levels.entry(tried.step.n).or_default();
            *(if tried.held { &mut votes.held } else { &mut votes.broke }) += 1;
        }
        levels
    }

    fn votes_at(&self, n: u32) -> Votes {
        self.votes().get(&n).copied().unwrap_or_default()
    }

    fn step_up(&self, low: u32) -> u32 {
        if low == 0 {
            return self.plan.from;
        }
        let next = u32::try_from(whole(f64::from(low) * self.plan.growth)).unwrap_or(u32::MAX);
        next.max(low + 1).min(self.plan.most)
    }

    fn close_enough(&self, low: u32) -> u32 {
        u32::try_from(whole(f64::from(low) * self.plan.resolution)).unwrap_or(u32::MAX).max(1)
    }

    /// Which of these to repeat: the one tried least often, until each was tried often enough.
    fn again(&self, border: &[u32]) -> Option<u32> {
        let tries = |n: &u32| self.votes_at(*n).tries();
        border.iter().copied().filter(|n| *n > 0 && tries(n) < self.plan.repeats).min_by_key(tries)
    }

    fn too_slow(&self, seen: &Try) -> bool {
        self.plan.latency_ms.zip(seen.mean_ms).is_some_and(|(bound, mean)| mean > bound)
    }

    fn breaking(&self, at: u32) -> Breaking {
        let broken =
            || self.tries.iter().filter(|tried| tried.step.n == at && !tried.held).map(|tried| &tried.seen);
        let attempts: u64 = broken().map(|seen| seen.attempts).sum();
        let share = |count: u64| number(count) / number(attempts.max(1));
        let mut failures: BTreeMap<&str, u64> = BTreeMap::new();
        for (class, count) in broken().flat_map(|seen| &seen.failures) {
            *failures.entry(class).or_default() += count;
        }
        let mut failures: Vec<(String, f64)> =
            failures.into_iter().map(|(class, count)| (class.to_owned(), share(count))).collect();
        failures.sort_by(|a, b| b.1.total_cmp(&a.1));
        Breaking {
            at,
            success: share(broken().map(|seen| seen.succeeded).sum()),
            failures,
            too_slow_ms: broken()
                .filter(|seen| self.too_slow(seen))
                .filter_map(|seen| seen.mean_ms)
                .reduce(f64::max),
        }
    }
}

impl Answer {
    /// The measured points of throughput that a scalability law describes: of tries in which nearly all succeeded, since what
    /// is refused at the door does not wait in line. `success` is the share that a try needs.
    pub fn points(&self, success: f64) -> Vec<Point> {
        let served = self.tries.iter().filter(|tried| {
            Proportion::new(tried.seen.succeeded, tried.seen.attempts)
                .is_some_and(|seen| seen.share() >= success)
        });
        served
            .filter_map(|tried| {
                Some(Point { concurrency: tried.seen.in_flight.into(), throughput: tried.seen.per_second? })
            })
            .collect()
    }
}
