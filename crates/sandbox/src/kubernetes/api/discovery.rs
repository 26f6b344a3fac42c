//! What the API says of itself: its version, its groups, their resources.

use super::path::{AUTHORIZATION, METRICS};
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::{KINDS, Kind, POD, group_version};
use serde_json::{Value, json};

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PART_VERBS: &[&str] = &["get", "patch", "update"];

/// What `/version` says.
pub(super) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "32",
        "gitVersion": "v1.32.4+shakedown",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2025-04-22T16:03:58Z",
        "goVersion": "go1.23.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// What stands under `/api` and `/apis`, down to the resources of a group and version.
pub(super) fn answer(path: &[String]) -> Result<Value, ApiError> {
    let texts: Vec<&str> = path.iter().map(String::as_str).collect();
    match texts[..] {
        ["api"] => Ok(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        ["api", version] => resources("", version),
        ["apis"] => {
            let groups: Vec<Value> =
                groups().into_iter().map(|(name, version)| group(name, version)).collect();
            Ok(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", name] => {
            let found = groups().into_iter().find(|(known, _)| *known == name);
            let (name, version) = found.ok_or_else(ApiError::no_such_path)?;
            let mut answer = group(name, version);
            answer["kind"] = json!("APIGroup");
            answer["apiVersion"] = json!("v1");
            Ok(answer)
        }
        ["apis", group, version] => resources(group, version),
        _ => Err(ApiError::no_such_path()),
    }
}

/// All groups but the core one, each with its version.
pub(super) fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups: Vec<_> =
        KINDS.iter().filter(|kind| !kind.group.is_empty()).map(|kind| (kind.group, kind.version)).collect();
    groups.extend([(AUTHORIZATION, "v1"), (METRICS, "v1beta1")]);
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn group(name: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": group_version(name, version), "version": version });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn resources(group: &str, version: &str) -> Result<Value, ApiError> {
    let resources: Vec<Value> = match (group, version) {
        (AUTHORIZATION, "v1") => ["SelfSubjectAccessReview", "SelfSubjectRulesReview"]
            .iter()
            .map(|kind| resource(&format!("{}s", kind.to_lowercase()), kind, false, &["create"]))
            .collect(),
        (METRICS, "v1beta1") => vec![
            resource("nodes", "NodeMetrics", false, &["get", "list"]),
            resource("pods", "PodMetrics", true, &["get", "list"]),
        ],
        _ => KINDS
            .iter()
            .filter(|kind| kind.group == group && kind.version == version)
            .flat_map(|kind| of_kind(kind))
            .collect(),
    };
    if resources.is_empty() {
        return Err(ApiError::no_such_path());
    }
    Ok(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(group, version),
        "resources": resources,
    }))
}

fn of_kind(kind: &Kind) -> Vec<Value> {
    let mut whole = resource(kind.plural, kind.kind, kind.namespaced, VERBS);
    whole["singularName"] = json!(kind.singular);
    whole["shortNames"] = json!(kind.short);
    if IN_ALL.contains(&kind.plural) {
        whole["categories"] = json!(["all"]);
    }
    let part = |name: &str, group: &str, version: &str, what: &str, verbs| {
        let mut part = resource(&format!("{}/{name}", kind.plural), what, kind.namespaced, verbs);
        if !version.is_empty() {
            part["group"] = json!(group);
            part["version"] = json!(version);
        }
        part
    };
    let mut all = vec![whole];
    if kind.status {
        all.push(part("status", "", "", kind.kind, PART_VERBS));
    }
    if kind.scale {
        all.push(part("scale", "autoscaling", "v1", "Scale", PART_VERBS));
    }
    if kind == &POD {
        all.push(part("eviction", "policy", "v1", "Eviction", &["create"]));
        all.push(part("log", "", "", kind.kind, &["get"]));
    }
    all
}

/// What `kubectl get all` means.
const IN_ALL: &[&str] =
    &["cronjobs", "daemonsets", "deployments", "jobs", "pods", "replicasets", "services", "statefulsets"];

fn resource(name: &str, kind: &str, is_namespaced: bool, verbs: &[&str]) -> Value {
    json!({
        "name": name,
        "singularName": if name.contains('/') { String::new() } else { kind.to_lowercase() },
        "namespaced": is_namespaced,
        "kind": kind,
        "verbs": verbs,
    })
}
