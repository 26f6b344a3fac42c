//! The tables below `targets`: the target's own settings, and what every target takes.

use crate::diagnostic::Problems;
use crate::environment::{SANDBOX_URI, read_target_keys};
use crate::fields::Fields;
use crate::profile::TargetConfig;
use crate::reader::Reader;
use crate::secrets::{is_harmless, password};
use crate::tree::{Node, Table, Value};
use serde_json::Value as Json;
use shakedown_core::{Registry, TargetSpec};
use std::time::Duration;

/// How long connecting may take, unless the file says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys that every target takes.
pub(crate) const COMMON_KEYS: [&str; 3] = ["connect_timeout", "identity", "unreachable"];

/// Reads a target's table. What is missing is an error only if the table is `complete`.
pub(crate) fn read(
    spec: &TargetSpec,
    node: &Node,
    complete: bool,
    problems: &mut Problems,
) -> Option<TargetConfig> {
    let place = format!("target `{}`", spec.kind);
    let reader = Reader::of(node, &place, problems)?;
    let common = read_target_keys(&reader, problems);
    let table = node.table()?;
    let own = Table(
        table
            .0
            .iter()
            .filter(|(key, _)| !COMMON_KEYS.contains(&key.as_str()))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect(),
    );
    let fields = Fields::new((spec.schema)());
    fields.unknown_keys(&own, &place, &COMMON_KEYS, problems);
    if complete {
        fields.missing_keys(&own, &node.span, &place, problems);
    }
    let literal: Vec<_> =
        fields.secrets(&own).into_iter().filter(|(_, node)| is_literal_secret(node)).collect();
    for (path, node) in &literal {
        refuse_literal(path, node, problems);
    }
    let holds_secret = |node: &Node| {
        literal
            .iter()
            .any(|(_, secret)| node.span.start <= secret.span.start && secret.span.end <= node.span.end)
    };
    let readable: Vec<(&str, _)> = own
        .0
        .iter()
        .filter(|(key, entry)| fields.has(key) && !entry.node.is_open() && !holds_secret(&entry.node))
        .map(|(key, entry)| (key.as_str(), entry))
        .collect();
    fields.wrong_values(&readable, &node.span, &place, &spec.validate, problems);
    Some(TargetConfig {
        settings: Json::Object(own.to_json()),
        connect_timeout: common.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        identity: common.identity,
        unreachable: common.unreachable,
    })
}

/// Notes a secret that stands in the file, and keeps it out of every message.
pub(crate) fn refuse_literal(path: &str, node: &Node, problems: &mut Problems) {
    if is_literal_secret(node) {
        problems.hide(&node.span);
        problems
            .error(&node.span, format!("the secret `{path}` stands in the file"))
            .help("write it as `${VARIABLE}` or `${file:/path}`");
    }
}

/// Whether a secret field holds its secret in clear: anything but a URL without a password.
fn is_literal_secret(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => !is_harmless(text),
        Value::Template(template) => {
            // A password that is itself interpolated is not seen as one.
            const UNKNOWN: &str = "${}";
            let sketch = template.sketch(UNKNOWN);
            if sketch.contains(UNKNOWN) { password(&sketch).is_some() } else { !is_harmless(&sketch) }
        }
        _ => false,
    }
}

/// The values of secret fields of an environment that came from outside the file.
pub(crate) fn secrets(environment: &Table, registry: &Registry) -> Vec<String> {
    let table = |key| environment.get(key).and_then(|entry| entry.node.table());
    let mut nodes: Vec<&Node> = Vec::new();
    nodes.extend(table("sandbox").and_then(|sandbox| sandbox.get(SANDBOX_URI)).map(|entry| &entry.node));
    for (kind, entry) in table("targets").into_iter().flat_map(|targets| &targets.0) {
        if let (Some(spec), Some(table)) = (registry.target(kind), entry.node.table()) {
            nodes.extend(Fields::new((spec.schema)()).secrets(table).into_iter().map(|(_, node)| node));
        }
    }
    let mut secrets = Vec::new();
    for node in nodes {
        if let Value::Filled(filled) = &node.value {
            secrets.push(filled.text.clone());
            // A list of hosts is not a URL to everyone; its password is a secret all the same.
            secrets.extend(password(&filled.text).map(str::to_owned));
        }
    }
    secrets
}
