//! In which form an answer is wanted: whole objects, a table for people, or metadata only.

use super::query::Query;
use super::table;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::store::Page;
use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Value, json};

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    /// The columns that `kubectl get` shows, with the whole objects where they are asked for.
    Table {
        with_objects: bool,
    },
    Metadata,
}

const META: &str = "meta.k8s.io/v1";

impl Form {
    /// The first form of the header `Accept` that is served.
    pub(super) fn read(headers: &HeaderMap, query: &Query) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = accept.split(',').find_map(|range| {
            let wanted = |what: &str| range.split(';').any(|part| part.trim() == what);
            if !wanted("application/json") {
                None
            } else if wanted("as=Table") {
                Some(Self::Table { with_objects: query.text("includeObject") == "Object" })
            } else if wanted("as=PartialObjectMetadata") || wanted("as=PartialObjectMetadataList") {
                Some(Self::Metadata)
            } else {
                Some(Self::Whole)
            }
        });
        known.unwrap_or(Self::Whole)
    }

    /// One object.
    pub(super) fn one(self, kind: &Kind, object: &Value, now: Timestamp) -> String {
        match self {
            Self::Whole => object.to_string(),
            Self::Table { with_objects } => {
                let row = table::row(kind, object, now, with_objects);
                let version = object["metadata"]["resourceVersion"].clone();
                table::of(kind, &[row], &json!({ "resourceVersion": version })).to_string()
            }
            Self::Metadata => metadata(object).to_string(),
        }
    }

    /// A list.
    pub(super) fn many(self, kind: &Kind, page: &Page, list: &Value, now: Timestamp) -> String {
        let objects = page.entries.iter().map(|entry| &*entry.object);
        match self {
            Self::Whole => {
                let (version, items) = (kind.api_version(), page.entries.iter().map(|entry| entry.text()));
                let size: usize = items.clone().map(|item| item.len() + 1).sum();
                let mut text = String::with_capacity(size + 500);
                text += "{\"kind\":\"";
                text += kind.kind;
                text += "List\",\"apiVersion\":\"";
                text += &version;
                text += "\",\"metadata\":";
                text += &list.to_string();
                text += ",\"items\":[";
                for (index, item) in items.enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    text += item;
                }
                text + "]}"
            }
            Self::Table { with_objects } => {
                let rows: Vec<Value> =
                    objects.map(|object| table::row(kind, object, now, with_objects)).collect();
                table::of(kind, &rows, list).to_string()
            }
            Self::Metadata => json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": META,
                "metadata": list,
                "items": objects.map(metadata).collect::<Vec<_>>(),
            })
            .to_string(),
        }
    }
}

/// What an object is, without what it holds.
pub(super) fn metadata(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": META, "metadata": object["metadata"] })
}
