//! The JSON Schema says what the reader reads.

use crate::fixture::{REGISTRY, parse};
use serde_json::{Value, json};
use shakedown_config::schema;
use std::collections::BTreeSet;

const WHOLE: &str = r#"
version = 1
[project]
name = "x"
jira = "PZ"
unselected = ["mongo.connect"]
[environments.base]
[environments.local]
extends = "base"
role = "capacity-target"
sandbox = { incident = "production-2025-11", faults = ["mongo.index-missing"], recordings = 5 }
groups = { jobs = 1 }
defaults = { timeout = "${T:-30s}", concurrency = 1, run_timeout = "1h", retries = { count = 1, backoff = "1s", max_backoff = "2s", jitter = true } }
policy = { allow = ["read"], fixes = ["mongo.recordings.close"], max_concurrent_jobs = 1 }
[environments.local.targets.mongo]
uri = "${URI}"
connect_timeout = "1s"
unreachable = "error"
[environments.local.targets.focus-api]
base_url = "http://api.example.com"
timeout = "${T}"
headers = { a = "${B}" }
[environments.local.xray]
product = "cloud"
url = "https://xray.example.com/api/v2"
client_id = "${ID}"
client_secret = "${SECRET}"
plan = "PZ-14024"
environments = ["lab"]
fields = { labels = ["shakedown"] }
timeout = "1m"
[[environments.local.override]]
select = "id(mongo.recordings.stale)"
timeout = "1s"
retries = { count = 1 }
severity = "low"
gate = "informational"
params = { oldest = "2h", place = { skip = ["x"] } }
[[environments.local.waiver]]
check = "mongo.connect"
reason = "x"
ticket = "PZ-1"
expires = "2026-12-31"
[suites.x]
select = "all()"
description = "x"
"#;

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn a_valid_file_fits_and_an_invalid_one_does_not() {
    let validator = jsonschema::validator_for(&schema(&REGISTRY)).unwrap();
    assert!(parse(WHOLE).is_ok());
    let errors: Vec<_> = validator.iter_errors(&as_json(WHOLE)).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("oldest", "oldst"),
        ("oldest = \"2h\"", "oldest = 2"),
        ("skip = [\"x\"]", "skp = [\"x\"]"),
        ("uri =", "url ="),
        ("unreachable = \"error\"", "unreachable = \"errors\""),
        ("gate = \"informational\"", "gate = \"waived\""),
        ("severity = \"low\"", "severity = \"lowest\""),
        ("check = \"mongo.connect\"", "check = \"mongo.conect\""),
        ("jobs = 1", "jobs = 0"),
        ("allow = [\"read\"]", "allow = [\"write\"]"),
        ("mongo.recordings.close", "mongo.recordings.clos"),
        ("reason = \"x\"", "because = \"x\""),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        let changed = WHOLE.replacen(from, to, 1);
        assert!(!validator.is_valid(&as_json(&changed)), "{to} fits");
        assert!(parse(&changed).is_err(), "{to} is read");
    }
}

/// The keys that the reader asks for in a table are those that the schema has.
#[test]
fn the_reader_and_the_schema_know_the_same_keys() {
    let schema = schema(&REGISTRY);
    for (table, pointer) in [
        ("", ""),
        ("project", "/$defs/Project"),
        ("environments.local", "/$defs/Environment"),
        ("environments.local.defaults", "/$defs/Defaults"),
        ("environments.local.defaults.retries", "/$defs/Retries"),
        ("environments.local.sandbox", "/$defs/Sandbox"),
        ("environments.local.policy", "/$defs/Policy"),
        ("environments.local.xray", "/$defs/Xray"),
        ("environments.local.targets.mongo", "/$defs/Environment/properties/targets/properties/mongo"),
        (
            "environments.local.targets.focus-api",
            "/$defs/Environment/properties/targets/properties/focus-api",
        ),
        ("[environments.local.override]", "/$defs/Override"),
        ("[environments.local.waiver]", "/$defs/Waiver"),
        ("suites.x", "/$defs/Suite"),
    ] {
        let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        let error = parse(&format!("{header}zzzzzz = 1\n")).err().unwrap().to_json();
        let found = error.as_array().unwrap().iter().find(|error| error["text"] == "zzzzzz");
        let help =
            found.and_then(|error| error["help"].as_str()).unwrap_or_else(|| panic!("{table}: {error}"));
        let read: BTreeSet<&str> = help.split('`').skip(1).step_by(2).collect();
        let properties = schema.pointer(pointer).and_then(|table| table["properties"].as_object());
        let known: BTreeSet<&str> =
            properties.unwrap_or_else(|| panic!("{pointer}")).keys().map(String::as_str).collect();
        assert_eq!(read, known, "{table}");
    }
}

#[test]
fn every_parameter_is_described_and_null_is_never_offered() {
    let schema = schema(&REGISTRY);
    let params = &schema["$defs"]["Override"]["properties"]["params"]["properties"];
    assert_eq!(
        params["oldest"],
        json!({ "$ref": "#/$defs/params.mongo.recordings.stale/properties/oldest" })
    );
    assert_eq!(
        schema["$defs"]["params.mongo.recordings.stale"]["properties"]["oldest"]["description"],
        "Older ones are stale"
    );
    assert!(!schema.to_string().contains("null"));
}
