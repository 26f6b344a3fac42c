//! `prove`: every check is seen to pass on a healthy target, to fail under each declared fault with the declared finding,
//! and to say that it has no answer when its target is away or never answers; and every fix, to mend what it says and to be
//! undone.

mod experiment;
mod matrix;
mod mending;

pub(crate) use experiment::Shown;

use crate::args::{Format, Globals, ProveOptions};
use crate::output::{print, print_json};
use crate::project::Project;
use anyhow::bail;
use experiment::{Experiment, Kind, Laboratory};
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, FixSpec};
use shakedown_runner::Interrupt;
use shakedown_sandbox::Sandbox;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(crate) async fn prove(globals: &Globals, options: &ProveOptions) -> anyhow::Result<Exit> {
    let project = Project::open(globals)?;
    let (profile, _) = project.profile(globals, &options.env)?;
    if profile.sandbox.is_none() {
        bail!("faults are injected into the sandbox only; {} is a live environment", options.env);
    }
    let selection = project.selection(&[], &options.select)?;
    let checks: Vec<&'static CheckSpec> = project
        .registry
        .checks()
        .iter()
        .copied()
        .filter(|spec| selection.selects(spec, spec.severity))
        .collect();
    refuse_unproven(&checks)?;
    let experiments: Vec<Experiment> =
        checks.iter().flat_map(|spec| Experiment::all_of(spec, project.registry.fixes())).collect();
    let interrupt = Interrupt::default();
    crate::signals::listen(&interrupt);

    // Parts share what is costly to start, such as a database server; one sandbox that stays keeps it up in between.
    let kinds: BTreeSet<String> = checks.iter().flat_map(|spec| spec.targets()).map(str::to_owned).collect();
    let keeper = tokio::select! {
        started = Sandbox::start(&project.registry, experiment::options(kinds)) => started?,
        _ = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    let laboratory =
        Arc::new(Laboratory { registry: project.registry, profile, interrupt: interrupt.clone() });
    let jobs = u32::try_from(options.jobs.clamp(1, 64))?;
    let places = Arc::new(Semaphore::new(jobs as usize));
    let mut running = JoinSet::new();
    for (index, experiment) in experiments.into_iter().enumerate() {
        let (laboratory, places) = (Arc::clone(&laboratory), Arc::clone(&places));
        running.spawn(async move { (index, beside_others(&laboratory, experiment, &places, jobs).await) });
    }
    let mut results = Vec::new();
    let mut progress = matrix::Progress::new(globals.error_style(), running.len());
    while let Some(joined) = running.join_next().await {
        let (index, result) = joined?;
        progress.step(&result);
        results.push((index, result));
    }
    progress.end();
    keeper.stop().await;
    if interrupt.raised().is_some() {
        return Ok(Exit::Interrupted);
    }
    results.sort_by_key(|(index, _)| *index);
    let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
    match globals.format {
        Format::Text => print(&matrix::render(&results)),
        Format::Json => print_json(&results)?,
    }
    Ok(if results.iter().any(|result| result.unavailable) {
        Exit::Errored
    } else if results.iter().all(|result| result.proven) {
        Exit::Fit
    } else {
        Exit::Failed
    })
}

/// Carries out an experiment beside others. What measures speed takes a third of the places, and all of them where that was
/// too little.
async fn beside_others(
    laboratory: &Laboratory,
    experiment: Experiment,
    places: &Semaphore,
    jobs: u32,
) -> Shown {
    let is_load = experiment.is_load();
    let place = places.acquire_many(if is_load { jobs.div_ceil(3) } else { 1 }).await;
    let shown = laboratory.carry_out(experiment).await;
    drop(place);
    if shown.proven || !is_load {
        return shown;
    }
    let _alone = places.acquire_many(jobs).await;
    laboratory.carry_out(experiment).await
}

/// A check that was never seen to fail proves nothing.
pub(crate) fn refuse_unproven(checks: &[&'static CheckSpec]) -> anyhow::Result<()> {
    let unproven: Vec<&str> =
        checks.iter().filter(|spec| spec.proofs.is_empty()).map(|spec| spec.id).collect();
    if !unproven.is_empty() {
        bail!("a check without a proof proves nothing; declare `proofs` for {}", unproven.join(", "));
    }
    Ok(())
}

impl Experiment {
    fn all_of(spec: &'static CheckSpec, fixes: &[&'static FixSpec]) -> Vec<Self> {
        let mut kinds = vec![Kind::Healthy];
        kinds.extend(
            spec.proofs.iter().map(|proof| Kind::Fault { fault: proof.fault, finding: proof.finding }),
        );
        if spec.target.is_some() {
            kinds.extend([Kind::Away, Kind::Silent]);
        }
        for fix in fixes.iter().filter(|fix| fix.check == spec.id) {
            kinds.extend(fix.proofs.iter().map(|fault| Kind::Mended { fix: fix.id, fault }));
        }
        kinds.into_iter().map(|kind| Self { spec, kind }).collect()
    }
}
