//! Files that show what a check saw.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A piece of evidence on its way to disk.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// A file name, for example `explain.json`; unsafe characters are replaced.
    pub name: String,
    /// The media type, for example `application/json`.
    pub media_type: &'static str,
    /// Whether it stands beside the reports of the run, by its own name, because people look for it there.
    pub is_report: bool,
    /// The content. It is redacted and capped at [`Evidence::MAX_BYTES`] before it is written.
    pub content: Vec<u8>,
}

impl Evidence {
    /// A longer piece is cut here, and its reference says so.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Plain text.
    pub fn text(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            media_type: "text/plain",
            is_report: false,
            content: content.into().into_bytes(),
        }
    }

    /// A page for people.
    pub fn html(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self { media_type: "text/html", ..Self::text(name, content) }
    }

    /// A drawing.
    pub fn svg(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self { media_type: "image/svg+xml", ..Self::text(name, content) }
    }

    /// The same beside the reports of the run, by its own name.
    #[must_use]
    pub fn as_report(self) -> Self {
        Self { is_report: true, ..self }
    }

    /// A JSON document, indented.
    pub fn json(name: impl Into<String>, content: &serde_json::Value) -> Self {
        Self {
            name: name.into(),
            media_type: "application/json",
            is_report: false,
            content: format!("{content:#}\n").into_bytes(),
        }
    }
}

/// Where a piece of evidence was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRef {
    /// The name the check gave it.
    pub name: String,
    /// The path relative to the run's directory, with forward slashes.
    pub path: String,
    /// The media type.
    pub media_type: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether it was cut to the size limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}
