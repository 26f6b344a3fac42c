//! One attempt of one check: bounded in time, cancellable, and unable to take the run down with it.

use crate::collect::Collectors;
use crate::host::RunHost;
use crate::interrupt::Interrupt;
use crate::plan::Planned;
use shakedown_core::budget::Budget;
use shakedown_core::duration::brief;
use shakedown_core::outcome::{ObstacleKind, SkipReason};
use shakedown_core::{Cause, CheckError, Clock, Context, Limits, Outcome, Verdict};
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long a cancelled check may take to come to an end by itself before it is dropped.
const GRACE: Duration = Duration::from_millis(500);

/// What all attempts of a run share.
pub(crate) struct Stage {
    pub(crate) host: Arc<RunHost>,
    pub(crate) workers: Handle,
    pub(crate) clock: Clock,
    pub(crate) jobs: Budget,
    pub(crate) limits: Limits,
    pub(crate) interrupt: Interrupt,
    pub(crate) collectors: Collectors,
    pub(crate) run: Arc<str>,
    pub(crate) environment: Arc<str>,
    pub(crate) role: Option<Arc<str>>,
}

type Answer = Result<Result<Verdict, CheckError>, JoinError>;

/// Runs a check once. The planned check carries its permit: nothing else is executed.
pub(crate) async fn attempt(stage: &Stage, planned: &Planned) -> (Outcome, Duration) {
    let timeout = planned.settings.timeout;
    let cancelled = CancellationToken::new();
    let cx = Context {
        check: planned.spec.id,
        effect: planned.spec.effect,
        target: planned.spec.target,
        also: planned.spec.also,
        environment: Arc::clone(&stage.environment),
        role: stage.role.clone(),
        run: Arc::clone(&stage.run),
        clock: stage.clock.clone(),
        deadline: Instant::now() + timeout,
        cancelled: cancelled.clone(),
        jobs: stage.jobs.clone(),
        limits: stage.limits,
        host: Arc::clone(&stage.host) as _,
    };
    let (build, params) = (planned.spec.build, planned.settings.params.clone());
    let began = Instant::now();
    let mut task = stage.workers.spawn(async move {
        let check =
            build(&params).map_err(|error| CheckError::unclear(format!("unusable parameters: {error}")))?;
        check.run(&cx).await
    });
    let outcome = tokio::select! {
        biased;
        answer = &mut task => settle(answer),
        () = tokio::time::sleep(timeout) => {
            let summary = match wind_down(&mut task, &cancelled).await {
                Ended::Yielded => format!("no answer within {}", brief(timeout)),
                Ended::Blocked => format!("no answer within {}, and the check blocks its thread", brief(timeout)),
            };
            Outcome::errored(ObstacleKind::Deadline, Cause::Environment, summary)
        }
        by = stage.interrupt.wait() => {
            wind_down(&mut task, &cancelled).await;
            Outcome::skipped(SkipReason::Stopped, format!("stopped while it ran: {by}"))
        }
    };
    (outcome, began.elapsed())
}

enum Ended {
    /// The task is gone.
    Yielded,
    /// The task did not reach an `await`; it is left behind.
    Blocked,
}

async fn wind_down(
    task: &mut JoinHandle<Result<Verdict, CheckError>>,
    cancelled: &CancellationToken,
) -> Ended {
    cancelled.cancel();
    if tokio::time::timeout(GRACE, &mut *task).await.is_ok() {
        return Ended::Yielded;
    }
    task.abort();
    match tokio::time::timeout(GRACE, &mut *task).await {
        Ok(_) => Ended::Yielded,
        Err(_) => Ended::Blocked,
    }
}

fn settle(answer: Answer) -> Outcome {
    match answer {
        Ok(answer) => Outcome::from(answer),
        Err(error) if error.is_panic() => {
            let message = panic_message(&*error.into_panic()).to_owned();
            Outcome::errored(ObstacleKind::Panic, Cause::Check, format!("the check panicked: {message}"))
        }
        Err(_) => {
            Outcome::errored(ObstacleKind::Unclear, Cause::Check, "the check was dropped before it ended")
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
