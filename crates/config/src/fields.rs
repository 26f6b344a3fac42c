//! What the JSON Schema of settings or parameters says of them, and finding out which of several values is wrong.

use crate::diagnostic::Problems;
use crate::reader::unknown;
use crate::tree::{Entry, Node, Table, Value};
use schemars::Schema;
use serde_json::{Map, Value as Json};
use std::ops::Range;

/// References are followed this far.
const MOST_REFERENCES: usize = 16;

/// The schema of a table.
pub(crate) struct Fields {
    root: Json,
}

/// Reads a table as what it is for; the error is a sentence of serde's or of the plugin's.
pub(crate) type Accept<'a> = &'a dyn Fn(&Json) -> Result<(), String>;

impl Fields {
    pub(crate) fn new(schema: Schema) -> Self {
        Self { root: schema.to_value() }
    }

    /// The keys that the table may have.
    pub(crate) fn names(&self) -> Vec<&str> {
        let properties = self.root.get("properties").and_then(Json::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect()
    }

    /// Whether the table may have that key.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// The keys that the table must have.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.root.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
    }

    fn field(&self, name: &str) -> Option<&Json> {
        self.root.get("properties")?.get(name)
    }

    /// The first line of a key's documentation.
    fn description(&self, name: &str) -> Option<&str> {
        let field = self.field(name)?;
        let described = field.get("description").or_else(|| self.resolve(field).get("description"));
        described.and_then(Json::as_str).and_then(|text| text.lines().next())
    }

    /// The values that the schema marks as secret, each with its key (`headers.token`).
    pub(crate) fn secrets<'a>(&self, table: &'a Table) -> Vec<(String, &'a Node)> {
        let mut found = Vec::new();
        self.secrets_of_table(&self.root, table, "", &mut found);
        found
    }

    fn secrets_of_table<'a>(
        &self,
        schema: &Json,
        table: &'a Table,
        path: &str,
        found: &mut Vec<(String, &'a Node)>,
    ) {
        for (key, entry) in &table.0 {
            let field = schema.get("properties").and_then(|properties| properties.get(key));
            if let Some(field) = field.or_else(|| schema.get("additionalProperties")) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                self.secrets_of(field, &entry.node, &path, found);
            }
        }
    }

    fn secrets_of<'a>(&self, schema: &Json, node: &'a Node, path: &str, found: &mut Vec<(String, &'a Node)>) {
        if schema.get("writeOnly") == Some(&Json::Bool(true)) {
            found.push((path.to_owned(), node));
            return;
        }
        let resolved = self.resolve(schema);
        if !std::ptr::eq(schema, resolved) {
            return self.secrets_of(resolved, node, path, found);
        }
        for alternatives in ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array()) {
            for alternative in alternatives {
                self.secrets_of(alternative, node, path, found);
            }
        }
        match &node.value {
            Value::Table(table) => self.secrets_of_table(schema, table, path, found),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for item in items {
                        self.secrets_of(schema, item, path, found);
                    }
                }
            }
            _ => {}
        }
    }

    /// What a schema refers to, or itself.
    fn resolve<'a>(&'a self, schema: &'a Json) -> &'a Json {
        let mut at = schema;
        for _ in 0..MOST_REFERENCES {
            let reference =
                at.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
            match reference.and_then(|pointer| self.root.pointer(pointer)) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// Notes every key that the table may not have. `more` may stand there besides.
    pub(crate) fn unknown_keys(&self, table: &Table, place: &str, more: &[&str], problems: &mut Problems) {
        let known: Vec<&str> = self.names().into_iter().chain(more.iter().copied()).collect();
        for (key, entry) in &table.0 {
            if !known.contains(&key.as_str()) {
                unknown(&entry.key, "key", key, place, known.iter().copied(), problems);
            }
        }
    }

    /// Notes every key that the table lacks.
    pub(crate) fn missing_keys(
        &self,
        table: &Table,
        span: &Range<usize>,
        place: &str,
        problems: &mut Problems,
    ) {
        for name in self.required().filter(|name| table.get(name).is_none()) {
            let problem = problems.error(span, format!("`{name}` is missing in {place}"));
            if let Some(description) = self.description(name) {
                problem.help(format!("`{name}`: {description}"));
            }
        }
    }

    /// Notes every value that is not accepted. What misses a key is told by [`Self::missing_keys`].
    pub(crate) fn wrong_values(
        &self,
        entries: &[(&str, &Entry)],
        whole: &Range<usize>,
        place: &str,
        accept: Accept<'_>,
        problems: &mut Problems,
    ) {
        let refuses = |entries: &[(&str, &Entry)]| {
            let object: Map<_, _> =
                entries.iter().map(|(key, entry)| ((*key).to_owned(), entry.node.to_json())).collect();
            accept(&Json::Object(object)).err().filter(|error| !self.is_missing_key(error))
        };
        let Some(error) = refuses(entries) else { return };
        // Alone, a value is refused for its own sake, or because it does not fit another's default.
        let (suspects, cleared): (Vec<_>, Vec<_>) =
            entries.iter().copied().partition(|entry| refuses(std::slice::from_ref(entry)).is_some());
        let mut told = false;
        for (key, entry) in suspects {
            let among_cleared: Vec<_> = cleared.iter().copied().chain([(key, entry)]).collect();
            let Some(error) = refuses(&among_cleared) else { continue };
            told = true;
            let message = if entry.node.is_filled() {
                format!("`{key}` does not accept the value of `{}`", entry.node.shown())
            } else {
                format!("`{key}` is not accepted: {error}")
            };
            let problem = problems.error(&entry.node.span, message);
            if let Some(description) = self.description(key) {
                problem.help(format!("`{key}`: {description}"));
            }
        }
        if !told {
            let is_filled = entries.iter().any(|(_, entry)| entry.node.is_filled());
            let error = if is_filled { "its values do not fit together" } else { &error };
            problems.error(whole, format!("{place} is not accepted: {error}"));
        }
    }

    fn is_missing_key(&self, error: &str) -> bool {
        let named = error.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        named.is_some_and(|name| self.has(name))
    }
}
