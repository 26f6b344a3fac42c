//! What there is to say about a finding, an obstacle or a skip, in labelled lines; every report says it in these words.

use crate::text::{clean, clean_lines, clip, counted};
use shakedown_core::evidence::EvidenceRef;
use shakedown_core::finding::{Finding, Weight};
use shakedown_core::ledger::Resource;
use shakedown_core::outcome::{Outcome, SkipReason};
use shakedown_core::run::{CheckRecord, ToDo, What};
use shakedown_core::{Gate, Severity, Status};
use std::collections::HashMap;
use std::path::Path;

/// How much of each part is shown (`run.json` holds all of it), and from where evidence is seen.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Characters of one text.
    pub text: usize,
    /// Lines of details, rows or evidence.
    pub lines: usize,
    /// The run's directory, which the paths of evidence are relative to.
    pub run_dir: Option<&'a Path>,
}

/// One thing to say; the label is empty where the line continues the one before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub label: &'static str,
    pub text: String,
    /// The file that the text names, relative to the run's directory, where it names one.
    pub file: Option<String>,
}

/// Collects lines that are safe to show.
struct Lines<'a> {
    scope: Scope<'a>,
    lines: Vec<Line>,
}

impl Lines<'_> {
    fn say(&mut self, label: &'static str, text: &str) {
        let clipped = clip(text, self.scope.text);
        for (index, line) in clean_lines(&clipped).enumerate() {
            let label = if index == 0 { label } else { "" };
            self.lines.push(Line { label, text: line.into_owned(), file: None });
        }
    }

    fn say_if(&mut self, label: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.say(label, text);
        }
    }

    fn list<T>(&mut self, label: &'static str, items: &[T], text: impl Fn(&T) -> String) {
        for (index, item) in items.iter().take(self.scope.lines).enumerate() {
            self.say(if index == 0 { label } else { "" }, &text(item));
        }
        self.more(items.len());
    }

    /// Says how many of `all` were not shown.
    fn more(&mut self, all: usize) {
        if let Some(more) = all.checked_sub(self.scope.lines).filter(|&more| more > 0) {
            self.say("", &format!("… and {more} more in run.json"));
        }
    }

    fn remedy(&mut self, remedy: Option<&str>, effort: Option<&str>) {
        match (remedy, effort) {
            (Some(remedy), Some(effort)) => self.say("remedy", &format!("{remedy} ({effort})")),
            (Some(text), None) | (None, Some(text)) => self.say("remedy", text),
            (None, None) => {}
        }
    }

    fn evidence(&mut self, evidence: &[EvidenceRef]) {
        let run_dir = self.scope.run_dir.unwrap_or(Path::new(""));
        for (index, evidence) in evidence.iter().take(self.scope.lines).enumerate() {
            let cut = if evidence.truncated { " (cut to the size limit)" } else { "" };
            let text = format!("{}{cut}", run_dir.join(&evidence.path).display());
            let first = self.lines.len();
            self.say(if index == 0 { "evidence" } else { "" }, &text);
            self.lines[first..].iter_mut().for_each(|line| line.file = Some(evidence.path.clone()));
        }
        self.more(evidence.len());
    }
}

/// `subject: message`, on one line of at most about `limit` characters.
pub(crate) fn headline(finding: &Finding, limit: usize) -> String {
    let message = clean(&finding.message);
    let headline = match finding.subject.as_str() {
        "" => message,
        subject => format!("{}: {message}", clean(subject)).into(),
    };
    clip(&headline, limit).into_owned()
}

/// Everything about a finding but its headline.
pub(crate) fn of_finding(finding: &Finding, scope: Scope<'_>) -> Vec<Line> {
    let mut lines = Lines { scope, lines: Vec::new() };
    lines.say_if("expected", finding.expected.as_deref());
    lines.say_if("actual", finding.actual.as_deref());
    lines.list("details", &finding.details, String::clone);
    lines.say("cause", finding.cause.as_str());
    lines.remedy(finding.remedy.as_deref(), finding.effort.as_deref());
    lines.say_if("fix", finding.fix.as_deref());
    lines.evidence(&finding.evidence);
    lines.lines
}

/// Everything about a missing answer but its summary.
pub(crate) fn of_no_answer(outcome: &Outcome, scope: Scope<'_>) -> Vec<Line> {
    let mut lines = Lines { scope, lines: of_obstacle(outcome, scope) };
    lines.evidence(&outcome.evidence);
    lines.lines
}

/// What stood in the way, and in which rows.
fn of_obstacle(outcome: &Outcome, scope: Scope<'_>) -> Vec<Line> {
    let mut lines = Lines { scope, lines: rows_without_answer(outcome, scope) };
    if let Some(obstacle) = &outcome.obstacle {
        lines.say("cause", obstacle.cause.as_str());
        lines.remedy(obstacle.remedy.as_deref(), None);
    }
    lines.lines
}

/// The rows of a table that got no answer, which a failing row must not hide.
pub(crate) fn rows_without_answer(outcome: &Outcome, scope: Scope<'_>) -> Vec<Line> {
    let mut lines = Lines { scope, lines: Vec::new() };
    let errored = outcome.cases.iter().filter(|case| case.outcome.status == Status::Errored);
    let errored: Vec<String> =
        errored.map(|case| format!("{}: {}", case.name, case.outcome.summary)).collect();
    lines.list("no answer", &errored, String::clone);
    lines.lines
}

/// One thing to say about an answer, and everything about it.
pub(crate) struct Paragraph {
    /// What it makes of the answer.
    pub status: Status,
    pub head: String,
    pub lines: Vec<Line>,
}

/// The whole answer: findings, obstacle or reason, what was measured, and evidence; never empty.
pub(crate) fn of_outcome(record: &CheckRecord, outcome: &Outcome, scope: Scope<'_>) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = by_weight(outcome)
        .into_iter()
        .map(|finding| {
            let head = match finding.weight {
                Weight::Fail => format!("failed, {}", record.severity_of(finding)),
                Weight::Warn | Weight::Note => "warned".to_owned(),
            };
            let head = format!("{head}: {}", headline(finding, scope.text));
            let status = if finding.weight == Weight::Fail { Status::Failed } else { Status::Warned };
            Paragraph { status, head, lines: of_finding(finding, scope) }
        })
        .collect();
    if paragraphs.is_empty() || matches!(outcome.status, Status::Errored | Status::Skipped) {
        paragraphs.insert(0, of_summary(record, outcome, scope));
    }
    let mut rest = Lines { scope, lines: Vec::new() };
    rest.list("measured", &outcome.measurements, ToString::to_string);
    rest.evidence(&outcome.evidence);
    if let Some(last) = paragraphs.last_mut() {
        last.lines.extend(rest.lines);
    }
    paragraphs
}

/// The answer without its findings.
fn of_summary(record: &CheckRecord, outcome: &Outcome, scope: Scope<'_>) -> Paragraph {
    let summary = match outcome.status {
        Status::Errored => {
            format!("errored, {}: no answer: {}", record.info.severity, clean(&outcome.summary))
        }
        Status::Skipped => format!("skipped: {}", skip_reason(outcome)),
        status => format!("{status}: {}", clean(&outcome.summary)),
    };
    let lines = if outcome.status == Status::Errored { of_obstacle(outcome, scope) } else { Vec::new() };
    Paragraph { status: outcome.status, head: clip(&summary, scope.text).into_owned(), lines }
}

/// The findings that bear on the answer, the heaviest first.
pub(crate) fn by_weight(outcome: &Outcome) -> Vec<&Finding> {
    let findings = outcome.findings.iter().filter(|finding| finding.weight > Weight::Note);
    let mut findings: Vec<&Finding> = findings.collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings
}

/// Why a check was not asked, in words; the same for all that have the same cause.
pub(crate) fn skip_reason(outcome: &Outcome) -> String {
    match &outcome.skip {
        Some(SkipReason::Requirement { check, status }) => {
            let ended = match status {
                Status::Skipped => "was skipped".to_owned(),
                ended => ended.to_string(),
            };
            format!("needs {}, which {ended}", clean(check))
        }
        Some(SkipReason::TargetAway { target, reported_by }) => {
            format!("{} is away, which {} reports", clean(target), clean(reported_by))
        }
        Some(SkipReason::Mistaken { target, reported_by }) => {
            format!("{} is not the one that is pinned, which {} reports", clean(target), clean(reported_by))
        }
        Some(SkipReason::Unreachable { target }) => {
            format!("{} cannot be reached, and the configuration says to skip then", clean(target))
        }
        Some(SkipReason::Unavailable { command }) => {
            format!("{}; `{}` would provide it", clean(&outcome.summary), clean(command))
        }
        Some(SkipReason::NotApplicable | SkipReason::Stopped) | None => clean(&outcome.summary).into_owned(),
    }
}

/// What keeps a check from deciding, with the words to say so; none where it decides.
pub(crate) fn gate_words(gate: &Gate) -> Option<String> {
    match gate {
        Gate::Required => None,
        Gate::Informational => Some("informational".to_owned()),
        Gate::Waived { ticket, expires, .. } => {
            Some(format!("waived until {} ({})", clean(expires), clean(ticket)))
        }
    }
}

/// The heading under which an item stands. A warning means that the answer is yes, so it never hurries anyone.
pub(crate) fn urgency(item: &ToDo<'_>) -> &'static str {
    if item.status == Status::Warned { Severity::Low.urgency() } else { item.severity.urgency() }
}

/// How an item stands, in words.
pub(crate) fn item_status(item: &ToDo<'_>) -> String {
    match item.status {
        // How much it would matter if the answer were no, only misleads where it is yes.
        Status::Warned => "warned".to_owned(),
        Status::Errored => format!("errored, {}: no answer", item.severity),
        status => format!("{status}, {}", item.severity),
    }
}

/// Everything about an item but its headline. `before` is the item that stands before it.
pub(crate) fn of_item(item: &ToDo<'_>, before: Option<&ToDo<'_>>, scope: Scope<'_>) -> Vec<Line> {
    let mut lines = match item.what {
        What::Finding(finding) => of_finding(finding, scope),
        What::NoAnswer(outcome) => of_no_answer(outcome, scope),
    };
    // Rows without an answer have no item of their own where another row fails the check.
    if before.is_none_or(|before| before.record.info.id != item.record.info.id)
        && item.status == Status::Failed
    {
        lines.extend(rows_without_answer(&item.record.outcome, scope));
    }
    lines
}

/// What an item says, on one line of at most about `limit` characters.
pub(crate) fn item_headline(item: &ToDo<'_>, limit: usize) -> String {
    match item.what {
        What::Finding(finding) => headline(finding, limit),
        What::NoAnswer(outcome) => clip(&clean(&outcome.summary), limit).into_owned(),
    }
}

/// The check of an item, and the row where it is one's.
pub(crate) fn item_name(item: &ToDo<'_>) -> String {
    match item.case {
        Some(case) => format!("{} [{}]", clean(&item.record.info.id), clean(case)),
        None => clean(&item.record.info.id).into_owned(),
    }
}

/// The first names, and how many more there are.
pub(crate) fn names<'a>(names: impl ExactSizeIterator<Item = &'a str>, limit: usize) -> String {
    let more = names.len().saturating_sub(limit);
    let mut list = names.take(limit).map(clean).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(" and ");
        list.push_str(&counted(more, "other", "others"));
    }
    list
}

/// Names that share a reason, by reason, in the order of the first; the reason of several speaks of several.
pub(crate) fn by_reason<'a>(members: impl Iterator<Item = (String, &'a str)>) -> Vec<(String, Vec<&'a str>)> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    let mut index = HashMap::new();
    for (reason, name) in members {
        let group = *index.entry(reason).or_insert_with_key(|reason| {
            groups.push((reason.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(name);
    }
    for (reason, names) in &mut groups {
        if let Some(check) = reason.strip_prefix("needs ") {
            *reason =
                if names.len() == 1 { format!("it needs {check}") } else { format!("they need {check}") };
        }
    }
    groups
}

/// `job 12-3 in focus-api`.
pub(crate) fn resource_name(resource: &Resource) -> String {
    format!("{} {} in {}", clean(&resource.kind), clean(&resource.id), clean(&resource.target))
}
