//! The document: what quick-junit is given to write.

use super::Suite;
use super::case::{Again, TestCase};
use super::limits::{Counts, Kind};
use crate::counter::Counter;
use crate::text::{clean, counted};
use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCaseStatus, TestRerun, TestSuite};
use shakedown_core::run::Run;
use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How everything is written down: whole, or cut.
pub(super) struct Document {
    /// Bytes of one text; longer ones are cut.
    longest_text: u64,
    /// How a cut text ends.
    note: String,
}

impl Document {
    pub(super) fn new(run_dir: Option<&Path>, longest_text: u64) -> Self {
        let whole = run_dir.unwrap_or(Path::new("")).join("run.json").display().to_string();
        let whole = if whole.len() > 100 { "run.json".into() } else { clean(&whole) };
        let note = format!("shortened, because GitLab reads no larger file: {whole} has the whole text");
        Self { longest_text, note }
    }

    /// The case as it is written.
    pub(super) fn case(&self, case: &TestCase<'_>) -> quick_junit::TestCase {
        let mut written = quick_junit::TestCase::new(case.name.as_str(), self.status(case));
        written.set_classname(clean(&case.record.info.id));
        if let Some(started) = case.record.started.and_then(instant) {
            written.set_timestamp(started);
        }
        if let Some(time) = case.duration_ms {
            written.set_time(milliseconds(time));
        }
        written.extra.reserve_exact(1);
        written.extra.insert("file".into(), clean(&case.record.info.file).into());
        written.add_properties(case.properties.iter().map(|(name, value)| Property::new(*name, value)));
        if let Some(text) = self.system_out(case) {
            written.set_system_out(text);
        }
        written
    }

    fn status(&self, case: &TestCase<'_>) -> TestCaseStatus {
        let mut status = match case.kind {
            Kind::Failure => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Kind::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
            Kind::Skipped => TestCaseStatus::skipped(),
            Kind::Warned | Kind::Passed => TestCaseStatus::success(),
        };
        if !matches!(case.kind, Kind::Warned | Kind::Passed) {
            status.set_message(case.message.as_str()).set_description(self.cut(&case.body));
        }
        status.add_reruns(case.earlier.iter().map(|again| self.rerun(again)));
        status
    }

    fn rerun(&self, Again { is_failure, message, body }: &Again) -> TestRerun {
        let kind = if *is_failure { NonSuccessKind::Failure } else { NonSuccessKind::Error };
        let mut rerun = TestRerun::new(kind);
        rerun.set_message(message.as_str()).set_description(self.cut(body));
        rerun
    }

    /// The one `system-out` of a case: what a pass would otherwise hide, and the first attachment.
    fn system_out(&self, case: &TestCase<'_>) -> Option<String> {
        // Only our own attachment counts, whatever a server answered.
        let mut text = self.cut(&case.shown).replace("[[ATTACHMENT|", "[[attachment|");
        if let Some(path) = &case.attachment {
            text.extend(["[[ATTACHMENT|", path, "]]\n"]);
        }
        (!text.is_empty()).then_some(text)
    }

    /// A suite with one case that says what was left out, where something was.
    pub(super) fn left_out(&self, counts: &Counts) -> Option<TestSuite> {
        if counts.total() == 0 {
            return None;
        }
        let kinds = [
            (Kind::Failure, "failed"),
            (Kind::Error, "errored"),
            (Kind::Warned, "warned"),
            (Kind::Skipped, "skipped"),
            (Kind::Passed, "passed"),
        ];
        let parts = kinds.map(|(kind, word)| (counts.of(kind), word));
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} that {word}", counted(count, "case", "cases")))
            .collect();
        let message = format!("not in this file: {}", parts.join(", "));
        let mut status = TestCaseStatus::skipped();
        let body = format!("{message}\n{}", self.note.replace("the whole text", "all of them"));
        status.set_message(message).set_description(body);
        let mut case = quick_junit::TestCase::new("Cases that this file has no room for", status);
        case.set_classname("left out");
        let mut suite = TestSuite::new("left out");
        suite.add_test_case(case);
        Some(suite)
    }

    fn cut<'a>(&self, text: &'a str) -> Cow<'a, str> {
        cut(text, self.longest_text, &self.note)
    }
}

/// The document of a run, as yet without suites.
pub(super) fn open(run: &Run) -> Report {
    let mut report = Report::new(format!("{} on {}", clean(&run.info.project), clean(&run.info.environment)));
    if let Some(started) = instant(run.info.started) {
        report.set_timestamp(started);
    }
    if let Some(time) =
        run.finished.and_then(|end| Duration::try_from(end.duration_since(run.info.started)).ok())
    {
        report.set_time(time);
    }
    report
}

/// The suite of a plugin, as yet without cases.
pub(super) fn open_suite(suite: &Suite<'_>) -> TestSuite {
    let mut written = TestSuite::new(clean(suite.plugin));
    written.set_time(suite.records.iter().map(|record| milliseconds(record.duration_ms)).sum());
    if suite.left_out > 0 {
        written.add_property(Property::new("left_out", suite.left_out.to_string()));
    }
    written
}

/// How many bytes a document takes.
pub(super) fn weigh(report: &Report) -> io::Result<u64> {
    let mut counter = Counter::default();
    report.serialize(&mut counter).map_err(io::Error::other)?;
    Ok(counter.0 as u64)
}

/// Bytes of a text once it is escaped.
pub(super) fn escaped(text: &str) -> u64 {
    text.chars().map(escaped_char).sum()
}

const fn escaped_char(c: char) -> u64 {
    match c {
        '<' | '>' => 4,
        '&' => 5,
        '"' | '\'' => 6,
        c => c.len_utf8() as u64,
    }
}

/// As much of `text` as fits into `longest` bytes once it is escaped, with a note where something is missing.
fn cut<'a>(text: &'a str, longest: u64, note: &str) -> Cow<'a, str> {
    // Room for the note, and for the number of characters that are missing.
    let room = longest.saturating_sub(escaped(note) + 50);
    let (mut bytes, mut end) = (0, text.len());
    for (at, c) in text.char_indices() {
        bytes += escaped_char(c);
        if bytes > room {
            end = end.min(at);
        }
        if bytes > longest {
            let missing = text[end..].chars().count();
            return format!("{}…\n({missing} more characters; {note})\n", &text[..end]).into();
        }
    }
    text.into()
}

fn milliseconds(duration: f64) -> Duration {
    Duration::try_from_secs_f64(duration / 1000.0).unwrap_or_default()
}

fn instant(at: Timestamp) -> Option<DateTime<FixedOffset>> {
    DateTime::from_timestamp_millis(at.as_millisecond()).map(|at| at.fixed_offset())
}

#[cfg(test)]
mod tests {
    use super::super::limits::SHORTEST;
    use super::*;

    #[test]
    fn a_cut_text_is_as_long_as_it_may_be_and_says_so() {
        let note = "see elsewhere";
        for text in ["<".repeat(5_000), "é'".repeat(3_000), "a\n".repeat(9_000)] {
            let cut = cut(&text, SHORTEST, note);
            let length = quick_xml::escape::escape(&*cut).len() as u64;
            assert!(length <= SHORTEST && length > SHORTEST - 60, "{length}: {cut}");
            assert!(cut.ends_with("more characters; see elsewhere)\n"), "{cut}");
        }
        assert_eq!(cut("short", SHORTEST, note), "short");
        let exactly = "x".repeat(1_000);
        assert_eq!(cut(&exactly, SHORTEST, note), exactly);
    }
}
