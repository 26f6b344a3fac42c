//! `validate`: the configuration, and with `--live` also the targets.

use crate::args::{Format, Globals, ValidateOptions};
use crate::output::{print, print_json, redacted};
use crate::project::{Project, start_sandbox};
use crate::verbs::doctor::{Condition, Health, examine};
use anyhow::bail;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_config::Described;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use shakedown_runner::Pool;
use std::fmt::Write as _;
use tokio::runtime::Handle;

/// A configuration that is valid, for programs. One that is not is told as an error, with all that is wrong with it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Document {
    /// How many checks are registered.
    checks: usize,
    /// The environments of the file.
    environments: Vec<String>,
    /// The suites of the file.
    suites: Vec<String>,
    /// The environment whose variables and files were read too.
    environment: Option<String>,
    /// What someone should look at.
    warnings: Vec<Described>,
    /// With `--live`, how each target was found.
    targets: Option<Vec<Health>>,
}

pub(crate) async fn validate(globals: &Globals, options: &ValidateOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let orphans = project.config.orphans(&project.registry);
    if !orphans.is_empty() {
        bail!(
            "no suite selects {}: add a suite that does, or list them under `unselected` in `[project]`",
            orphans.join(", ")
        );
    }
    let mut document = Document {
        checks: project.registry.checks().len(),
        environments: project.config.environments().into_iter().map(str::to_owned).collect(),
        suites: project.config.suites().keys().cloned().collect(),
        environment: options.env.clone(),
        warnings: Vec::new(),
        targets: None,
    };
    if let Some(environment) = &options.env {
        let (mut profile, _) = project.profile(globals, environment)?;
        document.warnings = profile.warnings.iter().map(shakedown_config::Diagnostic::described).collect();
        if options.live {
            let kinds = project.registry.parts().iter().map(|part| part.kind.to_owned()).collect();
            let sandbox = start_sandbox(&project.registry, &mut profile, kinds).await?;
            let pool = Pool::new(&project.registry, &profile, Clock::system(), Handle::current());
            let mut targets = Vec::new();
            for kind in pool.kinds() {
                targets.push(examine(&pool, kind).await?);
            }
            document.targets = Some(targets);
            if let Some(sandbox) = sandbox {
                sandbox.stop().await;
            }
        }
    }
    match globals.format {
        Format::Json => print_json(&document)?,
        Format::Text => print(&redacted(&text(&document))),
    }
    let ready = document.targets.iter().flatten().all(|health| health.condition == Condition::Ready);
    Ok(if ready { Exit::Fit } else { Exit::Errored })
}

fn text(document: &Document) -> String {
    let Document { checks, environments, environment, targets, .. } = document;
    let mut out = String::new();
    match (environment, targets) {
        (None, _) => {
            let _ = writeln!(
                out,
                "the configuration is valid: {checks} checks, {} environments",
                environments.len()
            );
        }
        (Some(environment), None) => {
            let _ = writeln!(out, "{environment} is valid");
        }
        (Some(_), Some(targets)) => {
            for health in targets {
                let Health { target, condition, address, problems, missing, warnings, .. } = health;
                let _ = writeln!(out, "{condition:12}  {target}");
                let place = address.iter().filter(|_| *condition == Condition::Away);
                for line in place.chain(problems).chain(missing).chain(warnings) {
                    let _ = writeln!(out, "{:14}{line}", "");
                }
            }
        }
    }
    out
}
