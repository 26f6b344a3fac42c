//! Two runs side by side: what is new, what is mended, what still fails, and what has become slower.
//!
//! A check is known by its id, a row by its name, a finding by its code and subject. Nothing is concluded from a check
//! that only one of the runs asked; such checks are named.

mod html;
mod slower;
mod text;

pub use html::{render_html, write_html};
pub use slower::Slower;
pub use text::render;

use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use shakedown_core::finding::Weight;
use shakedown_core::run::{CheckRecord, Counts, Run};
use shakedown_core::target::TargetInfo;
use shakedown_core::{Finding, Outcome, Severity, Status};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What has changed from one run to another.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "comparison of two runs")]
pub struct Comparison {
    /// The first run.
    pub before: Side,
    /// The second run.
    pub after: Side,
    /// What was not the same around the checks, so that a change may come from there.
    pub differences: Vec<Difference>,
    /// Checks whose answer has changed or is still bad, worst first.
    pub changes: Vec<Change>,
    /// Checks that passed only when asked again, in one run or both.
    pub flaky: Vec<Flaky>,
    /// What has become slower or worse beyond noise.
    pub slower: Vec<Slower>,
    /// Checks that only the first run has, planned or left out.
    pub only_before: Vec<String>,
    /// Checks that only the second run has.
    pub only_after: Vec<String>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Side {
    /// Its id.
    pub id: String,
    /// When it began, in UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// Its environment.
    pub environment: String,
    /// What its verdicts call for.
    pub meaning: &'static str,
    /// The exit code that says so.
    pub exit_code: u8,
    /// How many checks ended how.
    pub counts: Counts,
}

/// Something around the checks that was not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// What, for example `environment`.
    pub what: String,
    /// In the first run.
    pub before: String,
    /// In the second run.
    pub after: String,
}

/// What has become of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It fails, and did not before.
    NewFailure,
    /// It gets no answer, and did before.
    NewlyUnanswered,
    /// It fails as before.
    StillFailing,
    /// It gets no answer, as before.
    StillUnanswered,
    /// It fails no longer or gave no answer before, and nobody knows: it was skipped.
    NoLongerAsked,
    /// It warns, and passed before.
    NewWarning,
    /// It failed or got no answer, and now it passes.
    Mended,
}

impl Kind {
    /// Every kind, in the order in which a reader wants them.
    pub const ALL: [Self; 7] = [
        Self::NewFailure,
        Self::NewlyUnanswered,
        Self::StillFailing,
        Self::StillUnanswered,
        Self::NoLongerAsked,
        Self::NewWarning,
        Self::Mended,
    ];

    /// The heading for checks of this kind.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::NewFailure => "new failures",
            Self::NewlyUnanswered => "no longer answered",
            Self::StillFailing => "still failing",
            Self::StillUnanswered => "still unanswered",
            Self::NoLongerAsked => "no longer asked",
            Self::NewWarning => "new warnings",
            Self::Mended => "mended",
        }
    }

    /// What the change from one status to another is; none where it is no news.
    fn of(before: Option<Status>, after: Status) -> Option<Self> {
        let was = |statuses: &[Status]| before.is_some_and(|before| statuses.contains(&before));
        match after {
            Status::Failed if was(&[Status::Failed]) => Some(Self::StillFailing),
            Status::Failed => Some(Self::NewFailure),
            Status::Errored if was(&[Status::Errored]) => Some(Self::StillUnanswered),
            Status::Errored => Some(Self::NewlyUnanswered),
            Status::Skipped if before.is_some() && !was(&[Status::Skipped]) => Some(Self::NoLongerAsked),
            Status::Warned | Status::Passed if was(&[Status::Failed, Status::Errored]) => Some(Self::Mended),
            Status::Warned if was(&[Status::Passed]) => Some(Self::NewWarning),
            Status::Skipped | Status::Warned | Status::Passed => None,
        }
    }
}

/// A check whose answer has changed or is still bad.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// What has become of it.
    pub kind: Kind,
    /// The check.
    pub check: String,
    /// Its title.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it bears on the verdict of the second run.
    pub decides: bool,
    /// How it ended in the first run; absent where that did not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Status>,
    /// How it ended in the second run.
    pub after: Status,
    /// One line of the second run: what was seen, or why there is no answer.
    pub summary: String,
    /// What the second run found and the first did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub appeared: Vec<String>,
    /// What the first run found and the second did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}

/// A check that passed only when asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Flaky {
    /// The check.
    pub check: String,
    /// Whether it was so in the first run.
    pub before: bool,
    /// Whether it was so in the second run.
    pub after: bool,
}

/// What has changed from the run `before` to the run `after`.
pub fn compare(before: &Run, after: &Run) -> Comparison {
    let earlier: HashMap<&str, &CheckRecord> = by_id(before).collect();
    let later: HashMap<&str, &CheckRecord> = by_id(after).collect();
    let pairs = || by_id(after).filter_map(|(id, record)| Some((id, *earlier.get(id)?, record)));

    let mut changes: Vec<Change> =
        by_id(after).filter_map(|(id, record)| Change::of(earlier.get(id).copied(), record)).collect();
    // Stable: within the same weight the order of the plan holds.
    changes.sort_by_key(|change| (change.kind, !change.decides, std::cmp::Reverse(change.severity)));

    let all = earlier.keys().chain(later.keys()).copied().collect::<BTreeSet<&str>>();
    let is_flaky = |records: &HashMap<&str, &CheckRecord>, id: &str| records.get(id).is_some_and(|r| r.flaky);
    let flaky = all.iter().map(|&id| Flaky {
        check: id.to_owned(),
        before: is_flaky(&earlier, id),
        after: is_flaky(&later, id),
    });
    let only = |has: &HashMap<&str, &CheckRecord>, lacks: &HashMap<&str, &CheckRecord>| {
        let names = all.iter().filter(|id| has.contains_key(**id) && !lacks.contains_key(**id));
        names.map(|&id| id.to_owned()).collect()
    };
    Comparison {
        before: side(before),
        after: side(after),
        differences: differences(before, after),
        changes,
        flaky: flaky.filter(|flaky| flaky.before || flaky.after).collect(),
        slower: pairs().flat_map(|(_, before, after)| slower::of(before, after)).collect(),
        only_before: only(&earlier, &later),
        only_after: only(&later, &earlier),
    }
}

/// The comparison for programs.
pub fn to_json(comparison: &Comparison) -> String {
    let json = serde_json::to_string_pretty(comparison);
    json.expect("a comparison has no keys that JSON lacks") + "\n"
}

/// The JSON Schema of that document.
pub fn schema() -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<Comparison>().to_value()
}

impl Comparison {
    /// The changes of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.kind == kind)
    }

    /// Whether the second run is as good as the first: nothing has begun to fail, or to be without an answer.
    pub fn is_no_worse(&self) -> bool {
        !self.changes.iter().any(|change| {
            change.decides
                && matches!(change.kind, Kind::NewFailure | Kind::NewlyUnanswered | Kind::NoLongerAsked)
        })
    }
}

impl Change {
    fn of(before: Option<&CheckRecord>, record: &CheckRecord) -> Option<Self> {
        let kind = Kind::of(before.map(|before| before.outcome.status), record.outcome.status)?;
        let known = before.map(|before| findings(&before.outcome)).unwrap_or_default();
        let found = findings(&record.outcome);
        let answered = !matches!(record.outcome.status, Status::Errored | Status::Skipped);
        let missing_from = |all: &Findings, other: &Findings| {
            let missing = all.iter().filter(|(key, _)| !other.contains_key(*key));
            missing.map(|(_, headline)| headline.clone()).collect::<Vec<_>>()
        };
        Some(Self {
            kind,
            check: record.info.id.clone(),
            title: record.info.title.clone(),
            severity: record.info.severity,
            decides: record.decides(),
            before: before.map(|before| before.outcome.status),
            after: record.outcome.status,
            summary: record.outcome.summary.clone(),
            appeared: missing_from(&found, &known),
            // Whoever got no answer cannot say that nothing is there.
            gone: if answered { missing_from(&known, &found) } else { Vec::new() },
        })
    }
}

/// What was found, by row, code and subject.
type Findings<'a> = BTreeMap<(Option<&'a str>, &'a str, &'a str), String>;

fn findings(outcome: &Outcome) -> Findings<'_> {
    let rows = outcome.cases.iter().map(|case| (Some(case.name.as_str()), &case.outcome));
    let mut findings = Findings::new();
    for (row, outcome) in std::iter::once((None, outcome)).chain(rows) {
        for finding in outcome.findings.iter().filter(|finding| finding.weight > Weight::Note) {
            let Finding { code, subject, .. } = finding;
            let headline = crate::prose::headline(finding, 300);
            let headline = row.map_or_else(|| headline.clone(), |row| format!("[{row}] {headline}"));
            findings.insert((row, code, subject), headline);
        }
    }
    findings
}

fn by_id(run: &Run) -> impl Iterator<Item = (&str, &CheckRecord)> {
    run.checks.iter().map(|record| (record.info.id.as_str(), record))
}

fn side(run: &Run) -> Side {
    let exit = run.exit();
    Side {
        id: run.info.id.clone(),
        started: run.info.started,
        environment: run.info.environment.clone(),
        meaning: exit.meaning(),
        exit_code: exit.code(),
        counts: run.counts(),
    }
}

/// What was not the same around the checks.
fn differences(before: &Run, after: &Run) -> Vec<Difference> {
    let about = |run: &Run| {
        let info = &run.info;
        let mut about = BTreeMap::from([
            ("project".to_owned(), info.project.clone()),
            ("environment".to_owned(), info.environment.clone()),
            ("role of the environment".to_owned(), info.role.clone().unwrap_or_default()),
            ("version of shakedown".to_owned(), info.version.clone()),
            ("selection".to_owned(), info.selection.clone()),
            ("faults injected into the sandbox".to_owned(), info.faults.join(", ")),
            ("ended early by".to_owned(), ended_early(run)),
        ]);
        for (target, info) in &run.targets {
            about.extend(target_facts(target, info, run.info.sandbox));
        }
        about
    };
    let (earlier, later) = (about(before), about(after));
    let names: BTreeSet<&String> = earlier.keys().chain(later.keys()).collect();
    let said = |facts: &BTreeMap<String, String>, name: &String| {
        facts.get(name).filter(|text| !text.is_empty()).cloned().unwrap_or_else(|| "none".to_owned())
    };
    let differences = names.into_iter().map(|name| Difference {
        what: name.clone(),
        before: said(&earlier, name),
        after: said(&later, name),
    });
    differences.filter(|difference| difference.before != difference.after).collect()
}

fn ended_early(run: &Run) -> String {
    let killed = run.finished.is_none().then(|| "the end of its process".to_owned());
    run.interrupted_by.clone().or(killed).unwrap_or_default()
}

/// What a target says of itself. A sandbox's addresses and identities are new each time, and say nothing.
fn target_facts(target: &str, info: &TargetInfo, sandbox: bool) -> Vec<(String, String)> {
    let mut facts = vec![(format!("version of {target}"), info.version.clone().unwrap_or_default())];
    if !sandbox {
        facts.push((format!("address of {target}"), info.address.clone()));
        facts
            .extend(info.identity.iter().map(|(what, value)| (format!("{what} of {target}"), value.clone())));
    }
    facts
}
