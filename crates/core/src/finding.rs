//! What is wrong, why, and what to do about it.

use crate::evidence::EvidenceRef;
use crate::level::{Severity, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the cause of a finding lies: who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Cause {
    /// A defect of the product.
    Product,
    /// The environment: configuration, indexes, network, permissions.
    Environment,
    /// The data in it.
    Data,
    /// It works, but there is not enough of it.
    Capacity,
    /// A defect of the check itself.
    Check,
    /// Known and intended.
    Expected,
}
words!(Cause {
    Product => "product", Environment => "environment", Data => "data",
    Capacity => "capacity", Check => "check", Expected => "expected",
});

/// How a finding bears on the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth knowing; changes nothing.
    Note,
    /// The check ends as warned.
    Warn,
    /// The check ends as failed.
    Fail,
}

/// One thing that is wrong. Its `code` is stable: waivers, fixes and proofs refer to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Kebab-case and stable, for example `index-missing`.
    pub code: String,
    /// How it bears on the verdict.
    pub weight: Weight,
    /// Where the cause lies.
    pub cause: Cause,
    /// What it is about: a collection, an endpoint, a field.
    pub subject: String,
    /// One sentence, with what was expected and what was seen where that fits into one.
    pub message: String,
    /// Overrides the severity of the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What would have been right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Why it matters, possible causes, examples: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long the remedy takes, for example "about 15 minutes".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// The fix that can do it, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Files that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRef>,
}

impl Finding {
    /// A finding that fails the check.
    pub fn new(code: &str, cause: Cause, subject: impl Into<String>, message: impl Into<String>) -> Self {
        debug_assert!(crate::id::is_kebab(code), "finding code `{code}` is not kebab-case");
        Self {
            code: code.to_owned(),
            weight: Weight::Fail,
            cause,
            subject: subject.into(),
            message: message.into(),
            severity: None,
            expected: None,
            actual: None,
            details: Vec::new(),
            remedy: None,
            effort: None,
            fix: None,
            evidence: Vec::new(),
        }
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warn(mut self) -> Self {
        self.weight = Weight::Warn;
        self
    }

    /// Makes it a note, which does not change the verdict.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.weight = Weight::Note;
        self
    }

    /// Overrides the severity of the check.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Says what would have been right and what was seen instead.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display, actual: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.actual = Some(actual.to_string());
        self
    }

    /// Adds a line of detail.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Says what to do, and how long that takes.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>, effort: &str) -> Self {
        self.remedy = Some(remedy.into());
        self.effort = Some(effort.to_owned());
        self
    }

    /// Names the fix that can mend it.
    #[must_use]
    pub fn fix(mut self, id: &str) -> Self {
        self.fix = Some(id.to_owned());
        self
    }

    /// Points to a file that shows it.
    #[must_use]
    pub fn evidence(mut self, evidence: EvidenceRef) -> Self {
        self.evidence.push(evidence);
        self
    }
}
