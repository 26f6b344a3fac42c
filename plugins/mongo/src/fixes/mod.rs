//! Fixes of what the checks find. Each change says what it expects to find and does nothing where it finds something
//! else, so that it is safe to apply one twice, by two people at once, and after a lost connection.

mod close_recordings;
mod create_indexes;
mod delete_recordings;
mod stale;

use crate::trouble::Trouble;
use mongodb::bson::{Bson, Document};
use serde_json::Value;
use shakedown_core::CheckError;
use shakedown_core::fix::{Applied, Standing};
use std::io;

/// A value in the form that undo files keep it in: canonical extended JSON, which every value survives unchanged.
fn kept(value: Bson) -> Value {
    value.into_canonical_extjson()
}

/// A value that an undo file kept.
fn restored(value: &Value) -> Result<Bson, CheckError> {
    Bson::try_from(value.clone())
        .map_err(|error| CheckError::unclear(format!("the undo file is damaged: {error}")))
}

/// A document that an undo file kept under `name`.
fn restored_document(change: &Value, name: &str) -> Result<Document, CheckError> {
    match restored(&change[name])? {
        Bson::Document(document) => Ok(document),
        _ => Err(CheckError::unclear(format!("the undo file is damaged: `{name}` is no document"))),
    }
}

/// A text that an undo file kept under `name`.
fn text<'a>(change: &'a Value, name: &str) -> Result<&'a str, CheckError> {
    change[name]
        .as_str()
        .ok_or_else(|| CheckError::unclear(format!("the undo file is damaged: `{name}` is no text")))
}

/// What came of a step that changes documents one by one.
fn applied(done: String, changed: u64, passed_over: u64) -> Applied {
    let summary = match passed_over {
        0 => done,
        _ => format!(
            "{done}; passed over {}, changed by somebody else in the meantime",
            thousands(passed_over)
        ),
    };
    Applied { changed, passed_over, summary }
}

/// What is said where a change cannot be written down, and is therefore not made.
fn unwritable(error: &io::Error) -> CheckError {
    CheckError::unclear(format!("the undo file cannot be written: {error}"))
}

/// What taking a change back came to: where the server refused, what is there now decides.
fn reverted<T>(answer: Result<T, Trouble>, standing: Standing) -> Result<Standing, CheckError> {
    match (answer, standing) {
        (Err(trouble), Standing::AsChanged) => Err(trouble.into()),
        (_, standing) => Ok(standing),
    }
}

/// `1 document`, `1,234 documents`.
fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How long work takes at so many per second, told generously.
fn about(number: u64, per_second: u64) -> String {
    match number / per_second.max(1) {
        0..=10 => "seconds".to_owned(),
        11..=60 => "about a minute".to_owned(),
        seconds @ 61..=5400 => format!("about {} minutes", seconds.div_ceil(60)),
        seconds => format!("about {} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{DateTime, doc, oid::ObjectId};

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!([7, 1_000, 1_234_567].map(thousands), ["7", "1,000", "1,234,567"]);
        let told = [5, 300, 20_000, 9_000_000].map(|number| about(number, 100));
        assert_eq!(told, ["seconds", "seconds", "about 4 minutes", "about 25 hours"]);
    }

    #[test]
    fn every_value_survives_the_undo_file() {
        let document = doc! {
            "_id": ObjectId::from_bytes([7; 12]), "date": DateTime::from_millis(-1), "int": 1, "long": 1_i64,
            "double": 1.0, "nan": f64::INFINITY, "null": Bson::Null, "$where": "x", "a.b": { "c": [1, "two"] },
        };
        let text =
            serde_json::to_string(&serde_json::json!({ "document": kept(document.clone().into()) })).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(restored_document(&read, "document").unwrap(), document);
        assert!(restored_document(&read, "other").is_err());
    }
}
