//! What happens in a run, as one ordered stream.

use crate::check::Proof;
use crate::evidence::EvidenceRef;
use crate::ledger::{Removal, Resource};
use crate::level::{Effect, Gate, Severity};
use crate::outcome::Outcome;
use crate::target::{TargetErrorKind, TargetInfo};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that happened. One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// When, in UTC.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The run began. Always the first.
    RunStarted {
        /// What is run, where, by which program.
        run: RunInfo,
    },
    /// A check is going to be run, unless something comes between.
    Planned {
        /// The check.
        check: CheckInfo,
    },
    /// A selected check is not going to be run.
    LeftOut {
        /// The check.
        check: String,
        /// What it would have done.
        effect: Effect,
        /// Why, as a whole sentence fragment: "production's policy forbids load".
        reason: String,
    },
    /// A target answered. At most once per target.
    TargetConnected {
        /// Its kind.
        target: String,
        /// What it says of itself.
        info: TargetInfo,
    },
    /// A target did not answer, or ceased to.
    TargetLost {
        /// Its kind.
        target: String,
        /// Its address.
        address: String,
        /// Why.
        kind: TargetErrorKind,
        /// In words.
        message: String,
    },
    /// An attempt began.
    CheckStarted {
        /// The check.
        check: String,
        /// Counts from 1.
        attempt: u32,
    },
    /// An attempt ended badly and another one follows.
    CheckRetried {
        /// The check.
        check: String,
        /// The attempt that ended.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long until the next, in milliseconds.
        wait_ms: u64,
    },
    /// A check ended. Exactly once for every planned check.
    CheckFinished {
        /// The check.
        check: String,
        /// How it ended.
        outcome: Outcome,
        /// How many attempts it took; 0 where it was skipped.
        attempts: u32,
        /// How long the last attempt took, in milliseconds.
        duration_ms: f64,
    },
    /// Something was created in a target.
    Created {
        /// By which check.
        check: String,
        /// What.
        resource: Resource,
    },
    /// Something that a run created was removed, or not.
    CleanedUp {
        /// What.
        resource: Resource,
        /// What came of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        removal: Option<Removal>,
        /// Why it could not be removed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A piece of evidence was written.
    Evidence {
        /// By which check.
        check: String,
        /// Where.
        evidence: EvidenceRef,
    },
    /// A collector was asked, because a check failed or errored.
    Collected {
        /// The collector.
        collector: String,
        /// The check.
        check: String,
        /// What it gathered.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<EvidenceRef>,
        /// Why it could not gather.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A check that takes hours has noted how far it is, for `run --resume`.
    Checkpoint {
        /// The check.
        check: String,
        /// What it needs to go on.
        state: serde_json::Value,
    },
    /// The process that ran this had ended, and another one goes on with it.
    Resumed {
        /// What is run, as it was begun.
        run: RunInfo,
        /// The last event of the process before.
        #[schemars(with = "String")]
        after: Timestamp,
    },
    /// A signal or a limit ended the run early.
    Interrupted {
        /// What: `SIGINT`, `SIGTERM`, `run deadline`, `fail-fast`.
        by: String,
    },
    /// The run ended. Always the last.
    RunFinished,
}

/// What is run, where, and by which program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// Unique, sortable by time, usable as a directory name.
    pub id: String,
    /// The program's version.
    pub version: String,
    /// When it began, in UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// The project's name.
    pub project: String,
    /// The Jira project key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jira: Option<String>,
    /// The address of Jira, where links can be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jira_url: Option<String>,
    /// The environment.
    pub environment: String,
    /// The role of the environment, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether the environment is the embedded sandbox.
    pub sandbox: bool,
    /// The faults that were injected into the sandbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The selection, in the selection language.
    pub selection: String,
}

/// What reports need to know of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckInfo {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its Jira keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its target's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it does to the target.
    pub effect: Effect,
    /// Its severity, after the configuration.
    pub severity: Severity,
    /// Whether it decides, after the configuration.
    #[serde(flatten)]
    pub gate: Gate,
    /// The file that implements it.
    pub file: String,
    /// Why it is there although the selection does not name it: the check that requires it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_by: Option<String>,
    /// The faults under which it is seen to fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<ProofInfo>,
}

/// What reports need to know of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProofInfo {
    /// The fault that is injected into the sandbox, by id.
    pub fault: String,
    /// The code of the finding that the check then reports.
    pub finding: String,
}

impl From<&Proof> for ProofInfo {
    fn from(proof: &Proof) -> Self {
        Self { fault: proof.fault.to_owned(), finding: proof.finding.to_owned() }
    }
}
