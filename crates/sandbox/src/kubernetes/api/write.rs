//! Creating and replacing objects.

use super::Api;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::defaults::check_shape;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::Kind;
use serde_json::{Value, json};
use std::sync::Arc;

/// Creates an object.
pub(super) fn create(
    api: &Api,
    target: &Target,
    query: &Query,
    mut body: Value,
) -> Result<Arc<Value>, ApiError> {
    check_identity(target, &body)?;
    strip(target, &mut body);
    api.store().create_if(target.kind, body, !query.is_dry_run(&Value::Null))
}

/// What only the server says is taken out of a new object.
pub(super) fn strip(target: &Target, object: &mut Value) {
    if target.kind.status
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in SERVERS_OWN {
            metadata.remove(*field);
        }
        if let Some(namespace) = &target.namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
    }
}

/// Replaces an object, or its status.
pub(super) fn replace(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    body: &Value,
) -> Result<Arc<Value>, ApiError> {
    check_identity(target, body)?;
    check_shape(body)?;
    api.store().modify_if(target.kind, target.place(), name, !query.is_dry_run(&Value::Null), |object| {
        let before = object.clone();
        body.clone_into(object);
        settle(target, &before, object)
    })
}

/// What the server alone says of an object.
const SERVERS_OWN: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

/// Makes of what somebody wants an object to be what it becomes: it must build on the present version, keeps what
/// only the server says, and changes only in its status or only in all else.
pub(super) fn settle(target: &Target, before: &Value, object: &mut Value) -> Result<(), ApiError> {
    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    check_shape(object)?;
    if !object.is_object() || !object["metadata"].is_object() {
        return Err(ApiError::bad_request("the object has no metadata"));
    }
    let version = &object["metadata"]["resourceVersion"];
    if !version.is_null() && version != "" && *version != before["metadata"]["resourceVersion"] {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        return Err(ApiError::conflict(target.kind, name, why));
    }
    let keep = |object: &mut Value, field: &str| match (object.as_object_mut(), before.get(field)) {
        (Some(fields), Some(value)) => {
            fields.insert(field.to_owned(), value.clone());
        }
        (Some(fields), None) => {
            fields.remove(field);
        }
        (None, _) => {}
    };
    if target.subresource == "status" {
        let status = object["status"].take();
        before.clone_into(object);
        object["status"] = status;
        return Ok(());
    }
    if target.kind.status {
        keep(object, "status");
    }
    keep(object, "kind");
    keep(object, "apiVersion");
    let managed = object["metadata"]["managedFields"].take();
    for field in SERVERS_OWN.iter().chain(&["name", "namespace"]) {
        match before["metadata"].get(*field) {
            Some(value) => object["metadata"][*field] = value.clone(),
            None => {
                object["metadata"].as_object_mut().and_then(|metadata| metadata.remove(*field));
            }
        }
    }
    if managed.is_array() {
        object["metadata"]["managedFields"] = managed;
    }
    hold_fixed(target.kind, name, before, object)
}

/// Refuses to change what never changes. What the server has chosen may be left out, and stays.
fn hold_fixed(kind: &Kind, name: &str, before: &Value, after: &mut Value) -> Result<(), ApiError> {
    let fixed: &[&str] = match kind.kind {
        "Job" => &["selector", "template", "completionMode"],
        "Deployment" | "ReplicaSet" | "DaemonSet" => &["selector"],
        "StatefulSet" => &["selector", "serviceName"],
        "Service" => &["clusterIP"],
        "Pod" => &["nodeName", "restartPolicy"],
        _ => &[],
    };
    for &field in fixed {
        let chosen = &before["spec"][field];
        if chosen.is_null() {
            continue;
        }
        let wanted = &mut after["spec"][field];
        if wanted.is_null() {
            chosen.clone_into(wanted);
        } else if wanted != chosen {
            let why = format!("spec.{field}: Invalid value: field is immutable");
            return Err(ApiError::invalid(kind, name, &why));
        }
    }
    Ok(())
}

/// Refuses an object that does not belong where it was sent.
pub(super) fn check_identity(target: &Target, body: &Value) -> Result<(), ApiError> {
    let kind = target.kind;
    let (given_kind, given_version) = (&body["kind"], &body["apiVersion"]);
    if !body.is_object() || !body["metadata"].is_null() && !body["metadata"].is_object() {
        return Err(ApiError::bad_request(format!("the body is no {}", kind.kind)));
    }
    if !given_kind.is_null() && given_kind != kind.kind
        || !given_version.is_null() && *given_version != kind.api_version()
    {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized: expected {}/{}, got {given_version}/{given_kind}",
            kind.api_version(),
            kind.kind
        )));
    }
    let given = |field: &str| body["metadata"][field].as_str().filter(|text| !text.is_empty());
    if let (Some(wanted), Some(given)) = (&target.namespace, given("namespace"))
        && wanted != given
    {
        return Err(ApiError::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request: {given} is not \
             {wanted}"
        )));
    }
    if let (Some(wanted), Some(given)) = (&target.name, given("name"))
        && wanted != given
    {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({wanted})"
        )));
    }
    Ok(())
}
