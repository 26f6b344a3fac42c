//! Why a verb could not do its work: in words on standard error and, where programs listen, as a document on standard
//! output.

use crate::args::{Format, Globals};
use crate::output::{message, print_json, problem};
use crate::project::Unusable;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_config::{Described, SelectionError};
use shakedown_core::run::Exit;
use std::ffi::OsString;

/// What is printed in place of a verb's own document.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failure {
    /// Why there is none.
    error: Problem,
}

/// Why there is nothing to print.
#[derive(Debug, Serialize, JsonSchema)]
struct Problem {
    /// In one line, unless what is wrong is a selection.
    message: String,
    /// What the program ends with.
    exit_code: u8,
    /// What is wrong with the configuration or a selection, each with its place.
    diagnostics: Vec<Described>,
}

/// Tells why a verb could not do its work, and returns what the program ends with.
pub(crate) fn tell(globals: &Globals, error: &anyhow::Error) -> Exit {
    let mut diagnostics = Vec::new();
    if let Some(Unusable(errors)) = error.downcast_ref() {
        message(errors.render(globals.error_style().color).trim_end());
        diagnostics = errors.described();
    } else if let Some(errors) = error.downcast_ref::<SelectionError>() {
        diagnostics = errors.described();
    }
    let text = format!("{error:#}");
    problem(&text);
    instead(globals, text, Exit::Usage, diagnostics);
    Exit::Usage
}

/// Tells why a verb has nothing to show, and returns what the program ends with.
pub(crate) fn because(globals: &Globals, exit: Exit, text: &str) -> Exit {
    problem(text);
    instead(globals, text.to_owned(), exit, Vec::new());
    exit
}

fn instead(globals: &Globals, message: String, exit: Exit, diagnostics: Vec<Described>) {
    if globals.format == Format::Json {
        document(message, exit, diagnostics);
    }
}

fn document(message: String, exit: Exit, diagnostics: Vec<Described>) {
    // It holds nothing that JSON lacks.
    let _ = print_json(&Failure { error: Problem { message, exit_code: exit.code(), diagnostics } });
}

/// The arguments, or what the program ends with where they are wrong, or where they ask for help.
pub(crate) fn refused(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Fit;
    }
    let asks = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    if arguments.windows(2).any(asks) || arguments.iter().any(|argument| argument == "--format=json") {
        let text = error.render().to_string();
        let first = text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        document(first.strip_prefix("error: ").unwrap_or(&first).to_owned(), Exit::Usage, Vec::new());
    }
    Exit::Usage
}
