//! What can be said of a name: a page for each thing that is called so.

use crate::project::{Project, jira_link};
use crate::verbs::list::views::{self, EffectGroup, Environment, Group, Helper, Suite, Target};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shakedown_config::{CheckSettings, Outline};
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, Gate, Registry, Severity};
use std::collections::BTreeMap;

/// What is said of one thing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Page {
    /// A check.
    Check(Box<CheckPage>),
    /// A fix.
    Fix(FixPage),
    /// A fault of the sandbox.
    Fault(FaultPage),
    /// An incident that the sandbox can replay.
    Incident(views::Incident),
    /// What a check reports.
    Finding(FindingPage),
    /// A suite of the configuration.
    Suite(Suite),
    /// A tag.
    Tag(Group),
    /// A Jira key.
    Key(Group),
    /// What a check does to its target.
    Effect(EffectGroup),
    /// An environment of the configuration.
    Environment(Environment),
    /// A kind of target.
    Target(Target),
    /// What gathers evidence of a target when a check has failed.
    Collector(Helper),
    /// What looks at a target under load.
    Observer(Helper),
    /// What the program ends with.
    ExitCode(ExitPage),
}

/// The page of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckPage {
    #[serde(flatten)]
    pub(crate) check: views::Check,
    /// What it asks, why it matters, how to mend it.
    pub(crate) docs: String,
    /// The line in its file.
    pub(crate) line: u32,
    /// How long it may take, in seconds, where the environment's default is not enough.
    pub(crate) timeout_s: Option<f64>,
    /// The role of the environments in which it decides; in others it is informational.
    pub(crate) required_in: Option<&'static str>,
    /// The checks that require it.
    pub(crate) required_by: Vec<&'static str>,
    /// The suites that select it; none, where there is no configuration that can be read.
    pub(crate) suites: Option<Vec<String>>,
    /// The fixes that mend what it finds.
    pub(crate) fixes: Vec<&'static str>,
    /// The addresses of its Jira keys, where the configuration says where Jira is.
    pub(crate) links: BTreeMap<&'static str, String>,
    /// What can be set.
    pub(crate) parameters: Vec<Parameter>,
    /// How it is asked in the environment that was named.
    pub(crate) in_force: Option<InForce>,
}

/// A parameter of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: String,
    /// What it takes, in words.
    #[serde(rename = "type")]
    pub(crate) takes: String,
    /// What it is unless it is set.
    pub(crate) default: Value,
    /// What it is for.
    pub(crate) description: String,
    /// What it is in the environment that was named; one that stands on a variable is as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
}

/// How a check is asked in an environment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InForce {
    /// The environment.
    pub(crate) environment: String,
    /// How much a failure matters there.
    pub(crate) severity: Severity,
    /// Whether a failure decides the verdict there.
    #[serde(flatten)]
    pub(crate) gate: Gate,
    /// How long it may take there, in seconds.
    pub(crate) timeout_s: f64,
    /// How often it is asked again there.
    pub(crate) retries: u32,
    /// Whether the policy allows its effect.
    pub(crate) allowed: bool,
}

/// The page of a fix.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FixPage {
    #[serde(flatten)]
    pub(crate) fix: views::Fix,
    /// The environments whose policy lets it write; the sandbox always does.
    pub(crate) allowed_in: Option<Vec<String>>,
}

/// The page of a fault.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FaultPage {
    #[serde(flatten)]
    pub(crate) fault: views::Fault,
    /// The checks that prove themselves by it, and what they find.
    pub(crate) proves: Vec<Found>,
    /// The fixes that prove themselves by it.
    pub(crate) mended_by: Vec<&'static str>,
    /// The incidents that turn it on.
    pub(crate) incidents: Vec<&'static str>,
}

/// A check under a fault.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The check.
    pub(crate) check: &'static str,
    /// The fault.
    pub(crate) fault: &'static str,
    /// The code of what it finds.
    pub(crate) finding: &'static str,
}

/// The page of a finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FindingPage {
    /// Its code.
    pub(crate) code: String,
    /// The checks that are proven to report it, and under which fault.
    pub(crate) reported_by: Vec<Found>,
}

/// The page of an exit code.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExitPage {
    /// The code.
    pub(crate) code: u8,
    /// The sentence that a summary ends with.
    pub(crate) meaning: &'static str,
    /// When that is so, and what to do then.
    pub(crate) docs: &'static str,
}

/// What pages are made of.
pub(super) struct Library<'a> {
    pub(super) registry: &'a Registry,
    /// Where there is a configuration that can be read.
    pub(super) project: Option<&'a Project>,
    /// The environment that was named, by its name.
    pub(super) outline: Option<(&'a str, Outline)>,
}

impl Library<'_> {
    /// The page of a check.
    pub(super) fn check(&self, spec: &'static CheckSpec) -> CheckPage {
        let settings = self.outline.as_ref().and_then(|(_, outline)| outline.checks.get(spec.id));
        let requiring = self.registry.checks().iter().filter(|other| other.requires.contains(&spec.id));
        let mending = self.registry.fixes().iter().filter(|fix| fix.check == spec.id);
        let link = |key: &&'static str| Some((*key, jira_link(self.project?.config.project(), key)?));
        CheckPage {
            check: spec.into(),
            docs: spec.docs.text(),
            line: spec.source.line,
            timeout_s: spec.timeout.map(|timeout| timeout.as_secs_f64()),
            required_in: spec.required_in,
            required_by: requiring.map(|other| other.id).collect(),
            suites: self.project.map(|project| {
                let suites = project.config.suites().iter();
                let selecting = suites.filter(|(_, suite)| suite.selection.selects(spec, spec.severity));
                selecting.map(|(name, _)| name.clone()).collect()
            }),
            fixes: mending.map(|fix| fix.id).collect(),
            links: spec.keys.iter().filter_map(link).collect(),
            parameters: parameters(&(spec.schema)().to_value(), settings),
            in_force: settings.and_then(|settings| self.in_force(spec, settings)),
        }
    }

    fn in_force(&self, spec: &CheckSpec, settings: &CheckSettings) -> Option<InForce> {
        let (environment, outline) = self.outline.as_ref()?;
        Some(InForce {
            environment: (*environment).to_owned(),
            severity: settings.severity,
            gate: settings.gate.clone(),
            timeout_s: settings.timeout.as_secs_f64(),
            retries: settings.retries.count,
            allowed: outline.policy.allow.contains(&spec.effect),
        })
    }

    /// The checks that are proven in this way.
    pub(super) fn found(&self, is_wanted: impl Fn(&shakedown_core::Proof) -> bool) -> Vec<Found> {
        let checks = self.registry.checks().iter();
        let proofs = checks.flat_map(|spec| spec.proofs.iter().map(|proof| (spec.id, proof)));
        proofs
            .filter(|(_, proof)| is_wanted(proof))
            .map(|(check, proof)| Found { check, fault: proof.fault, finding: proof.finding })
            .collect()
    }
}

/// What can be set of a check, from its schema.
fn parameters(schema: &Value, settings: Option<&CheckSettings>) -> Vec<Parameter> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let parameter = |(name, property): (&String, &Value)| Parameter {
        name: name.clone(),
        takes: takes(property, schema),
        default: property["default"].clone(),
        description: property["description"].as_str().unwrap_or_default().replace('\n', " "),
        value: settings.map(|settings| settings.params.get(name).unwrap_or(&property["default"]).clone()),
    };
    properties.map(parameter).collect()
}

/// What a value may be, in words.
fn takes(property: &Value, root: &Value) -> String {
    let referred = property["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?));
    if let Some(definition) = referred {
        return takes(definition, root);
    }
    let alternatives = ["enum", "oneOf", "anyOf"].into_iter().find_map(|key| property[key].as_array());
    if let Some(alternatives) = alternatives {
        let word = |value: &Value| match value {
            Value::Object(_) if value["const"].is_null() => takes(value, root),
            Value::Object(_) => value["const"].to_string(),
            plain => plain.to_string(),
        };
        return alternatives.iter().map(word).collect::<Vec<_>>().join(" or ");
    }
    let one = |kind: &str| match kind {
        "string" if property["pattern"].as_str().is_some_and(|pattern| pattern.contains("\\d+")) => {
            "duration".to_owned()
        }
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list: {}", takes(&property["items"], root)),
        "null" => "nothing".to_owned(),
        other => other.to_owned(),
    };
    match &property["type"] {
        Value::String(kind) => one(kind),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

/// The page of an exit code.
pub(super) fn exit(code: u8) -> Option<ExitPage> {
    let exit = *Exit::ALL.iter().find(|exit| exit.code() == code)?;
    Some(ExitPage { code, meaning: exit.meaning(), docs: told(exit) })
}

/// When the program ends so, and what to do then.
pub(crate) const fn told(exit: Exit) -> &'static str {
    match exit {
        Exit::Fit => "Every required check passed or warned. Warnings stand in the summary all the same.",
        Exit::Failed => {
            "A required check failed: the answer is no. The summary begins with what to do, worst first."
        }
        Exit::Usage => {
            "The command line or the configuration is wrong, and nothing was run. `validate` names everything that \
             is wrong with `checks.toml`."
        }
        Exit::Errored => {
            "A required check has no answer, so nobody knows. `doctor --env NAME` tells of each target whether it can \
             be reached, and with which rights."
        }
        Exit::Nothing => {
            "Nothing was selected, or everything was skipped. `plan --env NAME` says why each check would not run."
        }
        Exit::Report => {
            "The checks are fine, but a report could not be written, or an upload has failed. `report` writes the \
             reports of a run again, `upload` sends them again."
        }
        Exit::Interrupted => {
            "The run was ended early. What it had created is removed, and its reports say how far it came; \
             `run --resume` goes on with it."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_told_in_words() {
        let root = json!({ "$defs": { "Shape": { "oneOf": [{ "const": "any" }, { "const": "flat" }] } } });
        for (schema, words) in [
            (json!({ "type": "string", "pattern": "^(\\d+[a-z]+)+$" }), "duration"),
            (json!({ "type": ["number", "null"] }), "number or nothing"),
            (json!({ "$ref": "#/$defs/Shape" }), "\"any\" or \"flat\""),
            (json!({ "type": "array", "items": { "type": "integer" } }), "list: whole number"),
            (json!({}), "anything"),
        ] {
            assert_eq!(takes(&schema, &root), words, "{schema}");
        }
    }
}
