//! The file as a tree whose every key and value knows where it stands.

use crate::diagnostic::Problems;
use crate::template::{Filled, Template};
use serde_json::{Map, Number, Value as Json};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// Deeper nesting is refused: nothing in the file calls for it, and every walk may then recurse.
const DEEPEST: usize = 32;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// A text with `${…}` in it, whose value nobody knows yet.
    Template(Template),
    /// A text whose `${…}` were filled in.
    Filled(Filled),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(Datetime),
    Array(Vec<Node>),
    Table(Table),
}

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Range<usize>,
    pub(crate) node: Node,
}

/// A table, sorted by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(crate) BTreeMap<String, Entry>);

impl Node {
    /// What it is, for a reader.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) | Value::Template(_) | Value::Filled(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// The text, where it is one and known.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Filled(filled) => Some(&filled.text),
            _ => None,
        }
    }

    /// The text as it stands in the file, which is what a message may show.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => text.clone(),
            Value::Template(template) => template.raw.clone(),
            Value::Filled(filled) => filled.raw.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Datetime(date) => date.to_string(),
            Value::Array(_) | Value::Table(_) => self.kind().to_owned(),
        }
    }

    /// The table, where it is one.
    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Whether `test` holds for a value in it, itself included.
    pub(crate) fn any(&self, test: &dyn Fn(&Value) -> bool) -> bool {
        test(&self.value)
            || match &self.value {
                Value::Array(items) => items.iter().any(|item| item.any(test)),
                Value::Table(table) => table.0.values().any(|entry| entry.node.any(test)),
                _ => false,
            }
    }

    /// Whether it contains a `${…}` that is not yet filled in.
    pub(crate) fn is_open(&self) -> bool {
        self.any(&|value| matches!(value, Value::Template(_)))
    }

    /// Whether it contains a value that came from outside the file.
    pub(crate) fn is_filled(&self) -> bool {
        self.any(&|value| matches!(value, Value::Filled(_)))
    }

    /// As JSON; what is not known yet is null.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Text(text) => Json::from(text.as_str()),
            Value::Filled(filled) => Json::from(filled.text.as_str()),
            Value::Template(_) => Json::Null,
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Value::Boolean(flag) => Json::from(*flag),
            Value::Datetime(date) => Json::from(date.to_string()),
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => Json::Object(table.to_json()),
        }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    pub(crate) fn to_json(&self) -> Map<String, Json> {
        self.0.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect()
    }

    /// Its keys in the order of the file.
    pub(crate) fn in_file_order(&self) -> Vec<(&String, &Entry)> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|(_, entry)| entry.key.start);
        entries
    }
}

/// Reads TOML. Nothing where its syntax is wrong: what an error swallowed would be told missing, and what it made up
/// unknown. A key that is written twice is noted, and the rest is read all the same.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Option<Table> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut is_whole = true;
    for error in errors {
        let message = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) if message == "duplicate key" => {
                let key = text.get(span.clone()).unwrap_or_default();
                problems.error(&span, format!("`{key}` is written twice")).help("keep one of the two");
            }
            span => {
                let span = span.unwrap_or(0..0);
                problems.error(&span, format!("this is not TOML: {message}"));
                is_whole = false;
            }
        }
    }
    let document = document.into_inner();
    if is_whole {
        return Some(table(document, 0, problems));
    }
    dismantle(DeValue::Table(document));
    None
}

fn table(table: DeTable<'_>, depth: usize, problems: &mut Problems) -> Table {
    let entries = table.into_iter().map(|(key, value)| {
        let entry = Entry { key: key.span(), node: node(value, depth + 1, problems) };
        (key.into_inner().into_owned(), entry)
    });
    Table(entries.collect())
}

fn node(value: Spanned<DeValue<'_>>, depth: usize, problems: &mut Problems) -> Node {
    let span = value.span();
    let value = value.into_inner();
    if depth > DEEPEST && matches!(value, DeValue::Array(_) | DeValue::Table(_)) {
        problems.error(&span, format!("tables and arrays are nested more than {DEEPEST} deep"));
        dismantle(value);
        return Node { span, value: Value::Boolean(false) };
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            if parsed.is_err() {
                problems.error(&span, format!("the integer `{number}` is out of range"));
            }
            Value::Integer(parsed.unwrap_or_default())
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            _ => {
                problems.error(&span, format!("`{number}` is not a finite number"));
                Value::Float(0.0)
            }
        },
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(date) => Value::Datetime(date),
        DeValue::Array(items) => {
            Value::Array(items.into_iter().map(|item| node(item, depth + 1, problems)).collect())
        }
        DeValue::Table(inner) => Value::Table(table(inner, depth, problems)),
    };
    Node { span, value }
}

/// Drops a value without recursion: dotted keys in nested tables reach depths that a stack does not.
fn dismantle(value: DeValue<'_>) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            DeValue::Array(items) => left.extend(items.into_iter().map(Spanned::into_inner)),
            DeValue::Table(table) => left.extend(table.into_iter().map(|(_, value)| value.into_inner())),
            _ => {}
        }
    }
}

/// The parent's table with the child's written over it: tables merge key by key, anything else is replaced.
pub(crate) fn merge(parent: &Table, child: &Table, appending: &[&str]) -> Table {
    let mut merged = parent.clone();
    for (key, entry) in &child.0 {
        let mut entry = entry.clone();
        if let Some(inherited) = parent.get(key) {
            match (&inherited.node.value, &mut entry.node.value) {
                (Value::Table(parent), Value::Table(child)) => *child = merge(parent, child, &[]),
                (Value::Array(parent), Value::Array(child)) if appending.contains(&key.as_str()) => {
                    child.splice(0..0, parent.iter().cloned());
                }
                _ => {}
            }
        }
        merged.0.insert(key.clone(), entry);
    }
    merged
}
