//! What would be uploaded, for programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shakedown_report::xray::Summary;
use shakedown_xray::{Part, Prepared};
use std::collections::BTreeMap;

/// What `upload --dry-run --format json` prints: the request, without credentials and without the results themselves.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "an upload that would be sent")]
pub(crate) struct UploadRequest {
    /// The method.
    method: &'static str,
    /// The address, without the query.
    url: String,
    /// The query, unescaped.
    query: BTreeMap<String, String>,
    /// The parts of the body; one without a name is the body itself.
    parts: Vec<UploadPart>,
    /// What would be said of each test.
    tests: Summary,
}

/// A part of the body.
#[derive(Debug, Serialize, JsonSchema)]
struct UploadPart {
    /// Its name.
    name: &'static str,
    /// The file that it is sent as.
    file: &'static str,
    /// The media type.
    media_type: &'static str,
    /// How long it is.
    bytes: usize,
    /// What it says, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
}

impl UploadRequest {
    pub(crate) fn new(prepared: &Prepared, tests: Summary) -> Self {
        let part = |Part { name, file, media_type, content }: &Part| UploadPart {
            name,
            file,
            media_type,
            bytes: content.len(),
            content: serde_json::from_slice(content).ok(),
        };
        Self {
            method: "POST",
            url: format!("{}{}", prepared.base, prepared.path),
            query: prepared.query.iter().cloned().collect(),
            parts: prepared.parts.iter().map(part).collect(),
            tests,
        }
    }
}
