//! What is wrong with a configuration, and where: gathered while reading, rendered for people or as JSON.

use crate::source::{Position, Source};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// More than this are counted, not shown.
const MOST_SHOWN: usize = 100;

/// Whether something stops the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can, and someone should look.
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong, with its place and what would be right.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    problem: Problem,
    source: Arc<Source>,
}

impl Diagnostic {
    /// Something that concerns the file as a whole; an empty `help` is none.
    pub(crate) fn without_place(file: &str, message: String, help: &str) -> Self {
        let help = (!help.is_empty()).then(|| help.to_owned());
        let problem = Problem { level: Level::Error, message, span: None, label: None, help };
        Self { problem, source: Arc::new(Source::new(file, "")) }
    }

    /// Whether it stops the program.
    pub fn level(&self) -> Level {
        self.problem.level
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.problem.message
    }

    /// What would be right.
    pub fn help(&self) -> Option<&str> {
        self.problem.help.as_deref()
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line and the column (in characters), both from 1.
    pub fn position(&self) -> Option<(usize, usize)> {
        let span = self.problem.span.as_ref()?;
        let Position { line, column } = self.source.position(span.start);
        Some((line, column))
    }

    /// The offending text; secrets in it are masked.
    pub fn text(&self) -> Option<&str> {
        self.problem.span.as_ref().map(|span| &self.source.text[self.source.clamp(span)])
    }

    /// As a compiler would show it, without a line feed at the end.
    pub fn render(&self, styled: bool) -> String {
        let level = match self.level() {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message()));
        group = match &self.problem.span {
            Some(span) => group.element(self.snippet(span)),
            None => group.element(Origin::path(self.file())),
        };
        if let Some(help) = self.help() {
            group = group.element(Title::HELP.message(printable(help)));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// The lines that a span stands on; the rest of the file is not handed to the renderer.
    fn snippet(&self, span: &Range<usize>) -> Snippet<'_, Annotation<'_>> {
        let text = self.source.text.as_str();
        let mut span = self.source.clamp(span);
        let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        // Of what spans many lines the first says which one it is.
        if let Some(newline) = text[span.clone()].find(['\r', '\n']) {
            span.end = span.start + newline;
        }
        let end = text[span.end..].find(['\r', '\n']).map_or(text.len(), |newline| span.end + newline);
        let annotation = AnnotationKind::Primary.span(span.start - start..span.end - start);
        let annotation = annotation.label(self.problem.label.as_deref());
        Snippet::source(&text[start..end])
            .path(self.file())
            .line_start(self.source.position(start).line)
            .annotation(annotation)
    }

    /// The same for programs.
    pub fn described(&self) -> Described {
        let span = self.problem.span.as_ref();
        let (start, end) = (
            span.map(|span| self.source.position(span.start)),
            span.map(|span| self.source.position(span.end)),
        );
        Described {
            level: self.level(),
            message: self.message().to_owned(),
            file: Some(self.file().to_owned()),
            line: start.as_ref().map(|start| start.line),
            column: start.as_ref().map(|start| start.column),
            end_line: end.as_ref().map(|end| end.line),
            end_column: end.as_ref().map(|end| end.column),
            text: self.text().map(str::to_owned),
            label: self.problem.label.clone(),
            help: self.help().map(str::to_owned),
        }
    }
}

/// One thing that is wrong, for programs. Lines and columns (in characters) are counted from 1.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Described {
    /// Whether it stops the program.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// The file, as it was named; none, where it is no file that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line where it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column where it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The line where it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<usize>,
    /// The column after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// The offending text; secrets in it are masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What stands beside the caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Control characters would reach the terminal as they are.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file())?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}: {}", self.level(), printable(self.message()))?;
        self.help().map_or(Ok(()), |help| write!(f, " ({})", printable(help)))
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Clone, Debug)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// All of them as a compiler would show them, with a blank line between two.
    pub fn render(&self, styled: bool) -> String {
        let shown = self.0.iter().take(MOST_SHOWN).map(|diagnostic| diagnostic.render(styled));
        let more = self.0.len().saturating_sub(MOST_SHOWN);
        let rest = (more > 0).then(|| format!("and {more} more"));
        shown.chain(rest).collect::<Vec<_>>().join("\n\n")
    }

    /// All of them for programs.
    pub fn described(&self) -> Vec<Described> {
        self.0.iter().map(Diagnostic::described).collect()
    }

    /// An array of [`Described`].
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self.described()).unwrap_or_default()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Something wrong, before it is tied to its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Problem {
    level: Level,
    message: String,
    span: Option<Range<usize>>,
    label: Option<String>,
    help: Option<String>,
}

impl Problem {
    /// What stands beside the caret.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// What would be right.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }
}

/// The problems found so far, and what of the text must not be shown.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    secrets: Vec<Range<usize>>,
}

impl Problems {
    /// Notes an error.
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Error, Some(span.clone()), message.into())
    }

    /// Notes an error of the file as a whole.
    pub(crate) fn error_of_file(&mut self, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Error, None, message.into())
    }

    /// Notes a warning.
    pub(crate) fn warning(&mut self, span: &Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Warning, Some(span.clone()), message.into())
    }

    fn add(&mut self, level: Level, span: Option<Range<usize>>, message: String) -> &mut Problem {
        let index = self.found.len();
        self.found.push(Problem { level, message, span, label: None, help: None });
        &mut self.found[index]
    }

    /// Keeps a part of the text out of every diagnostic.
    pub(crate) fn hide(&mut self, span: &Range<usize>) {
        self.secrets.push(span.clone());
    }

    /// Whether an error is among them.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.level == Level::Error)
    }

    /// The diagnostics, each once and in the order of the file.
    pub(crate) fn finish(mut self, source: &Source) -> Diagnostics {
        if self.found.is_empty() {
            return Diagnostics(Vec::new());
        }
        self.found.sort_by_key(|problem| problem.span.as_ref().map(|span| (span.start, span.end)));
        let mut seen = std::collections::HashSet::new();
        self.found.retain(|problem| seen.insert(problem.clone()));
        let source =
            Arc::new(Source { name: source.name.clone(), text: masked(&source.text, &self.secrets) });
        Diagnostics(
            self.found
                .into_iter()
                .map(|problem| Diagnostic { problem, source: Arc::clone(&source) })
                .collect(),
        )
    }
}

/// The text with every byte of a secret, and of a password in a URL, as an asterisk; offsets stay what they are.
fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in secrets.iter().cloned().chain(crate::secrets::passwords(text)) {
        if let Some(part) = bytes.get_mut(span) {
            part.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
