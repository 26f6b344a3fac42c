//! A check: what a plugin author implements, and what is registered about it.

use crate::context::Context;
use crate::level::{Effect, Gate, Severity};
use crate::target::TargetError;
use crate::text::first_paragraph;
use crate::verdict::Verdict;
use async_trait::async_trait;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// A question to an environment.
///
/// An implementation reads neither the environment, the clock nor a global: everything it may use is in the
/// [`Context`]. It is dropped at its next `await` when its deadline passes or the run is interrupted.
///
/// It is declared by [`register_check!`](crate::register_check), where a whole one stands as an example.
#[async_trait]
pub trait Check: Send + Sync {
    /// Asks the question.
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError>;
}

/// Why a check has no answer. Neither kind is ever a pass.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// The question does not arise here: the check is skipped, with this reason.
    #[error("{0}")]
    NotApplicable(String),
    /// There was nothing to examine.
    #[error("{0}")]
    NoData(String),
    /// The target could not be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The check could not make sense of what it saw, or could not do its work.
    #[error("{0}")]
    Unclear(String),
}

impl CheckError {
    /// See [`CheckError::NotApplicable`].
    pub fn not_applicable(reason: impl fmt::Display) -> Self {
        Self::NotApplicable(reason.to_string())
    }

    /// See [`CheckError::NoData`].
    pub fn no_data(what: impl fmt::Display) -> Self {
        Self::NoData(what.to_string())
    }

    /// See [`CheckError::Unclear`].
    pub fn unclear(why: impl fmt::Display) -> Self {
        Self::Unclear(why.to_string())
    }
}

/// The parameters of a check: a table `params` in an override, with a default for every key.
///
/// Derive `Deserialize`, `Serialize`, `JsonSchema`, and put `#[serde(default, deny_unknown_fields)]` on the struct.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use shakedown_core::{HumanDuration, Params, check::read_params};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(default, deny_unknown_fields)]
/// struct Wait {
///     /// How often to look.
///     times: u32,
///     /// How long to wait in between.
///     every: HumanDuration,
/// }
///
/// impl Default for Wait {
///     fn default() -> Self {
///         Self { times: 3, every: HumanDuration::millis(500) }
///     }
/// }
///
/// impl Params for Wait {
///     fn validate(&self) -> Result<(), String> {
///         if self.times == 0 { Err("`times` is 0, but one look is needed".to_owned()) } else { Ok(()) }
///     }
/// }
///
/// let wait: Wait = read_params(&serde_json::json!({ "every": "2s" }))?;
/// assert_eq!((wait.times, wait.every), (3, HumanDuration::secs(2)));
/// assert!(read_params::<Wait>(&serde_json::json!({ "times": 0 })).is_err());
/// assert!(read_params::<Wait>(&serde_json::json!({ "tmies": 3 })).is_err());
/// # Ok::<(), String>(())
/// ```
pub trait Params: DeserializeOwned + Serialize + JsonSchema + Default + Send + Sync + 'static {
    /// What the types cannot say, for example that one bound must not exceed another.
    ///
    /// # Errors
    /// A sentence for the user.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The parameters of a check that has none.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

impl Params for NoParams {}

/// Reads and validates parameters; what the registration macro calls.
///
/// # Errors
/// What is wrong, in words for the user.
pub fn read_params<P: Params>(value: &Value) -> Result<P, String> {
    let params = P::deserialize(value).map_err(|error| error.to_string())?;
    params.validate()?;
    Ok(params)
}

/// Where something was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The crate.
    pub package: &'static str,
    /// The file, relative to the workspace.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.package, self.file, self.line)
    }
}

/// A fault that makes the check fail, and the finding it must then report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The id of the fault.
    pub fault: &'static str,
    /// The code of the finding.
    pub finding: &'static str,
}

/// `fault("mongo.index-missing", "index-missing")`: under that fault, that finding.
pub const fn fault(fault: &'static str, finding: &'static str) -> Proof {
    Proof { fault, finding }
}

/// The documentation of a check, as written above its registration.
#[derive(Clone, Copy, Debug)]
pub struct Docs(pub &'static str);

impl Docs {
    /// The text, without the blank that follows `///`.
    pub fn text(self) -> String {
        let lines: Vec<&str> = self.0.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        lines.join("\n").trim().to_owned()
    }

    /// The first paragraph, on one line.
    pub fn summary(self) -> String {
        first_paragraph(&self.text())
    }
}

/// A registered check: const data and factories. No code of a plugin runs before `main`.
pub struct CheckSpec {
    /// Stable id, `plugin.group.name`; the first segment is the plugin's name.
    pub id: &'static str,
    /// One line that says what is asked.
    pub title: &'static str,
    /// How much a failure matters, unless a finding or the configuration says otherwise.
    pub severity: Severity,
    /// What running it does to the target.
    pub effect: Effect,
    /// The target's kind, where it talks to one.
    pub target: Option<&'static str>,
    /// The kinds of further targets that it talks to.
    pub also: &'static [&'static str],
    /// Jira keys that it answers for.
    pub keys: &'static [&'static str],
    /// Tags to select it by.
    pub tags: &'static [&'static str],
    /// Checks that must have passed before.
    pub requires: &'static [&'static str],
    /// A named group whose concurrency the configuration can limit.
    pub group: Option<&'static str>,
    /// Whether nothing else may run beside it. Load and disruption always run alone.
    pub alone: bool,
    /// Whether a failure decides the verdict, unless the configuration says otherwise.
    pub gate: Gate,
    /// The role of the environments in which it decides; in others it is informational, unless the configuration says
    /// otherwise.
    pub required_in: Option<&'static str>,
    /// How long it may take, where the environment's default is not enough.
    pub timeout: Option<Duration>,
    /// The faults it was seen to find. The healthy target and the target that is away are proven for every check.
    pub proofs: &'static [Proof],
    /// What it asks, why it matters, how to mend it.
    pub docs: Docs,
    /// Where it is registered.
    pub source: Source,
    /// The JSON Schema of its parameters.
    pub schema: fn() -> Schema,
    /// Builds it with these parameters (an object; missing keys take their defaults).
    pub build: fn(&Value) -> Result<Box<dyn Check>, String>,
}

impl CheckSpec {
    /// The plugin: the first segment of the id.
    pub fn plugin(&self) -> &'static str {
        crate::id::plugin_of(self.id)
    }

    /// The kinds of all targets that it talks to, its own first.
    pub fn targets(&self) -> impl Iterator<Item = &'static str> {
        self.target.into_iter().chain(self.also.iter().copied())
    }

    /// Whether nothing else may run beside it.
    pub const fn runs_alone(&self) -> bool {
        self.alone || matches!(self.effect, Effect::Load | Effect::Disrupt)
    }
}

impl fmt::Debug for CheckSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckSpec")
            .field("id", &self.id)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

inventory::collect!(CheckSpec);
