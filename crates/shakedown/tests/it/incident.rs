//! The replay of `production-2025-11`: each real problem once, none of that day's false alarms.

use crate::documents::assert_journal_fits;
use crate::scene::{Ran, Scene, mongo_is_there, scrubbed, with_status};

#[test]
fn the_incident_is_told_once_and_truly() {
    if !mongo_is_there() {
        return;
    }
    // One check at a time, so that the order of what is printed is the order of the plan.
    let scene = Scene::new();
    let config = std::fs::read_to_string(scene.path("checks.toml")).unwrap();
    std::fs::write(scene.path("checks.toml"), config.replace("concurrency = 8", "concurrency = 1")).unwrap();
    let mut command = scene.command(&["run", "--env", "production-2025-11", "--out", "out"]);
    // Wide enough that the length of a number moves no line break.
    let ran = Ran(command.env("COLUMNS", "400").output().unwrap()).expect(1);
    let run = scene.run_json("out");
    let with = |status| with_status(&run, status);
    assert_eq!(
        with("failed"),
        ["mongo.indexes.required", "mongo.recordings.stale", "focus-api.latency.p95-p99"]
    );
    assert_eq!(with("errored"), ["k8s.api.direct"]);
    let of_cluster = |id: &&str| id.starts_with("k8s.");
    assert!(!with("passed").iter().any(of_cluster), "nobody has asked the cluster anything");
    assert!(with("skipped").iter().filter(|id| of_cluster(id)).count() >= 20, "one cause, one error");
    assert_journal_fits(&std::fs::read_to_string(scene.path("out/events.jsonl")).unwrap());
    let junit = std::fs::read_to_string(scene.path("out/junit.xml")).unwrap();
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("incident-terminal", scrubbed(&told(&ran.stdout()), &scene));
        insta::assert_snapshot!("incident-junit", scrubbed(&told_cases(&junit), &scene));
    });
}

/// Without the lines about what is well, which say what was seen at the time, and without signs of progress. How much is well
/// differs with the plugins.
fn told(terminal: &str) -> String {
    let is_told = |line: &&str| !line.starts_with("✓ passed") && !line.starts_with("  running");
    let told = terminal.lines().filter(is_told).collect::<Vec<_>>().join("\n");
    let passed = regex::Regex::new(r"(?m)^\d+ passed").unwrap();
    passed.replace(&told, "[COUNT] passed").into_owned()
}

/// Without the cases that passed, and how many there were.
fn told_cases(junit: &str) -> String {
    let case = regex::Regex::new(r"(?s)        <testcase .*?</testcase>\n").unwrap();
    let told = ["<failure", "<error", "<skipped", "<system-out"];
    let keep = |case: &regex::Captures| {
        if told.iter().any(|tag| case[0].contains(tag)) { case[0].to_owned() } else { String::new() }
    };
    let told = case.replace_all(junit, keep);
    let silent = regex::Regex::new(r"    <testsuite [^>]*>\n    </testsuite>\n").unwrap();
    let told = silent.replace_all(&told, "");
    let count = regex::Regex::new(r#"(<testsuites [^>]*tests=)"\d+""#).unwrap();
    count.replace(&told, "$1\"[COUNT]\"").into_owned()
}
