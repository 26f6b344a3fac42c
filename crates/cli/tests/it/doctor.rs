//! The page about an environment's targets, and a run as one archive.

use crate::scene::{Scene, mongo_is_there};
use std::process::Command;

#[test]
fn doctor_says_what_is_away_and_what_would_be_skipped() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    scene.shakedown(&["doctor", "--env", "local"]).expect(0);
    let ran = scene.shakedown(&["doctor", "--env", "local", "--fault", "mongo.away"]).expect(3);
    let page = ran.stdout();
    let line = |wanted: &str| page.lines().find(|line| line.contains(wanted)).unwrap_or_default().to_owned();
    assert!(line("mongo  127.0.0.1:").starts_with("away "), "{page}");
    assert!(line("focus-api  http://").starts_with("ready "), "{page}");
    assert!(page.contains("connection refused"), "{page}");
    assert!(page.contains("checks, since mongo is away\n"), "{page}");
    assert!(page.contains("mongo.indexes.required"), "{page}");

    let ran = scene.shakedown(&["doctor", "--env", "local", "--format", "json"]).expect(0);
    let page: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    let mongo =
        page["targets"].as_array().unwrap().iter().find(|target| target["target"] == "mongo").unwrap();
    assert_eq!(mongo["condition"], "ready");
    assert!(!mongo["granted"].as_array().unwrap().is_empty(), "{mongo}");
    assert!(mongo["clock_ahead_s"].as_f64().unwrap().abs() < 60.0, "{mongo}");
}

#[test]
fn a_failing_run_is_packed_with_what_its_collectors_gathered() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    let select = "id(mongo.indexes.required)";
    let fault = "mongo.index-missing";
    let arguments = ["run", "--env", "local", "-E", select, "--fault", fault, "--bundle", "--out", "out"];
    let ran = scene.shakedown(&arguments).expect(1);
    assert!(ran.stdout().contains("evidence/mongo.environment/1-indexes.json"), "{}", ran.stdout());
    let archive = ran.stderr().lines().find_map(|line| line.strip_prefix("bundle: ").map(str::to_owned));
    let archive = archive.unwrap_or_else(|| panic!("no bundle is named:\n{}", ran.stderr()));
    let listed = Command::new("tar").arg("tzf").arg(scene.path(&archive)).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for file in ["run.json", "junit.xml", "events.jsonl", "evidence/mongo.environment/1-indexes.json"] {
        assert!(listed.lines().any(|line| line.ends_with(file)), "{file} is missing from\n{listed}");
    }
    // A run is packed later, too, without its older archive.
    let ran = scene.shakedown(&["report", "out", "--bundle"]).expect(0);
    assert!(ran.stderr().contains("bundle: "), "{}", ran.stderr());
}
