//! The results of a run, by Jira key.

use shakedown_core::finding::Weight;
use shakedown_core::outcome::{CaseOutcome, Outcome};
use shakedown_core::run::{CheckRecord, Run};
use shakedown_core::{EvidenceRef, Status, key};
use std::collections::BTreeMap;

/// What Xray is told of a test. Ordered: of several, the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The answer is yes.
    Passed,
    /// Nobody has an answer that decides: skipped, informational or waived.
    ToDo,
    /// There should be an answer, and there is none.
    Errored,
    /// The answer is no.
    Failed,
}

impl Answer {
    fn of(record: &CheckRecord, outcome: &Outcome) -> Self {
        match outcome.status {
            Status::Passed | Status::Warned => Self::Passed,
            Status::Errored if record.decides() => Self::Errored,
            Status::Failed if record.decides() => Self::Failed,
            Status::Skipped | Status::Errored | Status::Failed => Self::ToDo,
        }
    }
}

/// A check, or a row of one, that answers for a key.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The check.
    pub record: &'a CheckRecord,
    /// The row, where the key is a row's.
    pub row: Option<&'a str>,
    /// What it says.
    pub outcome: &'a Outcome,
}

impl<'a> Share<'a> {
    fn of_row(record: &'a CheckRecord, case: &'a CaseOutcome) -> Self {
        Self { record, row: Some(&case.name), outcome: &case.outcome }
    }

    /// What it says in Xray's terms.
    pub fn answer(&self) -> Answer {
        Answer::of(self.record, self.outcome)
    }

    /// `mongo.connect`, or `focus-api.validation [nfft = 0]`.
    pub fn name(&self) -> String {
        match self.row {
            Some(row) => format!("{} [{row}]", self.record.info.id),
            None => self.record.info.id.clone(),
        }
    }

    /// The files that show what it saw, a row's own before those of its check.
    pub fn evidence(&self) -> impl Iterator<Item = &EvidenceRef> {
        let findings = self.outcome.all_findings().flat_map(|finding| &finding.evidence);
        let of_check = self.row.map(|_| &self.record.outcome.evidence);
        findings.chain(&self.outcome.evidence).chain(of_check.into_iter().flatten())
    }
}

/// A test in Jira, and all that answers for it.
#[derive(Clone, Debug)]
pub struct Test<'a> {
    /// Its key.
    pub key: &'a str,
    /// Whoever answers for it, in the order of the plan.
    pub shares: Vec<Share<'a>>,
}

impl Test<'_> {
    /// The worst answer of those that decide. Where none decides, whatever they say is no pass.
    pub fn answer(&self) -> Answer {
        let deciding = self.shares.iter().filter(|share| share.record.decides());
        deciding.map(Share::answer).max().unwrap_or(Answer::ToDo)
    }

    /// The shares whose answer is the worst, or all where none decides.
    pub fn telling(&self) -> impl Iterator<Item = &Share<'_>> {
        let answer = self.answer();
        let decided = self.shares.iter().any(|share| share.record.decides());
        self.shares
            .iter()
            .filter(move |share| !decided || (share.record.decides() && share.answer() == answer))
    }

    /// How long its checks took together, in milliseconds.
    pub fn duration_ms(&self) -> f64 {
        let mut checks: Vec<&CheckRecord> = self.shares.iter().map(|share| share.record).collect();
        checks.dedup_by_key(|record| &record.info.id);
        checks.iter().map(|record| record.duration_ms).sum()
    }
}

/// All keys of a run, sorted, each with whoever answers for it. Keys of another project are left out: they are references,
/// not tests of this one.
pub fn tests(run: &Run) -> Vec<Test<'_>> {
    let is_ours = |key: &str| key::is_of(key, run.info.jira.as_deref());
    let mut shares: BTreeMap<&str, Vec<Share<'_>>> = BTreeMap::new();
    for record in &run.checks {
        for (key, share) in shares_of(record).into_iter().filter(|(key, _)| is_ours(key)) {
            shares.entry(key).or_default().push(share);
        }
    }
    shares.into_iter().map(|(key, shares)| Test { key, shares }).collect()
}

/// Who answers for which key: of the check's keys those rows that name it, beside those that name none; the check as a
/// whole where no row names it, or where the check says more than its rows do.
fn shares_of(record: &CheckRecord) -> Vec<(&str, Share<'_>)> {
    let cases = &record.outcome.cases;
    let whole = Share { record, row: None, outcome: &record.outcome };
    let worst_row = cases.iter().map(|case| Answer::of(record, &case.outcome)).max();
    let objects = record.outcome.findings.iter().any(|finding| finding.weight == Weight::Fail);
    let says_more = objects || Some(whole.answer()) > worst_row;
    let mut shares = Vec::new();
    for key in &record.info.keys {
        let named = cases.iter().any(|case| case.keys.contains(key));
        if !named || says_more {
            shares.push((key.as_str(), whole));
        }
        if named {
            let unnamed = cases.iter().filter(|case| case.keys.is_empty());
            shares.extend(unnamed.map(|case| (key.as_str(), Share::of_row(record, case))));
        }
    }
    let named = cases
        .iter()
        .flat_map(|case| case.keys.iter().map(move |key| (key.as_str(), Share::of_row(record, case))));
    shares.extend(named);
    shares
}
