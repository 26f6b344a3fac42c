//! `sandbox up`: the embedded environment, for as long as you like.

use crate::args::{Format, Globals, SandboxOptions, SandboxVerb};
use crate::output::{message, print, print_json};
use crate::project::registry;
use crate::signals;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use shakedown_core::sandbox::Unavailable;
use shakedown_runner::Interrupt;
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeMap;

/// How to reach the sandbox, for programs. It is printed once it is up.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Document {
    /// The variables that a live environment of the configuration would take its addresses from.
    exports: BTreeMap<String, String>,
    /// The parts that cannot be had here.
    unavailable: Vec<Missing>,
}

/// A part that cannot be had here.
#[derive(Serialize, JsonSchema)]
struct Missing {
    /// The part.
    part: String,
    /// Why.
    reason: String,
    /// The command that would provide it.
    command: String,
}

pub(crate) async fn sandbox(globals: &Globals, options: &SandboxOptions) -> anyhow::Result<Exit> {
    let SandboxVerb::Up { fault, incident } = &options.verb;
    let registry = registry()?;
    let mut table = json!({ "faults": fault });
    if let Some(incident) = incident {
        table["incident"] = incident.as_str().into();
    }
    let interrupt = Interrupt::default();
    signals::listen(&interrupt);
    let options = Options { clock: Clock::system(), options: table, kinds: None };
    let sandbox = tokio::select! {
        sandbox = Sandbox::start(&registry, options) => sandbox?,
        _ = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    for part in sandbox.unavailable() {
        message(&format!("warning: {part}; `{}` would provide it", part.command));
    }
    match globals.format {
        Format::Text => {
            for (name, value) in sandbox.exports() {
                print(&format!("export {name}='{value}'\n"));
            }
        }
        Format::Json => print_json(&Document {
            exports: sandbox.exports().into_iter().collect(),
            unavailable: sandbox.unavailable().iter().map(Missing::from).collect(),
        })?,
    }
    message("the sandbox is up; Ctrl-C ends it");
    interrupt.wait().await;
    sandbox.stop().await;
    Ok(Exit::Fit)
}

impl From<&Unavailable> for Missing {
    fn from(part: &Unavailable) -> Self {
        let Unavailable { part, reason, command } = part.clone();
        Self { part, reason, command }
    }
}
