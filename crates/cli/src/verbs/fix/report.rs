//! What was planned, what came of it, and how the checks stood before and after.

use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::Status;
use shakedown_core::fix::{Applied, Step};
use shakedown_core::run::{CheckRecord, Run};
use std::path::PathBuf;

/// What was planned, and what came of it: `fix.json`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Report {
    /// The id of the application.
    pub(super) id: String,
    /// The environment.
    pub(super) environment: String,
    /// Whether that is the embedded sandbox.
    pub(super) sandbox: bool,
    /// Whether anything was to be written.
    pub(super) apply: bool,
    /// What would be written, or was.
    pub(super) fixes: Vec<Mending>,
    /// How the checks ended before.
    pub(super) before: Vec<Stand>,
    /// How they ended after, where anything was written.
    pub(super) after: Vec<Stand>,
    /// Where everything about it is kept, where it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<PathBuf>,
}

/// One fix of a report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Mending {
    /// Its id.
    pub(super) fix: &'static str,
    /// What it does, in one line.
    pub(super) title: &'static str,
    /// The check whose findings it mends.
    pub(super) check: &'static str,
    /// Why the environment's policy does not let it write, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forbidden: Option<String>,
    /// Why it could not be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Its steps, in the order in which they are done.
    pub(super) steps: Vec<Stage>,
}

/// One step of a report.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stage {
    #[serde(flatten)]
    pub(super) step: Step,
    /// What it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) applied: Option<Applied>,
    /// Why it could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// How a check ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stand {
    /// The check.
    pub(super) check: String,
    /// How it ended.
    pub(super) status: Status,
    /// What was seen, in one line.
    pub(super) summary: String,
    /// What it found, in a line each.
    pub(super) findings: Vec<String>,
}

impl Report {
    /// Whether there is anything to show of what would be written.
    pub(super) fn has_plan(&self) -> bool {
        self.fixes.iter().any(|mending| !mending.steps.is_empty())
    }

    /// Whether there is a step that can be done.
    pub(super) fn has_work(&self) -> bool {
        self.fixes.iter().flat_map(|mending| &mending.steps).any(|stage| stage.step.blocked.is_none())
    }
}

/// How the checks of a run ended, without those that were only there because others needed them and passed.
pub(super) fn stands(run: &Run) -> Vec<Stand> {
    let matters = run
        .checks
        .iter()
        .filter(|record| record.info.required_by.is_none() || !record.outcome.status.satisfies());
    let stand = |record: &CheckRecord| Stand {
        check: record.info.id.clone(),
        status: record.outcome.status,
        summary: record.outcome.summary.clone(),
        findings: record
            .outcome
            .all_findings()
            .map(|finding| format!("{}: {}", finding.subject, finding.message))
            .collect(),
    };
    matters.map(stand).collect()
}
