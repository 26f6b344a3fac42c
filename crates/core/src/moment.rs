//! What happens to a check while it runs, for its time line.

use crate::ledger::Resource;
use crate::level::Status;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that happened to a check, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// When, in UTC.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen to a check between its beginning and its end, and because of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Happening {
    /// An attempt began, of several.
    Began {
        /// Counts from 1.
        attempt: u32,
    },
    /// An attempt ended badly, and another one was to follow.
    Retried {
        /// The attempt that ended.
        attempt: u32,
        /// How it ended.
        status: Status,
        /// How long until the next, in milliseconds.
        wait_ms: u64,
    },
    /// Something was created in a target.
    Created {
        /// What.
        resource: Resource,
    },
    /// Evidence of the state of a target was gathered, because the check had failed or errored.
    Gathered {
        /// The collector.
        collector: String,
        /// Why it could not gather.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}
