//! Mending what a check has found: look, say what would be written, write it, and be able to take it back.

use crate::check::{CheckError, Docs, Source};
use crate::context::Context;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, io};

/// A way to mend what one check finds.
///
/// A fix is built with the parameters of its check, so that both mean the same. Whatever it writes must be safe to
/// write twice, by two people at once, and after a connection was lost midway: each change states what it expects to
/// find, and does nothing where it finds something else.
#[async_trait]
pub trait Fix: Send + Sync {
    /// Looks at the target and says what would be written, without writing anything. No steps: nothing to mend.
    ///
    /// # Errors
    /// Where that cannot be told.
    async fn plan(&self, cx: &Context) -> Result<Vec<Step>, CheckError>;

    /// Does a step. Every change is put into `undo` before it is made.
    ///
    /// # Errors
    /// Where the step came to an end before its end. What was done until then stays done, and is in `undo`.
    async fn apply(&self, cx: &Context, step: &Step, undo: &dyn UndoLog) -> Result<Applied, CheckError>;

    /// How the target stands to a change that [`apply`](Self::apply) put into its undo log.
    ///
    /// # Errors
    /// Where that cannot be told.
    async fn standing(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError>;

    /// Takes a change back, provided that the target still is as the change left it, and says how it stands then.
    ///
    /// # Errors
    /// Where the target could not be asked, or refused.
    async fn revert(&self, cx: &Context, change: &Value) -> Result<Standing, CheckError>;
}

/// One thing that a fix would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What would be written: "create the index `start_time_1`".
    pub action: String,
    /// To what: a collection.
    pub subject: String,
    /// How much of it is touched: "3,000 documents".
    pub touches: String,
    /// Some of what is touched, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Why.
    pub why: String,
    /// What could go wrong, and what it costs others while it is done.
    pub risk: String,
    /// How long it takes, for example "about 2 minutes".
    pub duration: String,
    /// How it is undone.
    pub undo: String,
    /// Why it cannot be done as things are, and what to do first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What the fix itself needs to know in order to do it.
    #[serde(skip)]
    pub data: Value,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// How many changes were made.
    pub changed: u64,
    /// How many were not, because somebody else had made them, or something else, in the meantime.
    pub passed_over: u64,
    /// In words.
    pub summary: String,
}

/// How a target stands to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// As the change left it: it can be taken back.
    AsChanged,
    /// As before the change: there is nothing to take back.
    AsBefore,
    /// Neither: somebody has changed it since, and it stays as it is. In words, what is there now.
    MovedOn(String),
}

/// Where changes are written down, durably, before they are made.
pub trait UndoLog: Send + Sync {
    /// Writes changes down and returns the number of the first; the others follow. They must hold everything that is
    /// needed to take them back.
    ///
    /// # Errors
    /// Where that is impossible: nothing must then be changed.
    fn record(&self, changes: &[Value]) -> io::Result<u64>;

    /// Says that a recorded change was not made after all.
    ///
    /// # Errors
    /// Where that cannot be written. Nothing is lost then: reverting looks before it writes.
    fn withdraw(&self, number: u64) -> io::Result<()>;
}

/// A registered fix: const data and a factory.
pub struct FixSpec {
    /// Stable id, `plugin.group.name`; findings refer to it.
    pub id: &'static str,
    /// One line that says what it does.
    pub title: &'static str,
    /// The check whose findings it mends, and whose parameters it takes.
    pub check: &'static str,
    /// The target's kind.
    pub target: &'static str,
    /// The milder fix that is used unless this one is asked for by name.
    pub instead_of: Option<&'static str>,
    /// The faults after which it was seen to make its check pass, and to be taken back.
    pub proofs: &'static [&'static str],
    /// What it does, when to use it, how it is undone.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
    /// Builds it with the parameters of its check.
    pub build: fn(&Value) -> Result<Box<dyn Fix>, String>,
}

impl fmt::Debug for FixSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixSpec").field("id", &self.id).field("source", &self.source).finish_non_exhaustive()
    }
}

inventory::collect!(FixSpec);
