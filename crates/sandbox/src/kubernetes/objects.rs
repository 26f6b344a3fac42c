//! How objects are read and written: names, owners, labels, times, conditions, quantities.

use super::kinds::Kind;
use super::store::{Place, time_text};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The text at a JSON pointer; nothing where there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer; an empty one where there is none.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Its name.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// Its namespace; empty for cluster scope.
pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// Its UID.
pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Its namespace and its name.
pub(super) fn place(object: &Value) -> Place {
    (namespace(object).to_owned(), name(object).to_owned())
}

/// Whether it is being deleted.
pub(super) fn is_ending(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// The value of a label; nothing where it has none.
pub(super) fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

/// The pairs of a map of texts.
pub(super) fn pairs(map: &Value) -> impl Iterator<Item = (&str, &str)> {
    map.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// Whether an object carries every label of a map that names at least one.
pub(super) fn carries(object: &Value, wanted: &Value) -> bool {
    let mut wanted = pairs(wanted).peekable();
    wanted.peek().is_some() && wanted.all(|(key, value)| object["metadata"]["labels"][key] == value)
}

/// The reference to the controller that an object belongs to.
pub(super) fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true)
}

/// What an object that belongs to `owner` says of it.
pub(super) fn reference_to(kind: &Kind, owner: &Value) -> Value {
    json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind,
        "name": name(owner),
        "uid": uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Sets a condition. The time of its last transition moves only where its status changes.
pub(super) fn set_condition(status: &mut Value, kind: &str, holds: &str, why: (&str, &str), now: Timestamp) {
    let (reason, message) = why;
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return };
    let at = conditions.iter().position(|condition| condition["type"] == kind).unwrap_or_else(|| {
        conditions.push(json!({ "type": kind }));
        conditions.len() - 1
    });
    let condition = &mut conditions[at];
    if condition["status"] != holds {
        condition["status"] = json!(holds);
        condition["lastTransitionTime"] = json!(time_text(now));
    }
    for (field, said) in [("reason", reason), ("message", message)] {
        if said.is_empty() {
            condition.as_object_mut().map(|condition| condition.remove(field));
        } else {
            condition[field] = json!(said);
        }
    }
}

/// Whether a condition is true.
pub(super) fn holds(object: &Value, kind: &str) -> bool {
    items(object, "/status/conditions")
        .iter()
        .any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// Whether a pod is ready and not about to end.
pub(super) fn is_ready(pod: &Value) -> bool {
    holds(pod, "Ready") && !is_ending(pod)
}

/// Whether a pod has come to its end.
pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// A quantity such as `500m`, `2` or `1Gi`, in thousandths; zero where it cannot be read.
pub(super) fn thousandths(quantity: &Value) -> i128 {
    let written = match quantity {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return 0,
    };
    let end = written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len());
    let (digits, unit) = written.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<3}");
    let (Ok(whole), Ok(fraction)) = (whole.parse::<i128>(), fraction[..3].parse::<i128>()) else {
        return 0;
    };
    let factor: i128 = match unit {
        "m" => return whole,
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return 0,
    };
    (whole * 1_000 + fraction).saturating_mul(factor)
}

/// A short name for something that is always the same: letters that form no word.
pub(super) fn hash_name(what: &Value, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    // FNV-1a: the same from one run to the next, unlike the standard library's hasher.
    let mut hash = what.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let base = LETTERS.len() as u64;
    let mut letters = String::new();
    for _ in 0..length {
        let at = usize::try_from(hash % base).unwrap_or_default();
        letters.push(char::from(LETTERS[at]));
        hash = (hash / base) ^ hash.rotate_left(13);
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_unit() {
        let read = |text: &str| thousandths(&json!(text));
        assert_eq!([read("500m"), read("2"), read("0.5"), read("1.25")], [500, 2_000, 500, 1_250]);
        assert_eq!(read("1Gi"), 1_000 << 30);
        assert_eq!(read("512Mi"), 512_000 << 20);
        assert_eq!(thousandths(&json!(3)), 3_000);
        assert_eq!([read("much"), read(""), thousandths(&Value::Null)], [0; 3]);
    }

    #[test]
    fn a_condition_that_stays_keeps_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut status = json!({});
        set_condition(&mut status, "Ready", "False", ("Starting", "not yet"), at(0));
        set_condition(&mut status, "Ready", "False", ("Failing", ""), at(60));
        let expected = json!([{
            "type": "Ready", "status": "False", "reason": "Failing", "lastTransitionTime": "1970-01-01T00:00:00Z",
        }]);
        assert_eq!(status["conditions"], expected);
        set_condition(&mut status, "Ready", "True", ("", ""), at(120));
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "1970-01-01T00:02:00Z");
        assert!(holds(&json!({ "status": status }), "Ready"));
    }

    #[test]
    fn a_selector_that_names_nothing_matches_nothing() {
        let pod = json!({ "metadata": { "labels": { "app": "a", "tier": "b" } } });
        assert!(carries(&pod, &json!({ "app": "a" })));
        assert!(!carries(&pod, &json!({ "app": "a", "tier": "c" })));
        assert!(!carries(&pod, &json!({})) && !carries(&pod, &Value::Null));
    }

    #[test]
    fn names_made_of_content_differ_with_it() {
        assert_eq!(hash_name(&json!({"a": 1}), 10), hash_name(&json!({"a": 1}), 10));
        assert_ne!(hash_name(&json!({"a": 1}), 10), hash_name(&json!({"a": 2}), 10));
        assert_eq!(hash_name(&json!(1), 5).len(), 5);
    }
}
