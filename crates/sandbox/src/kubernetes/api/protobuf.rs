//! Bodies in protobuf: `kubectl create configmap` and `kubectl auth can-i` send nothing else.
//!
//! Only the few small kinds are read that `kubectl` sends so; manifests always come as JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// What a body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// What stands in a field.
enum Shape {
    Text,
    Number,
    Flag,
    Message(&'static [Field]),
    /// Texts by name.
    Texts,
    /// Bytes by name, which JSON has as Base64.
    Blobs,
    Blob,
    /// What only the server says.
    Ignored,
}

/// A field of a message: its number, its name, its shape, and whether there are many of it.
type Field = (u64, &'static str, Shape, bool);

const fn one(number: u64, name: &'static str, shape: Shape) -> Field {
    (number, name, shape, false)
}

const fn many(number: u64, name: &'static str, shape: Shape) -> Field {
    (number, name, shape, true)
}

const ENVELOPE: &[Field] = &[
    one(1, "type", Shape::Message(&[one(1, "apiVersion", Shape::Text), one(2, "kind", Shape::Text)])),
    one(2, "raw", Shape::Blob),
    one(3, "encoding", Shape::Text),
    one(4, "contentType", Shape::Text),
];
const OWNER: &[Field] = &[
    one(1, "kind", Shape::Text),
    one(3, "name", Shape::Text),
    one(4, "uid", Shape::Text),
    one(5, "apiVersion", Shape::Text),
    one(6, "controller", Shape::Flag),
    one(7, "blockOwnerDeletion", Shape::Flag),
];
const METADATA: Field = one(
    1,
    "metadata",
    Shape::Message(&[
        one(1, "name", Shape::Text),
        one(2, "generateName", Shape::Text),
        one(3, "namespace", Shape::Text),
        one(4, "selfLink", Shape::Ignored),
        one(5, "uid", Shape::Ignored),
        one(6, "resourceVersion", Shape::Text),
        one(7, "generation", Shape::Ignored),
        one(8, "creationTimestamp", Shape::Ignored),
        one(9, "deletionTimestamp", Shape::Ignored),
        one(10, "deletionGracePeriodSeconds", Shape::Ignored),
        one(11, "labels", Shape::Texts),
        one(12, "annotations", Shape::Texts),
        many(13, "ownerReferences", Shape::Message(OWNER)),
        many(14, "finalizers", Shape::Text),
        many(17, "managedFields", Shape::Ignored),
    ]),
);
const STATUS: Field = one(3, "status", Shape::Ignored);
const CONFIG_MAP: &[Field] = &[
    METADATA,
    one(2, "data", Shape::Texts),
    one(3, "binaryData", Shape::Blobs),
    one(4, "immutable", Shape::Flag),
];
const SECRET: &[Field] = &[
    METADATA,
    one(2, "data", Shape::Blobs),
    one(3, "type", Shape::Text),
    one(4, "stringData", Shape::Texts),
    one(5, "immutable", Shape::Flag),
];
const NAMESPACE: &[Field] =
    &[METADATA, one(2, "spec", Shape::Message(&[many(1, "finalizers", Shape::Text)])), STATUS];
const RESOURCE: &[Field] = &[
    one(1, "namespace", Shape::Text),
    one(2, "verb", Shape::Text),
    one(3, "group", Shape::Text),
    one(4, "version", Shape::Text),
    one(5, "resource", Shape::Text),
    one(6, "subresource", Shape::Text),
    one(7, "name", Shape::Text),
];
const NO_RESOURCE: &[Field] = &[one(1, "path", Shape::Text), one(2, "verb", Shape::Text)];
const ACCESS_REVIEW: &[Field] = &[
    METADATA,
    one(
        2,
        "spec",
        Shape::Message(&[
            one(1, "resourceAttributes", Shape::Message(RESOURCE)),
            one(2, "nonResourceAttributes", Shape::Message(NO_RESOURCE)),
        ]),
    ),
    STATUS,
];
const RULES_REVIEW: &[Field] =
    &[METADATA, one(2, "spec", Shape::Message(&[one(1, "namespace", Shape::Text)])), STATUS];
const DELETE_OPTIONS: &[Field] = &[
    one(1, "gracePeriodSeconds", Shape::Number),
    one(
        2,
        "preconditions",
        Shape::Message(&[one(1, "uid", Shape::Text), one(2, "resourceVersion", Shape::Text)]),
    ),
    one(3, "orphanDependents", Shape::Flag),
    one(4, "propagationPolicy", Shape::Text),
    many(5, "dryRun", Shape::Text),
];
const EVICTION: &[Field] = &[METADATA, one(2, "deleteOptions", Shape::Message(DELETE_OPTIONS))];

/// The object in a body; none, where it is of another kind or cannot be read.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    let envelope = message(ENVELOPE, body.strip_prefix(MAGIC)?)?;
    let kind = &envelope["type"]["kind"];
    let fields = match kind.as_str()? {
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "ServiceAccount" => &[METADATA],
        "Namespace" => NAMESPACE,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "DeleteOptions" => DELETE_OPTIONS,
        "Eviction" => EVICTION,
        _ => return None,
    };
    let raw = BASE64_STANDARD.decode(envelope["raw"].as_str().unwrap_or_default()).ok()?;
    let mut object = message(fields, &raw)?;
    object["kind"] = kind.clone();
    object["apiVersion"] = envelope["type"]["apiVersion"].clone();
    Some(object)
}

/// A message. What says nothing is left out, as JSON has it; a field that is not known is none of ours to lose.
fn message(fields: &[Field], mut bytes: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let (_, name, shape, is_many) = fields.iter().find(|(number, ..)| *number == tag >> 3)?;
        let (number, part): (_, &[u8]) = match tag & 7 {
            0 => (varint(&mut bytes)?, &[]),
            2 => (0, chunk(&mut bytes)?),
            _ => return None,
        };
        let value = match shape {
            Shape::Text => json!(std::str::from_utf8(part).ok()?),
            Shape::Number => json!(number),
            Shape::Flag => json!(number != 0),
            Shape::Message(fields) => message(fields, part)?,
            Shape::Blob => json!(BASE64_STANDARD.encode(part)),
            Shape::Ignored => continue,
            Shape::Texts | Shape::Blobs => {
                let value = if matches!(shape, Shape::Texts) { Shape::Text } else { Shape::Blob };
                let entry = message(&[one(1, "key", Shape::Text), one(2, "value", value)], part)?;
                let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
                let texts = object.entry(*name).or_insert_with(|| json!({}));
                texts[text("key")] = json!(text("value"));
                continue;
            }
        };
        if *is_many {
            object.entry(*name).or_insert_with(|| json!([])).as_array_mut()?.push(value);
        } else if value != "" {
            object.insert((*name).to_owned(), value);
        }
    }
    Some(Value::Object(object))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn chunk<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(bytes)?).ok()?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[(number << 3) | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let about = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &about), &field(2, raw), &field(3, b""), &field(4, b"")].concat()
    }

    #[test]
    fn small_kinds_are_read() {
        let metadata = [field(1, b"settings"), field(2, b""), field(8, b"")].concat();
        let entry = [field(1, b"key"), field(2, b"value")].concat();
        let raw = [field(1, &metadata), field(2, &entry)].concat();
        let wanted = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "key": "value" },
        });
        assert_eq!(read(&body("ConfigMap", &raw)), Some(wanted));
        let options = [&[1 << 3, 0xac, 0x02], field(5, b"All").as_slice()].concat();
        let options = read(&body("DeleteOptions", &options)).unwrap();
        assert_eq!((&options["gracePeriodSeconds"], &options["dryRun"]), (&json!(300), &json!(["All"])));
    }

    #[test]
    fn what_is_unknown_or_broken_is_not_read() {
        assert_eq!(read(&body("Deployment", b"")), None);
        assert_eq!(read(&body("ServiceAccount", &field(9, b"x"))), None);
        let whole = body("ConfigMap", &field(1, &field(1, b"settings")));
        assert!(read(&whole).is_some());
        assert_eq!(read(&whole[..20]), None);
        assert_eq!(read(b"{}"), None);
    }
}
