//! What a machine can say about the sources: formatting, lints, generated files.

use crate::workspace::{cargo, run_shown};
use crate::{Failure, codegen};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs all of them, whatever the others say, and fails if one does.
pub(crate) fn lint(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if let Some(argument) = arguments.first() {
        return Err(format!("lint takes no arguments, but got `{}`", argument.display()));
    }
    let formatted = run_shown(cargo("fmt").args(["--all", "--check"]))?.success();
    let clean =
        run_shown(cargo("clippy").args(["--workspace", "--all-targets", "--", "--deny", "warnings"]))?
            .success();
    eprintln!("$ cargo xtask codegen --check");
    let current = codegen::check()? == ExitCode::SUCCESS;
    Ok(if formatted && clean && current { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
