//! The server's description of itself, `/openapi.json`: which operations there are, and what goes in and comes out.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use shakedown_core::{CheckError, Context};
use shakedown_focus::client::FocusClient;
use shakedown_http::{Exchange, StatusCode};
use std::collections::BTreeSet;

/// Where it is served: under the prefix of the interface, or at the root.
const PATHS: [&str; 2] = ["/openapi.json", "/../../../../openapi.json"];
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// How many contradictions of one value are told.
const MOST: usize = 3;

/// A description that could be read.
#[derive(Debug)]
pub(crate) struct Description {
    document: Value,
    /// Why it is no valid description, where it is none.
    pub(crate) flaw: Option<String>,
}

/// The name of an operation: a method in lower case, and a path with `{}` for what varies.
pub(crate) type Operation = (String, String);

impl Description {
    /// Fetches and reads it. What it is not is said in the inner error.
    pub(crate) async fn fetch(
        cx: &Context,
        client: &FocusClient,
    ) -> Result<(Exchange, Result<Self, String>), CheckError> {
        let [first, at_root] = PATHS;
        let mut exchange = client.get(cx, first).await?;
        if exchange.status == StatusCode::NOT_FOUND {
            exchange = client.get(cx, at_root).await?;
        }
        let read = if exchange.status == StatusCode::OK {
            exchange.json().map_err(|error| error.to_string()).and_then(Self::read)
        } else {
            Err(format!("`/openapi.json` is answered with {}", exchange.status))
        };
        Ok((exchange, read))
    }

    /// Takes a document.
    pub(crate) fn read(document: Value) -> Result<Self, String> {
        let version = document["openapi"].as_str().unwrap_or_default().to_owned();
        if !document["paths"].is_object() || !version.starts_with("3.") {
            return Err(format!("it is no OpenAPI 3 description: `openapi` is \"{version}\""));
        }
        // The library knows 3.1; of 3.0 it reads nearly everything.
        let flaw = oas3::from_json(document.to_string()).err().map(|error| error.to_string());
        Ok(Self { flaw: flaw.filter(|_| !version.starts_with("3.0")), document })
    }

    /// Which operations it lists.
    pub(crate) fn operations(&self) -> BTreeSet<Operation> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let methods = METHODS.iter().filter(|method| item[**method].is_object());
            methods.map(|method| ((*method).to_owned(), self.plain(path)))
        });
        operations.collect()
    }

    /// Whether it lists this one.
    pub(crate) fn has(&self, method: &str, path: &str) -> bool {
        self.operations().contains(&(method.to_owned(), path.to_owned()))
    }

    /// A path without the prefix of the interface, and without names for what varies.
    fn plain(&self, path: &str) -> String {
        let servers = self.document["servers"].as_array().into_iter().flatten();
        let prefixes = servers.filter_map(|server| server["url"].as_str()?.rsplit("://").next());
        let prefix = prefixes
            .filter_map(|url| url.find('/').map(|slash| url[slash..].trim_end_matches('/')))
            .chain(["/focus-server"])
            .find(|prefix| !prefix.is_empty() && path.starts_with(&format!("{prefix}/")));
        let path = path.strip_prefix(prefix.unwrap_or_default()).unwrap_or(path).trim_end_matches('/');
        let segments = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        segments.collect::<Vec<_>>().join("/")
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let paths = self.document["paths"].as_object()?;
        let (_, item) = paths.iter().find(|(name, _)| self.plain(name) == path)?;
        item.get(method)
    }

    /// What an operation takes, where it says so.
    pub(crate) fn takes(&self, method: &str, path: &str) -> Option<Result<Validator, String>> {
        self.schema_of(self.operation(method, path)?.get("requestBody")?)
    }

    /// What an operation answers with 200, where it says so.
    pub(crate) fn answers(&self, method: &str, path: &str) -> Option<Result<Validator, String>> {
        self.schema_of(self.operation(method, path)?.pointer("/responses/200")?)
    }

    /// The schema of JSON content, ready for use.
    fn schema_of(&self, body: &Value) -> Option<Result<Validator, String>> {
        let content = self.resolved(body).get("content")?.as_object()?;
        let (_, media) = content.iter().find(|(kind, _)| kind.contains("json"))?;
        let mut schema =
            json!({ "allOf": [media.get("schema")?], "components": self.document["components"] });
        if self.document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0")) {
            lower(&mut schema);
        }
        let built = jsonschema::options().with_draft(Draft::Draft202012).build(&schema);
        Some(built.map_err(|error| error.to_string()))
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }
}

/// Where a value contradicts a schema: the first few contradictions.
pub(crate) fn contradictions(schema: &Validator, value: &Value) -> Vec<String> {
    let told = schema.iter_errors(value).take(MOST).map(|error| {
        let place = error.instance_path().to_string();
        let text: String = error.to_string().chars().take(200).collect();
        if place.is_empty() { text } else { format!("`{place}`: {text}") }
    });
    told.collect()
}

/// Rewrites what OpenAPI 3.0 says in words of its own: `nullable`, and limits that exclude themselves.
fn lower(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(lower),
        Value::Object(fields) => {
            fields.values_mut().for_each(lower);
            for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
                match fields.get(flag).and_then(Value::as_bool) {
                    Some(true) => {
                        let limit = fields.remove(bound).unwrap_or_default();
                        fields.insert(flag.to_owned(), limit);
                    }
                    Some(false) => drop(fields.remove(flag)),
                    None => {}
                }
            }
            if fields.remove("nullable") == Some(Value::Bool(true)) {
                let own: Map<String, Value> = std::mem::take(fields);
                fields.insert("anyOf".to_owned(), json!([own, { "type": "null" }]));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: &str) -> Value {
        json!({
            "openapi": version, "info": { "title": "Focus", "version": "1" },
            "servers": [{ "url": "https://focus.example.com/api/" }],
            "paths": {
                "/api/ack": { "get": { "responses": { "200": { "description": "yes" } } } },
                "/metadata/{id}": { "get": { "responses": { "200": { "$ref": "#/components/responses/M" } } } },
                "/configure": { "post": {
                    "requestBody": { "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/C" } } } },
                    "responses": { "200": { "description": "yes" } },
                } },
            },
            "components": {
                "schemas": { "C": {
                    "type": "object", "required": ["height"], "properties": { "height": { "type": "integer" } },
                } },
                "responses": { "M": { "description": "m", "content": { "application/json": { "schema": {
                    "type": "object", "properties": { "prr": { "type": "number", "nullable": true } },
                } } } } },
            },
        })
    }

    #[test]
    fn operations_are_known_by_method_and_plain_path() {
        let description = Description::read(document("3.1.0")).unwrap();
        assert_eq!(description.flaw, None);
        for (method, path) in [("get", "/ack"), ("get", "/metadata/{}"), ("post", "/configure")] {
            assert!(description.has(method, path), "{method} {path}");
        }
        assert_eq!(description.operations().len(), 3);
        assert!(Description::read(json!({ "openapi": "2.0", "paths": {} })).is_err());
        assert!(Description::read(json!([])).is_err());
        let mut broken = document("3.1.0");
        broken["info"] = json!(7);
        assert!(Description::read(broken).unwrap().flaw.is_some());
    }

    #[test]
    fn values_are_held_against_what_is_described() {
        let description = Description::read(document("3.0.2")).unwrap();
        let takes = description.takes("post", "/configure").unwrap().unwrap();
        assert_eq!(contradictions(&takes, &json!({ "height": 5 })), [""; 0]);
        assert_eq!(contradictions(&takes, &json!({})).len(), 1);
        assert_eq!(
            contradictions(&takes, &json!({ "height": "5" })),
            [r#"`/height`: "5" is not of type "integer""#]
        );
        let answers = description.answers("get", "/metadata/{}").unwrap().unwrap();
        assert_eq!(contradictions(&answers, &json!({ "prr": null })), [""; 0], "3.0 says `nullable`");
        assert_eq!(contradictions(&answers, &json!({ "prr": "x" })).len(), 1);
        assert!(description.answers("get", "/ack").is_none());
    }

    #[test]
    fn limits_of_old_exclude_themselves() {
        let mut schema =
            json!({ "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false });
        lower(&mut schema);
        assert_eq!(schema, json!({ "exclusiveMinimum": 0, "maximum": 9 }));
    }
}
