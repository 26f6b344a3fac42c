//! What `validate` refuses before anything connects.

use serde_json::{Value, json};
use shakedown_core::registry::registered_checks;
use shakedown_testkit::spec;

fn refusal(id: &str, params: &Value) -> String {
    (spec(id).build)(params).err().unwrap_or_else(|| panic!("{id} takes {params}"))
}

#[test]
fn the_defaults_of_every_check_make_sense() {
    let all: Vec<_> = registered_checks().filter(|spec| spec.id.starts_with("load.")).collect();
    assert!(all.len() >= 16, "the checks are not linked");
    for spec in all {
        assert!((spec.build)(&json!({})).is_ok(), "{} refuses its own defaults", spec.id);
        assert!(spec.tags.contains(&"load"), "{} is in no suite", spec.id);
    }
}

#[test]
fn what_arithmetic_rules_out_is_refused() {
    for (id, params, expected) in [
        ("load.peak", json!({ "achieved": 12.0 }), "10"),
        ("load.peak", json!({ "success": 120.0 }), "percentage"),
        ("load.peak", json!({ "during": "0s" }), "no duration"),
        ("load.ramp", json!({ "steps": 1 }), "at least 2 steps"),
        ("load.spike", json!({ "rush": 2.0 }), "a rush is more"),
        ("load.sustained", json!({ "every": "30s" }), "less than ten"),
        ("load.pattern", json!({ "time": 0.0 }), "`time`"),
        ("load.tasks.max", json!({ "step": 30 }), "`step`"),
        ("load.tasks.polling", json!({ "polls": 0 }), "`polls`"),
        ("load.payload.large", json!({ "channels": 0 }), "`channels`"),
        ("load.concurrent.create", json!({ "jobs": 0 }), "0 users"),
        ("load.concurrent.create", json!({ "job": 5 }), "unknown field"),
        ("load.mixed", json!({ "requests": 5 }), "`requests`"),
    ] {
        let error = refusal(id, &params);
        assert!(error.contains(expected), "{id} with {params}: {error}");
    }
}
