//! What programs read: one JSON document on standard output, as its schema says, whatever comes of it.

use crate::scene::{Ran, Scene, workspace};
use serde_json::Value;

/// What a schema that is kept in `docs/` has against documents.
fn against<'a>(schema: &str, documents: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let folder = if ["checks", "run"].contains(&schema) { "docs" } else { "docs/schemas" };
    let path = workspace().join(folder).join(format!("{schema}.schema.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    documents
        .flat_map(|document| {
            let error =
                |error: jsonschema::ValidationError<'_>| format!("{error} at {}", error.instance_path());
            validator.iter_errors(document).map(error).collect::<Vec<_>>()
        })
        .collect()
}

/// Panics unless each line of a journal fits its schema.
#[track_caller]
pub(crate) fn assert_journal_fits(journal: &str) {
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() > 2, "{journal}");
    assert_eq!(against("event", events.iter()), [] as [String; 0], "{journal}");
    assert!(!against("event", [serde_json::json!({ "seq": 0, "event": "no-such" })].iter()).is_empty());
}

/// The document that was printed, once it fits the schema of that name as it is kept in `docs/`.
#[track_caller]
pub(crate) fn document(ran: &Ran, schema: &str) -> Value {
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| {
        panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", ran.stdout(), ran.stderr())
    });
    assert_eq!(against(schema, [&document].into_iter()), [] as [String; 0], "{schema}: {document:#}");
    document
}

/// Runs the program with `--format json`, and returns the document.
#[track_caller]
fn asked(scene: &Scene, arguments: &[&str], code: i32, schema: &str) -> Value {
    document(&scene.shakedown(&[arguments, &["--format", "json"]].concat()).expect(code), schema)
}

#[test]
fn every_list_is_as_its_schema_says() {
    let scene = Scene::new();
    for (option, schema) in [
        (&[] as &[&str], "list"),
        (&["--keys"], "list-groups"),
        (&["--tags", "-E", "plugin(mongo)"], "list-groups"),
        (&["--effects"], "list-effects"),
        (&["--suites"], "list-suites"),
        (&["--environments"], "list-environments"),
        (&["--targets"], "list-targets"),
        (&["--collectors"], "list-helpers"),
        (&["--observers"], "list-helpers"),
        (&["--fixes"], "list-fixes"),
    ] {
        let list = asked(&scene, &[&["list"], option].concat(), 0, schema);
        assert!(list.as_array().is_some_and(|list| !list.is_empty()), "{option:?}: {list}");
    }
    let faults = asked(&scene, &["list", "--faults"], 0, "list-faults");
    assert!(faults["faults"].as_array().unwrap().len() > 50, "{faults}");
    let nothing = asked(&scene, &["list", "-E", "tag(smoke) & !tag(smoke)"], 4, "list");
    assert_eq!(nothing, serde_json::json!([]));
}

#[test]
fn whatever_is_explained_is_as_its_schema_says() {
    let scene = Scene::new();
    for (name, what) in [
        ("mongo.indexes.required", "check"),
        ("mongo.indexes.create", "fix"),
        ("mongo.index-missing", "fault"),
        ("production-2025-11", "incident"),
        ("index-missing", "finding"),
        ("data-quality", "suite"),
        ("data-quality", "tag"),
        ("PZ-13686", "key"),
        ("disrupt", "effect"),
        ("local", "environment"),
        ("mongo", "target"),
        ("3", "exit-code"),
    ] {
        let pages = asked(&scene, &["explain", name], 0, "explain");
        let found = pages.as_array().unwrap().iter().any(|page| page["what"] == what);
        assert!(found, "{name} is no {what}: {pages:#}");
    }
    let page = &asked(&scene, &["explain", "focus-api.latency.p95-p99", "--env", "local"], 0, "explain")[0];
    assert_eq!(page["in_force"]["environment"], "local");
    assert_eq!(page["parameters"][0]["type"], "whole number");
    assert_eq!(page["parameters"][0]["value"], page["parameters"][0]["default"]);
}

#[test]
fn plans_and_the_rest_that_needs_no_sandbox() {
    let scene = Scene::new();
    let plan = asked(&scene, &["plan", "--env", "local", "--suite", "smoke"], 0, "plan");
    assert!(plan["checks"].as_array().is_some_and(|checks| !checks.is_empty()), "{plan}");
    asked(&scene, &["run", "--env", "local", "--suite", "smoke", "--dry-run"], 0, "plan");
    let valid = asked(&scene, &["validate"], 0, "validate");
    assert_eq!(valid["environment"], Value::Null);
    asked(&scene, &["validate", "--env", "local"], 0, "validate");
    let clean = asked(&scene, &["cleanup", "--env", "local"], 0, "cleanup");
    assert_eq!(clean["leftovers"], serde_json::json!([]));
    let measured = asked(&scene, &["bench", "reports", "100"], 0, "bench");
    assert_eq!(measured[0]["figures"][1]["name"], "run.json", "{measured:#}");
    let schemas = scene.shakedown(&["schema", "--format", "json"]).expect(0).stdout();
    let schemas: Vec<Value> = serde_json::from_str(&schemas).unwrap();
    for name in schemas.iter().map(|schema| schema["name"].as_str().unwrap()) {
        let page = std::fs::read_to_string(workspace().join("docs/json.md")).unwrap();
        assert!(page.contains(&format!("{name}.schema.json")), "docs/json.md does not name {name}");
    }
}

#[test]
fn an_error_is_a_document_too_and_people_read_it_all_the_same() {
    let scene = Scene::new();
    let error = asked(&scene, &["run", "--env", "locl"], 2, "error");
    assert_eq!(error["error"]["exit_code"], 2);
    assert_eq!(error["error"]["diagnostics"][0]["help"], "did you mean `local`?");

    let error = asked(&scene, &["list", "-E", "tag(smoek)"], 2, "error");
    let problem = &error["error"]["diagnostics"][0];
    assert_eq!((&problem["column"], &problem["text"]), (&5.into(), &"smoek".into()), "{error:#}");

    let error = asked(&scene, &["plan", "--enw", "local"], 2, "error");
    assert_eq!(error["error"]["message"], "unexpected argument '--enw' found");

    let error = asked(&scene, &["run", "--env", "local", "-E", "tag(smoke) & !tag(smoke)"], 4, "error");
    assert!(error["error"]["message"].as_str().unwrap().starts_with("nothing to run"), "{error}");

    std::fs::write(scene.path("checks.toml"), "version = 1\n[environments.a]\nrle = 'x'\n").unwrap();
    let ran = scene.shakedown(&["validate", "--format", "json"]).expect(2);
    let error = document(&ran, "error");
    assert_eq!(error["error"]["diagnostics"][0]["line"], 3);
    assert!(ran.stderr().contains("checks.toml:3:1"), "{}", ran.stderr());
}
