//! Strategic merge patches: like merge patches, but lists whose items have names are merged item by item.

use serde_json::{Map, Value};

const ORDER: &str = "$setElementOrder/";
const DELETIONS: &str = "$deleteFromPrimitiveList/";
const RETAIN: &str = "$retainKeys";
const DIRECTIVE: &str = "$patch";

/// Merges a patch into a value.
pub(super) fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        patch.clone_into(value);
        return;
    };
    if patch.get(DIRECTIVE).is_some_and(|directive| directive == "replace") {
        let kept = patch.iter().filter(|(field, _)| !field.starts_with('$'));
        *value = Value::Object(kept.map(|(field, value)| (field.clone(), value.clone())).collect());
        return;
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Some(fields) = value.as_object_mut() else { return };
    if let Some(retained) = patch.get(RETAIN).and_then(Value::as_array) {
        fields.retain(|field, _| retained.iter().any(|one| one == field));
    }
    for (field, wanted) in patch {
        if let Some(list) = field.strip_prefix(DELETIONS) {
            remove_items(fields.get_mut(list), wanted);
        } else if !field.starts_with('$') {
            merge_field(fields, field, wanted);
        }
    }
    for (field, order) in patch {
        if let Some(list) = field.strip_prefix(ORDER) {
            sort(list, fields.get_mut(list), order);
        }
    }
}

fn merge_field(fields: &mut Map<String, Value>, field: &str, wanted: &Value) {
    let is_deletion =
        wanted.is_null() || wanted.get(DIRECTIVE).is_some_and(|directive| directive == "delete");
    if is_deletion {
        fields.remove(field);
        return;
    }
    let found = fields.entry(field).or_insert(Value::Null);
    match wanted {
        Value::Object(_) => merge(found, wanted),
        Value::Array(items) => merge_list(field, found, items),
        _ => wanted.clone_into(found),
    }
}

fn merge_list(field: &str, found: &mut Value, wanted: &[Value]) {
    let is_replaced =
        wanted.iter().any(|item| item.get(DIRECTIVE).is_some_and(|directive| directive == "replace"));
    let plain = || wanted.iter().filter(|item| item.get(DIRECTIVE).is_none()).cloned();
    let Some(list) = found.as_array_mut().filter(|_| !is_replaced) else {
        *found = Value::Array(plain().collect());
        return;
    };
    if field == "finalizers" {
        let new: Vec<Value> = plain().filter(|item| !list.contains(item)).collect();
        list.extend(new);
        return;
    }
    let Some(key) = merge_key(field, wanted).or_else(|| merge_key(field, list)) else {
        *list = plain().collect();
        return;
    };
    for item in wanted {
        let position = list.iter().position(|one| one[key] == item[key]);
        match (position, item.get(DIRECTIVE).and_then(Value::as_str)) {
            (Some(position), Some("delete")) => drop(list.remove(position)),
            (None, Some(_)) => {}
            (Some(position), _) => merge(&mut list[position], item),
            (None, None) => list.push(item.clone()),
        }
    }
}

/// By which field the items of a list are told apart; none, where a list is replaced as a whole.
pub(super) fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let keys: &[&'static str] = match field {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "env" | "imagePullSecrets" => {
            &["name"]
        }
        "ports" => &["containerPort", "port"],
        "volumeMounts" => &["mountPath"],
        "conditions" | "addresses" => &["type"],
        "ownerReferences" => &["uid"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey"],
        _ => &[],
    };
    let has_all = |key: &str| !items.is_empty() && items.iter().all(|item| item.get(key).is_some());
    keys.iter().copied().find(|key| has_all(key))
}

fn remove_items(list: Option<&mut Value>, unwanted: &Value) {
    if let (Some(list), Some(unwanted)) = (list.and_then(Value::as_array_mut), unwanted.as_array()) {
        list.retain(|item| !unwanted.contains(item));
    }
}

/// Brings a list into the order that a patch names; what it does not name goes to the end.
fn sort(field: &str, list: Option<&mut Value>, order: &Value) {
    let (Some(list), Some(order)) = (list.and_then(Value::as_array_mut), order.as_array()) else { return };
    let key = merge_key(field, order);
    list.sort_by_key(|item| {
        let is_same = |one: &Value| key.map_or(one == item, |key| one[key] == item[key]);
        order.iter().position(is_same).unwrap_or(usize::MAX)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(mut value: Value, patch: &Value, wanted: &Value) {
        merge(&mut value, patch);
        assert_eq!(value, *wanted);
    }

    #[test]
    fn items_with_names_are_merged_and_others_replaced() {
        let pod = json!({"containers": [
            {"name": "a", "image": "one", "args": ["x", "y"], "env": [{"name": "K", "value": "1"}]},
            {"name": "b", "image": "two"},
        ]});
        let patch = json!({"containers": [
            {"name": "a", "image": "three", "args": ["z"], "env": [{"name": "L", "value": "2"}]},
            {"name": "b", "$patch": "delete"},
            {"name": "c", "image": "four"},
        ]});
        let wanted = json!({"containers": [
            {
                "name": "a",
                "image": "three",
                "args": ["z"],
                "env": [{"name": "K", "value": "1"}, {"name": "L", "value": "2"}],
            },
            {"name": "c", "image": "four"},
        ]});
        check(pod, &patch, &wanted);
    }

    #[test]
    fn ports_are_told_apart_by_what_they_have() {
        check(
            json!({"ports": [{"port": 80, "nodePort": 30_000}]}),
            &json!({"ports": [{"port": 80, "name": "http"}, {"port": 443}]}),
            &json!({"ports": [{"port": 80, "nodePort": 30_000, "name": "http"}, {"port": 443}]}),
        );
    }

    #[test]
    fn directives_are_followed() {
        let value = json!({"a": {"x": 1, "y": 2}, "finalizers": ["p", "q"], "b": 1});
        check(
            value.clone(),
            &json!({"a": {"$patch": "replace", "z": 3}}),
            &json!({"a": {"z": 3}, "finalizers": ["p", "q"], "b": 1}),
        );
        check(
            value.clone(),
            &json!({"a": {"$patch": "delete"}, "b": null}),
            &json!({"finalizers": ["p", "q"]}),
        );
        check(
            value.clone(),
            &json!({"$deleteFromPrimitiveList/finalizers": ["p"], "finalizers": ["r"]}),
            &json!({"a": {"x": 1, "y": 2}, "finalizers": ["q", "r"], "b": 1}),
        );
        check(value, &json!({"$retainKeys": ["a"], "a": {"x": 5}}), &json!({"a": {"x": 5, "y": 2}}));
        check(
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            &json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "i"}]}),
            &json!({"containers": [{"name": "b"}, {"name": "a", "image": "i"}]}),
        );
    }
}
