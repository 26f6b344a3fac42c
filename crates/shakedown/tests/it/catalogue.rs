//! What is registered, what is generated from it, and whether both agree.

use crate::scene::{Scene, workspace};
use serde_json::Value;
use std::collections::BTreeSet;

fn listed(scene: &Scene) -> Vec<Value> {
    serde_json::from_str(&scene.shakedown(&["list", "--format", "json"]).expect(0).stdout()).unwrap()
}

#[test]
fn the_plugins_in_the_registry_are_the_plugins_in_the_tree() {
    let checks = listed(&Scene::new());
    let seen: BTreeSet<String> = checks
        .iter()
        .map(|check| check["file"].as_str().unwrap().split('/').nth(1).unwrap().to_owned())
        .collect();
    let there: BTreeSet<String> = std::fs::read_dir(workspace().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(seen, there, "a plugin that is not linked is silently absent: run `cargo xtask codegen`");
}

#[test]
fn every_check_is_documented_proven_and_in_a_suite() {
    let scene = Scene::new();
    for check in listed(&scene) {
        let id = check["id"].as_str().unwrap();
        assert!(!check["proofs"].as_array().unwrap().is_empty(), "{id} has no proof");
        let page = scene.shakedown(&["explain", id]).expect(0).stdout();
        for section in ["Why it matters", "How to mend it"] {
            assert!(page.contains(section), "{id} does not say: {section}\n{page}");
        }
    }
    assert_eq!(scene.shakedown(&["list", "--orphans", "--format", "json"]).expect(0).stdout().trim(), "[]");
    scene.shakedown(&["validate"]).expect(0);
}

#[test]
fn generated_files_are_current() {
    let scene = Scene::new();
    let is_current = |file: &str, arguments: &[&str]| {
        let current = scene.shakedown(arguments).expect(0).stdout();
        let kept = std::fs::read_to_string(workspace().join(file)).unwrap_or_default();
        assert!(current == kept, "{file} is out of date: run `cargo xtask codegen`");
    };
    is_current("docs/checks.md", &["catalogue"]);
    let listed = scene.shakedown(&["schema"]).expect(0).stdout();
    let names: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("checks") && names.contains("run"), "{listed}");
    for name in &names {
        let folder = if ["checks", "run"].contains(name) { "docs" } else { "docs/schemas" };
        is_current(&format!("{folder}/{name}.schema.json"), &["schema", name]);
    }
    for file in std::fs::read_dir(workspace().join("docs/schemas")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".schema.json").unwrap_or(&file);
        assert!(names.contains(name), "docs/schemas/{file} is of nothing: run `cargo xtask codegen`");
    }
}

#[test]
fn the_checks_file_fits_its_schema() {
    let schema: Value =
        serde_json::from_str(&Scene::new().shakedown(&["schema", "checks"]).expect(0).stdout()).unwrap();
    let text = std::fs::read_to_string(workspace().join("checks.toml")).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&serde_json::to_value(file).unwrap())
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert_eq!(errors, [] as [String; 0]);
    let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap();
    assert!(workspace().join(named).is_file(), "editors find the schema by the first line: {named}");
}

#[test]
fn faults_are_listed_and_explained() {
    let scene = Scene::new();
    let faults = scene.shakedown(&["list", "--faults"]).expect(0).stdout();
    assert!(faults.contains("mongo.index-missing") && faults.contains("production-2025-11"), "{faults}");
    assert!(scene.shakedown(&["explain", "mongo.index-missing"]).expect(0).stdout().contains("_id"));
}

#[test]
fn a_plan_says_why_a_check_is_there() {
    let scene = Scene::new();
    let plan =
        scene.shakedown(&["plan", "--env", "local", "-E", "id(mongo.indexes.required)"]).expect(0).stdout();
    assert!(plan.contains("mongo.connect") && plan.contains("required by"), "{plan}");
}
