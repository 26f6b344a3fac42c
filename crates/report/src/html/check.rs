//! One check of the page, with all there is to say about it.

use super::answer::Answer;
use super::page::{Key, Page};
use crate::prose;
use askama::Template;
use shakedown_core::duration::brief;
use shakedown_core::outcome::CaseOutcome;
use shakedown_core::run::CheckRecord;
use shakedown_core::{Docs, Status};
use std::collections::HashSet;
use std::time::Duration;

/// More rows of a table than this are only counted.
const MOST_ROWS: usize = 200;

/// A check, closed until someone asks for it.
#[derive(Template)]
#[template(path = "check.html", whitespace = "suppress")]
pub(super) struct CheckView<'a> {
    record: &'a CheckRecord,
    plugin: &'a str,
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
        let took = Duration::try_from_secs_f64(record.duration_ms / 1000.0).unwrap_or_default();
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
            answer: Answer::new(page, record, &case.outcome),
        });
        Self {
            record,
            plugin: shakedown_core::id::plugin_of(&record.info.id),
            gate: prose::gate_words(&record.info.gate),
            tenths: took.as_micros() / 100,
            took: if status == Status::Skipped { String::new() } else { brief(took) },
            keys: page.keys(record.info.keys.iter().filter(|key| !with_rows.contains(key))),
            docs: page.docs(&record.info.id).map(passages).unwrap_or_default(),
            answer: Answer::new(page, record, &record.outcome),
            rows: rows.collect(),
            more_rows,
            earlier: (1..)
                .zip(&record.earlier)
                .map(|(attempt, outcome)| (attempt, Answer::new(page, record, outcome)))
                .collect(),
            about: about(record),
        }
    }
}

/// What it is and how it was run, on one line.
fn about(record: &CheckRecord) -> String {
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
        parts.push(format!("began {}", started.strftime("%H:%M:%S UTC")));
    }
    if let Some(check) = &info.required_by {
        parts.push(format!("run because {check} requires it"));
    }
    parts.push(info.file.clone());
    parts.join(" · ")
}

/// A piece of a check's documentation.
enum Passage {
    Heading(String),
    Paragraph(String),
    Item(String),
}

/// The documentation without its marks, as far as they are used there: headings, paragraphs and lists.
fn passages(docs: Docs) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut open = false;
    for line in docs.text().lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix("# ") {
            passages.push(Passage::Heading(heading.to_owned()));
            open = false;
        } else if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            passages.push(Passage::Item(item.to_owned()));
            open = true;
        } else if line.is_empty() {
            open = false;
        } else if let Some(Passage::Paragraph(text) | Passage::Item(text)) =
            passages.last_mut().filter(|_| open)
        {
            text.push(' ');
            text.push_str(line);
        } else {
            passages.push(Passage::Paragraph(line.to_owned()));
            open = true;
        }
    }
    passages
}
