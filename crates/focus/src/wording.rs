//! What an answer says in its own words.

use serde_json::Value;
use shakedown_http::Exchange;

/// What an error body says in its own words: without the echo of what was sent.
pub fn words(exchange: &Exchange) -> String {
    match exchange.json::<Value>() {
        Ok(body) => {
            let mut text = Vec::new();
            collect(&body, &mut text);
            text.join(" ")
        }
        Err(_) => exchange.text().into_owned(),
    }
}

fn collect(value: &Value, text: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            // `input` is the echo, and `url` the framework's own manual.
            let own = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "input" | "url"));
            own.for_each(|(_, value)| collect(value, text));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, text)),
        Value::String(words) => text.push(words.clone()),
        Value::Number(number) => text.push(number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a text uses one of the words, in any case.
pub fn mentions(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(&word.to_lowercase()))
}

/// Whether a text has this number standing by itself.
pub fn has_number(text: &str, number: i64) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
    text.split(|c| !is_part(c))
        .map(|part| part.trim_end_matches('.'))
        .any(|part| part.parse::<f64>().is_ok_and(|found| (found - as_float(number)).abs() < f64::EPSILON))
}

#[expect(clippy::cast_precision_loss, reason = "limits and inputs are far below 2^52")]
const fn as_float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;

    #[test]
    fn the_echo_does_not_count_as_words() {
        let echo = r#"{"detail":[{"msg":"no","input":{"nfftSelection":1000},"ctx":{"le":512}}]}"#;
        let text = words(&exchange(422, echo));
        assert!(
            !mentions(&text, &["nfftselection"]) && has_number(&text, 512) && !has_number(&text, 1000),
            "{text}"
        );
    }

    #[test]
    fn numbers_stand_by_themselves() {
        assert!(
            has_number("at most 1000.0 Hz.", 1000)
                && has_number("limit (1000)", 1000)
                && has_number("is 1000.", 1000)
        );
        assert!(!has_number("1100 exceeds it", 1000) && !has_number("10001000", 1000) && !has_number("", 0));
    }
}
