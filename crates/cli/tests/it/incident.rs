//! The replay of `production-2025-11`: each real problem once, none of that day's false alarms.

use crate::scene::{Scene, mongo_is_there, scrubbed};

#[test]
fn the_incident_is_told_once_and_truly() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    let ran = scene.shakedown(&["run", "--env", "production-2025-11", "--out", "out"]).expect(1);
    let run = scene.run_json("out");
    let with = |wanted: &str| -> Vec<&str> {
        let checks = run["checks"].as_array().unwrap().iter().filter(|check| check["status"] == wanted);
        checks.map(|check| check["id"].as_str().unwrap()).collect()
    };
    assert_eq!(with("failed"), ["mongo.indexes.required", "mongo.recordings.stale", "focus-api.latency.p95-p99"]);
    assert_eq!(with("errored"), [] as [&str; 0]);
    let junit = std::fs::read_to_string(scene.path("out/junit.xml")).unwrap();
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("incident-terminal", scrubbed(&ran.stdout(), &scene));
        insta::assert_snapshot!("incident-junit", scrubbed(&junit, &scene));
    });
}
