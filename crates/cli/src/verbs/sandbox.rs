//! `sandbox up`: the embedded environment, for as long as you like.

use crate::args::{Globals, SandboxOptions, SandboxVerb};
use crate::output::{message, print};
use crate::project::registry;
use crate::signals;
use serde_json::json;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use shakedown_runner::Interrupt;
use shakedown_sandbox::{Options, Sandbox};

pub(crate) async fn sandbox(_globals: &Globals, options: &SandboxOptions) -> anyhow::Result<Exit> {
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
    for (name, value) in sandbox.exports() {
        print(&format!("export {name}='{value}'\n"));
    }
    message("the sandbox is up; Ctrl-C ends it");
    interrupt.wait().await;
    sandbox.stop().await;
    Ok(Exit::Fit)
}
