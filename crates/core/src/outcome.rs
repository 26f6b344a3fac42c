//! A check's answer in the form that is journalled and reported.

use crate::check::CheckError;
use crate::evidence::EvidenceRef;
use crate::finding::{Cause, Finding, Weight};
use crate::level::Status;
use crate::measurement::Measurement;
use crate::series::Series;
use crate::target::TargetErrorKind;
use crate::verdict::{Case, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Obstacle {
    /// The kind of obstacle.
    pub kind: ObstacleKind,
    /// Where it lies.
    pub cause: Cause,
    /// The target concerned, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What stood between a check and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObstacleKind {
    /// The target could not be reached or used.
    Target(TargetErrorKind),
    /// There was nothing to examine.
    NoData,
    /// The check did not end within its deadline.
    Deadline,
    /// The check panicked.
    Panic,
    /// The process ended while the check ran.
    Lost,
    /// The check could not make sense of what it saw, or could not do its work.
    Unclear,
}

/// Why a check was not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SkipReason {
    /// The question does not arise here.
    NotApplicable,
    /// A check that this one requires did not pass.
    Requirement {
        /// The check that did not pass.
        check: String,
        /// How it ended.
        status: Status,
    },
    /// The target is away, which another check has reported.
    TargetAway {
        /// The target.
        target: String,
        /// The check that carries the error.
        reported_by: String,
    },
    /// The target is away, and the configuration says to skip then.
    Unreachable {
        /// The target.
        target: String,
    },
    /// A target is not the one that the configuration pins, which another check has reported: nothing but reading is done.
    Mistaken {
        /// The target.
        target: String,
        /// The check that carries the error.
        reported_by: String,
    },
    /// Something that provides the target could not be had.
    Unavailable {
        /// The one command that would provide it.
        command: String,
    },
    /// The run was interrupted, or stopped at the first failure.
    Stopped,
}

/// One row of a table-driven check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOutcome {
    /// What distinguishes the row.
    pub name: String,
    /// The keys the row answers for; where empty, the check's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Its answer.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a check ended, with everything there is to say about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The status.
    pub status: Status,
    /// One line: what was seen, why there is no answer, or why it was skipped.
    pub summary: String,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// What was watched over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Series>,
    /// The rows of a table-driven check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseOutcome>,
    /// Files that show what was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRef>,
    /// Why there is no answer, where the status is errored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// Why it was not asked, where the status is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<SkipReason>,
}

impl Outcome {
    fn bare(status: Status, summary: impl Into<String>) -> Self {
        Self {
            status,
            summary: summary.into(),
            findings: Vec::new(),
            measurements: Vec::new(),
            series: Vec::new(),
            cases: Vec::new(),
            evidence: Vec::new(),
            obstacle: None,
            skip: None,
        }
    }

    /// Skipped, and why.
    pub fn skipped(reason: SkipReason, summary: impl Into<String>) -> Self {
        Self { skip: Some(reason), ..Self::bare(Status::Skipped, summary) }
    }

    /// Errored, and why.
    pub fn errored(kind: ObstacleKind, cause: Cause, summary: impl Into<String>) -> Self {
        Self {
            obstacle: Some(Obstacle { kind, cause, target: None, remedy: None }),
            ..Self::bare(Status::Errored, summary)
        }
    }

    /// The findings of the check and of its cases.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.cases.iter().flat_map(|case| &case.outcome.findings))
    }

    /// Whether the target was away.
    pub fn is_target_away(&self) -> bool {
        matches!(&self.obstacle, Some(Obstacle { kind: ObstacleKind::Target(kind), .. }) if kind.is_away())
    }
}

impl From<Result<Verdict, CheckError>> for Outcome {
    fn from(answer: Result<Verdict, CheckError>) -> Self {
        match answer {
            Ok(verdict) => verdict.into(),
            Err(error) => error.into(),
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        let own = match verdict.findings.iter().map(|finding| finding.weight).max() {
            Some(Weight::Fail) => Status::Failed,
            Some(Weight::Warn) => Status::Warned,
            Some(Weight::Note) | None => Status::Passed,
        };
        let cases: Vec<CaseOutcome> = verdict.cases.into_iter().map(CaseOutcome::from).collect();
        let status = match cases.iter().map(|case| case.outcome.status).max() {
            // Where every row was skipped nothing was seen, whatever the check itself says.
            Some(Status::Skipped) if own == Status::Passed => Status::Skipped,
            Some(worst) => worst.max(own),
            None => own,
        };
        let mut summary = verdict.observation.text().to_owned();
        let mut outcome = Self::bare(status, "");
        if !cases.is_empty() {
            let of = |status| cases.iter().filter(|case| case.outcome.status == status).count();
            let parts: Vec<String> =
                [Status::Failed, Status::Errored, Status::Warned, Status::Passed, Status::Skipped]
                    .into_iter()
                    .filter(|&status| of(status) > 0)
                    .map(|status| format!("{} {status}", of(status)))
                    .collect();
            summary = format!("{summary}: {}", parts.join(", "));
            outcome.obstacle = cases
                .iter()
                .find_map(|case| case.outcome.obstacle.clone())
                .filter(|_| status == Status::Errored);
            outcome.skip =
                cases.iter().find_map(|case| case.outcome.skip.clone()).filter(|_| status == Status::Skipped);
        }
        Self {
            summary,
            findings: verdict.findings,
            measurements: verdict.measurements,
            series: verdict.series,
            cases,
            evidence: verdict.evidence,
            ..outcome
        }
    }
}

impl From<Case> for CaseOutcome {
    fn from(case: Case) -> Self {
        let answer = case.answer.map(|verdict| Verdict { cases: Vec::new(), ..verdict });
        Self { name: case.name, keys: case.keys, outcome: Outcome::from(answer) }
    }
}

impl From<CheckError> for Outcome {
    fn from(error: CheckError) -> Self {
        let summary = error.to_string();
        match error {
            CheckError::NotApplicable(_) => Self::skipped(SkipReason::NotApplicable, summary),
            CheckError::NoData(_) => Self::errored(ObstacleKind::NoData, Cause::Data, summary),
            CheckError::Unclear(_) => Self::errored(ObstacleKind::Unclear, Cause::Check, summary),
            CheckError::Target(error) => Self {
                obstacle: Some(Obstacle {
                    kind: ObstacleKind::Target(error.kind),
                    cause: Cause::Environment,
                    target: Some(error.target),
                    remedy: error.remedy,
                }),
                ..Self::bare(Status::Errored, summary)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Cases, Observation};

    fn pass() -> Verdict {
        Verdict::of(Observation::seen("x"))
    }

    #[test]
    fn the_heaviest_finding_decides() {
        let verdict = || Verdict::of(Observation::seen("3 indexes"));
        let finding = || Finding::new("index-missing", Cause::Environment, "c", "m");
        assert_eq!(Outcome::from(verdict()).status, Status::Passed);
        assert_eq!(Outcome::from(verdict().with(finding().note())).status, Status::Passed);
        assert_eq!(Outcome::from(verdict().with(finding().warn())).status, Status::Warned);
        assert_eq!(Outcome::from(verdict().with(finding().warn()).with(finding())).status, Status::Failed);
    }

    #[test]
    fn no_data_is_never_a_pass() {
        assert!(matches!(Observation::counted(0, "recordings"), Err(CheckError::NoData(_))));
        assert!(matches!(Cases::new().verdict(), Err(CheckError::NoData(_))));
        let outcome = Outcome::from(CheckError::no_data("no recordings"));
        assert_eq!(outcome.status, Status::Errored);
    }

    #[test]
    fn rows_add_up_worst_first() {
        let mut cases = Cases::new();
        cases.push(Case::new("a", &["PZ-1"], Ok(pass())));
        cases.push(Case::new("b", &[], Err(CheckError::not_applicable("no auth"))));
        let outcome = Outcome::from(cases.clone().verdict());
        assert_eq!(
            (outcome.status, outcome.summary.as_str()),
            (Status::Passed, "2 cases examined: 1 passed, 1 skipped")
        );
        cases.push(Case::new("c", &[], Err(CheckError::unclear("?"))));
        let outcome = Outcome::from(cases.verdict());
        assert_eq!(outcome.status, Status::Errored);
        assert!(outcome.obstacle.is_some());
    }

    #[test]
    fn all_rows_skipped_is_a_skip() {
        let mut cases = Cases::new();
        cases.push(Case::new("a", &[], Err(CheckError::not_applicable("no auth"))));
        let outcome = Outcome::from(cases.verdict());
        assert_eq!(outcome.status, Status::Skipped);
        assert!(outcome.skip.is_some());
    }
}
