//! What is wrong with a selection, shown with a caret under it.

use crate::diagnostic::{Described, Level as Severity, printable};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionProblem {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl SelectionProblem {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>, help: Option<String>) -> Self {
        Self { span, message: message.into(), help }
    }
}

/// A selection that cannot be read, and why. It displays each problem with a caret under the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionError {
    /// The selection.
    pub text: String,
    /// What is wrong with it; at least one.
    pub problems: Vec<SelectionProblem>,
}

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let annotation = AnnotationKind::Primary.span(problem.span.clone());
            let snippet = Snippet::source(&self.text).line_numbering(false).annotation(annotation);
            let mut group =
                Group::with_title(Level::ERROR.no_name().primary_title(&problem.message)).element(snippet);
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(printable(help)));
            }
            f.write_str(if index == 0 { "" } else { "\n\n" })?;
            f.write_str(&Renderer::plain().render(&[group]))?;
        }
        Ok(())
    }
}

impl SelectionError {
    /// What is wrong, for programs: columns are those of the selection.
    pub fn described(&self) -> Vec<Described> {
        let column = |offset: usize| self.text.get(..offset).map(|before| before.chars().count() + 1);
        let described = |problem: &SelectionProblem| Described {
            level: Severity::Error,
            message: problem.message.clone(),
            file: None,
            line: None,
            column: column(problem.span.start),
            end_line: None,
            end_column: column(problem.span.end),
            text: self.text.get(problem.span.clone()).map(str::to_owned),
            label: None,
            help: problem.help.clone(),
        };
        self.problems.iter().map(described).collect()
    }
}

impl std::error::Error for SelectionError {}
