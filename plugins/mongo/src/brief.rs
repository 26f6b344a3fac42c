//! Values of the data, cut short: whatever a document holds, little of it travels and nothing of it disturbs a report.

use mongodb::bson::{Bson, Document, doc};
pub(crate) use shakedown_core::text::line;

/// Longer texts are cut by the server.
const TEXT: i32 = 64;

/// Types whose values are small, as the server's `$type` names them.
const SMALL: [&str; 11] = [
    "date",
    "int",
    "long",
    "double",
    "decimal",
    "bool",
    "objectId",
    "timestamp",
    "null",
    "undefined",
    "missing",
];

/// The aggregation expression of a field: a text cut to `length` characters, a small value as it is, of anything else
/// only its type, in parentheses.
pub(crate) fn field_up_to(name: &str, length: i32) -> Document {
    let field = format!("${name}");
    let kind = doc! { "$type": &field };
    doc! { "$switch": {
        "branches": [
            { "case": { "$eq": [kind.clone(), "string"] }, "then": { "$substrCP": [&field, 0, length] } },
            { "case": { "$in": [kind.clone(), SMALL.to_vec()] }, "then": &field },
        ],
        "default": { "$concat": ["(", kind, ")"] },
    } }
}

/// As [`field_up_to`], at a length that is enough for a reader.
pub(crate) fn field(name: &str) -> Document {
    field_up_to(name, TEXT)
}

/// A value for a reader, on one line and without control characters.
pub(crate) fn show(value: Option<&Bson>) -> String {
    match value {
        None => "(missing)".to_owned(),
        Some(Bson::String(text)) => line(text, 64),
        Some(Bson::ObjectId(id)) => id.to_hex(),
        Some(Bson::Null) => "(null)".to_owned(),
        Some(Bson::DateTime(date)) => {
            date.try_to_rfc3339_string().unwrap_or_else(|_| date.timestamp_millis().to_string())
        }
        Some(other) => line(&other.to_string(), 64),
    }
}

/// `1 recording`, `2 recordings`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_become_one_short_line() {
        assert_eq!(show(Some(&Bson::String("a\n\u{1b}[31mb".into()))), r"a\n\u{1b}[31mb");
        let long = show(Some(&Bson::String("ä".repeat(10_000))));
        assert_eq!(long.chars().count(), 65);
        assert_eq!(show(None), "(missing)");
        assert_eq!(show(Some(&Bson::Int32(7))), "7");
    }

    #[test]
    fn lists_read_as_prose() {
        let words = |all: &[&str]| and(&all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(
            [words(&[]), words(&["a"]), words(&["a", "b"]), words(&["a", "b", "c"])],
            ["", "a", "a and b", "a, b and c"]
        );
        assert_eq!([count(1, "ox", "oxen"), count(2, "ox", "oxen")], ["1 ox", "2 oxen"]);
    }
}
