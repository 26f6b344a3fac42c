//! `doctor`: one page that says of each target whether it can be reached, what it is, what may be done there, and what a
//! run would skip as a result.

mod health;
mod page;

pub(crate) use health::{Condition, Health, examine};

use crate::args::{Format, Globals, SelectOptions};
use crate::output::{print, print_json, redacted};
use crate::project::{Project, start_sandbox};
use crate::verbs::run::add_faults;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_config::Unreachable;
use shakedown_core::run::Exit;
use shakedown_core::{Clock, Effect};
use shakedown_runner::{Plan, Pool};
use std::collections::BTreeMap;
use tokio::runtime::Handle;

/// What is found out about an environment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Diagnosis {
    /// The environment.
    environment: String,
    /// Its targets.
    targets: Vec<Health>,
    /// What a run of everything would leave out or skip.
    skipped: Vec<Skipped>,
    /// How many checks would be asked.
    asked: usize,
}

/// Checks that would not be asked, for the same reason.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Skipped {
    /// Why.
    reason: String,
    /// The checks.
    checks: Vec<String>,
}

pub(crate) async fn doctor(globals: &Globals, environment: &str, faults: &[String]) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (mut profile, _) = project.profile(globals, environment)?;
    add_faults(&mut profile, &project.registry, faults)?;
    let everything = SelectOptions {
        env: environment.to_owned(),
        suite: Vec::new(),
        select: Vec::new(),
        confirm: Some(environment.to_owned()),
    };
    let (plan, _) = project.plan(&mut profile, &everything)?;
    let kinds = project.registry.parts().iter().map(|part| part.kind.to_owned()).collect();
    let sandbox = start_sandbox(&project.registry, &mut profile, kinds).await?;
    let pool = Pool::new(&project.registry, &profile, Clock::system(), Handle::current());
    let missing = sandbox.as_ref().map(|sandbox| sandbox.unavailable().to_vec()).unwrap_or_default();
    let examinations = pool.kinds().map(|kind| {
        let (pool, missing) = (&pool, &missing);
        async move {
            match missing.iter().find(|part| part.part == kind) {
                Some(part) => Ok(Health::unavailable(kind, part)),
                None => examine(pool, kind).await,
            }
        }
    });
    let targets: Vec<Health> =
        futures_util::future::join_all(examinations).await.into_iter().collect::<anyhow::Result<_>>()?;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    let skipped = skipped(&plan, &targets);
    let asked = plan.checks.len() + plan.left_out.len()
        - skipped.iter().map(|group| group.checks.len()).sum::<usize>();
    let diagnosis = Diagnosis { environment: environment.to_owned(), targets, skipped, asked };
    match globals.format {
        Format::Json => print_json(&diagnosis)?,
        Format::Text => print(&redacted(&page::render(&diagnosis, &globals.style()))),
    }
    let tolerated = |health: &Health| {
        health.condition == Condition::Away
            && profile
                .targets
                .get(health.target)
                .is_some_and(|target| target.unreachable == Unreachable::Skip)
    };
    let fit =
        diagnosis.targets.iter().all(|health| health.condition == Condition::Ready || tolerated(health));
    Ok(if fit { Exit::Fit } else { Exit::Errored })
}

/// What would not be asked, and why: left out by the plan, of a target that cannot be used, or in need of such a check.
fn skipped(plan: &Plan, targets: &[Health]) -> Vec<Skipped> {
    let mut reasons: BTreeMap<&str, String> = BTreeMap::new();
    let mistaken = targets.iter().find(|health| health.condition == Condition::Mistaken);
    for planned in &plan.checks {
        let spec = planned.spec;
        let unusable = spec.targets().find_map(|kind| {
            targets.iter().find(|health| health.target == kind && health.condition == Condition::Away)
        });
        let reason = if let Some(health) = unusable {
            Some(format!("{} is away", health.target))
        } else if let Some(health) = mistaken.filter(|_| spec.effect != Effect::Read) {
            Some(format!("{} is not the one that is pinned, so nothing but reading is done", health.target))
        } else {
            // The plan lists requirements first.
            let required = planned.requires.iter().find_map(|&index| reasons.get(plan.checks[index].spec.id));
            required.cloned()
        };
        reasons.extend(reason.map(|reason| (spec.id, reason)));
    }
    let left_out = plan.left_out.iter().map(|left| (left.check.as_str(), left.reason.clone()));
    let mut groups: Vec<Skipped> = Vec::new();
    for (check, reason) in reasons.into_iter().chain(left_out) {
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) => group.checks.push(check.to_owned()),
            None => groups.push(Skipped { reason, checks: vec![check.to_owned()] }),
        }
    }
    groups
}
