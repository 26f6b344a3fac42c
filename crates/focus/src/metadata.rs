//! Live metadata: what the server says of its fiber, and whether it has one.

use crate::document::{shown, whole};
use serde_json::{Map, Value};

/// What stands in place of texts while no fiber is connected.
const WAITING: &str = "waiting for fiber";

/// The answer of `GET /live_metadata`.
#[derive(Clone, Copy, Debug)]
pub struct LiveMetadata<'a>(&'a Map<String, Value>);

impl<'a> LiveMetadata<'a> {
    /// Takes a document, which must be an object.
    pub fn read(body: &'a Value) -> Result<Self, String> {
        body.as_object().map(Self).ok_or_else(|| format!("live metadata is {}, not an object", shown(body)))
    }

    fn text(self, field: &str) -> Option<&'a str> {
        self.0.get(field)?.as_str()
    }

    /// The pulse rate where the fiber is ready, or what shows that it is not.
    pub fn ready(self) -> Result<f64, String> {
        if let Some(text) = self.text("sw_version")
            && text.trim().eq_ignore_ascii_case(WAITING)
        {
            return Err(format!("`sw_version` says \"{text}\""));
        }
        match self.0.get("prr").map(|prr| (prr, prr.as_f64())) {
            Some((_, Some(prr))) if prr > 0.0 => Ok(prr),
            Some((prr, _)) => Err(format!("`prr` is {}", shown(prr))),
            None => Err("`prr` is missing".to_owned()),
        }
    }

    /// What is wrong with the fields that are there or have to be: one sentence each, beginning with the field.
    ///
    /// While the server waits for its fiber, the values are placeholders, and only their presence is judged.
    pub fn problems(self) -> Vec<String> {
        let rules: &[Rule] =
            if self.0.contains_key("prr") && self.ready().is_err() { &PLACEHOLDERS } else { &FIELDS };
        let mut problems: Vec<String> = rules.iter().filter_map(|rule| rule.problem(self.0)).collect();
        let start = self.0.get("fiber_start_meters").and_then(whole);
        let length = self.0.get("fiber_length_meters").and_then(whole);
        if let (Some(start), Some(length)) = (start, length)
            && length <= start
            && self.ready().is_ok()
        {
            problems.push(format!(
                "`fiber_length_meters`, {length}, does not exceed `fiber_start_meters`, {start}"
            ));
        }
        problems
    }

    /// The fields that clients need beside those, where they are missing or null.
    pub fn missing_sample_fields(self) -> Vec<&'static str> {
        let missing = |name: &str| self.0.get(name).is_none_or(Value::is_null);
        ["num_samples_per_trace", "dtype"].into_iter().filter(|name| missing(name)).collect()
    }
}

/// What one field has to be.
struct Rule {
    field: &'static str,
    needed: Needed,
    is: &'static str,
    holds: fn(&Value) -> bool,
}

#[derive(PartialEq, Eq)]
enum Needed {
    /// It has to be there and hold.
    Always,
    /// It may be missing or null.
    Perhaps,
}

const FIELDS: [Rule; 8] = [
    Rule { field: "prr", needed: Needed::Always, is: "a number above 0", holds: positive },
    Rule { field: "dx", needed: Needed::Always, is: "a number of metres above 0", holds: positive },
    Rule {
        field: "number_of_channels",
        needed: Needed::Always,
        is: "a whole number above 0",
        holds: |value| whole(value).is_some_and(|number| number > 0),
    },
    Rule {
        field: "fiber_start_meters",
        needed: Needed::Perhaps,
        is: "a whole number of metres from 0 up",
        holds: |value| whole(value).is_some_and(|number| number >= 0),
    },
    Rule {
        field: "fiber_length_meters",
        needed: Needed::Perhaps,
        is: "a whole number of metres",
        holds: |value| whole(value).is_some(),
    },
    Rule { field: "sw_version", needed: Needed::Always, is: "a text", holds: filled },
    Rule { field: "fiber_description", needed: Needed::Always, is: "a text", holds: Value::is_string },
    Rule { field: "dtype", needed: Needed::Perhaps, is: "a text", holds: filled },
];

const PLACEHOLDERS: [Rule; 2] = [
    Rule { field: "prr", needed: Needed::Perhaps, is: "a number", holds: Value::is_number },
    Rule { field: "sw_version", needed: Needed::Always, is: "a text", holds: filled },
];

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

fn filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

impl Rule {
    fn problem(&self, fields: &Map<String, Value>) -> Option<String> {
        let Self { field, is, .. } = self;
        match fields.get(*field) {
            None | Some(Value::Null) if self.needed == Needed::Perhaps => None,
            None => Some(format!("`{field}` is missing; it must be {is}")),
            Some(value) if (self.holds)(value) => None,
            Some(value) => Some(format!("`{field}` is {}; it must be {is}", shown(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn healthy() -> Value {
        json!({
            "prr": 2000.0, "dx": 1.02, "number_of_channels": 2337, "fiber_start_meters": 0, "fiber_length_meters": 2386,
            "sw_version": "10.7.5", "fiber_description": "north", "num_samples_per_trace": 2337, "dtype": "float32",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = healthy();
        body[field] = value;
        body
    }

    fn problems(body: &Value) -> Vec<String> {
        LiveMetadata::read(body).unwrap().problems()
    }

    #[test]
    fn a_ready_fiber_is_fine() {
        assert_eq!(problems(&healthy()), [""; 0]);
        assert_eq!(problems(&with("fiber_length_meters", json!(null))), [""; 0]);
        assert_eq!(problems(&with("number_of_channels", json!(2337.0))), [""; 0]);
        assert_eq!(LiveMetadata::read(&healthy()).unwrap().ready(), Ok(2000.0));
        assert_eq!(LiveMetadata::read(&healthy()).unwrap().missing_sample_fields(), [""; 0]);
    }

    #[test]
    fn each_field_is_judged() {
        let mut bad = healthy();
        bad["dx"] = json!(-1.0);
        bad["number_of_channels"] = json!(true);
        bad["fiber_start_meters"] = json!(3000);
        bad["dtype"] = json!(7);
        bad.as_object_mut().unwrap().remove("fiber_description");
        insta::assert_snapshot!(problems(&bad).join("\n"), @r"
        `dx` is -1.0; it must be a number of metres above 0
        `number_of_channels` is true; it must be a whole number above 0
        `fiber_description` is missing; it must be a text
        `dtype` is 7; it must be a text
        `fiber_length_meters`, 2386, does not exceed `fiber_start_meters`, 3000
        ");
        assert!(LiveMetadata::read(&json!([])).is_err());
    }

    #[test]
    fn placeholders_are_fine_while_waiting() {
        let waiting =
            json!({ "prr": 0.0, "dx": null, "number_of_channels": 0, "sw_version": "Waiting for fiber" });
        assert_eq!(problems(&waiting), [""; 0]);
        assert_eq!(problems(&json!({ "prr": null })), ["`sw_version` is missing; it must be a text"]);
        assert!(problems(&json!({})).len() > 3, "without `prr` nobody knows whether it waits");
    }

    #[test]
    fn says_why_it_is_not_ready() {
        let why = |body: Value| LiveMetadata::read(&body).unwrap().ready().unwrap_err();
        assert_eq!(
            why(with("sw_version", json!("waiting for fiber"))),
            "`sw_version` says \"waiting for fiber\""
        );
        assert_eq!(why(with("prr", json!(0.0))), "`prr` is 0.0");
        assert_eq!(why(with("prr", json!(null))), "`prr` is null");
        assert_eq!(why(json!({})), "`prr` is missing");
    }

    #[test]
    fn missing_sample_fields_are_named() {
        let body = with("dtype", json!(null));
        assert_eq!(LiveMetadata::read(&body).unwrap().missing_sample_fields(), ["dtype"]);
    }
}
