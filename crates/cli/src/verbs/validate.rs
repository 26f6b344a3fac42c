//! `validate`: the configuration, and with `--live` also the targets.

use crate::args::{Format, Globals, ValidateOptions};
use crate::output::{print, problem};
use crate::project::{Project, start_sandbox};
use crate::verbs::doctor::{Condition, Health, examine};
use serde_json::json;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use shakedown_runner::Pool;
use tokio::runtime::Handle;

pub(crate) async fn validate(globals: &Globals, options: &ValidateOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let orphans = project.config.orphans(&project.registry);
    if !orphans.is_empty() {
        let names = orphans.join(", ");
        problem(&format!(
            "no suite selects {names}: add a suite that does, or list them under `unselected` in `[project]`"
        ));
        return Ok(Exit::Usage);
    }
    let Some(environment) = &options.env else {
        let (checks, environments) = (project.registry.checks().len(), project.config.environments().len());
        print(&format!("the configuration is valid: {checks} checks, {environments} environments\n"));
        return Ok(Exit::Fit);
    };
    let (mut profile, _) = project.profile(globals, environment)?;
    if !options.live {
        print(&format!("{environment} is valid\n"));
        return Ok(Exit::Fit);
    }
    let kinds = project.registry.parts().iter().map(|part| part.kind.to_owned()).collect();
    let sandbox = start_sandbox(&project.registry, &mut profile, kinds).await?;
    let pool = Pool::new(&project.registry, &profile, Clock::system(), Handle::current());
    let mut exit = Exit::Fit;
    let mut rows = Vec::new();
    for kind in pool.kinds() {
        let health = examine(&pool, kind).await?;
        if health.condition != Condition::Ready {
            exit = Exit::Errored;
        }
        let Health { condition, address, problems, missing, warnings, .. } = health;
        let place = if condition == Condition::Away { address } else { None };
        let details: Vec<String> = place.into_iter().chain(problems).chain(missing).chain(warnings).collect();
        rows.push((kind, condition.to_string(), details));
    }
    match globals.format {
        Format::Json => {
            let list = rows.iter().map(
                |(kind, verdict, details)| json!({ "target": kind, "verdict": verdict, "details": details }),
            );
            print(&format!("{:#}\n", json!(list.collect::<Vec<_>>())));
        }
        Format::Text => {
            for (kind, verdict, details) in rows {
                print(&format!("{verdict:12}  {kind}\n"));
                for line in details {
                    print(&format!(
                        "              {}
",
                        crate::output::redacted(&line)
                    ));
                }
            }
        }
    }
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    Ok(exit)
}
