//! `run.json`: read back, and true to its schema.

use crate::fixture::{Story, everything};
use serde_json::{Value, json};
use shakedown_report::json::{JsonError, parse, render, schema};

#[test]
fn a_rendered_run_is_read_back() {
    let run = everything().run();
    let text = render(&run);
    assert_eq!(render(&parse(&text).unwrap()), text);
}

#[test]
fn what_consumers_need_is_worked_out() {
    let document: Value = serde_json::from_str(&render(&everything().run())).unwrap();
    assert_eq!(document["format_version"], 1);
    assert_eq!(document["exit"], json!({ "code": 1, "meaning": "not fit for use: a required check failed" }));
    assert_eq!(
        document["counts"],
        json!({ "total": 11, "passed": 2, "warned": 1, "failed": 4, "errored": 1, "skipped": 3, "flaky": 1 })
    );
    let first = &document["to_do"][0];
    assert_eq!(
        (&first["urgency"], &first["check"], &first["code"], &first["fix"]),
        (
            &json!("urgent"),
            &json!("mongo.indexes.required"),
            &json!("index-missing"),
            &json!("mongo.create-indexes")
        )
    );
    let of = |check: &str| {
        let items = document["to_do"].as_array().unwrap();
        items.iter().find(|item| item["check"] == check).unwrap().clone()
    };
    assert_eq!(of("mongo.recordings.stale")["decides"], false);
    assert_eq!(of("focus-api.validation")["case"], "nfft = 0");
    assert_eq!(of("k8s.connect")["status"], "errored");
}

#[test]
fn documents_keep_to_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for story in [everything(), Story::new()] {
        let document: Value = serde_json::from_str(&render(&story.run())).unwrap();
        let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let mut document: Value = serde_json::from_str(&render(&everything().run())).unwrap();
    for (path, wrong) in [
        ("/checks/0/status", json!("fine")),
        ("/checks/0/gate", json!("optional")),
        ("/counts/passed", json!(-1)),
        ("/exit/code", json!("one")),
        ("/to_do/0/message", json!(null)),
        ("/environment", json!(1)),
    ] {
        let field = document.pointer_mut(path).unwrap();
        let right = std::mem::replace(field, wrong);
        assert!(!validator.is_valid(&document), "{path} is not described");
        *document.pointer_mut(path).unwrap() = right;
    }
    assert!(validator.is_valid(&document));
}

#[test]
fn what_cannot_be_read_is_refused() {
    assert!(matches!(parse("{}"), Err(JsonError::Content(_))));
    assert!(matches!(parse("not JSON"), Err(JsonError::Content(_))));
    let newer = render(&Story::new().run()).replace("\"format_version\": 1", "\"format_version\": 99");
    let error = parse(&newer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "run.json has format version 99, and this program reads up to 1: use a newer one"
    );
}
