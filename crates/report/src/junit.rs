//! `junit.xml`, as GitLab reads it: one test case per check or row, the whole story in the body.
//!
//! A case is identified by suite (the plugin), class name (the check's id) and name (its title, and the row): all three
//! are stable from run to run, and no two cases share them. What fails without deciding, being informational or waived,
//! is skipped there, with the failure in the body: neither a red pipeline nor a pass.

use crate::prose::{self, Paragraph, Scope};
use crate::text::{clean, clip};
use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};
use shakedown_core::evidence::EvidenceRef;
use shakedown_core::finding::Weight;
use shakedown_core::outcome::{CaseOutcome, Outcome};
use shakedown_core::run::{CheckRecord, Run};
use shakedown_core::{Status, id};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Characters of a `message` attribute.
const MESSAGE: usize = 200;

/// The document, with the paths of evidence as they are, relative to the run's directory.
pub fn render(run: &Run) -> String {
    let mut bytes = Vec::new();
    write(run, Some(Path::new("")), &mut bytes)
        .expect("a report without invalid text can be written to memory");
    String::from_utf8(bytes).expect("the document is UTF-8")
}

/// Writes the document. `run_dir` is the run's directory relative to the project's, where it lies within: GitLab finds
/// attachments there.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(run: &Run, run_dir: Option<&Path>, out: impl io::Write) -> io::Result<()> {
    report(run, run_dir).serialize(out).map_err(io::Error::other)
}

fn report(run: &Run, run_dir: Option<&Path>) -> Report {
    let mut plugins: BTreeMap<&str, (Vec<&CheckRecord>, usize)> = BTreeMap::new();
    for record in &run.checks {
        plugins.entry(id::plugin_of(&record.info.id)).or_default().0.push(record);
    }
    for left_out in &run.left_out {
        plugins.entry(id::plugin_of(&left_out.check)).or_default().1 += 1;
    }

    let mut report = Report::new(format!("{} on {}", clean(&run.info.project), clean(&run.info.environment)));
    if let Some(started) = instant(run.info.started) {
        report.set_timestamp(started);
    }
    if let Some(time) =
        run.finished.and_then(|end| Duration::try_from(end.duration_since(run.info.started)).ok())
    {
        report.set_time(time);
    }
    for (plugin, (records, left_out)) in plugins {
        let mut suite = TestSuite::new(plugin);
        suite.set_time(records.iter().map(|record| milliseconds(record.duration_ms)).sum());
        if left_out > 0 {
            suite.add_property(Property::new("left_out", left_out.to_string()));
        }
        // At least a case each, where each has its room: growth by doubling would need twice the memory.
        suite.test_cases.reserve_exact(records.len());
        for record in records {
            add_cases(&mut suite, record, run_dir);
        }
        report.add_test_suite(suite);
    }
    report
}

/// One case per row of a check; one for the check itself where it has no rows, or has something to say beyond them.
fn add_cases(suite: &mut TestSuite, record: &CheckRecord, run_dir: Option<&Path>) {
    let title = clean(&record.info.title);
    if let Some(outcome) = beyond_rows(&record.outcome) {
        let entry = Entry { record, outcome: &outcome, row: None, run_dir };
        let mut case = entry.test_case(title.to_string());
        case.set_time(milliseconds(record.duration_ms));
        suite.add_test_case(case);
    }
    let mut taken = HashSet::new();
    for row in &record.outcome.cases {
        let wanted = format!("{title} [{}]", clean(&row.name));
        let mut name = wanted.clone();
        for twin in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{wanted} ({twin})");
        }
        let entry = Entry { record, outcome: &row.outcome, row: Some(row), run_dir };
        suite.add_test_case(entry.test_case(name));
    }
}

/// What a check says that none of its rows says; all of it where it has no rows.
fn beyond_rows(outcome: &Outcome) -> Option<Cow<'_, Outcome>> {
    let Some(worst_row) = outcome.cases.iter().map(|case| case.outcome.status).max() else {
        return Some(Cow::Borrowed(outcome));
    };
    let own = match outcome.findings.iter().map(|finding| finding.weight).max() {
        Some(Weight::Fail) => Status::Failed,
        Some(Weight::Warn) => Status::Warned,
        Some(Weight::Note) | None => Status::Passed,
    };
    let status = if outcome.status > worst_row.max(own) { outcome.status } else { own };
    (status > Status::Passed).then(|| Cow::Owned(Outcome { status, cases: Vec::new(), ..outcome.clone() }))
}

/// What one test case is made of.
struct Entry<'a> {
    record: &'a CheckRecord,
    outcome: &'a Outcome,
    row: Option<&'a CaseOutcome>,
    run_dir: Option<&'a Path>,
}

impl Entry<'_> {
    fn test_case(&self, name: String) -> TestCase {
        let Self { record, outcome, .. } = self;
        let earlier: Vec<&Outcome> =
            record.earlier.iter().filter_map(|attempt| self.failed_in(attempt)).collect();
        // A plain pass has no body, and most checks pass.
        let body = if outcome.status == Status::Passed { String::new() } else { self.body(outcome) };
        let mut status = self.status(&body);
        status.add_reruns(earlier.iter().map(|outcome| self.rerun(outcome)));

        let mut case = TestCase::new(name, status);
        case.set_classname(record.info.id.as_str());
        case.extra.reserve_exact(1);
        case.extra.insert("file".into(), clean(&record.info.file).into());
        if let Some(started) = record.started.and_then(instant) {
            case.set_timestamp(started);
        }
        case.add_properties(self.properties());
        if let Some(text) = self.system_out(&earlier, &body) {
            case.set_system_out(text);
        }
        case
    }

    /// The whole story; of what is longer than a reader would follow, `run.json` holds the rest.
    fn body(&self, outcome: &Outcome) -> String {
        let scope = Scope { text: 8 << 10, lines: 50, run_dir: self.run_dir };
        text(&prose::of_outcome(self.record, outcome, scope))
    }

    fn rerun(&self, outcome: &Outcome) -> TestRerun {
        let kind = match outcome.status {
            Status::Failed => NonSuccessKind::Failure,
            Status::Skipped | Status::Passed | Status::Warned | Status::Errored => NonSuccessKind::Error,
        };
        let mut rerun = TestRerun::new(kind);
        rerun.set_message(message(outcome)).set_description(self.body(outcome));
        rerun
    }

    fn status(&self, body: &str) -> TestCaseStatus {
        let gate = prose::gate_words(&self.record.info.gate);
        let (mut status, gate) = match (self.outcome.status, gate) {
            (Status::Passed | Status::Warned, _) => return TestCaseStatus::success(),
            (Status::Skipped, _) => (TestCaseStatus::skipped(), None),
            (Status::Failed, None) => (TestCaseStatus::non_success(NonSuccessKind::Failure), None),
            (Status::Errored, None) => (TestCaseStatus::non_success(NonSuccessKind::Error), None),
            (Status::Failed | Status::Errored, Some(gate)) => (TestCaseStatus::skipped(), Some(gate)),
        };
        let gated =
            |text: &str| gate.as_ref().map_or_else(|| text.to_owned(), |gate| format!("{gate}: {text}"));
        status.set_message(gated(&message(self.outcome))).set_description(gated(body));
        status
    }

    /// What an earlier attempt said about the check or the row, where it did not hold.
    fn failed_in<'a>(&self, attempt: &'a Outcome) -> Option<&'a Outcome> {
        let outcome = match self.row {
            Some(row) if !attempt.cases.is_empty() => {
                &attempt.cases.iter().find(|case| case.name == row.name)?.outcome
            }
            _ => attempt,
        };
        matches!(outcome.status, Status::Failed | Status::Errored).then_some(outcome)
    }

    /// The one `system-out` of a case: what a pass would otherwise hide, and the first attachment.
    fn system_out(&self, earlier: &[&Outcome], body: &str) -> Option<String> {
        let Self { record, outcome, .. } = self;
        let mut text = String::new();
        if outcome.status == Status::Warned {
            let gate =
                prose::gate_words(&record.info.gate).map(|gate| format!("{gate}: ")).unwrap_or_default();
            let _ = writeln!(text, "{gate}{body}");
        }
        if record.flaky && !earlier.is_empty() {
            let _ = writeln!(text, "flaky: {} on attempt {}; before that:", outcome.status, record.attempts);
            for outcome in earlier {
                let _ = writeln!(text, "{}: {}", outcome.status, message(outcome));
            }
        }
        // Only our own attachment counts, whatever a server answered.
        let mut text = text.replace("[[ATTACHMENT|", "[[attachment|");
        let mut evidence =
            outcome.findings.iter().flat_map(|finding| &finding.evidence).chain(&outcome.evidence);
        if let Some(path) =
            self.run_dir.and_then(|dir| evidence.find_map(|evidence| attachment(dir, evidence)))
        {
            let _ = writeln!(text, "[[ATTACHMENT|{path}]]");
        }
        (!text.is_empty()).then_some(text)
    }

    fn properties(&self) -> Vec<Property> {
        let info = &self.record.info;
        let keys = self.row.map(|row| &row.keys).filter(|keys| !keys.is_empty()).unwrap_or(&info.keys);
        let mut properties = Vec::with_capacity(3);
        if !keys.is_empty() {
            properties.push(Property::new("keys", clean(&keys.join(", "))));
        }
        properties.push(Property::new("severity", info.severity.as_str()));
        properties.push(Property::new("effect", info.effect.as_str()));
        if let Some(gate) = prose::gate_words(&info.gate) {
            properties.push(Property::new("gate", gate));
        }
        if let Some(check) = &info.required_by {
            properties.push(Property::new("required_by", clean(check)));
        }
        properties
    }
}

/// The path of an attachment, with forward slashes; none where GitLab could not read it.
fn attachment(run_dir: &Path, evidence: &EvidenceRef) -> Option<String> {
    let path = run_dir.join(&evidence.path);
    let path = path.to_str()?.replace('\\', "/");
    let readable = !path.contains(['[', ']', '|']) && clean(&path) == path;
    readable.then_some(path)
}

/// The answer on one short line.
fn message(outcome: &Outcome) -> String {
    let heaviest = prose::by_weight(outcome).into_iter().next();
    let message = match (outcome.status, heaviest) {
        (Status::Skipped, _) => prose::skip_reason(outcome),
        (Status::Failed | Status::Warned, Some(finding)) => prose::headline(finding, MESSAGE),
        _ => clean(&outcome.summary).into_owned(),
    };
    clip(&message, MESSAGE).into_owned()
}

fn text(paragraphs: &[Paragraph]) -> String {
    let mut text = String::new();
    for paragraph in paragraphs {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&paragraph.head);
        for line in &paragraph.lines {
            let label = if line.label.is_empty() { " " } else { line.label };
            let colon = if line.label.is_empty() { "" } else { ":" };
            let _ = write!(text, "\n{label}{colon} {}", line.text);
        }
    }
    text
}

fn milliseconds(duration: f64) -> Duration {
    Duration::try_from_secs_f64(duration / 1000.0).unwrap_or_default()
}

fn instant(at: Timestamp) -> Option<DateTime<FixedOffset>> {
    DateTime::from_timestamp_millis(at.as_millisecond()).map(|at| at.fixed_offset())
}
