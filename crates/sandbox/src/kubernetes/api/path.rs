//! What a path asks for.

use super::access::Access;
use crate::kubernetes::kinds::{Kind, NAMESPACE};
use axum::http::Method;
use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Clone, Debug)]
pub(super) enum Path {
    Version,
    /// `/healthz`, `/livez`, `/readyz`
    Health,
    /// `/api`, `/apis` and what stands below, down to a group and version.
    Discovery(Vec<String>),
    /// `/openapi/v3` and what stands below.
    OpenApi(Vec<String>),
    /// Objects of the store.
    Objects(Target),
    /// What the kubelets measure: `nodes` or `pods`.
    Metrics(MetricsTarget),
    /// A question about the asker's own rights.
    Review(String),
}

/// Objects, one object, or something of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    /// None for cluster scope, and for all namespaces.
    pub(super) namespace: Option<String>,
    /// None for all of them.
    pub(super) name: Option<String>,
    /// Empty for the object itself.
    pub(super) subresource: String,
}

/// Figures of nodes or pods.
#[derive(Clone, Debug)]
pub(super) struct MetricsTarget {
    /// `nodes` or `pods`.
    pub(super) plural: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

/// The group of the figures.
pub(super) const METRICS: &str = "metrics.k8s.io";
/// The group of questions about rights.
pub(super) const AUTHORIZATION: &str = "authorization.k8s.io";

impl Path {
    /// Reads a path; none, where there is nothing under it.
    pub(super) fn read(path: &str) -> Option<Self> {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let texts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match texts[..] {
            ["version"] => Some(Self::Version),
            ["healthz" | "livez" | "readyz", ..] => Some(Self::Health),
            ["openapi", "v3", ..] => Some(Self::OpenApi(parts[2..].to_vec())),
            ["api" | "apis"] | ["api", "v1"] | ["apis", _] | ["apis", _, _] => Some(Self::Discovery(parts)),
            ["api", version, ref rest @ ..] => Self::resource("", version, rest),
            ["apis", group, version, ref rest @ ..] => Self::resource(group, version, rest),
            _ => None,
        }
    }

    fn resource(group: &str, version: &str, rest: &[&str]) -> Option<Self> {
        let (namespace, rest) = match rest {
            // A namespace by itself, and what it has of its own, is an object as any other.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
            _ => (None, rest),
        };
        let (plural, rest) = rest.split_first()?;
        let name = rest.first().map(|&name| name.to_owned());
        let subresource = rest.get(1..).unwrap_or_default().join("/");
        if group == METRICS && version == "v1beta1" {
            let is_known = subresource.is_empty() && matches!(*plural, "nodes" | "pods");
            let target = MetricsTarget { plural: (*plural).to_owned(), namespace, name };
            return is_known.then_some(Self::Metrics(target));
        }
        if group == AUTHORIZATION {
            return (version == "v1" && name.is_none()).then(|| Self::Review((*plural).to_owned()));
        }
        let kind = Kind::served(group, version, plural)?;
        let is_possible = kind.namespaced || namespace.is_none();
        is_possible.then_some(Self::Objects(Target { kind, namespace, name, subresource }))
    }

    /// The right that a request needs; none, where everyone who is known may ask.
    pub(super) fn access(&self, method: &Method, is_watch: bool) -> Option<Access> {
        let (group, resource, subresource, namespace, name) = match self {
            Self::Objects(Target { kind, namespace, name, subresource }) => {
                (kind.group, kind.plural, subresource.as_str(), namespace, name)
            }
            Self::Metrics(MetricsTarget { plural, namespace, name }) => {
                (METRICS, plural.as_str(), "", namespace, name)
            }
            _ => return None,
        };
        let verb = match (method.as_str(), name.is_some()) {
            ("GET" | "HEAD", _) if is_watch => "watch",
            ("GET" | "HEAD", true) => "get",
            ("GET" | "HEAD", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            _ => "deletecollection",
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Some(Access {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: text(namespace),
            name: text(name),
        })
    }
}

impl Target {
    /// The namespace of one object; empty for cluster scope.
    pub(super) fn place(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// Whether it is about a namespace itself.
    pub(super) fn is_namespace(&self) -> bool {
        self.kind == &NAMESPACE
    }
}
