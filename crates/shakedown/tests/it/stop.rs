//! Signals, and the end without warning.

use crate::documents::assert_journal_fits;
use crate::scene::{Ran, Scene, check, mongo_is_there};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a run whose last check takes long, and waits until that check has begun and made something.
fn started(scene: &Scene) -> Child {
    let arguments = [
        "run",
        "--env",
        "local",
        "-E",
        "id(focus-api.latency.p95-p99)",
        "--fault",
        "focus-api.configure-slow",
        "--out",
        "out",
    ];
    let mut child = scene.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let is_there = || {
        let journal = std::fs::read_to_string(scene.path("out/events.jsonl")).unwrap_or_default();
        let line = |event: &str| {
            journal.lines().any(|line| line.contains(event) && line.contains("focus-api.latency.p95-p99"))
        };
        line("\"event\":\"check-started\"") && line("\"event\":\"created\"")
    };
    while !is_there() {
        if began.elapsed() > Duration::from_mins(1) {
            child.kill().unwrap();
            let left = Ran(child.wait_with_output().unwrap());
            panic!("the run does not get there:\n{}\n{}", left.stdout(), left.stderr());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_first_signal_finishes_tidily() {
    if !mongo_is_there() {
        return;
    }
    for name in ["-INT", "-TERM"] {
        let scene = Scene::new();
        let child = started(&scene);
        signal(&child, name);
        let ran = Ran(child.wait_with_output().unwrap()).expect(130);
        assert!(ran.stdout().contains("interrupted"), "{}", ran.stdout());
        let run = scene.run_json("out");
        assert_eq!(run["interrupted_by"], format!("SIG{}", &name[1..]));
        assert!(scene.path("out/junit.xml").exists());
        assert!(
            !scene.path(".shakedown/ledger").exists()
                || std::fs::read_dir(scene.path(".shakedown/ledger")).unwrap().count() == 0
        );
    }
}

#[test]
fn after_a_kill_every_report_can_be_rendered_from_the_journal() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    let mut child = started(&scene);
    child.kill().unwrap();
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    assert!(!scene.path("out/run.json").exists());
    let ran = scene.shakedown(&["report", "out"]).expect(0);
    let run = scene.run_json("out");
    assert_eq!(check(&run, "focus-api.latency.p95-p99")["status"], "errored", "{}", ran.stdout());
    assert!(run["finished"].is_null());
    assert!(scene.path("out/junit.xml").exists());
    // What it created is on the ledger, until the next run or `cleanup` settles it.
    assert_eq!(std::fs::read_dir(scene.path(".shakedown/ledger")).unwrap().count(), 1);
    scene.shakedown(&["cleanup", "--env", "local"]).expect(0);
    assert_eq!(std::fs::read_dir(scene.path(".shakedown/ledger")).unwrap().count(), 0);
}

#[test]
fn after_a_kill_the_run_is_gone_on_with() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    let mut child = started(&scene);
    child.kill().unwrap();
    child.wait().unwrap();
    scene.shakedown(&["run", "--env", "production", "--resume", "out"]).expect(2);
    let ran = scene.shakedown(&["run", "--env", "local", "--resume", "out"]);
    assert!(ran.stdout().contains("going on with the run"), "{}\n{}", ran.stdout(), ran.stderr());
    let run = scene.run_json("out");
    assert_eq!(run["resumed"].as_array().unwrap().len(), 1);
    assert!(run["finished"].is_string());
    assert_eq!(run["faults"], serde_json::json!(["focus-api.configure-slow"]), "the same fault");
    let checks = run["checks"].as_array().unwrap();
    let answered = checks.iter().all(|check| check["obstacle"]["kind"] != "lost");
    assert!(answered, "{checks:#?}");
    // Those that had ended were not asked again.
    let journal = std::fs::read_to_string(scene.path("out/events.jsonl")).unwrap();
    assert_journal_fits(&journal);
    let of = |check: &str| {
        let begun = |line: &&str| line.contains("\"event\":\"check-started\"") && line.contains(check);
        journal.lines().filter(begun).count()
    };
    assert_eq!(of("\"focus-api.ack.ok\""), 1);
    assert_eq!(of("\"focus-api.latency.p95-p99\""), 2);
    // Now it has ended.
    let again = scene.shakedown(&["run", "--env", "local", "--resume", "out"]).expect(2);
    assert!(again.stderr().contains("nothing is left to ask"), "{}", again.stderr());
}
