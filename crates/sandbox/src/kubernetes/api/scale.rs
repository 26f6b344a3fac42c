//! `/scale`: how many replicas are wanted, whatever the kind.

use super::Api;
use super::patch;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use serde_json::{Value, json};

/// What is wanted and what there is.
pub(super) fn get(api: &Api, target: &Target, name: &str) -> Result<Value, ApiError> {
    Ok(of(&*api.store().get(target.kind, target.place(), name)?))
}

/// Wants another number of replicas.
pub(super) fn put(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    body: &Value,
) -> Result<Value, ApiError> {
    let is_dry = query.is_dry_run(&Value::Null);
    let object = api.store().modify_if(target.kind, target.place(), name, !is_dry, |object| {
        let (wanted, found) = (&body["metadata"]["resourceVersion"], &object["metadata"]["resourceVersion"]);
        if !wanted.is_null() && wanted != found {
            return Err(ApiError::conflict(target.kind, name, "the object has been modified"));
        }
        let replicas = &body["spec"]["replicas"];
        // Scaling to nothing is said by leaving the number out.
        let replicas = if replicas.is_null() { Some(0) } else { replicas.as_u64() };
        let refuse =
            || ApiError::invalid(target.kind, name, "spec.replicas: must be greater than or equal to 0");
        object["spec"]["replicas"] = json!(replicas.ok_or_else(refuse)?);
        Ok(())
    })?;
    Ok(of(&object))
}

/// Changes the number of replicas by a patch of the scale.
pub(super) fn patch(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    change: &patch::Patch,
) -> Result<Value, ApiError> {
    let mut scale = get(api, target, name)?;
    change.apply(&mut scale)?;
    put(api, target, name, query, &scale)
}

fn of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> =
        labels.map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default())).collect();
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": object["spec"]["replicas"] },
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or_default(),
            "selector": selector.join(","),
        },
    })
}
