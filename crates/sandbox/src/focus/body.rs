//! Request bodies: read within bounds, parsed strictly, and taken apart field by field.

use super::errors::{Problem, Refusal};
use super::faults::{Fault, Faults};
use super::mishaps::LONG_DOWN;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value, json};
use std::fmt;

/// The largest body that is parsed.
const LIMIT: usize = 1 << 20;
/// How much of a larger body is read and thrown away, so that its sender gets to see the refusal.
const DRAIN: usize = 64 << 20;

const NO_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

/// How deep a structure takes a server with [`Fault::DeepNestingCrash`] down.
const DEEP: usize = 1_000;

/// Reads a JSON object, as a healthy server does.
pub(super) async fn object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    object_under(&Faults::default(), headers, body).await
}

/// Reads a JSON object.
pub(super) async fn object_under(
    faults: &Faults,
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, Refusal> {
    let bytes = bytes(body).await?;
    if faults.has(Fault::DeepNestingCrash) && depth(&bytes) > DEEP {
        return Err(Refusal::Down(LONG_DOWN));
    }
    let input = if is_json(headers) || faults.has(Fault::AnyContentType) {
        match parse(&bytes).map_err(|refusal| crashed(refusal, &bytes, faults))? {
            Value::Object(object) => return Ok(object),
            other => other,
        }
    } else {
        Value::String(String::from_utf8_lossy(&bytes).into_owned())
    };
    let problem = if bytes.is_empty() {
        Problem {
            kind: "missing",
            loc: vec![json!("body")],
            msg: "Field required",
            input: Value::Null,
            ctx: None,
        }
    } else {
        Problem { kind: "model_attributes_type", loc: vec![json!("body")], msg: NO_OBJECT, input, ctx: None }
    };
    Err(Refusal::Unprocessable(vec![problem]))
}

/// The deepest level, as far as brackets outside of texts tell; close enough for a crash.
fn depth(bytes: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    for byte in bytes {
        match byte {
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

/// A server whose parser's errors are not caught fails instead of refusing.
fn crashed(refusal: Refusal, bytes: &[u8], faults: &Faults) -> Refusal {
    let surrogate = serde_json::from_slice::<Strict>(bytes).is_err_and(|error| {
        error.to_string().contains("surrogate") || error.to_string().contains("hex escape")
    });
    if faults.has(Fault::BrokenJson500) || surrogate && faults.has(Fault::Surrogate500) {
        Refusal::Crash
    } else {
        refusal
    }
}

async fn bytes(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut kept = Vec::new();
    let mut seen = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::value("There was an error parsing the body"))?;
        seen += chunk.len();
        if seen > DRAIN {
            break;
        }
        if seen <= LIMIT {
            kept.extend_from_slice(&chunk);
        }
    }
    if seen > LIMIT {
        let detail = format!("Request body too large: at most {LIMIT} bytes");
        return Err(Refusal::Detail(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(kept)
}

/// Whether the body is to be read as JSON; without a content type it is.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice::<Strict>(bytes).map(|strict| strict.0).map_err(|error| {
        if error.classify() == Category::Data {
            return Refusal::value(error.to_string());
        }
        Refusal::Unprocessable(vec![Problem {
            kind: "json_invalid",
            loc: vec![json!("body"), json!(offset(bytes, error.line(), error.column()))],
            msg: "JSON decode error",
            input: json!({}),
            ctx: Some(json!({ "error": error.to_string() })),
        }])
    })
}

/// The offset in the body of a place given by line and column, both counted from one.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        bytes.split(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(|line| line.len() + 1).sum();
    before + column.saturating_sub(1)
}

/// A JSON value none of whose objects names a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!("duplicate key `{key}`")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Whether there is a number in it that does not fit into 32 bits.
pub(super) fn has_a_large_number(body: &Map<String, Value>) -> bool {
    body.values().any(|value| match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() >= f64::from(i32::MAX)),
        Value::Object(inner) => has_a_large_number(inner),
        _ => false,
    })
}

/// Takes fields out of objects and collects all that is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    problems: Vec<Problem>,
    /// Under [`Fault::LaxTypes`].
    lax: bool,
    /// Under [`Fault::OperatorsEvaluated`].
    evaluates: bool,
}

impl Fields {
    /// Takes fields as a server with these faults does.
    pub(super) fn under(faults: &Faults) -> Self {
        Self {
            lax: faults.has(Fault::LaxTypes),
            evaluates: faults.has(Fault::OperatorsEvaluated),
            ..Self::default()
        }
    }

    /// What a fault makes of something that is no whole number.
    fn bent(&self, value: &Value) -> Option<i64> {
        match value {
            Value::Bool(is) if self.lax => Some(i64::from(*is)),
            Value::Number(number) if self.lax => {
                number.as_f64().map(f64::trunc).and_then(|cut| whole(&json!(cut)))
            }
            Value::Object(fields) if self.evaluates && fields.keys().any(|key| key.starts_with('$')) => {
                Some(1)
            }
            _ => None,
        }
    }

    /// Nothing, or every problem at once.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal::Unprocessable(self.problems)) }
    }

    /// The value of the last key of `path` in `parent`; null counts as absent, unless the field is required.
    fn field<'v>(
        &mut self,
        parent: &'v Map<String, Value>,
        path: &[&str],
        required: bool,
    ) -> Option<&'v Value> {
        let found = parent.get(*path.last()?);
        if found.is_none() && required {
            self.problem("missing", path, "Field required", Value::Object(parent.clone()));
        }
        found.filter(|value| required || !value.is_null())
    }

    /// An object.
    pub(super) fn object<'v>(
        &mut self,
        parent: &'v Map<String, Value>,
        path: &[&str],
        required: bool,
    ) -> Option<&'v Map<String, Value>> {
        let value = self.field(parent, path, required)?;
        if value.as_object().is_none() {
            self.problem("model_attributes_type", path, NO_OBJECT, value.clone());
        }
        value.as_object()
    }

    /// A whole number; a float without a fraction is one, a boolean or text is not.
    pub(super) fn integer(
        &mut self,
        parent: &Map<String, Value>,
        path: &[&str],
        required: bool,
    ) -> Option<i64> {
        let value = self.field(parent, path, required)?;
        let integer = whole(value).or_else(|| self.bent(value));
        if integer.is_none() {
            let (kind, msg) = if value.is_f64() {
                ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
            } else {
                ("int_type", "Input should be a valid integer")
            };
            self.problem(kind, path, msg, value.clone());
        }
        integer
    }

    /// Any number.
    pub(super) fn number(
        &mut self,
        parent: &Map<String, Value>,
        path: &[&str],
        required: bool,
    ) -> Option<f64> {
        let value = self.field(parent, path, required)?;
        if value.as_f64().is_none() {
            self.problem("float_type", path, "Input should be a valid number", value.clone());
        }
        value.as_f64()
    }

    /// Text.
    pub(super) fn text<'v>(
        &mut self,
        parent: &'v Map<String, Value>,
        path: &[&str],
        required: bool,
    ) -> Option<&'v str> {
        let value = self.field(parent, path, required)?;
        if value.as_str().is_none() {
            self.problem("string_type", path, "Input should be a valid string", value.clone());
        }
        value.as_str()
    }

    /// A required field of any type, for the caller to judge.
    pub(super) fn any<'v>(&mut self, parent: &'v Map<String, Value>, path: &[&str]) -> Option<&'v Value> {
        self.field(parent, path, true)
    }

    /// Adds a problem.
    pub(super) fn problem(&mut self, kind: &'static str, path: &[&str], msg: &'static str, input: Value) {
        let loc = std::iter::once(&"body").chain(path).map(|part| json!(part)).collect();
        self.problems.push(Problem { kind, loc, msg, input, ctx: None });
    }
}

/// The whole number that a JSON value stands for.
pub(super) fn whole(value: &Value) -> Option<i64> {
    /// Above this, floats skip whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        Some(float as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        format!("{:?}", parse(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn json_is_parsed_strictly() {
        assert_eq!(
            parse(br#"{"a": [1, -2, 2.5, null, true, "x"]}"#).unwrap(),
            json!({"a": [1, -2, 2.5, null, true, "x"]})
        );
        assert!(refusal("{").contains("json_invalid"));
        assert!(refusal("\u{1}").contains("json_invalid"));
        assert!(refusal(r#"{"a": 1, "b": {"c": 1, "c": 2}}"#).contains("duplicate key `c`"));
        assert!(refusal(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(refusal("[1e999]").contains("out of range"));
    }

    #[test]
    fn the_place_of_a_syntax_error_is_an_offset() {
        assert_eq!(offset(b"{\n\"a\": x}", 2, 6), 7);
    }

    #[test]
    fn whole_numbers_are_told_from_what_looks_like_them() {
        assert_eq!(whole(&json!(7)), Some(7));
        assert_eq!(whole(&json!(7.0)), Some(7));
        for bad in [json!(7.5), json!(true), json!("7"), json!(null), json!(1e300), json!(u64::MAX)] {
            assert_eq!(whole(&bad), None, "{bad}");
        }
    }
}
