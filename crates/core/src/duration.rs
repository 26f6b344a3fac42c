//! Durations as people write them: `"500ms"`, `"1m 30s"`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A duration that reads and writes as text such as `"30s"`. Units: `ns`, `us`, `ms`, `s`, `m`, `h`, `days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// Whole seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl std::str::FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|error| format!("`{text}` is not a duration such as \"30s\" or \"500ms\": {error}"))
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration such as \"500ms\", \"30s\" or \"1m 30s\"",
            "pattern": r"^\s*(\d+\s*[a-zA-Z]+\s*)+$",
        })
    }
}

/// A duration for a reader: two significant units at most, and never `0ns`.
pub fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.000_5 {
        "< 1 ms".to_owned()
    } else if seconds < 0.999_5 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if seconds < 3600.0 {
        let seconds = (duration + Duration::from_millis(500)).as_secs();
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h {:02}m", duration.as_secs() / 3600, duration.as_secs() % 3600 / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_text() {
        let duration: HumanDuration = serde_json::from_str("\"1m 30s\"").unwrap();
        assert_eq!(duration.0, Duration::from_secs(90));
        assert_eq!(serde_json::to_string(&duration).unwrap(), "\"1m 30s\"");
        let error = serde_json::from_str::<HumanDuration>("\"soon\"").unwrap_err().to_string();
        assert!(error.contains("`soon` is not a duration such as"), "{error}");
    }

    #[test]
    fn brief_is_brief() {
        let text: Vec<_> = [0.0001, 0.25, 0.9999, 2.34, 59.99, 75.0, 3700.0]
            .map(|s| brief(Duration::from_secs_f64(s)))
            .into();
        assert_eq!(text, ["< 1 ms", "250 ms", "1.0 s", "2.3 s", "1m 00s", "1m 15s", "1h 01m"]);
    }
}
