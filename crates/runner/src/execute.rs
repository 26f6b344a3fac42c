//! Carries a plan out.

use crate::attempt::{Stage, attempt};
use crate::bus::Bus;
use crate::collect::Collectors;
use crate::evidence::EvidenceStore;
use crate::gate::{self, Mistake};
use crate::host::RunHost;
use crate::interrupt::Interrupt;
use crate::ledger::{Debt, Ledger};
use crate::observe::Observers;
use crate::plan::{Plan, Planned};
use crate::pool::{Absence, Pool, Reached};
use crate::schedule::{Schedule, Task};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use shakedown_config::{Profile, Retries, Unreachable};
use shakedown_core::budget::Budget;
use shakedown_core::event::{EventKind, RunInfo};
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::outcome::SkipReason;
use shakedown_core::redact::Redactor;
use shakedown_core::run::Run;
use shakedown_core::sandbox::Unavailable;
use shakedown_core::sink::Sink;
use shakedown_core::{Clock, Gate, Outcome, Registry, Status, TargetError};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, spawn_blocking};

/// How long removing what was created may take at the end of a run.
const CLEANUP_PATIENCE: Duration = Duration::from_secs(15);

/// The stack of the threads that talk to targets. Drivers read what servers nest deeply by recursion; pages that are not
/// used cost nothing.
pub const STACK: usize = 64 << 20;

/// How long threads have to end. They are not just let go: until glibc 2.37 (its bug 19951) `pthread_detach` touches a thread
/// after it may have ended, which with a stack of this size is a segmentation fault, once in some ten thousand runs.
pub const ENDING: Duration = Duration::from_secs(2);

/// Everything a run needs.
pub struct Request<'a> {
    /// The registered checks and targets.
    pub registry: &'a Registry,
    /// The environment.
    pub profile: &'a Profile,
    /// What to do in it.
    pub plan: Plan,
    /// What the reports say of the run.
    pub info: RunInfo,
    /// Who listens.
    pub sinks: Vec<Box<dyn Sink>>,
    /// What stands before them.
    pub redactor: Redactor,
    /// The run's directory, for evidence.
    pub directory: Option<PathBuf>,
    /// Where ledgers are kept.
    pub ledgers: Option<PathBuf>,
    /// Parts of the sandbox that cannot be had here.
    pub unavailable: Vec<Unavailable>,
    /// The clock.
    pub clock: Clock,
    /// Ends the run tidily.
    pub interrupt: Interrupt,
    /// The run to go on with, read back from its journal, where this is not a new one.
    pub resume: Option<Run>,
    /// Whether to end at the first required check that fails or errors.
    pub fail_fast: bool,
}

/// A run that has ended.
pub struct Finished {
    /// The run.
    pub run: Run,
    /// The sinks that failed, and why.
    pub failed_sinks: Vec<(String, io::Error)>,
}

/// The threads that checks run on: apart from the runner's own, so that a check that blocks cannot stop the run.
struct Workers(Option<Runtime>);

impl Workers {
    fn start(concurrency: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(concurrency.min(32) + 2)
            .thread_name("shakedown-check")
            .thread_stack_size(STACK)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("the runtime lives until it is dropped").handle().clone()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waited for, but elsewhere and not for long: a check that blocks its thread must not keep the run from ending.
        if let Some(runtime) = self.0.take() {
            spawn_blocking(move || runtime.shutdown_timeout(ENDING));
        }
    }
}

/// Carries a plan out, and returns when everything has ended and been removed.
///
/// # Errors
/// Where the threads for the checks cannot be started.
pub async fn run(request: Request<'_>) -> io::Result<Finished> {
    let Request {
        registry,
        profile,
        plan,
        info,
        sinks,
        redactor,
        directory,
        ledgers,
        unavailable,
        clock,
        resume,
        ..
    } = request;
    let workers = Workers::start(profile.concurrency)?;
    let pool = Pool::new(registry, profile, clock.clone(), workers.handle());
    let ledger = ledgers.as_deref().map(|directory| Ledger::new(directory, &info.id, &info.environment));
    let (sandbox, began) = (info.sandbox, info.started);
    let is_resumed = resume.is_some();
    let ended: BTreeMap<String, Outcome> = resume
        .iter()
        .flat_map(Run::ended)
        .map(|record| (record.info.id.clone(), record.outcome.clone()))
        .collect();
    let checkpoints = resume.as_ref().map(|run| run.checkpoints().clone()).unwrap_or_default();
    let collectors = Collectors::new(registry, info.started);
    let stage = Arc::new(Stage {
        run: info.id.rsplit('-').next().unwrap_or(&info.id).into(),
        environment: info.environment.as_str().into(),
        role: info.role.as_deref().map(Into::into),
        limits: profile.policy.load,
        host: Arc::new(RunHost::new(
            match resume {
                Some(run) => Bus::resume(clock.clone(), redactor, sinks, run),
                None => Bus::begin(clock.clone(), redactor, sinks, info),
            },
            pool,
            Observers::new(registry, workers.handle(), clock.clone()),
            began,
            ledger,
            EvidenceStore::new(directory),
            checkpoints,
        )),
        workers: workers.handle(),
        jobs: Budget::new(profile.policy.max_concurrent_jobs, clock.clone()),
        clock,
        interrupt: request.interrupt,
        collectors,
    });
    let bus = &stage.host.bus;
    for planned in plan.checks.iter().filter(|planned| !ended.contains_key(planned.spec.id)) {
        bus.emit(EventKind::Planned { check: planned.info() });
    }
    for left in plan.left_out.into_iter().filter(|_| !is_resumed) {
        bus.emit(EventKind::LeftOut { check: left.check, effect: left.effect, reason: left.reason });
    }

    let execution = Execution {
        stage: Arc::clone(&stage),
        plan: plan.checks,
        ended,
        unavailable,
        fail_fast: request.fail_fast,
    };
    tokio::select! {
        () = execution.carry_out(profile) => {}
        () = run_deadline(profile.run_timeout, &stage.interrupt) => {}
    }

    let debts = ledgers.as_deref().and_then(|directory| Ledger::debts(directory).ok()).unwrap_or_default();
    let debts = debts.into_iter().filter(|debt| debt.environment == profile.environment).collect();
    // What is not removed in time stays on the ledger, for the next run.
    let _ = tokio::time::timeout(CLEANUP_PATIENCE, clean_up(&stage, sandbox, debts)).await;
    if let Some(by) = stage.interrupt.raised() {
        bus.emit(EventKind::Interrupted { by });
    }
    let (run, failed_sinks) = bus.end();
    Ok(Finished { run, failed_sinks })
}

/// Raises the interrupt when the run's deadline passes; never returns, so that the execution winds down by itself.
async fn run_deadline(timeout: Option<Duration>, interrupt: &Interrupt) {
    if let Some(timeout) = timeout {
        tokio::time::sleep(timeout).await;
        interrupt.raise("run deadline");
    }
    std::future::pending::<()>().await;
}

struct Execution {
    stage: Arc<Stage>,
    plan: Vec<Planned>,
    /// The checks that had ended before, in a run that is gone on with.
    ended: BTreeMap<String, Outcome>,
    unavailable: Vec<Unavailable>,
    fail_fast: bool,
}

/// How a check ended, and what it took.
struct Ending {
    outcome: Outcome,
    attempts: u32,
    took: Duration,
}

impl Ending {
    fn unasked(outcome: Outcome) -> Self {
        Self { outcome, attempts: 0, took: Duration::ZERO }
    }
}

impl Execution {
    async fn carry_out(&self, profile: &Profile) {
        let tasks = self.plan.iter().map(|planned| Task {
            requires: planned.requires.clone(),
            group: planned.spec.group,
            alone: planned.spec.runs_alone(),
        });
        let mut schedule = Schedule::new(tasks.collect(), profile.concurrency, profile.groups.clone());
        let mut endings: Vec<Option<Box<Outcome>>> = vec![None; self.plan.len()];
        let mut running = JoinSet::new();
        loop {
            while let Some(index) = schedule.start_next() {
                if let Some(outcome) = self.ended.get(self.plan[index].spec.id) {
                    self.stage.host.remember(self.plan[index].spec.id, outcome);
                    endings[index] = (!outcome.status.satisfies()).then(|| Box::new(outcome.clone()));
                    schedule.ended(index);
                } else if let Some(outcome) = self.unaskable(index, &endings) {
                    self.finish(index, Ending::unasked(outcome), &mut endings);
                    schedule.ended(index);
                } else {
                    let (stage, planned) = (Arc::clone(&self.stage), self.plan[index].clone());
                    running.spawn(async move {
                        let mut ending = drive(&stage, &planned).await;
                        stage.collectors.complete(&stage, &planned, &mut ending.outcome).await;
                        (index, ending)
                    });
                }
            }
            let Some(joined) = running.join_next().await else { break };
            // A driver neither panics nor is aborted: the check it drives runs in a task of its own.
            let (index, ending) = joined.expect("a driver ends by itself");
            self.finish(index, ending, &mut endings);
            schedule.ended(index);
        }
    }

    /// Why a check is not even begun, where there is a reason.
    fn unaskable(&self, index: usize, endings: &[Option<Box<Outcome>>]) -> Option<Outcome> {
        let planned = &self.plan[index];
        if let Some(by) = self.stage.interrupt.raised() {
            return Some(Outcome::skipped(SkipReason::Stopped, format!("not begun: {by}")));
        }
        if let Some(part) =
            self.unavailable.iter().find(|part| planned.spec.targets().any(|kind| kind == part.part))
        {
            let summary = format!("{part}; `{}` would provide it", part.command);
            return Some(Outcome::skipped(
                SkipReason::Unavailable { command: part.command.clone() },
                summary,
            ));
        }
        for &required in &planned.requires {
            if let Some(outcome) = &endings[required] {
                return Some(cascade(self.plan[required].spec.id, outcome));
            }
        }
        None
    }

    /// Tells of a check's end, and keeps the outcome where others may have to be skipped for it.
    fn finish(&self, index: usize, ending: Ending, endings: &mut [Option<Box<Outcome>>]) {
        let planned = &self.plan[index];
        let check = planned.spec.id;
        let Ending { outcome, attempts, took } = ending;
        self.stage.host.remember(check, &outcome);
        if self.fail_fast && planned.settings.gate == Gate::Required && outcome.status >= Status::Errored {
            self.stage.interrupt.raise("fail-fast");
        }
        if !outcome.status.satisfies() {
            endings[index] = Some(Box::new(outcome.clone()));
        }
        self.stage.host.bus.emit(EventKind::CheckFinished {
            check: check.to_owned(),
            outcome,
            attempts,
            duration_ms: took.as_secs_f64() * 1000.0,
        });
    }
}

/// A skip that names the root: a requirement that was itself skipped passes its own reason on.
fn cascade(required: &str, outcome: &Outcome) -> Outcome {
    use SkipReason::{Mistaken, Requirement, TargetAway, Unavailable};
    if let Some(reason @ (Mistaken { .. } | Requirement { .. } | TargetAway { .. } | Unavailable { .. })) =
        &outcome.skip
    {
        return Outcome::skipped(reason.clone(), outcome.summary.clone());
    }
    let (check, status) = (required.to_owned(), outcome.status);
    Outcome::skipped(Requirement { check, status }, format!("needs {required}, which {}", ended(status)))
}

/// "needs x, which …"
const fn ended(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Warned => "warned",
        Status::Failed => "failed",
        Status::Errored => "got no answer",
        Status::Skipped => "was skipped",
    }
}

/// Brings one check to its end: target, attempts, retries.
async fn drive(stage: &Stage, planned: &Planned) -> Ending {
    let check = planned.spec.id;
    for kind in planned.spec.targets() {
        let reached = stage.host.pool.reach(kind, check).await;
        if let Some(outcome) = absence(stage, kind, reached) {
            return Ending {
                attempts: u32::from(outcome.status == Status::Errored),
                ..Ending::unasked(outcome)
            };
        }
    }
    if let Some(outcome) = mistaken(stage, planned).await {
        return Ending { attempts: u32::from(outcome.status == Status::Errored), ..Ending::unasked(outcome) };
    }
    let mut waits = backoff(planned.settings.retries);
    let mut attempts = 0;
    loop {
        attempts += 1;
        stage.host.bus.emit(EventKind::CheckStarted { check: check.to_owned(), attempt: attempts });
        let (mut outcome, took) = attempt(stage, planned).await;
        if let Some(kind) = away(planned, &outcome)
            && let Some(reached) = stage.host.pool.confirm_away(kind, check).await
            && let Some(absent) = absence(stage, kind, Ok(reached))
        {
            outcome = absent;
            return Ending { outcome, attempts, took };
        }
        let again = outcome.status >= Status::Errored && stage.interrupt.raised().is_none();
        let Some(wait) = waits.next().filter(|_| again) else {
            return Ending { outcome, attempts, took };
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        stage.host.bus.emit(EventKind::CheckRetried {
            check: check.to_owned(),
            attempt: attempts,
            outcome,
            wait_ms,
        });
        tokio::select! {
            () = stage.clock.sleep(wait) => {}
            _ = stage.interrupt.wait() => {}
        }
    }
}

/// The target of the check that its outcome says is away.
fn away(planned: &Planned, outcome: &Outcome) -> Option<&'static str> {
    let said = outcome.obstacle.as_ref().filter(|_| outcome.is_target_away())?.target.as_deref();
    planned.spec.targets().find(|kind| said == Some(kind)).or(planned.spec.target)
}

/// The outcome of a check that does more than read, where a target is not the one that the configuration pins.
async fn mistaken(stage: &Stage, planned: &Planned) -> Option<Outcome> {
    let check = planned.spec.id;
    let (confirmed, met) = gate::confirm(planned.spec.effect, &stage.host.pool, check).await;
    for (kind, info) in met {
        stage.host.bus.emit(EventKind::TargetConnected { target: kind.to_owned(), info });
    }
    let Mistake { error, reported_by } = confirmed.err()?;
    if reported_by == check {
        return Some(Outcome::from(shakedown_core::CheckError::from(error)));
    }
    let summary = format!("nothing but reading is done here: see {reported_by}");
    Some(Outcome::skipped(SkipReason::Mistaken { target: error.target, reported_by }, summary))
}

/// The waits before the second and each later attempt.
fn backoff(retries: Retries) -> impl Iterator<Item = Duration> {
    let builder = ExponentialBuilder::default()
        .with_min_delay(retries.backoff)
        .with_max_delay(retries.max_backoff)
        .with_max_times(retries.count as usize);
    if retries.jitter { builder.with_jitter().build() } else { builder.build() }
}

/// Tells the stream what is new about a target, and the check's outcome where the target is away: the first check to
/// learn it carries the error, every later one is skipped and names it.
fn absence(stage: &Stage, kind: &str, reached: Result<Reached, TargetError>) -> Option<Outcome> {
    let reached = match reached {
        Ok(reached) => reached,
        Err(error) => return Some(Outcome::from(shakedown_core::CheckError::from(error))),
    };
    if let Some(info) = reached.news() {
        stage.host.bus.emit(EventKind::TargetConnected { target: kind.to_owned(), info: info.clone() });
    }
    match reached {
        Reached::Known(_) | Reached::Connected(_) => None,
        Reached::Lost(absence) => {
            let Absence { error, unreachable, .. } = absence;
            stage.host.bus.emit(EventKind::TargetLost {
                target: kind.to_owned(),
                address: error.address.clone(),
                kind: error.kind,
                message: error.message.clone(),
            });
            Some(match unreachable {
                Unreachable::Error => Outcome::from(shakedown_core::CheckError::from(error)),
                Unreachable::Skip => unreachable_skip(kind, &error),
            })
        }
        Reached::Away(absence) => Some(match absence.unreachable {
            Unreachable::Error => Outcome::skipped(
                SkipReason::TargetAway { target: kind.to_owned(), reported_by: absence.reported_by.clone() },
                format!("{kind} is away: see {}", absence.reported_by),
            ),
            Unreachable::Skip => unreachable_skip(kind, &absence.error),
        }),
    }
}

fn unreachable_skip(kind: &str, error: &TargetError) -> Outcome {
    let summary = format!("{error}; the configuration says to skip then");
    Outcome::skipped(SkipReason::Unreachable { target: kind.to_owned() }, summary)
}

/// Removes what this run created, and what earlier ones left behind in the same environment.
async fn clean_up(stage: &Stage, sandbox: bool, debts: Vec<Debt>) {
    let bus = &stage.host.bus;
    if let Some(ledger) = &stage.host.ledger {
        for (_, resource) in ledger.open() {
            let (removal, error) = remove(stage, &resource).await;
            if removal.is_some_and(Removal::settles) {
                // An entry that cannot be settled is settled by the next run.
                let _ = ledger.settled(&resource);
            }
            bus.emit(EventKind::CleanedUp { resource, removal, error });
        }
        let _ = ledger.close();
    }
    for debt in debts {
        let over = debt.is_over(sandbox, &stage.clock);
        let (removal, error) =
            if over { (Some(Removal::Gone), None) } else { remove(stage, &debt.resource).await };
        if removal.is_some_and(Removal::settles) {
            let _ = Ledger::settle(&debt);
        }
        bus.emit(EventKind::CleanedUp { resource: debt.resource, removal, error });
    }
}

async fn remove(stage: &Stage, resource: &Resource) -> (Option<Removal>, Option<String>) {
    let Some(target) = stage.host.pool.live(&resource.target).await else {
        return (None, Some(format!("{} is away", resource.target)));
    };
    let wanted = resource.clone();
    match stage.workers.spawn(async move { target.remove(&wanted).await }).await {
        Ok(Ok(removal)) => (Some(removal), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, Some("the plugin panicked while removing it".to_owned())),
    }
}
