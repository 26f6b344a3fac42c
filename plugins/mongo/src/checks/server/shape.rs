//! A command without the values in it: which fields it asks about, and how.

use crate::brief;
use mongodb::bson::{Bson, Document};
use std::fmt::Write;

/// Longer shapes are cut.
const LONGEST: usize = 300;
/// Deeper parts are left out.
const DEEPEST: usize = 6;
/// Of a longer list only so many items are told.
const ITEMS: usize = 4;
/// Fields of a command that say nothing about what it asks.
const OWN: [&str; 9] = [
    "lsid",
    "$db",
    "$clusterTime",
    "$readPreference",
    "txnNumber",
    "signature",
    "apiVersion",
    "$client",
    "$audit",
];

/// The shape of a command: names of fields stay, values become the names of their types. The command's own value is the
/// name of a collection, and stays as well.
pub(super) fn shape(command: &Document) -> String {
    let mut parts = command.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let mut text = String::from("{");
    if let Some((name, value)) = parts.next() {
        let value = match value {
            Bson::String(collection) => brief::line(collection, 100),
            other => of(other, 1),
        };
        let _ = write!(text, "{}: {value}", brief::line(name, 40));
    }
    for (name, value) in parts {
        let _ = write!(text, ", {}: {}", brief::line(name, 40), of(value, 1));
        if text.len() > LONGEST {
            break;
        }
    }
    text.push('}');
    brief::line(&text, LONGEST)
}

fn of(value: &Bson, depth: usize) -> String {
    match value {
        Bson::Document(_) | Bson::Array(_) if depth >= DEEPEST => "…".to_owned(),
        Bson::Document(fields) => {
            let fields = fields.iter().take(ITEMS * 3);
            let parts: Vec<String> = fields
                .map(|(name, value)| format!("{}: {}", brief::line(name, 40), of(value, depth + 1)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Bson::Array(items) => {
            let mut parts: Vec<String> = items.iter().take(ITEMS).map(|item| of(item, depth + 1)).collect();
            if items.len() > ITEMS {
                parts.push(format!("… {} more", items.len() - ITEMS));
            }
            format!("[{}]", parts.join(", "))
        }
        other => kind(other).to_owned(),
    }
}

fn kind(value: &Bson) -> &'static str {
    match value {
        Bson::Double(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Decimal128(_) => "number",
        Bson::String(_) | Bson::Symbol(_) => "string",
        Bson::Boolean(_) => "bool",
        Bson::Null | Bson::Undefined => "null",
        Bson::DateTime(_) | Bson::Timestamp(_) => "date",
        Bson::ObjectId(_) => "id",
        Bson::RegularExpression(_) => "regex",
        Bson::Binary(_) => "binary",
        _ => "code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    #[test]
    fn names_stay_and_values_go() {
        let command = doc! {
            "aggregate": "abc",
            "pipeline": [{ "$match": { "name": "Jane", "n": { "$gt": 5 }, "ids": { "$in": [1, 2, 3, 4, 5, 6] } } }],
            "lsid": { "id": "secret" },
        };
        assert_eq!(
            shape(&command),
            "{aggregate: abc, pipeline: [{$match: {name: string, n: {$gt: number}, ids: {$in: [number, number, number, number, … 2 more]}}}]}"
        );
    }

    #[test]
    fn hostile_commands_stay_short() {
        let deep = (0..500).fold(doc! {}, |inner, _| doc! { "a\n\u{1b}": inner });
        let wide: Document = (0..5000).map(|n| (format!("field{n}"), Bson::Int32(n))).collect();
        for command in [deep, wide, doc! { "find": "x".repeat(9999) }, doc! {}] {
            let text = shape(&command);
            assert!(text.chars().count() <= LONGEST + 1 && !text.contains('\n'), "{text}");
        }
    }
}
