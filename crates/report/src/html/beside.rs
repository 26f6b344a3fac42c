//! The pages that checks leave beside the report, such as the gap report, and what those checks say in short.

use super::answer::Measured;
use super::link;
use crate::prose;
use crate::style::symbol;
use shakedown_core::run::CheckRecord;
use shakedown_core::{Outcome, Status};
use std::collections::BTreeSet;

/// A check that has left pages.
pub(super) struct Left<'a> {
    pub(super) record: &'a CheckRecord,
    pub(super) anchor: String,
    pub(super) status: Status,
    pub(super) symbol: char,
    pub(super) headline: String,
    pub(super) measured: Vec<Measured<'a>>,
    /// The name of each page, and where it is.
    pub(super) pages: Vec<(&'a str, String)>,
}

/// Evidence that stands beside the page by its own name, because it is to be read by itself.
pub(super) fn left(record: &CheckRecord) -> Option<Left<'_>> {
    let rows = record.outcome.cases.iter().map(|case| &case.outcome);
    let outcomes = std::iter::once(&record.outcome).chain(rows);
    let evidence = outcomes.flat_map(|outcome| {
        outcome.findings.iter().flat_map(|finding| &finding.evidence).chain(&outcome.evidence)
    });
    let beside = evidence.map(|evidence| evidence.path.as_str()).filter(|path| !path.contains('/'));
    let pages: BTreeSet<&str> = beside.collect();
    let pages: Vec<_> = pages.into_iter().filter_map(|path| Some((path, link::file(path)?))).collect();
    (!pages.is_empty()).then(|| Left {
        record,
        anchor: link::anchor(&record.info.id),
        status: record.outcome.status,
        symbol: symbol(record.outcome.status),
        headline: headline(&record.outcome),
        measured: record.outcome.measurements.iter().map(Measured::from).collect(),
        pages,
    })
}

/// The worst finding, or what was seen.
fn headline(outcome: &Outcome) -> String {
    match prose::by_weight(outcome).first() {
        Some(finding) => prose::headline(finding, super::answer::SCOPE.text),
        None => outcome.summary.clone(),
    }
}
