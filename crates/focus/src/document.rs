//! Answers that the server owes us: reading their JSON, and resting a verdict on them.

use serde_json::Value;
use shakedown_core::{Cause, CheckError, Context, Finding, Observation, Verdict};
use shakedown_http::{Exchange, StatusCode};

/// The JSON of a 200, or the finding that it is none.
pub fn json(exchange: &Exchange, path: &str) -> Result<Value, Box<Finding>> {
    let subject = format!("GET {path}");
    let finding =
        |code, message: String| Box::new(Finding::new(code, Cause::Product, subject.clone(), message));
    if exchange.status != StatusCode::OK {
        let message = format!("{subject} is answered with {} instead of 200", exchange.status);
        return Err(finding("unexpected-status", message));
    }
    exchange.json().map_err(|error| finding("not-json", error.to_string()))
}

/// A verdict that rests on one exchange, which is kept as evidence where there is something to show.
pub fn verdict(
    cx: &Context,
    exchange: &Exchange,
    name: &str,
    seen: String,
    findings: Vec<Finding>,
) -> Result<Verdict, CheckError> {
    let verdict = Verdict::of(Observation::seen(seen));
    if findings.is_empty() {
        return Ok(verdict);
    }
    let evidence = cx.attach(exchange.to_evidence(format!("{name}.txt")))?;
    Ok(verdict.with_all(findings.into_iter().map(|finding| finding.evidence(evidence.clone()))))
}

/// A whole number, also where it is written as `5.0`; never a boolean.
pub fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "only floats that are whole and small are cast")]
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

/// A whole number, also in digits: servers of this kind send both.
pub fn whole_or_digits(value: &Value) -> Option<i64> {
    whole(value).or_else(|| value.as_str()?.parse().ok())
}

/// A value for a message, cut where it is long.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_numbers_in_every_spelling() {
        let cases = [
            json!(5),
            json!(5.0),
            json!(5.5),
            json!(true),
            json!("5"),
            json!("x"),
            json!(null),
            json!(1e300),
        ];
        assert_eq!(cases.each_ref().map(whole), [Some(5), Some(5), None, None, None, None, None, None]);
        assert_eq!(
            cases.each_ref().map(whole_or_digits),
            [Some(5), Some(5), None, None, Some(5), None, None, None]
        );
    }
}
