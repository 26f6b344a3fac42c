//! One experiment: one check, by itself, in a sandbox of its own.

use crate::project::sandbox_target;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_config::Profile;
use shakedown_core::event::{Event, EventKind, RunInfo};
use shakedown_core::finding::Weight;
use shakedown_core::outcome::ObstacleKind;
use shakedown_core::redact::Redactor;
use shakedown_core::sink::Sink;
use shakedown_core::{CheckSpec, Clock, Effect, Outcome, Registry, Status};
use shakedown_runner::{Interrupt, Plan, Request};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A sandbox for a proof holds less than the one for people: it is made anew for every experiment.
const RECORDINGS: u32 = 300;
/// How often a load is put on, where this machine was too busy to do it.
const ATTEMPTS: usize = 3;
/// How long a check may take against a target that is away or silent.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is done to the target.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(tag = "experiment", rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Nothing: the check must pass.
    Healthy,
    /// A fault: the check must fail with the finding, or warn where a warning is all that the finding is worth.
    Fault {
        /// What is injected.
        fault: &'static str,
        /// What must be found.
        finding: &'static str,
    },
    /// It refuses connections: the check must have no answer.
    Away,
    /// It falls silent once the check has begun: the check must have no answer, within its deadline.
    Silent,
    /// A fault that a fix mends: with the fix applied the check must pass, and with the fix undone fail again.
    Mended {
        /// What mends.
        fix: &'static str,
        /// What is injected.
        fault: &'static str,
    },
}

/// One check and what is done to its target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Experiment {
    pub(crate) spec: &'static CheckSpec,
    pub(crate) kind: Kind,
}

impl Experiment {
    /// Whether its answer depends on how busy the machine is.
    pub(crate) const fn is_load(&self) -> bool {
        matches!(self.spec.effect, Effect::Load) && matches!(self.kind, Kind::Healthy | Kind::Fault { .. })
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// The check.
    pub(crate) check: &'static str,
    #[serde(flatten)]
    pub(crate) kind: Kind,
    /// Whether the check did what it must.
    pub(crate) proven: bool,
    /// Whether the experiment could not be done, because a part of the sandbox cannot be had here.
    pub(crate) unavailable: bool,
    /// What the check did.
    pub(crate) actual: String,
}

/// What all experiments share.
pub(crate) struct Laboratory {
    pub(crate) registry: Registry,
    pub(crate) profile: Profile,
    pub(crate) interrupt: Interrupt,
}

impl Laboratory {
    /// Does it; again, in a sandbox of its own, where a load says that it was limited by this machine.
    pub(crate) async fn carry_out(&self, experiment: Experiment) -> Shown {
        let mut attempts = 1..ATTEMPTS;
        loop {
            let mut limited = false;
            let shown = self.attempt(experiment, &mut limited).await;
            if !(limited && experiment.is_load()) || attempts.next().is_none() {
                return shown;
            }
        }
    }

    /// Does it once, and notes whether the check could not do its work.
    async fn attempt(&self, experiment: Experiment, limited: &mut bool) -> Shown {
        let (spec, kind) = (experiment.spec, experiment.kind);
        let shown = |proven, unavailable, actual| Shown { check: spec.id, kind, proven, unavailable, actual };
        if let Some(by) = self.interrupt.raised() {
            return shown(false, false, format!("not done: {by}"));
        }
        let kinds = spec.targets().map(str::to_owned).collect();
        let sandbox = match Sandbox::start(&self.registry, options(kinds)).await {
            Ok(sandbox) => Arc::new(sandbox),
            Err(error) => return shown(false, false, format!("the sandbox failed to start: {error}")),
        };
        let result = if let Some(part) = sandbox.unavailable().first() {
            shown(false, true, format!("{part}; `{}` would provide it", part.command))
        } else {
            let observed = if let Kind::Mended { fix, fault } = kind {
                self.mend(spec, fix, fault, &sandbox).await
            } else {
                let outcome = self.observe(experiment, &sandbox).await;
                outcome.map(|outcome| {
                    *limited = outcome.obstacle.as_ref().is_some_and(|one| one.kind == ObstacleKind::Unclear);
                    (judge(kind, &outcome), describe(&outcome))
                })
            };
            observed.map_or_else(
                |problem| shown(false, false, problem),
                |(proven, actual)| shown(proven, false, actual),
            )
        };
        if let Some(sandbox) = Arc::into_inner(sandbox) {
            sandbox.stop().await;
        }
        result
    }

    async fn observe(
        &self,
        Experiment { spec, kind }: Experiment,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Outcome, String> {
        let mut profile = self.profile_in(sandbox);
        let inject = async |fault: String| sandbox.inject(&fault).await.map_err(|error| error.to_string());
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let target = spec.target.unwrap_or_default();
        match kind {
            Kind::Healthy => {}
            Kind::Fault { fault, .. } | Kind::Mended { fault, .. } => inject(fault.to_owned()).await?,
            Kind::Away => inject(format!("{target}.away")).await?,
            Kind::Silent => {
                let fault = format!("{target}.silent");
                sinks.push(Box::new(WhenStarted { sandbox: Arc::downgrade(sandbox), fault }));
            }
        }
        if matches!(kind, Kind::Away | Kind::Silent) {
            profile.checks.values_mut().for_each(|settings| settings.timeout = PATIENCE);
            profile.targets.values_mut().for_each(|target| target.connect_timeout = PATIENCE);
        }
        self.ask(spec, &profile, sinks).await
    }

    /// The profile with the targets that the sandbox provides.
    pub(super) fn profile_in(&self, sandbox: &Sandbox) -> Profile {
        let mut profile = self.profile.clone();
        profile.run_timeout = None;
        for (kind, settings) in sandbox.settings() {
            profile.targets.insert(kind.clone(), sandbox_target(settings.clone()));
        }
        profile.checks.values_mut().for_each(|settings| settings.retries.count = 0);
        profile
    }

    /// Runs the check, and nothing else.
    pub(super) async fn ask(
        &self,
        spec: &'static CheckSpec,
        profile: &Profile,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Result<Outcome, String> {
        let plan = Plan::only(spec, profile);
        if let Some(left) = plan.left_out.first() {
            return Err(left.reason.clone());
        }
        let finished = shakedown_runner::run(Request {
            registry: &self.registry,
            profile,
            plan,
            info: info(profile, spec),
            sinks,
            redactor: Redactor::default(),
            directory: None,
            ledgers: None,
            unavailable: Vec::new(),
            clock: Clock::system(),
            interrupt: self.interrupt.clone(),
            resume: None,
            fail_fast: false,
        })
        .await
        .map_err(|error| error.to_string())?;
        if let Some((sink, error)) = finished.failed_sinks.first() {
            return Err(format!("{sink}: {error}"));
        }
        let record = finished.run.checks.into_iter().next();
        record.map(|record| record.outcome).ok_or_else(|| "nothing was run".to_owned())
    }
}

/// What a sandbox for proofs is started with.
pub(crate) fn options(kinds: BTreeSet<String>) -> Options {
    let options = serde_json::json!({ "recordings": RECORDINGS, "planned_api": true });
    Options { clock: Clock::system(), options, kinds: Some(kinds) }
}

fn info(profile: &Profile, spec: &CheckSpec) -> RunInfo {
    RunInfo {
        id: format!("prove-{}", &uuid::Uuid::new_v4().simple().to_string()[..6]),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: Clock::system().now(),
        project: profile.project.name.clone(),
        jira: None,
        jira_url: None,
        environment: profile.environment.clone(),
        role: None,
        sandbox: true,
        faults: Vec::new(),
        selection: format!("id({})", spec.id),
    }
}

/// Whether the outcome is what the experiment calls for.
fn judge(kind: Kind, outcome: &Outcome) -> bool {
    match kind {
        Kind::Healthy | Kind::Mended { .. } => outcome.status == Status::Passed,
        Kind::Fault { finding, .. } => {
            matches!(outcome.status, Status::Failed | Status::Warned)
                && outcome.all_findings().any(|found| found.code == finding && found.weight > Weight::Note)
        }
        Kind::Away | Kind::Silent => outcome.status == Status::Errored,
    }
}

pub(super) fn describe(outcome: &Outcome) -> String {
    let codes: BTreeSet<&str> = outcome.all_findings().map(|finding| finding.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let found = if codes.is_empty() { String::new() } else { format!(" [{}]", codes.join(", ")) };
    format!("{}{found}: {}", outcome.status, outcome.summary)
}

/// Injects a fault at the moment the check begins: the target is connected by then, and the check has asked nothing yet.
struct WhenStarted {
    sandbox: std::sync::Weak<Sandbox>,
    fault: String,
}

impl Sink for WhenStarted {
    fn name(&self) -> &'static str {
        "fault injection"
    }

    fn event(&mut self, event: &Event, _line: &str) -> io::Result<()> {
        if let EventKind::CheckStarted { .. } = event.kind
            && let Some(sandbox) = self.sandbox.upgrade()
        {
            let injected =
                tokio::task::block_in_place(|| Handle::current().block_on(sandbox.inject(&self.fault)));
            return injected.map_err(io::Error::other);
        }
        Ok(())
    }
}
