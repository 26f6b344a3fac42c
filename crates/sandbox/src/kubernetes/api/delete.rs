//! Deleting: at once, or for pods after their grace.

use super::Api;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::{KINDS, POD};
use crate::kubernetes::store::{Entry, Store, time_text};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Deletes an object. Answers what is left of it, or that it is gone.
pub(super) fn delete(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    options: &Value,
) -> Result<Value, ApiError> {
    let kind = target.kind;
    let before = api.store().get(kind, target.place(), name)?;
    check_preconditions(target, name, &before, options)?;
    let is_dry = query.is_dry_run(options);
    if kind == &POD {
        let grace = grace(&before, query, options)?;
        if !grace.is_zero() {
            return end_pod(api, target, name, grace, is_dry).map(|pod| Value::clone(&pod));
        }
    }
    if !is_dry {
        release_dependents(api.store(), &before, query, options);
        if target.is_namespace() {
            empty(api.store(), name);
        }
        api.store().remove(kind, target.place(), name)?;
    }
    Ok(gone(target, name, &before))
}

/// Deletes all objects that are meant.
pub(super) fn delete_collection(
    api: &Api,
    target: &Target,
    query: &Query,
    options: &Value,
) -> Result<Value, ApiError> {
    let selector = query.selector(target.kind)?;
    let wanted = |object: &Value| selector.matches(object);
    let page = api.store().page(target.kind, target.namespace.as_deref(), None, usize::MAX, wanted);
    for entry in &page.entries {
        let text = |field: &str| entry.object["metadata"][field].as_str().map(str::to_owned);
        let one = Target { namespace: text("namespace"), ..target.clone() };
        match delete(api, &one, &text("name").unwrap_or_default(), query, options) {
            // Somebody else was quicker.
            Err(error) if error.code != 404 => return Err(error),
            _ => {}
        }
    }
    let objects = page.entries.iter().map(|entry: &Arc<Entry>| Value::clone(&entry.object));
    Ok(json!({
        "kind": format!("{}List", target.kind.kind),
        "apiVersion": target.kind.api_version(),
        "metadata": { "resourceVersion": page.version.to_string() },
        "items": objects.collect::<Vec<_>>(),
    }))
}

/// Evicts a pod: a deletion by another name.
pub(super) fn evict(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    body: &Value,
) -> Result<Value, ApiError> {
    delete(api, target, name, query, &body["deleteOptions"])?;
    Ok(json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }))
}

fn check_preconditions(target: &Target, name: &str, object: &Value, options: &Value) -> Result<(), ApiError> {
    for field in ["uid", "resourceVersion"] {
        let (wanted, found) = (&options["preconditions"][field], &object["metadata"][field]);
        if !wanted.is_null() && wanted != found {
            let why = format!(
                "the {field} in the precondition ({wanted}) does not match that of the object ({found})"
            );
            return Err(ApiError::conflict(target.kind, name, &why));
        }
    }
    Ok(())
}

/// How long a pod may take to end. One that runs nowhere, or nothing any more, needs no time.
fn grace(pod: &Value, query: &Query, options: &Value) -> Result<Duration, ApiError> {
    let is_idle = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty()
        || matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if is_idle {
        return Ok(Duration::ZERO);
    }
    let wanted = query.number::<u64>("gracePeriodSeconds")?;
    let wanted = wanted.or_else(|| options["gracePeriodSeconds"].as_u64());
    let usual = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    Ok(Duration::from_secs(wanted.unwrap_or(usual)))
}

/// Tells a pod to end. Its kubelet removes it.
fn end_pod(
    api: &Api,
    target: &Target,
    name: &str,
    grace: Duration,
    is_dry: bool,
) -> Result<Arc<Value>, ApiError> {
    let end = time_text(api.now() + grace);
    let seconds = grace.as_secs();
    api.store().modify_if(target.kind, target.place(), name, !is_dry, |pod| {
        // A second deletion can only shorten the grace.
        if pod["metadata"]["deletionGracePeriodSeconds"].as_u64().is_none_or(|given| seconds < given) {
            pod["metadata"]["deletionTimestamp"] = json!(end);
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(seconds);
        }
        Ok(())
    })
}

/// Objects that are to outlive their owner no longer name it.
fn release_dependents(store: &Store, owner: &Value, query: &Query, options: &Value) {
    let policy = options["propagationPolicy"].as_str().unwrap_or(query.text("propagationPolicy"));
    if policy != "Orphan" && options["orphanDependents"] != true {
        return;
    }
    let uid = &owner["metadata"]["uid"];
    let is_dependent = |object: &Value| owners(object).any(|one| one["uid"] == *uid);
    for kind in KINDS {
        for entry in
            store.page(kind, owner["metadata"]["namespace"].as_str(), None, usize::MAX, is_dependent).entries
        {
            let text = |field: &str| entry.object["metadata"][field].as_str().unwrap_or_default();
            let released = store.modify(kind, text("namespace"), text("name"), |object| {
                if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                    owners.retain(|one| one["uid"] != *uid);
                }
            });
            // An error would mean that it is gone by itself.
            let _ = released;
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

/// Removes everything in a namespace.
fn empty(store: &Store, namespace: &str) {
    for kind in KINDS.iter().filter(|kind| kind.namespaced) {
        for object in store.list(kind, Some(namespace)).0 {
            // An error would mean that it is gone by itself.
            let _ = store.remove(kind, namespace, object["metadata"]["name"].as_str().unwrap_or_default());
        }
    }
}

fn gone(target: &Target, name: &str, object: &Value) -> Value {
    if target.kind == &POD || target.is_namespace() {
        return object.clone();
    }
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": name,
            "group": target.kind.group,
            "kind": target.kind.plural,
            "uid": object["metadata"]["uid"],
        },
    })
}
