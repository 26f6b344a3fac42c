//! One check of the page, with all there is to say about it.

use super::answer::Answer;
use super::page::{Key, Page};
use super::times;
use crate::prose;
use askama::Template;
use shakedown_core::Status;
use shakedown_core::duration::brief;
use shakedown_core::outcome::CaseOutcome;
use shakedown_core::passage::Passage;
use shakedown_core::run::CheckRecord;
use std::collections::HashSet;

/// More rows of a table than this are only counted.
const MOST_ROWS: usize = 200;

/// A check, closed until someone asks for it.
#[derive(Template)]
#[template(path = "check.html", whitespace = "suppress")]
pub(super) struct CheckView<'a> {
    record: &'a CheckRecord,
    gate: Option<String>,
    took: String,
    /// How long it took, to be sorted by.
    tenths: u128,
    keys: Vec<Key<'a>>,
    docs: Vec<Passage>,
    answer: Answer<'a>,
    rows: Vec<Row<'a>>,
    more_rows: usize,
    earlier: Vec<(u32, Answer<'a>)>,
    times: Vec<(String, String)>,
    about: String,
}

/// A row of a table-driven check.
struct Row<'a> {
    name: &'a str,
    status: Status,
    keys: Vec<Key<'a>>,
    answer: Answer<'a>,
}

impl<'a> CheckView<'a> {
    pub(super) fn new(page: &Page<'a>, record: &'a CheckRecord) -> Self {
        let status = record.outcome.status;
        let took = times::took(record);
        let mut cases: Vec<&CaseOutcome> = record.outcome.cases.iter().collect();
        let more_rows = cases.len().saturating_sub(MOST_ROWS);
        if more_rows > 0 {
            // Of too many, those that matter are shown.
            cases.sort_by_key(|case| std::cmp::Reverse(case.outcome.status));
        }
        cases.truncate(MOST_ROWS);
        // A key that stands with its row need not stand there again.
        let with_rows: HashSet<&String> = cases.iter().flat_map(|case| &case.keys).collect();
        let rows = cases.into_iter().map(|case| Row {
            name: &case.name,
            status: case.outcome.status,
            keys: page.keys(case.keys.iter()),
            answer: Answer::new(page, record, &case.outcome, case.outcome.status),
        });
        Self {
            record,
            gate: prose::gate_words(&record.info.gate),
            tenths: took.as_micros() / 100,
            took: if status == Status::Skipped { String::new() } else { brief(took) },
            keys: page.keys(record.info.keys.iter().filter(|key| !with_rows.contains(key))),
            docs: page.docs(record),
            answer: Answer::new(page, record, &record.outcome, status),
            rows: rows.collect(),
            more_rows,
            earlier: (1..)
                .zip(&record.earlier)
                .map(|(attempt, outcome)| (attempt, Answer::new(page, record, outcome, status)))
                .collect(),
            times: times::of_check(record),
            about: about(page, record),
        }
    }
}

/// What it is and how it was run, on one line.
fn about(page: &Page<'_>, record: &CheckRecord) -> String {
    let info = &record.info;
    let mut parts = vec![format!("severity {}", info.severity), format!("effect {}", info.effect)];
    if let Some(target) = &info.target {
        parts.push(format!("target {target}"));
    }
    if !info.tags.is_empty() {
        parts.push(format!("tags {}", info.tags.join(", ")));
    }
    if record.attempts > 1 {
        parts.push(format!("{} attempts", record.attempts));
    }
    if let Some(started) = record.started {
        let after = page.since_start(started);
        parts.push(format!("began after {after}, {}", started.strftime("%H:%M:%S UTC")));
    }
    if let Some(check) = &info.required_by {
        parts.push(format!("run because {check} requires it"));
    }
    let proven: Vec<String> =
        info.proofs.iter().map(|proof| format!("{} → {}", proof.fault, proof.finding)).collect();
    if !proven.is_empty() {
        parts.push(format!("proven by {}", proven.join(", ")));
    }
    if record.outcome.status > Status::Passed {
        parts.push(info.file.clone());
    }
    parts.join(" · ")
}
