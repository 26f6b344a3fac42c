//! When things happened: the time line of a check, and the checks that took longest within the run.

use super::link;
use crate::prose;
use crate::style::symbol;
use jiff::{SignedDuration, Timestamp};
use shakedown_core::Status;
use shakedown_core::duration::brief;
use shakedown_core::moment::Happening;
use shakedown_core::run::{CheckRecord, Run};
use std::time::Duration;

/// Fewer checks than this have no order that is worth a table.
const FEWEST: usize = 2;

/// More checks than this are not what takes long.
const MOST: usize = 12;

/// Parts into which the width of a bar is divided.
const PARTS: f64 = 1000.0;

/// What happened to a check, in order; nothing where it only began and ended.
pub(super) fn of_check(record: &CheckRecord) -> Vec<(String, String)> {
    let Some(began) = record.started.filter(|_| !record.moments.is_empty()) else { return Vec::new() };
    let mut line: Vec<(Timestamp, String)> =
        record.moments.iter().map(|moment| (moment.at, words(&moment.what))).collect();
    let tells_attempts = record.moments.iter().any(|moment| matches!(moment.what, Happening::Began { .. }));
    if !tells_attempts {
        line.insert(0, (began, "began".to_owned()));
    }
    let took = took(record);
    if let Some(ended) = SignedDuration::try_from(took).ok().and_then(|took| began.checked_add(took).ok()) {
        let after = line.iter().position(|(at, _)| *at > ended).unwrap_or(line.len());
        line.insert(after, (ended, format!("{} after {}", record.outcome.status, brief(took))));
    }
    let is_created = |what: &Happening| matches!(what, Happening::Created { .. });
    let created = record.moments.iter().filter(|moment| is_created(&moment.what)).count();
    let may_lack_some =
        record.moments.len() >= CheckRecord::MOST_MOMENTS || created == CheckRecord::MOST_CREATED;
    let rest = may_lack_some.then(|| ("…".to_owned(), "events.jsonl has all of it".to_owned()));
    let line = line.into_iter().map(|(at, words)| (at.strftime("%H:%M:%S%.3f").to_string(), words));
    line.chain(rest).collect()
}

fn words(what: &Happening) -> String {
    match what {
        Happening::Began { attempt } => format!("attempt {attempt} began"),
        Happening::Retried { attempt, status, wait_ms } => {
            format!(
                "attempt {attempt} {status}; the next one {} later",
                brief(Duration::from_millis(*wait_ms))
            )
        }
        Happening::Created { resource } => format!("created {}", prose::resource_name(resource)),
        Happening::Gathered { collector, error: None } => format!("{collector} gathered evidence"),
        Happening::Gathered { collector, error: Some(error) } => {
            format!("{collector} could not gather evidence: {error}")
        }
    }
}

/// How long the last attempt took.
pub(super) fn took(record: &CheckRecord) -> Duration {
    Duration::try_from_secs_f64(record.duration_ms / 1000.0).unwrap_or_default()
}

/// A check and its place in the time of the run.
pub(super) struct Span<'a> {
    pub(super) record: &'a CheckRecord,
    pub(super) anchor: String,
    pub(super) symbol: char,
    /// How far into the run it began.
    pub(super) began: String,
    pub(super) took: String,
    /// Where its bar begins, in parts of the run.
    pub(super) from: String,
    pub(super) width: String,
}

/// The checks that took longest, in the order in which they began.
pub(super) fn longest(run: &Run) -> Vec<Span<'_>> {
    let whole = |at: Timestamp| Duration::try_from(at.duration_since(run.info.started)).unwrap_or_default();
    let asked = run.checks.iter().filter(|record| record.outcome.status != Status::Skipped);
    let mut asked: Vec<(Duration, &CheckRecord)> =
        asked.filter_map(|record| Some((whole(record.started?), record))).collect();
    let ends = asked.iter().map(|(began, record)| *began + took(record));
    let all = ends.max().unwrap_or_default().max(whole(run.finished.unwrap_or(run.info.started)));
    if asked.len() < FEWEST || all.is_zero() {
        return Vec::new();
    }
    asked.sort_by(|(_, one), (_, other)| other.duration_ms.total_cmp(&one.duration_ms));
    asked.truncate(MOST);
    asked.sort_by_key(|(began, _)| *began);
    let part = |time: Duration| PARTS * time.as_secs_f64() / all.as_secs_f64();
    let spans = asked.into_iter().map(|(began, record)| Span {
        record,
        anchor: link::anchor(&record.info.id),
        symbol: symbol(record.outcome.status),
        began: brief(began),
        took: brief(took(record)),
        from: format!("{:.0}", part(began).min(PARTS - 4.0)),
        // Narrower ones would not be seen.
        width: format!("{:.0}", part(took(record)).max(4.0)),
    });
    spans.collect()
}
