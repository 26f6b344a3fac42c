//! What was planned, what came of it, and how the checks stood before and after.

use serde::Serialize;
use shakedown_core::Status;
use shakedown_core::fix::{Applied, Step};
use shakedown_core::run::{CheckRecord, Run};
use std::path::PathBuf;

/// What was planned, and what came of it: `fix.json`.
#[derive(Serialize)]
pub(super) struct Report {
    /// The id of the application.
    pub(super) id: String,
    pub(super) environment: String,
    /// Whether that is the embedded sandbox.
    pub(super) sandbox: bool,
    /// Whether anything was to be written.
    pub(super) apply: bool,
    pub(super) fixes: Vec<Mending>,
    /// How the checks ended before, and after.
    pub(super) before: Vec<Stand>,
    pub(super) after: Vec<Stand>,
    /// Where everything about it is kept, where it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<PathBuf>,
}

/// One fix of a report.
#[derive(Serialize)]
pub(super) struct Mending {
    pub(super) fix: &'static str,
    pub(super) title: &'static str,
    /// The check whose findings it mends.
    pub(super) check: &'static str,
    /// Why the environment's policy does not let it write, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forbidden: Option<String>,
    /// Why it could not be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    pub(super) steps: Vec<Stage>,
}

/// One step of a report.
#[derive(Serialize)]
pub(super) struct Stage {
    #[serde(flatten)]
    pub(super) step: Step,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) applied: Option<Applied>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// How a check ended.
#[derive(Serialize)]
pub(super) struct Stand {
    pub(super) check: String,
    pub(super) status: Status,
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
