//! One module a verb.

pub(crate) mod bench;
pub(crate) mod catalogue;
pub(crate) mod cleanup;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod prove;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod upload;
pub(crate) mod validate;

use crate::args::Arguments;
use clap::CommandFactory as _;
use clap_complete::Shell;
use shakedown_core::run::Exit;

/// Prints completions for a shell.
#[expect(clippy::unnecessary_wraps, reason = "verbs share one signature")]
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "shakedown", &mut script);
    crate::output::print(&String::from_utf8_lossy(&script));
    Ok(Exit::Fit)
}
