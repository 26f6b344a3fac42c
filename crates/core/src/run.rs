//! A run as its events tell it: what every report is rendered from, during the run and long after it.

use crate::event::{CheckInfo, Event, EventKind, RunInfo};
use crate::finding::{Cause, Finding, Weight};
use crate::ledger::Resource;
use crate::level::{Effect, Gate, Severity, Status};
use crate::moment::{Happening, Moment};
use crate::outcome::{ObstacleKind, Outcome, SkipReason};
use crate::target::TargetInfo;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The version of `run.json`. It rises with every change that a reader could stumble over.
pub const FORMAT_VERSION: u32 = 1;

/// A run. Serialised, it is `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What was run, where, by which program.
    #[serde(flatten)]
    pub info: RunInfo,
    /// When it ended, in UTC; absent where the process was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished: Option<Timestamp>,
    /// What ended it early, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_by: Option<String>,
    /// When it was gone on with after its process had ended, in UTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub resumed: Vec<Timestamp>,
    /// The targets that answered, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, TargetInfo>,
    /// The planned checks, in the order of the plan.
    pub checks: Vec<CheckRecord>,
    /// The selected checks that were not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What could not be gathered after a check had failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_collected: Vec<NotCollected>,
    /// What was created and is neither removed nor ends by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Resource>,

    /// Number and time of the last event.
    #[serde(skip)]
    last: (u64, Timestamp),
    #[serde(skip)]
    index: HashMap<String, usize>,
    #[serde(skip)]
    checkpoints: HashMap<String, (serde_json::Value, Timestamp)>,
}

/// A planned check and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// The check.
    #[serde(flatten)]
    pub info: CheckInfo,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How many attempts it took; 0 where it was skipped.
    pub attempts: u32,
    /// Whether it passed only when asked again.
    pub flaky: bool,
    /// How the earlier attempts ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Outcome>,
    /// When the last attempt began, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    /// How long the last attempt took, in milliseconds.
    pub duration_ms: f64,
    /// What happened beside that, in order: earlier attempts, the first things that were created, what was gathered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Moment>,
}

impl CheckRecord {
    /// Moments of one check that are kept.
    pub const MOST_MOMENTS: usize = 30;

    /// Things of which it is kept when one check created them: a load creates thousands.
    pub const MOST_CREATED: usize = 5;

    /// Whether it decides the verdict: required, and neither waived nor informational.
    pub fn decides(&self) -> bool {
        self.info.gate == Gate::Required
    }

    /// The severity of one of its findings.
    pub fn severity_of(&self, finding: &Finding) -> Severity {
        finding.severity.unwrap_or(self.info.severity)
    }
}

/// A selected check that was not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The check.
    pub check: String,
    /// What it would have done.
    pub effect: Effect,
    /// Why.
    pub reason: String,
}

/// A collector that could not gather: noted, and of no consequence for a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotCollected {
    /// The collector.
    pub collector: String,
    /// The check that had failed.
    pub check: String,
    /// Why.
    pub error: String,
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// All planned.
    pub total: usize,
    /// Passed, flaky ones included.
    pub passed: usize,
    /// Warned.
    pub warned: usize,
    /// Failed.
    pub failed: usize,
    /// Errored.
    pub errored: usize,
    /// Skipped.
    pub skipped: usize,
    /// Passed or warned only when asked again.
    pub flaky: usize,
}

/// Why a journal does not make a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The first event is not the beginning of a run.
    #[error("the journal does not begin with `run-started`")]
    NoStart,
}

impl Run {
    /// The run that `first` begins.
    ///
    /// # Errors
    /// [`RunError::NoStart`] where it begins none.
    pub fn begin(first: &Event) -> Result<Self, RunError> {
        let EventKind::RunStarted { run } = &first.kind else { return Err(RunError::NoStart) };
        Ok(Self {
            format_version: FORMAT_VERSION,
            info: run.clone(),
            finished: None,
            interrupted_by: None,
            resumed: Vec::new(),
            targets: BTreeMap::new(),
            checks: Vec::new(),
            left_out: Vec::new(),
            not_collected: Vec::new(),
            leftovers: Vec::new(),
            last: (first.seq, first.at),
            index: HashMap::new(),
            checkpoints: HashMap::new(),
        })
    }

    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        self.last = (event.seq, event.at);
        match &event.kind {
            EventKind::Planned { check } => {
                let record = CheckRecord::pending(check.clone());
                if let Some(known) = self.record(&check.id) {
                    // A run that is gone on with plans again what had not ended.
                    *known = record;
                } else {
                    self.index.insert(check.id.clone(), self.checks.len());
                    self.checks.push(record);
                }
            }
            EventKind::LeftOut { check, effect, reason } => {
                self.left_out.push(LeftOut { check: check.clone(), effect: *effect, reason: reason.clone() });
            }
            EventKind::TargetConnected { target, info } => {
                self.targets.insert(target.clone(), info.clone());
            }
            EventKind::CheckStarted { check, attempt } => {
                if let Some(record) = self.record(check) {
                    if *attempt > 1 {
                        record.happened(event.at, Happening::Began { attempt: *attempt });
                    }
                    record.attempts = *attempt;
                    record.started = Some(event.at);
                    let lost = "the process ended while this check ran";
                    record.outcome = Outcome::errored(ObstacleKind::Lost, Cause::Environment, lost);
                }
            }
            EventKind::CheckRetried { check, attempt, outcome, wait_ms } => {
                if let Some(record) = self.record(check) {
                    let (attempt, status, wait_ms) = (*attempt, outcome.status, *wait_ms);
                    record.happened(event.at, Happening::Retried { attempt, status, wait_ms });
                    record.earlier.push(outcome.clone());
                }
            }
            EventKind::CheckFinished { check, outcome, attempts, duration_ms } => {
                if let Some(record) = self.record(check) {
                    record.outcome = outcome.clone();
                    record.attempts = *attempts;
                    record.duration_ms = *duration_ms;
                    record.flaky = *attempts > 1 && outcome.status.satisfies();
                }
            }
            EventKind::Created { check, resource } => {
                if let Some(record) = self.record(check) {
                    record.happened(event.at, Happening::Created { resource: resource.clone() });
                }
                if resource.ends_by.is_none() {
                    self.leftovers.push(resource.clone());
                }
            }
            EventKind::CleanedUp { resource, removal, .. } => {
                if removal.is_some_and(crate::ledger::Removal::settles) {
                    self.leftovers.retain(|left| left != resource);
                } else if !self.leftovers.contains(resource) {
                    self.leftovers.push(resource.clone());
                }
            }
            EventKind::Collected { collector, check, error, .. } => {
                if let Some(record) = self.record(check) {
                    let (collector, error) = (collector.clone(), error.clone());
                    record.happened(event.at, Happening::Gathered { collector, error });
                }
                if let Some(error) = error.clone() {
                    let (collector, check) = (collector.clone(), check.clone());
                    self.not_collected.push(NotCollected { collector, check, error });
                }
            }
            EventKind::Checkpoint { check, state } => {
                self.checkpoints.insert(check.clone(), (state.clone(), event.at));
            }
            EventKind::Resumed { .. } => {
                self.resumed.push(event.at);
                (self.finished, self.interrupted_by) = (None, None);
            }
            EventKind::Interrupted { by } => self.interrupted_by = Some(by.clone()),
            EventKind::RunFinished => self.finished = Some(event.at),
            EventKind::RunStarted { .. } | EventKind::TargetLost { .. } | EventKind::Evidence { .. } => {}
        }
    }

    /// What each check noted last of how far it is, and when.
    pub const fn checkpoints(&self) -> &HashMap<String, (serde_json::Value, Timestamp)> {
        &self.checkpoints
    }

    /// The checks that have ended by themselves: what a run that is gone on with need not ask again.
    pub fn ended(&self) -> impl Iterator<Item = &CheckRecord> {
        self.checks.iter().filter(|record| {
            let Outcome { obstacle, skip, .. } = &record.outcome;
            let is_lost = obstacle.as_ref().is_some_and(|obstacle| obstacle.kind == ObstacleKind::Lost);
            !is_lost && *skip != Some(SkipReason::Stopped)
        })
    }

    /// Number and time of the last event that was taken in.
    pub const fn last_event(&self) -> (u64, Timestamp) {
        self.last
    }

    fn record(&mut self, check: &str) -> Option<&mut CheckRecord> {
        self.index.get(check).map(|&index| &mut self.checks[index])
    }

    /// How many checks ended how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { total: self.checks.len(), ..Counts::default() };
        for record in &self.checks {
            let count = match record.outcome.status {
                Status::Passed => &mut counts.passed,
                Status::Warned => &mut counts.warned,
                Status::Failed => &mut counts.failed,
                Status::Errored => &mut counts.errored,
                Status::Skipped => &mut counts.skipped,
            };
            *count += 1;
            counts.flaky += usize::from(record.flaky);
        }
        counts
    }

    /// What to do, worst first: every finding that fails or warns, and every obstacle, each with its check.
    pub fn to_do(&self) -> Vec<ToDo<'_>> {
        let mut items: Vec<ToDo<'_>> = Vec::new();
        for record in &self.checks {
            let cases = record.outcome.cases.iter().map(|case| (Some(case.name.as_str()), &case.outcome));
            for (case, outcome) in std::iter::once((None, &record.outcome)).chain(cases) {
                let findings = outcome.findings.iter().filter(|finding| finding.weight > Weight::Note);
                items.extend(findings.map(|finding| ToDo {
                    record,
                    case,
                    severity: record.severity_of(finding),
                    status: if finding.weight == Weight::Fail { Status::Failed } else { Status::Warned },
                    what: What::Finding(finding),
                }));
            }
            if record.outcome.status == Status::Errored {
                items.push(ToDo {
                    record,
                    case: None,
                    severity: record.info.severity,
                    status: Status::Errored,
                    what: What::NoAnswer(&record.outcome),
                });
            }
        }
        // Stable: within the same weight the order of the plan holds.
        items.sort_by_key(|item| {
            (
                !item.record.decides(),
                item.status == Status::Warned,
                std::cmp::Reverse(item.severity),
                std::cmp::Reverse(item.status),
            )
        });
        items
    }

    /// Whether all that decides was skipped; where nothing decides, all there is.
    fn nothing_asked(&self) -> bool {
        let skipped = |record: &CheckRecord| record.outcome.status == Status::Skipped;
        let mut deciding = self.checks.iter().filter(|record| record.decides()).peekable();
        if deciding.peek().is_some() { deciding.all(skipped) } else { self.checks.iter().all(skipped) }
    }

    /// Whether the run ended before it had asked everything: killed, or out of time.
    fn cut_short(&self) -> bool {
        self.finished.is_none() || self.interrupted_by.is_some()
    }

    /// The exit code that the verdicts call for; see [`Exit`].
    pub fn exit(&self) -> Exit {
        let deciding =
            |status| self.checks.iter().any(|record| record.decides() && record.outcome.status == status);
        if matches!(self.interrupted_by.as_deref(), Some("SIGINT" | "SIGTERM")) {
            Exit::Interrupted
        } else if deciding(Status::Failed) {
            Exit::Failed
        } else if deciding(Status::Errored) || self.cut_short() {
            Exit::Errored
        } else if self.nothing_asked() {
            Exit::Nothing
        } else {
            Exit::Fit
        }
    }
}

impl CheckRecord {
    fn pending(info: CheckInfo) -> Self {
        let outcome = Outcome::skipped(SkipReason::Stopped, "the run ended before this check began");
        Self {
            info,
            outcome,
            attempts: 0,
            flaky: false,
            earlier: Vec::new(),
            started: None,
            duration_ms: 0.0,
            moments: Vec::new(),
        }
    }

    fn happened(&mut self, at: Timestamp, what: Happening) {
        // That the first attempt began need not be said until there is another one.
        if let (Happening::Retried { attempt: 1, .. }, Some(began)) = (&what, self.started) {
            self.moments.insert(0, Moment { at: began, what: Happening::Began { attempt: 1 } });
        }
        let is_created = |moment: &&Moment| matches!(moment.what, Happening::Created { .. });
        let is_one_of_many = matches!(what, Happening::Created { .. })
            && self.moments.iter().filter(is_created).count() == Self::MOST_CREATED;
        if !is_one_of_many && self.moments.len() < Self::MOST_MOMENTS {
            self.moments.push(Moment { at, what });
        }
    }
}

/// One line of the to-do list.
#[derive(Clone, Copy, Debug)]
pub struct ToDo<'a> {
    /// The check it comes from.
    pub record: &'a CheckRecord,
    /// The case within the check, where it is one's.
    pub case: Option<&'a str>,
    /// How much it matters.
    pub severity: Severity,
    /// Failed, warned or errored.
    pub status: Status,
    /// What it is.
    pub what: What<'a>,
}

/// What a line of the to-do list is about.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// Something is wrong.
    Finding(&'a Finding),
    /// There is no answer.
    NoAnswer(&'a Outcome),
}

/// What the program's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every required check passed or warned.
    Fit,
    /// A required check failed.
    Failed,
    /// Wrong usage or configuration; nothing was run.
    Usage,
    /// A required check errored.
    Errored,
    /// Nothing was selected, or everything was skipped.
    Nothing,
    /// The run is fine, but a report or an upload failed.
    Report,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// Every exit, by its number.
    pub const ALL: &'static [Self] = &[
        Self::Fit,
        Self::Failed,
        Self::Usage,
        Self::Errored,
        Self::Nothing,
        Self::Report,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fit => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Errored => 3,
            Self::Nothing => 4,
            Self::Report => 5,
            Self::Interrupted => 130,
        }
    }

    /// The sentence that a summary ends with.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Fit => "fit for use",
            Self::Failed => "not fit for use: a required check failed",
            Self::Usage => "nothing was run: wrong usage or configuration",
            Self::Errored => "unknown: a required check got no answer",
            Self::Nothing => "unknown: nothing was checked",
            Self::Report => "fit for use, but a report could not be written",
            Self::Interrupted => "interrupted",
        }
    }

    /// The exit code once the reports are written: a failed report never hides a check's failure.
    #[must_use]
    pub const fn after_reports(self, all_written: bool) -> Self {
        match self {
            Self::Fit if !all_written => Self::Report,
            Self::Fit
            | Self::Failed
            | Self::Usage
            | Self::Errored
            | Self::Nothing
            | Self::Report
            | Self::Interrupted => self,
        }
    }
}
