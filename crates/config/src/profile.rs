//! What a run needs to know of the configuration: one environment, resolved.

use crate::diagnostic::Diagnostic;
use serde_json::Value;
use shakedown_core::{Effect, Gate, Limits, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What the project is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its key in Jira.
    pub jira: Option<String>,
    /// The address of Jira, for links; without a slash at its end.
    pub jira_url: Option<String>,
}

impl Default for Project {
    fn default() -> Self {
        Self { name: "unnamed".to_owned(), jira: None, jira_url: None }
    }
}

/// What a run does when a target cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreachable {
    /// Its checks are errored: there is no answer.
    #[default]
    Error,
    /// Its checks are skipped.
    Skip,
}

impl Unreachable {
    /// Every value.
    pub const ALL: &[Self] = &[Self::Error, Self::Skip];

    /// The word users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Skip => "skip",
        }
    }
}

/// How to reach a target.
#[derive(Clone)]
pub struct TargetConfig {
    /// The target's own settings, secrets included.
    pub settings: Value,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// What it must say of itself, by the names that its plugin gives; nothing but reading happens where it differs.
    pub identity: BTreeMap<String, String>,
    /// What it means when it cannot be reached.
    pub unreachable: Unreachable,
}

impl fmt::Debug for TargetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetConfig")
            .field("connect_timeout", &self.connect_timeout)
            .field("identity", &self.identity)
            .field("unreachable", &self.unreachable)
            .finish_non_exhaustive()
    }
}

/// What may be done to an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The effects that checks may have; reading alone, unless the file says otherwise.
    pub allow: BTreeSet<Effect>,
    /// The fixes that may write to a live environment; none, unless the file says otherwise.
    pub fixes: BTreeSet<&'static str>,
    /// How many jobs may run at the same time.
    pub max_concurrent_jobs: usize,
    /// What load may not exceed.
    pub load: Limits,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow: BTreeSet::from([Effect::Read]),
            fixes: BTreeSet::new(),
            max_concurrent_jobs: 10,
            load: Limits::default(),
        }
    }
}

/// How often a check that failed or errored is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often; 0 is never.
    pub count: u32,
    /// The pause before the first retry; it doubles with each.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
    /// Whether pauses vary at random.
    pub jitter: bool,
}

impl Default for Retries {
    fn default() -> Self {
        Self { count: 0, backoff: Duration::from_secs(1), max_backoff: Duration::from_secs(30), jitter: true }
    }
}

/// How one check is run here.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
    /// How long it may take.
    pub timeout: Duration,
    /// How often it is asked again.
    pub retries: Retries,
    /// How much its findings matter.
    pub severity: Severity,
    /// Whether it decides the verdict.
    pub gate: Gate,
    /// Its parameters; what is missing takes its default.
    pub params: Value,
}

/// One environment, resolved: inheritance applied, variables filled in, every check's settings worked out.
#[derive(Clone)]
pub struct Profile {
    /// The project.
    pub project: Project,
    /// The environment's name.
    pub environment: String,
    /// What it is for, for example `capacity-target`.
    pub role: Option<String>,
    /// How many checks may run at the same time.
    pub concurrency: usize,
    /// How long the run may take.
    pub run_timeout: Option<Duration>,
    /// How many checks of a named group may run at the same time.
    pub groups: BTreeMap<String, usize>,
    /// The targets, by kind.
    pub targets: BTreeMap<String, TargetConfig>,
    /// What may be done.
    pub policy: Policy,
    /// The `sandbox` table, where the environment is a sandbox.
    pub sandbox: Option<Value>,
    /// One entry for every registered check, by id.
    pub checks: BTreeMap<&'static str, CheckSettings>,
    /// What no output may show.
    pub secrets: Vec<String>,
    /// What someone should look at.
    pub warnings: Vec<Diagnostic>,
}

impl fmt::Debug for Profile {
    /// Leaves out whatever may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("environment", &self.environment)
            .field("role", &self.role)
            .field("concurrency", &self.concurrency)
            .field("groups", &self.groups)
            .field("targets", &self.targets)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
