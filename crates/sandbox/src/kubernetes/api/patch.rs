//! Patches: JSON patch, merge patch, strategic merge patch, and server-side apply.

use super::Api;
use super::apply;
use super::path::Target;
use super::query::Query;
use super::strategic;
use super::write::{check_identity, settle, strip};
use crate::kubernetes::error::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// A change of an object.
#[derive(Debug)]
pub(super) enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
    /// The fields that one manager wants as they are here.
    Apply(Value),
}

impl Patch {
    /// Reads the body of a request.
    pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        let unreadable =
            |error: serde_json::Error| ApiError::bad_request(format!("error decoding patch: {error}"));
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match media_type {
            "application/json-patch+json" => serde_json::from_slice(body).map(Self::Json).map_err(unreadable),
            "application/merge-patch+json" => {
                serde_json::from_slice(body).map(Self::Merge).map_err(unreadable)
            }
            "application/strategic-merge-patch+json" => {
                serde_json::from_slice(body).map(Self::Strategic).map_err(unreadable)
            }
            // JSON is YAML, and what clients send here is JSON.
            "application/apply-patch+yaml" => {
                serde_json::from_slice(body).map(Self::Apply).map_err(unreadable)
            }
            other => Err(ApiError::unsupported_media_type(other)),
        }
    }

    /// Changes a value.
    pub(super) fn apply(&self, value: &mut Value) -> Result<(), ApiError> {
        match self {
            Self::Json(patch) => json_patch::patch(value, patch)
                .map_err(|error| ApiError::bad_request(format!("the patch cannot be applied: {error}"))),
            Self::Merge(patch) => {
                json_patch::merge(value, patch);
                Ok(())
            }
            Self::Strategic(patch) | Self::Apply(patch) => {
                strategic::merge(value, patch);
                Ok(())
            }
        }
    }
}

/// Changes an object. Says whether that created it.
pub(super) fn patch(
    api: &Api,
    target: &Target,
    name: &str,
    query: &Query,
    patch: &Patch,
) -> Result<(Arc<Value>, bool), ApiError> {
    let commit = !query.is_dry_run(&Value::Null);
    let store = api.store();
    if let Patch::Apply(wanted) = patch {
        let manager = apply::Manager::read(query, api.now())?;
        let mut wanted = wanted.clone();
        check_identity(target, &wanted)?;
        strip(target, &mut wanted);
        wanted["metadata"]["name"] = json!(name);
        let changed = store.modify_if(target.kind, target.place(), name, commit, |object| {
            let before = object.clone();
            manager.apply(target.kind, object, &wanted)?;
            settle(target, &before, object)
        });
        return match changed {
            Err(error) if error.code == 404 && target.subresource.is_empty() => {
                manager.own_all(&mut wanted);
                Ok((store.create_if(target.kind, wanted, commit)?, true))
            }
            other => other.map(|object| (object, false)),
        };
    }
    let changed = store.modify_if(target.kind, target.place(), name, commit, |object| {
        let before = object.clone();
        patch.apply(object)?;
        check_identity(target, object)?;
        settle(target, &before, object)
    });
    changed.map(|object| (object, false))
}
