//! What one test case says.

use super::limits::Kind;
use crate::prose::{self, Paragraph, Scope};
use crate::text::{clean, clip};
use shakedown_core::Status;
use shakedown_core::evidence::EvidenceRef;
use shakedown_core::finding::Weight;
use shakedown_core::outcome::{CaseOutcome, Outcome};
use shakedown_core::run::CheckRecord;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// Characters of a `message` attribute.
const MESSAGE: usize = 200;

/// Characters of a name.
const NAME: usize = 300;

/// A test case, ready to be written.
pub(super) struct TestCase<'a> {
    pub(super) record: &'a CheckRecord,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The answer on one short line.
    pub(super) message: String,
    /// The whole story; empty where there is none to tell.
    pub(super) body: String,
    /// What went wrong before.
    pub(super) earlier: Vec<Again>,
    /// What a pass would otherwise hide.
    pub(super) shown: String,
    /// The path of a file that GitLab links.
    pub(super) attachment: Option<String>,
    pub(super) properties: Vec<(&'static str, Cow<'a, str>)>,
    /// How long it took; a row has no time of its own.
    pub(super) duration_ms: Option<f64>,
}

impl TestCase<'_> {
    /// What may be cut.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let earlier = self.earlier.iter().map(|again| again.body.as_str());
        // The body of a warning stands in what is shown.
        let body = (self.kind != Kind::Warned).then_some(self.body.as_str());
        body.into_iter().chain(earlier).chain([self.shown.as_str()])
    }
}

/// An earlier attempt that did not hold.
pub(super) struct Again {
    pub(super) is_failure: bool,
    pub(super) message: String,
    pub(super) body: String,
}

/// One case per row of a check; one for the check itself where it has no rows, or has something to say beyond them.
pub(super) fn cases<'a>(
    record: &'a CheckRecord,
    run_dir: Option<&'a Path>,
) -> impl Iterator<Item = TestCase<'a>> {
    let own = beyond_rows(&record.outcome).map(|outcome| {
        let entry = Entry { record, outcome: &outcome, row: None, run_dir };
        let name = clip(&clean(&record.info.title), NAME).into_owned();
        TestCase { duration_ms: Some(record.duration_ms), ..entry.test_case(name) }
    });
    let mut names = Names::default();
    let rows = record.outcome.cases.iter().map(move |row| {
        let name = format!("{} [{}]", clean(&record.info.title), clean(&row.name));
        let entry = Entry { record, outcome: &row.outcome, row: Some(row), run_dir };
        entry.test_case(names.unique(clip(&name, NAME).into_owned()))
    });
    own.into_iter().chain(rows)
}

/// The names of the rows of one check, each with the number of the last that was to have it.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn unique(&mut self, wanted: String) -> String {
        let Some(mut twin) = self.0.get(&wanted).copied() else {
            self.0.insert(wanted.clone(), 1);
            return wanted;
        };
        loop {
            twin += 1;
            let name = format!("{wanted} ({twin})");
            if !self.0.contains_key(&name) {
                self.0.insert(name.clone(), 1);
                self.0.insert(wanted, twin);
                return name;
            }
        }
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
struct Entry<'a, 'o> {
    record: &'a CheckRecord,
    outcome: &'o Outcome,
    row: Option<&'a CaseOutcome>,
    run_dir: Option<&'a Path>,
}

impl<'a> Entry<'a, '_> {
    fn test_case(&self, name: String) -> TestCase<'a> {
        let Self { record, outcome, .. } = self;
        let earlier: Vec<&Outcome> =
            record.earlier.iter().filter_map(|attempt| self.failed_in(attempt)).collect();
        let gate = prose::gate_words(&record.info.gate);
        let kind = match (outcome.status, &gate) {
            (Status::Passed, _) => Kind::Passed,
            (Status::Warned, _) => Kind::Warned,
            (Status::Skipped, _) | (Status::Failed | Status::Errored, Some(_)) => Kind::Skipped,
            (Status::Failed, None) => Kind::Failure,
            (Status::Errored, None) => Kind::Error,
        };
        let gated = |text: String| match &gate {
            Some(gate) if outcome.status != Status::Skipped => format!("{gate}: {text}"),
            _ => text,
        };
        // A plain pass has no body, and most checks pass.
        let body = if kind == Kind::Passed { String::new() } else { gated(self.body(outcome)) };
        let (mut shown, mut message) = (String::new(), String::new());
        if kind == Kind::Warned {
            let _ = writeln!(shown, "{body}");
        } else {
            message = gated(self::message(outcome));
        }
        if record.flaky && !earlier.is_empty() {
            let _ = writeln!(shown, "flaky: {} on attempt {}; before that:", outcome.status, record.attempts);
            for outcome in &earlier {
                let _ = writeln!(shown, "{}: {}", outcome.status, self::message(outcome));
            }
        }
        TestCase {
            record,
            name,
            kind,
            message,
            body,
            earlier: earlier.iter().map(|outcome| self.again(outcome)).collect(),
            shown,
            attachment: self.attachment(),
            properties: self.properties(),
            duration_ms: None,
        }
    }

    /// The whole story; of what is longer than a reader would follow, `run.json` holds the rest.
    fn body(&self, outcome: &Outcome) -> String {
        let scope = Scope { text: 8 << 10, lines: 50, run_dir: self.run_dir };
        text(&prose::of_outcome(self.record, outcome, scope))
    }

    fn again(&self, outcome: &Outcome) -> Again {
        let is_failure = outcome.status == Status::Failed;
        Again { is_failure, message: message(outcome), body: self.body(outcome) }
    }

    /// What an earlier attempt said about the check or the row, where it did not hold.
    fn failed_in(&self, attempt: &'a Outcome) -> Option<&'a Outcome> {
        let outcome = match self.row {
            Some(row) if !attempt.cases.is_empty() => {
                &attempt.cases.iter().find(|case| case.name == row.name)?.outcome
            }
            _ => attempt,
        };
        matches!(outcome.status, Status::Failed | Status::Errored).then_some(outcome)
    }

    /// The first file that GitLab could read.
    fn attachment(&self) -> Option<String> {
        let findings = self.outcome.findings.iter().flat_map(|finding| &finding.evidence);
        let mut evidence = findings.chain(&self.outcome.evidence);
        self.run_dir.and_then(|dir| evidence.find_map(|evidence| attachment(dir, evidence)))
    }

    fn properties(&self) -> Vec<(&'static str, Cow<'a, str>)> {
        let info = &self.record.info;
        let keys = self.row.map(|row| &row.keys).filter(|keys| !keys.is_empty()).unwrap_or(&info.keys);
        let mut properties = Vec::with_capacity(3);
        if !keys.is_empty() {
            properties.push(("keys", clean(&keys.join(", ")).into_owned().into()));
        }
        properties.push(("severity", info.severity.as_str().into()));
        properties.push(("effect", info.effect.as_str().into()));
        if let Some(gate) = prose::gate_words(&info.gate) {
            properties.push(("gate", gate.into()));
        }
        if let Some(check) = &info.required_by {
            properties.push(("required_by", clean(check)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_whatever_they_are() {
        let mut names = Names::default();
        let all = ["a", "a", "a (2)", "a", "a (2)", "b"].map(|name| names.unique(name.to_owned()));
        assert_eq!(all, ["a", "a (2)", "a (2) (2)", "a (3)", "a (2) (3)", "b"]);
    }
}
