//! The course of a load: setup, phases, drain, teardown. The last always comes.

use crate::collect::{Collector, Stages};
use crate::drive::Drivers;
use crate::engine::{Engine, EngineError, Stop, panic_text};
use crate::gate::Gate;
use crate::pace::Pacer;
use crate::pool::Pool;
use crate::record::Lane;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::threshold::unknown_operations;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long sessions may take to close once their work is done.
const CLOSING: Duration = Duration::from_secs(5);
/// How long a session that is abandoned may take to be dropped.
const DROPPING: Duration = Duration::from_secs(1);

/// Runs an engine on the present thread, which becomes the pacing thread.
pub(crate) fn conduct(
    engine: Engine,
    scenario: &Arc<dyn Scenario>,
    stop: &Arc<Stop>,
) -> Result<Report, EngineError> {
    let operations: Arc<[String]> = scenario.operations().into();
    if operations.is_empty() {
        return Err(EngineError::Plan(vec!["the scenario has no operation".to_owned()]));
    }
    let unknown = unknown_operations(&engine.plan.thresholds, &operations);
    if !unknown.is_empty() {
        return Err(EngineError::Plan(unknown));
    }
    let rate = engine.limits.requests_per_second / f64::from(engine.share.of);
    let gate = Gate::of(rate).map(Arc::new);
    let drivers = Drivers::start(engine.threads, || Lane::new(Arc::clone(&operations), gate.clone()))?;

    let set_up = drivers.wait_for(setup(Arc::clone(scenario)), Some(stop));
    let result = match set_up {
        Some(Err(why)) => Err(EngineError::Setup(why)),
        None => Err(EngineError::Setup("cancelled".to_owned())),
        Some(Ok(())) => {
            let put_on = AssertUnwindSafe(|| put_on(engine, scenario, stop, &drivers, &operations, gate));
            catch_unwind(put_on)
                .unwrap_or_else(|panic| Err(EngineError::Broken(panic_text(&*panic).to_owned())))
        }
    };
    let torn_down = drivers.wait_for(teardown(Arc::clone(scenario)), None);
    result.map(|mut report| {
        report.teardown = torn_down.and_then(Result::err);
        report
    })
}

async fn setup(scenario: Arc<dyn Scenario>) -> Result<(), String> {
    scenario.setup().await
}

async fn teardown(scenario: Arc<dyn Scenario>) -> Result<(), String> {
    scenario.teardown().await
}

fn put_on(
    engine: Engine,
    scenario: &Arc<dyn Scenario>,
    stop: &Arc<Stop>,
    drivers: &Drivers,
    operations: &Arc<[String]>,
    gate: Option<Arc<Gate>>,
) -> Result<Report, EngineError> {
    let Engine { plan, limits, clock, share, starts, listeners, .. } = engine;
    let starts = starts.unwrap_or_else(Instant::now);
    let lane = Arc::new(Lane::new(Arc::clone(operations), None));
    let bound = usize::try_from(share.of_the_first(limits.requests_in_flight as u64)).unwrap_or(usize::MAX);
    let pool = Arc::new(Pool::new(
        Arc::clone(scenario),
        drivers.all.clone(),
        Arc::clone(&lane),
        share,
        plan.patience.0,
        bound.max(1),
    ));
    let stages = Arc::new(Stages::default());
    let at = clock.now() + (starts.saturating_duration_since(Instant::now()));
    let collector = Collector {
        plan: plan.clone(),
        operations: operations.to_vec(),
        at,
        starts,
        share,
        pool: Arc::clone(&pool),
        stages: Arc::clone(&stages),
        gate,
        listeners,
        stop: Arc::clone(stop),
    };
    let collecting = collector.start()?;
    // Whatever happens here, every session is gone before the scenario is torn down.
    let paced = catch_unwind(AssertUnwindSafe(|| {
        Pacer { pool: &pool, lane: &lane, stages: &stages, stop, share }.run(&plan, starts);
    }));
    drain(&pool, stop, plan.drain.0);
    let mut fold =
        collecting.finish().ok_or_else(|| EngineError::Broken("its gathering thread panicked".to_owned()))?;
    if let Err(panic) = paced {
        return Err(EngineError::Broken(panic_text(&*panic).to_owned()));
    }
    if let Some(why) = stop.reason() {
        fold.fold.abort(why);
    }
    let mut report = fold.fold.report(starts.elapsed());
    report.verdicts = fold.verdicts;
    Ok(report)
}

/// Waits for what is in flight, then ends all sessions.
fn drain(pool: &Arc<Pool>, stop: &Stop, within: Duration) {
    if stop.is_raised() {
        pool.drop_waiting();
    }
    pool.stop();
    let until = Instant::now() + within;
    while !pool.is_idle() && Instant::now() < until && !stop.is_dropped() {
        pool.sweep();
        if stop.is_raised() {
            pool.drop_waiting();
        }
        pool.park(until);
    }
    pool.drop_waiting();
    pool.close();
    let closing = Instant::now() + CLOSING;
    while pool.seats() > pool.busy() && Instant::now() < closing && !stop.is_dropped() {
        pool.park(closing);
    }
    pool.abandon();
    let dropping = Instant::now() + DROPPING;
    while pool.seats() > 0 && Instant::now() < dropping {
        pool.park(dropping);
    }
}
