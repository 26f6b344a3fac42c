//! How much a file may hold, and what is left out where a run says more.

use super::Suite;
use super::document::{self, Document};
use quick_junit::{Report, TestSuite};
use shakedown_core::run::Run;
use std::io;
use std::path::Path;

/// What whoever reads the file accepts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Test cases.
    pub cases: usize,
}

impl Limits {
    /// What GitLab accepts of one file.
    pub const GITLAB: Self = Self { bytes: 30_000_000, cases: 500_000 };
}

/// No text is cut to fewer bytes than this, which leave room to say that it was.
pub(super) const SHORTEST: u64 = 1_000;

/// Bytes kept for the case that says what was left out.
const NOTE: u64 = 2_000;

/// What a case is to GitLab, and to whoever must do without some: the first are left out last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Failure,
    Error,
    /// A pass that warns.
    Warned,
    Skipped,
    Passed,
}

const KINDS: usize = Kind::Passed as usize + 1;

/// Tests, skipped, failures and errors, in as many digits as there can be.
const MOST: (usize, usize, usize, usize) = (usize::MAX, usize::MAX, usize::MAX, usize::MAX);

/// Cases by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts([usize; KINDS]);

impl Counts {
    pub(super) fn of(&self, kind: Kind) -> usize {
        self.0[kind as usize]
    }

    pub(super) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    pub(super) fn count(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// Takes one away; false where there is none.
    pub(super) fn take(&mut self, kind: Kind) -> bool {
        let left = &mut self.0[kind as usize];
        let there = *left > 0;
        *left -= usize::from(there);
        there
    }

    fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    fn less(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|kind| self.0[kind] - other.0[kind]))
    }
}

/// What is written of each suite, and how long a text may be.
pub(super) struct Plan {
    pub(super) suites: Vec<Counts>,
    pub(super) left_out: Counts,
    /// Bytes of one text; longer ones are cut.
    pub(super) longest_text: u64,
}

/// What the cases of one kind weigh.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// Bytes of all with their texts cut as far as possible.
    least: u64,
    /// The same of the heaviest.
    heaviest: u64,
}

impl Plan {
    /// Weighs every case, and plans by that.
    pub(super) fn measured(
        limits: &Limits,
        run: &Run,
        suites: &[Suite<'_>],
        run_dir: Option<&Path>,
    ) -> io::Result<Self> {
        let mut all = Vec::with_capacity(suites.len());
        let mut weights = [Weight::default(); KINDS];
        let mut texts = Vec::new();
        let whole = Document::new(run_dir, u64::MAX);
        let mut shell = document::open(run);
        // Around each case that is weighed by itself.
        let mut only = Report::unnamed();
        only.test_suites.push(TestSuite::new(""));
        let around_one = document::weigh(&only)?;
        for suite in suites {
            let mut counts = Counts::default();
            for case in suite.cases(run_dir) {
                only.test_suites[0].test_cases = vec![whole.case(&case)];
                let bytes = document::weigh(&only)?.saturating_sub(around_one);
                let lengths = case.texts().map(document::escaped).filter(|text| *text > SHORTEST);
                let before = texts.len();
                texts.extend(lengths);
                let long: u64 = texts[before..].iter().map(|text| text - SHORTEST).sum();
                let least = bytes.saturating_sub(long);
                let weight = &mut weights[case.kind as usize];
                weight.least += least;
                weight.heaviest = weight.heaviest.max(least);
                counts.count(case.kind);
            }
            let mut empty = document::open_suite(suite);
            // With the most digits that the numbers in its head can have.
            (empty.tests, empty.skipped, empty.failures, empty.errors) = MOST;
            shell.test_suites.push(empty);
            all.push(counts);
        }
        (shell.tests, shell.skipped, shell.failures, shell.errors) = MOST;
        let around = document::weigh(&shell)? + NOTE;
        Ok(Self::within(limits, limits.bytes.saturating_sub(around), &all, &weights, texts))
    }

    /// Fits cases into `bytes`: kind by kind, and of the first kind that does not fit as many as do.
    fn within(
        limits: &Limits,
        mut bytes: u64,
        suites: &[Counts],
        weights: &[Weight; KINDS],
        texts: Vec<u64>,
    ) -> Self {
        let mut all = Counts::default();
        for counts in suites {
            all.add(counts);
        }
        let mut cases =
            if all.total() > limits.cases { limits.cases.saturating_sub(1) } else { limits.cases };
        let mut admitted = Counts::default();
        for (kind, weight) in weights.iter().enumerate() {
            let there = all.0[kind];
            let fitting = if weight.least <= bytes {
                there
            } else {
                usize::try_from(bytes / weight.heaviest).unwrap_or(usize::MAX).min(there)
            };
            admitted.0[kind] = fitting.min(cases);
            cases -= admitted.0[kind];
            bytes -= weight.least.min(fitting as u64 * weight.heaviest);
            if admitted.0[kind] < there {
                break;
            }
        }
        let left_out = all.less(&admitted);
        let longest_text = SHORTEST + level(texts, bytes);
        let mut left = admitted;
        let suites = suites.iter().map(|there| {
            let taken = Counts(std::array::from_fn(|kind| there.0[kind].min(left.0[kind])));
            left = left.less(&taken);
            taken
        });
        Self { suites: suites.collect(), left_out, longest_text }
    }
}

/// How much longer than [`SHORTEST`] texts may be so that they take no more than `bytes` together: short ones stay whole,
/// and what they do not need goes to the long ones.
fn level(mut texts: Vec<u64>, mut bytes: u64) -> u64 {
    texts.sort_unstable();
    for (sharing, text) in (1..=texts.len() as u64).rev().zip(&texts) {
        let more = text - SHORTEST;
        if more > bytes / sharing {
            return bytes / sharing;
        }
        bytes -= more;
    }
    u64::MAX - SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_stay_whole_and_long_ones_share_what_is_left() {
        let texts = |more: &[u64]| more.iter().map(|more| SHORTEST + more).collect::<Vec<_>>();
        assert_eq!(level(texts(&[10, 20, 30]), 60), u64::MAX - SHORTEST);
        assert_eq!(level(texts(&[10, 500, 600]), 210), 100);
        assert_eq!(level(texts(&[500]), 0), 0);
        assert_eq!(level(Vec::new(), 0), u64::MAX - SHORTEST);
    }

    #[test]
    fn what_passed_is_left_out_first() {
        let limits = Limits { bytes: 0, cases: 10 };
        let weight = |count: u64| Weight { least: count * 100, heaviest: 100 };
        let suites = [Counts([1, 0, 0, 2, 3]), Counts([1, 0, 0, 0, 6])];
        let weights = [2, 0, 0, 2, 9].map(weight);
        let plan = Plan::within(&limits, 10_000, &suites, &weights, Vec::new());
        assert_eq!((plan.suites[0].0, plan.suites[1].0), ([1, 0, 0, 2, 3], [1, 0, 0, 0, 2]), "9 and a note");
        let plan = Plan::within(&limits, 350, &suites, &weights, vec![SHORTEST + 500]);
        assert_eq!(plan.longest_text, SHORTEST + 50);
        assert_eq!((plan.suites[0].0, plan.suites[1].0), ([1, 0, 0, 1, 0], [1, 0, 0, 0, 0]));
        assert_eq!(plan.left_out.total(), 10);
    }
}
