//! What programs read of what is registered and configured.

use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::collect::CollectorSpec;
use shakedown_core::event::ProofInfo;
use shakedown_core::sandbox::{FaultSpec, IncidentSpec};
use shakedown_core::{CheckSpec, Effect, FixSpec, ObserverSpec, Severity};

/// Everything that is registered of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// Its id.
    pub(crate) id: &'static str,
    /// The plugin that it belongs to.
    pub(crate) plugin: &'static str,
    /// One line that says what is asked.
    pub(crate) title: &'static str,
    /// The first paragraph of its page.
    pub(crate) summary: String,
    /// How much a failure matters, unless the configuration says otherwise.
    pub(crate) severity: Severity,
    /// What running it does to the target.
    pub(crate) effect: Effect,
    /// Whether a failure decides the verdict, unless the configuration says otherwise: `required` or `informational`.
    pub(crate) gate: &'static str,
    /// The kind of the target that it talks to.
    pub(crate) target: Option<&'static str>,
    /// The kinds of further targets that it talks to.
    pub(crate) also: &'static [&'static str],
    /// The Jira keys that it answers for.
    pub(crate) keys: &'static [&'static str],
    /// Its tags.
    pub(crate) tags: &'static [&'static str],
    /// The checks that must have passed before.
    pub(crate) requires: &'static [&'static str],
    /// The named group whose concurrency the configuration can limit.
    pub(crate) group: Option<&'static str>,
    /// Whether nothing else runs beside it.
    pub(crate) alone: bool,
    /// The faults that it was seen to find.
    pub(crate) proofs: Vec<ProofInfo>,
    /// The file that implements it.
    pub(crate) file: &'static str,
    /// The JSON Schema of its parameters.
    pub(crate) params: serde_json::Value,
}

impl From<&CheckSpec> for Check {
    fn from(spec: &CheckSpec) -> Self {
        Self {
            id: spec.id,
            plugin: spec.plugin(),
            title: spec.title,
            summary: spec.docs.summary(),
            severity: spec.severity,
            effect: spec.effect,
            gate: spec.gate.as_str(),
            target: spec.target,
            also: spec.also,
            keys: spec.keys,
            tags: spec.tags,
            requires: spec.requires,
            group: spec.group,
            alone: spec.runs_alone(),
            proofs: spec.proofs.iter().map(ProofInfo::from).collect(),
            file: spec.source.file,
            params: (spec.schema)().to_value(),
        }
    }
}

/// Everything that is registered of a fix.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Fix {
    /// Its id.
    pub(crate) id: &'static str,
    /// One line that says what it does.
    pub(crate) title: &'static str,
    /// The check whose findings it mends.
    pub(crate) check: &'static str,
    /// The kind of the target that it writes to.
    pub(crate) target: &'static str,
    /// The fix in whose place it is used, when it is asked for by name.
    pub(crate) instead_of: Option<&'static str>,
    /// The faults that it was seen to mend.
    pub(crate) proofs: &'static [&'static str],
    /// The file that implements it.
    pub(crate) file: &'static str,
    /// Its page.
    pub(crate) docs: String,
}

impl From<&FixSpec> for Fix {
    fn from(spec: &FixSpec) -> Self {
        Self {
            id: spec.id,
            title: spec.title,
            check: spec.check,
            target: spec.target,
            instead_of: spec.instead_of,
            proofs: spec.proofs,
            file: spec.source.file,
            docs: spec.docs.text(),
        }
    }
}

/// How the sandbox can be broken.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Faults {
    /// One thing that goes wrong each.
    pub(crate) faults: Vec<Fault>,
    /// Several at once, as it happened.
    pub(crate) incidents: Vec<Incident>,
}

/// One thing that can go wrong in the sandbox.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Fault {
    /// Its id.
    pub(crate) id: &'static str,
    /// The part of the sandbox that it breaks.
    pub(crate) part: &'static str,
    /// The Jira keys of the defects that it reproduces.
    pub(crate) keys: &'static [&'static str],
    /// What it does.
    pub(crate) docs: String,
}

impl From<&FaultSpec> for Fault {
    fn from(spec: &FaultSpec) -> Self {
        Self { id: spec.id, part: spec.part, keys: spec.keys, docs: spec.docs.text() }
    }
}

/// Faults that replay something that happened.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Incident {
    /// Its id.
    pub(crate) id: &'static str,
    /// The faults that it turns on.
    pub(crate) faults: &'static [&'static str],
    /// What happened.
    pub(crate) docs: String,
}

impl From<&IncidentSpec> for Incident {
    fn from(spec: &IncidentSpec) -> Self {
        Self { id: spec.id, faults: spec.faults, docs: spec.docs.text() }
    }
}

/// A word by which checks are found, and those that it finds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Group {
    /// The Jira key or the tag.
    pub(crate) name: &'static str,
    /// The address of its page, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    /// The checks.
    pub(crate) checks: Vec<&'static str>,
}

/// What checks do to a target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EffectGroup {
    /// The effect.
    pub(crate) effect: Effect,
    /// What that means.
    pub(crate) meaning: &'static str,
    /// The environments whose policy allows it.
    pub(crate) allowed_in: Vec<String>,
    /// The checks that have it.
    pub(crate) checks: Vec<&'static str>,
}

/// A suite of `checks.toml`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Suite {
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) description: Option<String>,
    /// The selection, as it is written.
    pub(crate) select: String,
    /// What it selects.
    pub(crate) checks: Vec<&'static str>,
}

/// An environment of `checks.toml`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Environment {
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) role: Option<String>,
    /// Whether it is the embedded sandbox.
    pub(crate) sandbox: bool,
    /// The kinds of the targets that it configures.
    pub(crate) targets: Vec<String>,
    /// The effects that its policy allows.
    pub(crate) allow: Vec<Effect>,
}

/// Something that a plugin brings beside its checks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Helper {
    /// Its id.
    pub(crate) id: &'static str,
    /// The kind of the target that it looks at.
    pub(crate) target: &'static str,
    /// What it does.
    pub(crate) docs: String,
    /// The file that implements it.
    pub(crate) file: &'static str,
}

impl From<&CollectorSpec> for Helper {
    fn from(spec: &CollectorSpec) -> Self {
        Self { id: spec.id, target: spec.target, docs: spec.docs.text(), file: spec.source.file }
    }
}

impl From<&ObserverSpec> for Helper {
    fn from(spec: &ObserverSpec) -> Self {
        Self { id: spec.id, target: spec.target, docs: spec.docs.text(), file: spec.source.file }
    }
}

/// A kind of target.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Target {
    /// The kind.
    pub(crate) kind: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// The environments that configure it; the sandbox provides all of its parts unasked.
    pub(crate) environments: Vec<String>,
    /// Whether the sandbox can stand in for it.
    pub(crate) in_sandbox: bool,
    /// How many checks talk to it.
    pub(crate) checks: usize,
    /// The file that implements it.
    pub(crate) file: &'static str,
    /// The JSON Schema of its settings.
    pub(crate) settings: serde_json::Value,
}
