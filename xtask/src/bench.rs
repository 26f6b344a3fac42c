//! Measurements: of the program, which does them itself, or of the load engine beside its peers.

use crate::workspace::{cargo, run_shown};
use crate::{Failure, product};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Hands `bench load` to the load engine's own bench, and everything else to the program.
pub(crate) fn bench(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    match arguments {
        [_, part, rest @ ..] if part == "load" => {
            let status = run_shown(&mut peers(rest))?;
            Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => product::hand_over(product::Profile::Release, arguments),
    }
}

fn peers(arguments: &[OsString]) -> Command {
    let mut command = cargo("bench");
    command.args(["--package", "shakedown-loadgen", "--bench", "peers", "--"]);
    // Without a word, everything is measured.
    if arguments.is_empty() {
        command.arg("all");
    }
    command.args(arguments);
    command
}
