//! Fixes at work: which of them the findings of a run call for, and each call of one bounded, cancellable and apart from
//! the program, as a check's attempt is.

use crate::evidence::EvidenceStore;
use crate::gate::{self, Permit};
use crate::interrupt::Interrupt;
use crate::pool::{Pool, Reached};
use crate::undo::{Change, UndoFile};
use shakedown_config::Profile;
use shakedown_core::budget::Budget;
use shakedown_core::context::{Host, Progress};
use shakedown_core::finding::Weight;
use shakedown_core::fix::{Applied, Standing, Step};
use shakedown_core::ledger::Resource;
use shakedown_core::redact::Redactor;
use shakedown_core::run::Run;
use shakedown_core::{
    CheckError, Clock, Context, Effect, Evidence, EvidenceRef, Finding, Fix, FixSpec, Limits, Registry,
    TargetError, async_trait, duration,
};
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long looking may take.
const PLAN: Duration = Duration::from_mins(10);
/// How long a step may take: an index of a very large collection.
const APPLY: Duration = Duration::from_hours(12);
/// How long one change may take to be looked at or taken back.
const REVERT: Duration = Duration::from_mins(15);
/// How long a fix that was interrupted may take to finish the change it is at.
const GRACE: Duration = Duration::from_secs(5);

/// Those of the fixes that the findings of a run call for: a finding names the fix, or the one that it takes the place of.
pub fn due(fixes: &[&'static FixSpec], run: &Run) -> Vec<&'static FixSpec> {
    let named = |spec: &&'static FixSpec| {
        let of_check = run.checks.iter().filter(|record| record.info.id == spec.check);
        let findings = of_check.flat_map(|record| record.outcome.all_findings());
        let wanted = spec.instead_of.unwrap_or(spec.id);
        findings
            .filter(|finding| finding.weight > Weight::Note)
            .any(|finding| finding.fix.as_deref() == Some(wanted))
    };
    fixes.iter().copied().filter(named).collect()
}

/// Told how far a fix is.
pub type OnProgress = Box<dyn Fn(&str, Progress) + Send + Sync>;

/// What fixes work with.
pub struct MendRequest<'a> {
    /// The registered targets.
    pub registry: &'a Registry,
    /// The environment.
    pub profile: &'a Profile,
    /// A short id, for names that others will see.
    pub id: &'a str,
    /// Where evidence goes; without one, it is only counted.
    pub directory: Option<PathBuf>,
    /// What stands before every output.
    pub redactor: Redactor,
    /// The clock.
    pub clock: Clock,
    /// Ends the work tidily.
    pub interrupt: Interrupt,
    /// Told how far a fix is, already without secrets.
    pub progress: OnProgress,
}

/// Carries fixes out.
pub struct Mender {
    params: BTreeMap<&'static str, serde_json::Value>,
    host: Arc<MendHost>,
    clock: Clock,
    interrupt: Interrupt,
    run: Arc<str>,
    jobs: Budget,
    limits: Limits,
    environment: Arc<str>,
    role: Option<Arc<str>>,
}

/// Why a call of a fix came to no end.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// The fix says so.
    #[error(transparent)]
    Fix(#[from] CheckError),
    /// It was interrupted.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It took too long.
    #[error("it did not end within {0}")]
    Deadline(String),
    /// A defect of the fix.
    #[error("the fix panicked")]
    Panicked,
}

impl Mender {
    /// One for an environment. Nothing is connected yet; connections live on the current runtime.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(request: MendRequest<'_>) -> Self {
        let MendRequest { registry, profile, clock, interrupt, .. } = request;
        let pool = Pool::new(registry, profile, clock.clone(), tokio::runtime::Handle::current());
        let params =
            profile.checks.iter().map(|(check, settings)| (*check, settings.params.clone())).collect();
        let host = MendHost {
            pool,
            evidence: EvidenceStore::new(request.directory),
            redactor: request.redactor,
            progress: request.progress,
        };
        let environment = profile.environment.as_str().into();
        let role = profile.role.as_deref().map(Into::into);
        let jobs = Budget::new(profile.policy.max_concurrent_jobs, clock.clone());
        Self {
            params,
            host: Arc::new(host),
            clock,
            interrupt,
            run: request.id.into(),
            jobs,
            environment,
            role,
            limits: profile.policy.load,
        }
    }

    /// The address of a target, connected where it is not yet.
    ///
    /// # Errors
    /// Where it is away.
    pub async fn address(&self, kind: &str) -> Result<String, CheckError> {
        match self.host.pool.reach(kind, "fix").await? {
            Reached::Known(target) | Reached::Connected(target) => Ok(target.info().address.clone()),
            Reached::Lost(absence) | Reached::Away(absence) => Err(absence.error.into()),
        }
    }

    /// What the fix would do.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub async fn plan(&self, spec: &'static FixSpec) -> Result<Vec<Step>, MendError> {
        self.call(spec, Effect::Read, PLAN, |fix, cx| async move { fix.plan(&cx).await }).await
    }

    /// Does a step.
    ///
    /// # Errors
    /// Where it came to an end before its end; the undo file has what was done until then.
    pub async fn apply(
        &self,
        _permit: &Permit,
        spec: &'static FixSpec,
        step: Step,
        undo: &Arc<UndoFile>,
    ) -> Result<Applied, MendError> {
        let undo = undo.of(spec.id);
        self.call(spec, Effect::Disrupt, APPLY, |fix, cx| async move { fix.apply(&cx, &step, &*undo).await })
            .await
    }

    /// How the target stands to a change of the fix.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub async fn standing(&self, spec: &'static FixSpec, change: &Change) -> Result<Standing, MendError> {
        let change = change.change.clone();
        self.call(spec, Effect::Read, REVERT, |fix, cx| async move { fix.standing(&cx, &change).await }).await
    }

    /// Takes a change back, provided that the target still is as the change left it.
    ///
    /// # Errors
    /// Where the target could not be asked, or refused.
    pub async fn revert(
        &self,
        _permit: &Permit,
        spec: &'static FixSpec,
        change: &Change,
    ) -> Result<Standing, MendError> {
        let change = change.change.clone();
        self.call(spec, Effect::Disrupt, REVERT, |fix, cx| async move { fix.revert(&cx, &change).await })
            .await
    }

    /// Runs one call of a fix in a task of its own. An interrupt gives it a moment to finish the change it is at.
    async fn call<T: Send + 'static, F: Future<Output = Result<T, CheckError>> + Send + 'static>(
        &self,
        spec: &'static FixSpec,
        effect: Effect,
        limit: Duration,
        work: impl FnOnce(Box<dyn Fix>, Context) -> F,
    ) -> Result<T, MendError> {
        if let Some(by) = self.interrupt.raised() {
            return Err(MendError::Interrupted(by));
        }
        self.address(spec.target).await?;
        gate::confirm(effect, &self.host.pool, spec.id)
            .await
            .0
            .map_err(|mistake| CheckError::from(mistake.error))?;
        let cancelled = CancellationToken::new();
        let cx = Context {
            check: spec.id,
            effect,
            target: Some(spec.target),
            also: &[],
            environment: Arc::clone(&self.environment),
            role: self.role.clone(),
            run: Arc::clone(&self.run),
            clock: self.clock.clone(),
            deadline: Instant::now() + limit,
            cancelled: cancelled.clone(),
            jobs: self.jobs.clone(),
            limits: self.limits,
            host: Arc::clone(&self.host) as _,
        };
        let params = self.params.get(spec.check).cloned().unwrap_or_else(|| serde_json::json!({}));
        let fix = (spec.build)(&params).map_err(|error| {
            CheckError::unclear(format!("unusable parameters of {}: {error}", spec.check))
        })?;
        let mut task = tokio::spawn(work(fix, cx));
        let stopped = tokio::select! {
            biased;
            ended = &mut task => return settle(ended),
            () = tokio::time::sleep(limit) => MendError::Deadline(duration::brief(limit)),
            by = self.interrupt.wait() => MendError::Interrupted(by),
        };
        cancelled.cancel();
        match tokio::time::timeout(GRACE, &mut task).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(_) => Err(stopped),
            Err(_) => {
                task.abort();
                Err(stopped)
            }
        }
    }
}

fn settle<T>(ended: Result<Result<T, CheckError>, tokio::task::JoinError>) -> Result<T, MendError> {
    match ended {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(MendError::Panicked),
    }
}

/// What a fix is offered.
struct MendHost {
    pool: Pool,
    evidence: EvidenceStore,
    redactor: Redactor,
    progress: OnProgress,
}

#[async_trait]
impl Host for MendHost {
    async fn target(&self, kind: &str) -> Result<Arc<dyn Any + Send + Sync>, TargetError> {
        Ok(self.pool.client(kind).await?.client())
    }

    fn attach(&self, fix: &str, evidence: Evidence) -> io::Result<EvidenceRef> {
        self.evidence.keep(fix, evidence, &self.redactor)
    }

    fn created(&self, _: &str, _: Resource) -> io::Result<()> {
        Err(io::Error::other("what a fix makes is to stay, and stands in its undo file"))
    }

    fn removed(&self, _: &str, _: &Resource) -> io::Result<()> {
        Err(io::Error::other("what a fix makes is to stay, and stands in its undo file"))
    }

    fn progress(&self, fix: &str, mut progress: Progress) {
        progress.what = self.redactor.text(&progress.what).into_owned();
        (self.progress)(fix, progress);
    }

    fn findings_so_far(&self) -> Vec<(String, Finding)> {
        Vec::new()
    }
}
