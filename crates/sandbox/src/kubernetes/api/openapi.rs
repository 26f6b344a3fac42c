//! The OpenAPI documents: no schemas, but what clients look up in them, which is whether a kind can be validated
//! by the server (`fieldValidation`) and tried out (`dryRun`).

use super::discovery::groups;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::{KINDS, Kind, group_version};
use serde_json::{Map, Value, json};

/// What stands under `/openapi/v3`.
pub(super) fn answer(path: &[String]) -> Result<Value, ApiError> {
    let texts: Vec<&str> = path.iter().map(String::as_str).collect();
    match texts[..] {
        [] => Ok(index()),
        ["api", version] => document("", version),
        ["apis", group, version] => document(group, version),
        _ => Err(ApiError::no_such_path()),
    }
}

fn index() -> Value {
    let all = groups();
    let paths = std::iter::once(("", "v1")).chain(all).map(|(group, version)| {
        let path = format!("{}/{}", root(group), group_version(group, version));
        let url = format!("/openapi/v3/{path}");
        (path, json!({ "serverRelativeURL": url }))
    });
    json!({ "paths": paths.collect::<Map<_, _>>() })
}

fn document(group: &str, version: &str) -> Result<Value, ApiError> {
    if !std::iter::once(("", "v1")).chain(groups()).any(|known| known == (group, version)) {
        return Err(ApiError::no_such_path());
    }
    let kinds = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
    let paths: Map<String, Value> = kinds.map(|kind| (object_path(kind), operations(kind))).collect();
    Ok(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.32.4" },
        "paths": paths,
    }))
}

const fn root(group: &str) -> &'static str {
    if group.is_empty() { "api" } else { "apis" }
}

fn object_path(kind: &Kind) -> String {
    let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    format!("/{}/{}{place}/{}/{{name}}", root(kind.group), kind.api_version(), kind.plural)
}

fn operations(kind: &Kind) -> Value {
    let parameter = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map(parameter);
    json!({
        "patch": {
            "description": format!("change a {}", kind.kind),
            "parameters": parameters,
            "responses": { "200": { "description": "OK" } },
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {
                "group": kind.group, "version": kind.version, "kind": kind.kind,
            },
        },
    })
}
