//! The workloads that belong to Focus Server: what they are called and how their pods are found.

use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What keeps the pods of a component running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ComponentKind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        })
    }
}

/// One workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    /// What keeps its pods running: `deployment` or `stateful-set`.
    pub(crate) kind: ComponentKind,
    /// The name of that object.
    pub(crate) name: String,
    /// The labels of its pods: `key=value`, several joined by commas.
    pub(crate) selector: Selector,
    /// The Service that leads to it, where it has one.
    #[serde(default)]
    pub(crate) service: Option<String>,
}

impl Component {
    /// Whether a pod has the labels of this component.
    pub(crate) fn owns(&self, pod: &Pod) -> bool {
        pod.metadata.labels.as_ref().is_some_and(|labels| self.selector.matches(labels))
    }
}

/// Labels that a pod must have, as `key=value,key=value`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(crate) struct Selector(BTreeMap<String, String>);

impl Selector {
    /// Whether all labels are there, with these values.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The labels, by key.
    pub(crate) const fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=')?;
            let (key, value) = (key.trim(), value.trim_start_matches('=').trim());
            let plain = |text: &str| {
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
            };
            (plain(key) && plain(value)).then(|| (key.to_owned(), value.to_owned()))
        };
        text.split(',')
            .map(pair)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no selector: write `label=value`, several joined by commas"))
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&pairs.join(","))
    }
}

/// The workloads by their short names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Components(BTreeMap<String, Component>);

impl Components {
    /// The short names with their workloads, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Component)> {
        self.0.iter().map(|(name, component)| (name.as_str(), component))
    }

    /// The workload of that short name, for example `focus-server`.
    pub(crate) fn get(&self, name: &str) -> Option<&Component> {
        self.0.get(name)
    }
}

impl Default for Components {
    fn default() -> Self {
        use ComponentKind::{Deployment, StatefulSet};
        let rows = [
            ("focus-server", Deployment, "panda-panda-focus-server", "name", true),
            ("mongodb", Deployment, "mongodb", "instance", true),
            ("rabbitmq", StatefulSet, "rabbitmq-panda", "instance", true),
            ("segy-recorder", Deployment, "panda-panda-segy-recorder", "name", false),
        ];
        let component = |kind, name: &str, label: &str, served: bool| Component {
            kind,
            name: name.to_owned(),
            selector: Selector(BTreeMap::from([(format!("app.kubernetes.io/{label}"), name.to_owned())])),
            service: served.then(|| name.to_owned()),
        };
        let rows = rows.map(|(short, kind, name, label, served)| {
            (short.to_owned(), component(kind, name, label, served))
        });
        Self(BTreeMap::from(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_wants_every_label() {
        let selector = Selector::try_from("app=grpc, tier==x".to_owned()).unwrap();
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert!(selector.matches(&labels(&[("app", "grpc"), ("tier", "x"), ("more", "y")])));
        assert!(!selector.matches(&labels(&[("app", "grpc")])));
        assert!(!selector.matches(&labels(&[("app", "grpc-job-1-1"), ("tier", "x")])));
        assert_eq!(selector.to_string(), "app=grpc,tier=x");
    }

    #[test]
    fn a_selector_that_would_match_everything_is_refused() {
        for text in ["", "app", "app=", "=x", "app=x,", "app in (x)", "app!=x"] {
            assert!(Selector::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_names_the_four_workloads() {
        let components = Components::default();
        let names: Vec<&str> = components.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["focus-server", "mongodb", "rabbitmq", "segy-recorder"]);
        let focus = components.get("focus-server").unwrap();
        assert_eq!(focus.selector.to_string(), "app.kubernetes.io/name=panda-panda-focus-server");
    }
}
