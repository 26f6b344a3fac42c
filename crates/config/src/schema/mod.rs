//! The JSON Schema of the file: the format itself, and what every registered check and target takes.

mod format;

use format::{File, Target};
use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use shakedown_core::{Gate, Registry};

/// The JSON Schema of `checks.toml`, for editors: with the settings of every registered target, the parameters of every
/// registered check, and the ids that may be named.
pub fn schema(registry: &Registry) -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value();
    schema["title"] = json!("checks.toml");
    let mut definitions = take_definitions(&mut schema);
    let groups = registry.checks().iter().filter_map(|spec| spec.group);
    let groups = groups.map(|group| (group.to_owned(), json!({ "$ref": "#/$defs/Limit" }))).collect();
    let targets = targets(registry, &mut definitions);
    let params = params(registry, &mut definitions);
    let mut set = |pointer: &str, value: Value| {
        if let Some(place) = definitions.pointer_mut(pointer) {
            *place = value;
        }
    };
    set("/Environment/properties/targets/properties", targets);
    set("/Environment/properties/groups/properties", groups);
    set("/Override/properties/params/properties", params);
    set("/Override/properties/gate", one_of([Gate::Required, Gate::Informational].iter().map(Gate::as_str)));
    set("/Policy/properties/fixes/items", one_of(registry.fixes().iter().map(|fix| fix.id)));
    set("/Waiver/properties/check", one_of(registry.checks().iter().map(|spec| spec.id)));
    set("/Project/properties/unselected/items", one_of(registry.checks().iter().map(|spec| spec.id)));
    set("/Sandbox/properties/incident", one_of(registry.incidents().iter().map(|incident| incident.id)));
    set("/Sandbox/properties/faults/items", one_of(registry.faults().iter().map(|fault| fault.id)));
    schema["$defs"] = definitions;
    drop_null(&mut schema);
    schema
}

/// A text that is one of those, where there are any.
fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { json!({ "type": "string" }) } else { json!({ "type": "string", "enum": words }) }
}

/// TOML has no null, so what may be left out is never offered as one.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(alternatives)) = fields.get_mut("anyOf") {
                alternatives.retain(|alternative| *alternative != json!({ "type": "null" }));
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    fields.remove("anyOf");
                    // What was said here is closer to the reader than what is said of the type.
                    for (key, value) in only {
                        fields.entry(key).or_insert(value);
                    }
                }
            }
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_null);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_null);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every target's settings and the keys that each takes. What one requires may be inherited, so nothing is required.
fn targets(registry: &Registry, definitions: &mut Value) -> Value {
    let common = hoisted(schemars::schema_for!(Target), "target", definitions)["properties"].clone();
    let target = |spec: &&shakedown_core::TargetSpec| {
        let mut settings = hoisted((spec.schema)(), &format!("target.{}", spec.kind), definitions);
        if let Value::Object(fields) = &mut settings {
            fields.remove("required");
            fields.insert("description".to_owned(), json!(spec.title));
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                properties.extend(common.as_object().cloned().unwrap_or_default());
            }
        }
        (spec.kind.to_owned(), settings)
    };
    registry.targets().iter().map(target).collect::<Map<_, _>>().into()
}

/// The parameters of all checks together, since an override may select many. Each check's own stand in the definitions.
fn params(registry: &Registry, definitions: &mut Value) -> Value {
    let mut union: Map<String, Value> = Map::new();
    for spec in registry.checks() {
        let name = format!("params.{}", spec.id);
        let own = hoisted((spec.schema)(), &name, definitions);
        let Some(properties) = own.get("properties").and_then(Value::as_object).filter(|own| !own.is_empty())
        else {
            continue;
        };
        for key in properties.keys() {
            let reference = json!({ "$ref": format!("#/$defs/{name}/properties/{key}") });
            let known = union.entry(key).or_insert_with(|| json!({ "anyOf": [] }));
            known["anyOf"].as_array_mut().expect("it was just made one").push(reference);
        }
        definitions[&name] = own;
    }
    Value::Object(union)
}

/// A schema that stands on its own, made part of this one: what it defines moves to our definitions, under a prefix.
fn hoisted(schema: Schema, prefix: &str, definitions: &mut Value) -> Value {
    let mut schema = schema.to_value();
    let own = take_definitions(&mut schema);
    if let Value::Object(fields) = &mut schema {
        fields.remove("$schema");
    }
    adapt(&mut schema, prefix);
    for (name, mut definition) in own.as_object().cloned().unwrap_or_default() {
        adapt(&mut definition, prefix);
        definitions[format!("{prefix}.{name}")] = definition;
    }
    schema
}

fn take_definitions(schema: &mut Value) -> Value {
    schema.as_object_mut().and_then(|fields| fields.remove("$defs")).unwrap_or_else(|| json!({}))
}

/// Points references to the moved definitions, and lets every text be written as `${…}`.
fn adapt(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replacen("#/$defs/", &format!("#/$defs/{prefix}."), 1);
            }
            if let Some(Value::String(pattern)) = fields.get_mut("pattern") {
                *pattern = format!("(?:{pattern})|\\$\\{{");
            }
            if fields.get("type") == Some(&json!("string")) {
                fields.remove("format");
            }
            fields.values_mut().for_each(|value| adapt(value, prefix));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, prefix)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
