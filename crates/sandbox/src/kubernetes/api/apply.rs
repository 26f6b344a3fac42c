//! Server-side apply: who wants which field to be as it is.
//!
//! Each manager owns the fields that it applied last. A field that another manager owns and has otherwise is a
//! conflict, unless the manager insists. A field that it no longer applies goes, unless another owns it too.

use super::query::Query;
use super::strategic::{self, merge_key};
use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::store::time_text;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Who applies.
pub(super) struct Manager {
    name: String,
    insists: bool,
    time: String,
}

/// The way to a field: steps as `managedFields` writes them, `f:spec` or `k:{"name":"a"}`.
type FieldPath = Vec<String>;
type Fields = BTreeSet<FieldPath>;

impl Manager {
    /// Reads who it is; that must be said.
    pub(super) fn read(query: &Query, now: Timestamp) -> Result<Self, ApiError> {
        let name = query.text("fieldManager").to_owned();
        if name.is_empty() {
            return Err(ApiError::bad_request(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ));
        }
        Ok(Self { name, insists: query.is_on("force"), time: time_text(now) })
    }

    /// Owns everything of a new object.
    pub(super) fn own_all(&self, object: &mut Value) {
        let fields = fields(object);
        object["metadata"]["managedFields"] = json!([self.entry(object, &fields)]);
    }

    /// Makes an object what this manager wants it to be.
    pub(super) fn apply(&self, kind: &Kind, object: &mut Value, wanted: &Value) -> Result<(), ApiError> {
        let new = fields(wanted);
        let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let is_own = |entry: &Value| entry["manager"] == self.name.as_str() && entry["operation"] == "Apply";
        let old: Fields = entries.iter().find(|entry| is_own(entry)).map(owned).unwrap_or_default();
        entries.retain(|entry| !is_own(entry));

        let contested: Fields =
            new.iter().filter(|path| find(object, path) != find(wanted, path)).cloned().collect();
        let mut conflicts = Vec::new();
        for entry in &mut entries {
            let theirs = owned(entry);
            let lost: Fields = theirs.intersection(&contested).cloned().collect();
            conflicts.extend(
                lost.iter().map(|path| format!("conflict with {}: {}", entry["manager"], shown(path))),
            );
            if !lost.is_empty() {
                entry["fieldsV1"] = tree(&theirs.difference(&lost).cloned().collect());
            }
        }
        if !conflicts.is_empty() && !self.insists {
            let plural = if conflicts.len() == 1 { "" } else { "s" };
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let why =
                format!("Apply failed with {} conflict{plural}: {}", conflicts.len(), conflicts.join(", "));
            return Err(ApiError::conflict(kind, name, &why));
        }
        let kept: Fields = entries.iter().flat_map(owned).chain(new.iter().cloned()).collect();
        for path in old.difference(&kept) {
            remove(object, path);
        }
        strategic::merge(object, wanted);
        entries.push(self.entry(wanted, &new));
        object["metadata"]["managedFields"] = json!(entries);
        Ok(())
    }

    fn entry(&self, object: &Value, fields: &Fields) -> Value {
        json!({
            "manager": self.name,
            "operation": "Apply",
            "apiVersion": object["apiVersion"],
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": tree(fields),
        })
    }
}

/// The fields that an object sets, down to values and to lists that are replaced as a whole.
fn fields(object: &Value) -> Fields {
    let mut found = Fields::new();
    for (field, value) in object.as_object().into_iter().flatten() {
        match field.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for part in ["labels", "annotations", "ownerReferences", "finalizers"] {
                    if let Some(value) = value.get(part) {
                        collect(
                            part,
                            value,
                            &mut vec!["f:metadata".to_owned(), format!("f:{part}")],
                            &mut found,
                        );
                    }
                }
            }
            _ => collect(field, value, &mut vec![format!("f:{field}")], &mut found),
        }
    }
    found
}

fn collect(field: &str, value: &Value, path: &mut FieldPath, found: &mut Fields) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                path.push(format!("f:{field}"));
                collect(field, value, path, found);
                path.pop();
            }
        }
        Value::Array(items) if merge_key(field, items).is_some() => {
            let key = merge_key(field, items).unwrap_or_default();
            for item in items {
                path.push(format!("k:{}", json!({ key: item[key] })));
                collect("", item, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The fields that an entry of `managedFields` names.
fn owned(entry: &Value) -> Fields {
    fn walk(tree: &Value, path: &mut FieldPath, found: &mut Fields) {
        match tree.as_object() {
            Some(steps) if !steps.is_empty() => {
                for (step, below) in steps {
                    path.push(step.clone());
                    walk(below, path, found);
                    path.pop();
                }
            }
            _ => {
                found.insert(path.clone());
            }
        }
    }
    let mut found = Fields::new();
    walk(&entry["fieldsV1"], &mut Vec::new(), &mut found);
    found.remove(&Vec::new());
    found
}

fn tree(fields: &Fields) -> Value {
    let mut tree = Value::Object(Map::new());
    for path in fields {
        let mut node = &mut tree;
        for step in path {
            node = &mut node[step.as_str()];
        }
        if node.is_null() {
            *node = json!({});
        }
    }
    tree
}

/// One step down.
fn step<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match step.split_at_checked(2)? {
        ("f:", field) => value.get(field),
        (_, key) => {
            let index = item_index(value, key)?;
            value.get(index)
        }
    }
}

fn item_index(list: &Value, key: &str) -> Option<usize> {
    let key: Map<String, Value> = serde_json::from_str(key).ok()?;
    list.as_array()?.iter().position(|item| key.iter().all(|(field, value)| item[field] == *value))
}

fn find<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, next| step(value, next))
}

/// Removes a field, and what is empty without it.
fn remove(value: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some((shape, key)) = first.split_at_checked(2) else { return };
    if shape == "f:" {
        let Some(fields) = value.as_object_mut() else { return };
        if let Some(below) = fields.get_mut(key).filter(|_| !rest.is_empty()) {
            remove(below, rest);
            let is_empty = |value: &Value| *value == json!({}) || *value == json!([]);
            if !is_empty(below) {
                return;
            }
        }
        fields.remove(key);
        return;
    }
    let Some(index) = item_index(value, key) else { return };
    let Some(list) = value.as_array_mut() else { return };
    remove(&mut list[index], rest);
    // What tells items apart was owned like all else: without it, the item is gone.
    if serde_json::from_str::<Map<String, Value>>(key)
        .is_ok_and(|key| key.keys().any(|field| list[index].get(field).is_none()))
    {
        list.remove(index);
    }
}

/// A path as people read it: `.spec.containers[name="a"].image`.
fn shown(path: &[String]) -> String {
    path.iter()
        .map(|step| match step.split_at_checked(2) {
            Some(("f:", field)) => format!(".{field}"),
            Some((_, key)) => {
                format!("[{}]", key.trim_matches(['{', '}']).replace("\":", "=").replace('"', ""))
            }
            None => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::kinds::DEPLOYMENT;
    use super::*;

    fn manager(name: &str, insists: bool) -> Manager {
        Manager { name: name.to_owned(), insists, time: String::new() }
    }

    fn wanted(replicas: u32, image: &str) -> Value {
        json!({
            "metadata": {"labels": {"app": "a"}},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "a", "image": image}]}}},
        })
    }

    #[test]
    fn a_manager_changes_and_removes_what_it_owns() {
        let mut object = wanted(1, "one");
        let ours = manager("ours", false);
        ours.own_all(&mut object);
        ours.apply(&DEPLOYMENT, &mut object, &wanted(2, "two")).unwrap();
        assert_eq!(object["spec"]["replicas"], 2);
        assert_eq!(object["metadata"]["managedFields"].as_array().unwrap().len(), 1);
        ours.apply(&DEPLOYMENT, &mut object, &json!({"metadata": {}, "spec": {"replicas": 2}})).unwrap();
        assert_eq!(object["spec"], json!({"replicas": 2}));
        assert_eq!(object["metadata"]["labels"], Value::Null);
    }

    #[test]
    fn what_another_owns_is_a_conflict() {
        let mut object = wanted(1, "one");
        manager("theirs", false).own_all(&mut object);
        let before = object.clone();
        let same = manager("ours", false).apply(&DEPLOYMENT, &mut object, &wanted(1, "one"));
        assert!(same.is_ok(), "what is the same can be owned by both");
        let mut object = before;
        object["metadata"]["name"] = json!("web");
        let refused = manager("ours", false).apply(&DEPLOYMENT, &mut object, &wanted(2, "one")).unwrap_err();
        assert_eq!(refused.code, 409);
        insta::assert_snapshot!(refused.message, @r#"Operation cannot be fulfilled on deployments.apps "web": Apply failed with 1 conflict: conflict with "theirs": .spec.replicas"#);
        manager("ours", true).apply(&DEPLOYMENT, &mut object, &wanted(2, "one")).unwrap();
        assert_eq!(object["spec"]["replicas"], 2);
        let theirs = owned(&object["metadata"]["managedFields"][0]);
        assert!(!theirs.contains(&vec!["f:spec".to_owned(), "f:replicas".to_owned()]), "{theirs:?}");
    }
}
