//! The bench: targets, connected as the runner would, and one check at a time.

use crate::outcome::codes;
use crate::record::Record;
use serde_json::{Value, json};
use shakedown_core::budget::Budget;
use shakedown_core::ledger::Resource;
use shakedown_core::registry::{Entries, registered_checks};
use shakedown_core::target::{ConnectContext, LiveTarget};
use shakedown_core::{
    CheckError, CheckSpec, Clock, Context, Finding, Limits, Observed, Outcome, Registry, TargetError, Verdict,
};
use shakedown_sandbox::{Options, Sandbox, Truth};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long connecting may take: never so long where something does happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Targets, what a check may use of them, and what checks left behind.
pub struct Bench {
    /// None where the targets are others.
    sandbox: Option<Sandbox>,
    record: Arc<Record>,
    /// The clock that checks see.
    pub clock: Clock,
    /// How many jobs may exist at once; 500 at first.
    pub jobs: Budget,
    /// What load may not exceed.
    pub limits: Limits,
    /// What the environment is for.
    pub role: Option<&'static str>,
    /// How long a check may take; a minute at first.
    pub deadline: Duration,
    /// Cancelled by a test that interrupts a check.
    pub cancelled: CancellationToken,
}

/// How a check is registered. It must be linked: `use shakedown_moon as _;`.
#[track_caller]
pub fn spec(id: &str) -> &'static CheckSpec {
    let found = registered_checks().find(|spec| spec.id == id);
    found.unwrap_or_else(|| panic!("{id} is not registered; does the test name the plugin's crate?"))
}

/// Connects a target as the runner would.
///
/// # Errors
/// What the target says.
pub async fn connect(
    kind: &str,
    settings: Value,
    timeout: Duration,
) -> Result<Arc<dyn LiveTarget>, TargetError> {
    let targets = Entries::linked().targets;
    let spec = targets.iter().find(|spec| spec.kind == kind);
    let spec = spec.unwrap_or_else(|| panic!("the target {kind} is not registered"));
    (spec.connect)(settings, ConnectContext { timeout, clock: Clock::system() }).await
}

/// A sandbox with the parts of these kinds, and what they need; `options` is the environment's table `sandbox`. None where a
/// part cannot be had, which in CI is a failure.
pub async fn sandbox(kinds: &[&str], options: Value) -> Option<Sandbox> {
    let registry = Registry::collect().unwrap_or_else(|error| panic!("{error}"));
    let kinds = Some(kinds.iter().map(|&kind| kind.to_owned()).collect());
    let options = Options { clock: Clock::system(), options, kinds };
    let sandbox = Sandbox::start(&registry, options).await.unwrap_or_else(|error| panic!("{error}"));
    let Some(missing) = sandbox.unavailable().first() else { return Some(sandbox) };
    #[expect(clippy::disallowed_methods, reason = "nobody passes arguments to a test")]
    let is_ci = std::env::var_os("CI").is_some();
    assert!(!is_ci, "{missing}");
    eprintln!("skipped: {missing}; to provide it: {}", missing.command);
    None
}

impl Bench {
    /// A small sandbox with the parts of these kinds and these faults, and everything connected whose plugin is linked. None
    /// where a part cannot be had, which in CI is a failure.
    pub async fn sandbox(kinds: &[&str], faults: &[&str]) -> Option<Self> {
        Self::start(kinds, json!({ "faults": faults, "recordings": 60, "planned_api": true })).await
    }

    /// The same with other options; see [`sandbox`].
    pub async fn start(kinds: &[&str], options: Value) -> Option<Self> {
        let sandbox = sandbox(kinds, options).await?;
        let linked = Entries::linked().targets;
        let bench = Self::empty();
        for (kind, settings) in sandbox.settings() {
            if linked.iter().any(|spec| spec.kind == kind) {
                bench.connect(kind, settings.clone()).await.unwrap_or_else(|error| panic!("{error}"));
            }
        }
        Some(Self { sandbox: Some(sandbox), ..bench })
    }

    /// One target, wherever these settings lead.
    ///
    /// # Errors
    /// What the target says.
    pub async fn at(kind: &str, settings: Value) -> Result<Self, TargetError> {
        let bench = Self::empty();
        bench.connect(kind, settings).await?;
        Ok(bench)
    }

    fn empty() -> Self {
        let clock = Clock::system();
        Self {
            sandbox: None,
            record: Arc::default(),
            jobs: Budget::new(500, clock.clone()),
            clock,
            limits: Limits::default(),
            role: None,
            deadline: Duration::from_mins(1),
            cancelled: CancellationToken::new(),
        }
    }

    /// Connects one more target.
    ///
    /// # Errors
    /// What the target says.
    pub async fn connect(&self, kind: &str, settings: Value) -> Result<(), TargetError> {
        let target = connect(kind, settings, PATIENCE).await?;
        self.record.kept().targets.insert(kind.to_owned(), target);
        Ok(())
    }

    /// A connected target.
    pub fn target(&self, kind: &str) -> Arc<dyn LiveTarget> {
        let found = self.record.kept().targets.get(kind).cloned();
        found.unwrap_or_else(|| panic!("the bench was given no target {kind}"))
    }

    fn own_sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("the bench has a sandbox of its own")
    }

    /// Turns a fault on.
    pub async fn inject(&self, fault: &str) {
        self.own_sandbox().inject(fault).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// What the simulated Focus Server says that it did.
    pub fn truth(&self) -> Truth {
        self.own_sandbox().truth().expect("the Focus Server runs")
    }

    /// What the observers see from now on, one set each time they are asked; the last one again and again.
    pub fn observes(&self, sets: Vec<Vec<Observed>>) {
        self.record.kept().observed = sets;
    }

    /// What an earlier check has found.
    pub fn knows(&self, check: &str, finding: Finding) {
        self.record.kept().found.push((check.to_owned(), finding));
    }

    /// What was put on the ledger, in that order.
    pub fn created(&self) -> Vec<Resource> {
        self.record.kept().created.clone()
    }

    /// The ids of what was put on the ledger and not taken off it.
    pub fn left_behind(&self) -> Vec<String> {
        let kept = self.record.kept();
        kept.created.iter().filter(|one| !kept.removed.contains(one)).map(|one| one.id.clone()).collect()
    }

    /// The last evidence of that name, as text.
    #[track_caller]
    pub fn evidence(&self, name: &str) -> String {
        let kept = self.record.kept();
        let found = kept.evidence.iter().rev().find(|evidence| evidence.name == name);
        let found = found.unwrap_or_else(|| panic!("no evidence {name}"));
        String::from_utf8_lossy(&found.content).into_owned()
    }

    /// All evidence there is, as one text.
    pub fn all_evidence(&self) -> String {
        let kept = self.record.kept();
        let texts = kept.evidence.iter().map(|evidence| String::from_utf8_lossy(&evidence.content));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// What a check runs with here.
    pub fn context(&self, spec: &CheckSpec) -> Context {
        Context {
            check: spec.id,
            effect: spec.effect,
            target: spec.target,
            also: spec.also,
            environment: "lab".into(),
            role: self.role.map(Into::into),
            run: "test".into(),
            clock: self.clock.clone(),
            deadline: Instant::now() + self.deadline,
            cancelled: self.cancelled.clone(),
            jobs: self.jobs.clone(),
            limits: self.limits,
            host: Arc::clone(&self.record) as _,
        }
    }

    /// What a check answers, asked without what it requires. As the runner does, it drops a check that does not end in time.
    ///
    /// # Errors
    /// What the check says where it has no answer.
    pub async fn answer(&self, id: &str, params: Value) -> Result<Verdict, CheckError> {
        let spec = spec(id);
        let check = (spec.build)(&params).unwrap_or_else(|error| panic!("{id}: {error}"));
        let cx = self.context(spec);
        let answer = tokio::time::timeout(self.deadline, check.run(&cx)).await;
        answer.unwrap_or_else(|_| Err(CheckError::unclear("the deadline passed")))
    }

    /// The same as it is reported.
    pub async fn run_with(&self, id: &str, params: Value) -> Outcome {
        self.answer(id, params).await.into()
    }

    /// The same with the parameters that the check has by itself.
    pub async fn run(&self, id: &str) -> Outcome {
        self.run_with(id, json!({})).await
    }

    /// The codes of what it finds with them.
    pub async fn codes(&self, id: &str) -> Vec<String> {
        codes(&self.run(id).await)
    }

    /// Ends the sandbox, where the bench has one.
    pub async fn stop(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}
