//! The environment's `sandbox` table.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::suggest::nearest;
use std::ops::RangeInclusive;

/// Enough for every rule to have something to look at; few enough to be seeded in minutes.
const RECORDINGS: RangeInclusive<u32> = 20..=2_000_000;
/// As many as a large cluster has; more would only take memory.
const PODS: RangeInclusive<u32> = 0..=20_000;
const EVENTS: RangeInclusive<u32> = 0..=100_000;

/// What the `sandbox` table may say. Every key has a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SandboxOptions {
    /// How many recordings the database holds.
    pub(crate) recordings: u32,
    /// Whether Focus Server also serves its planned API.
    pub(crate) planned_api: bool,
    /// A MongoDB to use instead of a private one.
    pub(crate) mongo_uri: Option<String>,
    /// An incident to replay.
    pub(crate) incident: Option<String>,
    /// Faults to turn on.
    pub(crate) faults: Vec<String>,
    /// How many further pods the cluster has, to make it big.
    pub(crate) pods: u32,
    /// How many further events the cluster has.
    pub(crate) events: u32,
    /// A program that runs as a real process where a pod's command begins with its path. Our own one does anyway.
    pub(crate) executable: Option<String>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            recordings: 3000,
            planned_api: false,
            mongo_uri: None,
            incident: None,
            faults: Vec::new(),
            pods: 0,
            events: 0,
            executable: None,
        }
    }
}

const KEYS: [&str; 8] =
    ["recordings", "planned_api", "mongo_uri", "incident", "faults", "pods", "events", "executable"];

impl SandboxOptions {
    /// Reads the table; nothing at all counts as an empty one.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let table = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(table) => table,
            other => return Err(format!("`sandbox` is {other}, expected a table")),
        };
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let advice = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", KEYS.join(", ")),
            };
            return Err(format!("`sandbox` has the unknown key `{key}`; {advice}"));
        }
        // One key at a time, so that the error can name it.
        for (key, value) in table {
            let alone = Value::Object([(key.clone(), value.clone())].into_iter().collect());
            Self::deserialize(alone).map_err(|error| format!("`sandbox.{key}`: {error}"))?;
        }
        let options = Self::deserialize(value).map_err(|error| format!("`sandbox`: {error}"))?;
        for (key, value, range) in [
            ("recordings", options.recordings, RECORDINGS),
            ("pods", options.pods, PODS),
            ("events", options.events, EVENTS),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(format!("`sandbox.{key}` is {value}, expected a number from {least} to {most}"));
            }
        }
        Ok(options)
    }
}

/// Whether a `sandbox` table can be used, as far as that can be said without a registry: faults and incidents are
/// looked up when the sandbox starts.
///
/// # Errors
/// What is wrong, in words for the user.
pub fn validate_options(value: &Value) -> Result<(), String> {
    SandboxOptions::read(value).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(value: &Value) -> String {
        validate_options(value).unwrap_err()
    }

    #[test]
    fn every_key_has_a_default_and_is_known() {
        let options = SandboxOptions::read(&json!({})).unwrap();
        assert_eq!((options.recordings, options.planned_api), (3000, false));
        let written = serde_json::to_value(options).unwrap();
        assert_eq!(written.as_object().unwrap().len(), KEYS.len());
        assert!(KEYS.iter().all(|key| written.get(key).is_some()));
        assert!(validate_options(&Value::Null).is_ok());
    }

    #[test]
    fn a_bad_table_is_refused_in_words() {
        insta::assert_snapshot!(refusal(&json!({"recordngs": 3})), @"`sandbox` has the unknown key `recordngs`; did you mean `recordings`?");
        insta::assert_snapshot!(refusal(&json!({"zoo": 3})), @"`sandbox` has the unknown key `zoo`; expected one of recordings, planned_api, mongo_uri, incident, faults, pods, events, executable");
        insta::assert_snapshot!(refusal(&json!({"recordings": 3})), @"`sandbox.recordings` is 3, expected a number from 20 to 2000000");
        insta::assert_snapshot!(refusal(&json!({"pods": 20_001})), @"`sandbox.pods` is 20001, expected a number from 0 to 20000");
        insta::assert_snapshot!(refusal(&json!({"planned_api": "yes"})), @r#"`sandbox.planned_api`: invalid type: string "yes", expected a boolean"#);
        insta::assert_snapshot!(refusal(&json!(true)), @"`sandbox` is true, expected a table");
    }
}
