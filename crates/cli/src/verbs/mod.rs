//! One module a verb.

pub(crate) mod bench;
pub(crate) mod catalogue;
pub(crate) mod cleanup;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod prove;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod upload;
pub(crate) mod validate;

use clap_complete::Shell;
use shakedown_core::run::Exit;

/// Prints what makes a shell complete.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    crate::output::print(&crate::completion::script(shell)?);
    Ok(Exit::Fit)
}
