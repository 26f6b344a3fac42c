//! `run.json`: the run for programs, with what they would otherwise have to work out themselves.

use crate::prose;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use shakedown_core::run::{Counts, Exit, FORMAT_VERSION, Run, ToDo, What};
use shakedown_core::{Cause, Severity, Status};
use std::io::{self, Write};

/// A run, as `run.json` holds it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "run.json")]
struct Document<'a> {
    #[serde(flatten)]
    run: &'a Run,
    /// How many checks ended how.
    counts: Counts,
    /// What the verdicts call for.
    exit: ExitView,
    /// What to do, worst first.
    to_do: Vec<ToDoView<'a>>,
}

/// The exit code that the verdicts call for.
#[derive(Serialize, JsonSchema)]
struct ExitView {
    /// 0 fit, 1 failed, 3 no answer, 4 nothing checked, 130 interrupted.
    code: u8,
    /// The same in words.
    meaning: &'static str,
}

/// One line of the to-do list; the check's own entry has the rest.
#[derive(Serialize, JsonSchema)]
struct ToDoView<'a> {
    /// The heading it belongs under: urgent, soon, when convenient.
    urgency: &'static str,
    /// Whether it bears on the exit code; false where the check is informational or waived.
    decides: bool,
    /// Failed, warned or errored.
    status: Status,
    /// How much it matters.
    severity: Severity,
    /// The check.
    check: &'a str,
    /// The row within the check, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    /// The code of the finding, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// What is wrong, or why there is no answer.
    message: &'a str,
    /// Where the cause lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    /// How long the remedy takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    /// The fix that can do it, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
}

impl From<Exit> for ExitView {
    fn from(exit: Exit) -> Self {
        Self { code: exit.code(), meaning: exit.meaning() }
    }
}

impl<'a> From<ToDo<'a>> for ToDoView<'a> {
    fn from(item: ToDo<'a>) -> Self {
        let view = Self {
            urgency: prose::urgency(&item),
            decides: item.record.decides(),
            status: item.status,
            severity: item.severity,
            check: &item.record.info.id,
            case: item.case,
            code: None,
            subject: None,
            message: "",
            cause: None,
            remedy: None,
            effort: None,
            fix: None,
        };
        match item.what {
            What::Finding(finding) => Self {
                code: Some(&finding.code),
                subject: Some(&finding.subject),
                message: &finding.message,
                cause: Some(finding.cause),
                remedy: finding.remedy.as_deref(),
                effort: finding.effort.as_deref(),
                fix: finding.fix.as_deref(),
                ..view
            },
            What::NoAnswer(outcome) => Self {
                message: &outcome.summary,
                cause: outcome.obstacle.as_ref().map(|obstacle| obstacle.cause),
                remedy: outcome.obstacle.as_ref().and_then(|obstacle| obstacle.remedy.as_deref()),
                ..view
            },
        }
    }
}

/// Writes the document to `out`, without holding it in memory.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(run: &Run, mut out: impl Write) -> io::Result<()> {
    let document = Document {
        run,
        counts: run.counts(),
        exit: run.exit().into(),
        to_do: run.to_do().into_iter().map(ToDoView::from).collect(),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

/// The document as text.
pub fn render(run: &Run) -> String {
    let mut bytes = Vec::new();
    write(run, &mut bytes).expect("a run has no keys that JSON lacks, and memory can be written");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Why a text is not a `run.json` that can be read here.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON, or not a run.
    #[error("not a run.json: {0}")]
    Content(#[from] serde_json::Error),
    /// It was written by a newer program.
    #[error(
        "run.json has format version {found}, and this program reads up to {FORMAT_VERSION}: use a newer one"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
}

/// Reads a `run.json`. What was worked out of the run is passed over and worked out anew when it is rendered.
///
/// # Errors
/// See [`JsonError`].
pub fn parse(text: &str) -> Result<Run, JsonError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let Version { format_version: found } = serde_json::from_str(text)?;
    if found > FORMAT_VERSION {
        return Err(JsonError::Newer { found });
    }
    Ok(serde_json::from_str(text)?)
}

/// The JSON Schema of the document.
pub fn schema() -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<Document<'static>>().to_value()
}
