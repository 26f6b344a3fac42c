//! What a run created and must not leave behind.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that exists in a target because a check made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// The target's kind.
    pub target: String,
    /// What it is, for example `job`.
    pub kind: String,
    /// Its id within the target.
    pub id: String,
    /// When it ends by itself at the latest, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ends_by: Option<Timestamp>,
}

/// What came of removing a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// It is removed.
    Removed,
    /// It was gone already.
    Gone,
    /// It cannot be removed, and ends by itself at [`Resource::ends_by`].
    EndsByItself,
    /// The target offers no way.
    Unsupported,
}

impl Removal {
    /// Whether nothing more is to be done now or by a later run.
    pub const fn settles(self) -> bool {
        !matches!(self, Self::Unsupported)
    }
}
