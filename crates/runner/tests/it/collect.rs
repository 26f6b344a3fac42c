//! When a check has failed, evidence of its target's state is gathered: once for each cause, and never at a price.

use crate::stage::{Played, Stage, count};
use shakedown_core::CheckSpec;
use shakedown_core::run::Exit;
use std::path::Path;

fn of_moon(spec: CheckSpec) -> CheckSpec {
    CheckSpec { target: Some("moon"), ..spec }
}

/// Two checks that fail of the same cause, one that passes.
async fn play(is: &str, flag: &str, directory: &Path) -> Played {
    let mut stage = Stage::new()
        .moon(is, flag)
        .check_with("moon.a", "fail", "", of_moon)
        .check_with("moon.b", "fail", "", of_moon)
        .check_with("moon.c", "pass", "", of_moon);
    stage.directory = Some(directory.to_owned());
    stage.play().await
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_one_cause_share_what_is_gathered_once() {
    let directory = tempfile::tempdir().unwrap();
    let played = play("up", "a-sky", directory.path()).await;
    assert_eq!(count("collect a-sky"), 1);
    let paths = |check: usize| -> Vec<String> {
        let findings = &played.finished.run.checks[check].outcome.findings;
        findings.iter().flat_map(|found| &found.evidence).map(|kept| kept.path.clone()).collect()
    };
    assert_eq!(paths(0), ["evidence/moon.environment/1-sky.txt"]);
    assert_eq!(paths(0), paths(1));
    assert!(played.finished.run.checks[2].outcome.evidence.is_empty(), "a check that passed needs none");
    let text = std::fs::read_to_string(directory.path().join(&paths(0)[0])).unwrap();
    assert!(text.contains("stars, after moon."), "{text}");
    assert!(!text.contains("c4nary"), "a secret was kept: {text}");
    assert_eq!(played.finished.run.not_collected, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_is_noted_and_changes_nothing() {
    for (is, flag, error) in [
        ("clouded", "a-cloud", "moon at moon.example.com: not permitted: clouds"),
        ("panicking", "a-panic", "the collector panicked"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let played = play(is, flag, directory.path()).await;
        let noted = &played.finished.run.not_collected;
        assert_eq!(noted.len(), 1, "{noted:?}");
        assert_eq!((noted[0].collector.as_str(), noted[0].error.as_str()), ("moon.sky", error));
        assert_eq!(played.finished.run.exit(), Exit::Failed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_gathered_where_nothing_is_kept() {
    let played = Stage::new().moon("up", "a-bare").check_with("moon.a", "fail", "", of_moon).play().await;
    assert_eq!(played.finished.run.exit(), Exit::Failed);
    assert_eq!(count("collect a-bare"), 0);
}
