//! The settings of every check: what it was registered with, then each override that selects it, then its waiver.

use crate::diagnostic::Problems;
use crate::environment::{Environment, Override, RetriesPatch};
use crate::fields::Fields;
use crate::hint::{hint, list};
use crate::profile::{CheckSettings, Retries};
use crate::tree::{Entry, Table, Value};
use serde_json::{Map, Value as Json};
use shakedown_core::{CheckSpec, Gate, Registry};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// How long a check may take, where neither it nor the environment says.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More checks than this are counted, not named.
const MOST_NAMED: usize = 3;

/// A check's parameters so far, by key.
type Params<'a> = BTreeMap<&'a str, &'a Entry>;

/// Works out every check's settings, and notes parameters that a check does not take.
pub(crate) fn settings(
    environment: &Environment<'_>,
    registry: &Registry,
    problems: &mut Problems,
) -> BTreeMap<&'static str, CheckSettings> {
    let retries = environment.retries.over(Retries::default());
    let default = |spec: &CheckSpec| CheckSettings {
        timeout: spec.timeout.or(environment.timeout).unwrap_or(TIMEOUT),
        retries,
        severity: spec.severity,
        gate: match spec.required_in {
            Some(role) if environment.role.as_deref() != Some(role) => Gate::Informational,
            _ => spec.gate.clone(),
        },
        params: Json::Object(Map::new()),
    };
    let mut checks: BTreeMap<&'static str, CheckSettings> =
        registry.checks().iter().map(|spec| (spec.id, default(spec))).collect();
    let mut params: BTreeMap<&'static str, Params<'_>> = BTreeMap::new();
    for change in &environment.overrides {
        let Some(selection) = &change.selection else { continue };
        let selected: Vec<&'static CheckSpec> =
            registry.checks().iter().copied().filter(|spec| selection.selects(spec, spec.severity)).collect();
        for spec in &selected {
            if let Some(settings) = checks.get_mut(spec.id) {
                apply(change, settings);
            }
        }
        if let Some((table, span)) = change.params {
            add_params(table, span, &selected, &mut params, problems);
        }
    }
    for (id, params) in params {
        if let Some(settings) = checks.get_mut(id) {
            let object: Map<_, _> =
                params.into_iter().map(|(key, entry)| (key.to_owned(), value(entry))).collect();
            settings.params = Json::Object(object);
        }
    }
    checks
}

/// A parameter's value; one that stands on a variable, before that is known, as it is written.
fn value(entry: &Entry) -> Json {
    match &entry.node.value {
        Value::Template(_) => Json::String(entry.node.shown()),
        _ => entry.node.to_json(),
    }
}

fn apply(change: &Override<'_>, settings: &mut CheckSettings) {
    settings.timeout = change.timeout.unwrap_or(settings.timeout);
    settings.retries = change.retries.over(settings.retries);
    settings.severity = change.severity.unwrap_or(settings.severity);
    if let Some(gate) = &change.gate {
        settings.gate = gate.clone();
    }
}

impl RetriesPatch {
    fn over(self, retries: Retries) -> Retries {
        Retries {
            count: self.count.unwrap_or(retries.count),
            backoff: self.backoff.unwrap_or(retries.backoff),
            max_backoff: self.max_backoff.unwrap_or(retries.max_backoff),
            jitter: self.jitter.unwrap_or(retries.jitter),
        }
    }
}

/// Adds an override's parameters to those of the checks it selects. Keys that not each of them knows are noted, and
/// values that one of them does not accept.
fn add_params<'a>(
    table: &'a Table,
    span: &Range<usize>,
    selected: &[&'static CheckSpec],
    params: &mut BTreeMap<&'static str, Params<'a>>,
    problems: &mut Problems,
) {
    let fields: Vec<(&CheckSpec, Fields)> =
        selected.iter().map(|spec| (*spec, Fields::new((spec.schema)()))).collect();
    for (key, entry) in &table.0 {
        let lacking: Vec<&str> =
            fields.iter().filter(|(_, fields)| !fields.has(key)).map(|(spec, _)| spec.id).collect();
        if !lacking.is_empty() {
            let problem =
                problems.error(&entry.key, format!("unknown parameter `{key}` of {}", some(&lacking)));
            if lacking.len() < fields.len() {
                problem.help("every selected check must have it: narrow `select`");
            } else if let Some(hint) = hint(key, fields.iter().flat_map(|(_, fields)| fields.names())) {
                problem.help(hint);
            }
        }
    }
    for (spec, fields) in &fields {
        let params = params.entry(spec.id).or_default();
        let known = table.0.iter().filter(|(key, _)| fields.has(key));
        params.extend(known.map(|(key, entry)| (key.as_str(), entry)));
        let readable: Vec<(&str, &Entry)> = params
            .iter()
            .filter(|(_, entry)| !entry.node.is_open())
            .map(|(key, entry)| (*key, *entry))
            .collect();
        let accept = |value: &Json| (spec.build)(value).map(drop);
        fields.wrong_values(&readable, span, &format!("`params` of `{}`", spec.id), &accept, problems);
    }
}

/// The first few of some checks.
fn some(ids: &[&str]) -> String {
    let more = ids.len().saturating_sub(MOST_NAMED);
    let named = list(ids.iter().copied().take(MOST_NAMED));
    if more > 0 { format!("{named} and {more} more") } else { named }
}
