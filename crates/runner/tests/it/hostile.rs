//! A check that misbehaves costs itself its answer, and nothing else.

use crate::stage::Stage;
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, Effect, Evidence};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_one_error() {
    let played = Stage::new().check("moon.a", "panic").check("moon.b", "pass").play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.a: errored (the check panicked: the moon fell down)
    moon.b: passed (it is there)
    ");
    assert_eq!(played.finished.run.exit(), Exit::Errored);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_hold_for_checks_that_hang_and_for_ones_that_block_their_thread() {
    let soon = |settings: &mut shakedown_config::CheckSettings| settings.timeout = Duration::from_millis(100);
    let mut stage =
        Stage::new().check("moon.hang", "hang").settings("moon.hang", soon).check("moon.z", "pass");
    for id in ["moon.block1", "moon.block2", "moon.block3", "moon.block4"] {
        stage = stage.check(id, "block").settings(id, soon);
    }
    let played = stage.play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.block1: errored (no answer within 100 ms, and the check blocks its thread)
    moon.block2: errored (no answer within 100 ms, and the check blocks its thread)
    moon.block3: errored (no answer within 100 ms, and the check blocks its thread)
    moon.block4: errored (no answer within 100 ms, and the check blocks its thread)
    moon.hang: errored (no answer within 100 ms)
    moon.z: passed (it is there)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_task_does_not_keep_the_run_from_ending() {
    let played = Stage::new().check("moon.a", "leak").play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_evidence_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let mut stage = Stage::new().check("moon.a", "flood");
    stage.directory = Some(directory.path().to_owned());
    let played = stage.play().await;
    let kept = &played.finished.run.checks[0].outcome.evidence[0];
    assert!(kept.truncated);
    let bytes = std::fs::metadata(directory.path().join(&kept.path)).unwrap().len();
    assert!(bytes == kept.bytes && bytes <= Evidence::MAX_BYTES as u64, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_an_answer_reaches_no_sink() {
    let played = Stage::new().check_with("moon.a", "tell", "it is c4nary-secret", |spec| spec).play().await;
    assert!(!played.lines.iter().any(|line| line.contains("c4nary")), "{:?}", played.lines);
    assert!(!format!("{:?}", played.events).contains("c4nary"));
    assert!(!format!("{:?}", played.finished.run).contains("c4nary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_cannot_do_more_than_it_declared() {
    let played = Stage::new().check("moon.a", "overreach").play().await;
    insta::assert_snapshot!(played.story(), @"moon.a: errored (moon.a declares the effect `read` but needs `disrupt`)");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_policy_forbids_runs_whatever_is_selected() {
    let mut stage = Stage::new()
        .check_with("moon.load", "pass", "", |spec| CheckSpec { effect: Effect::Load, ..spec })
        .check_with("moon.after", "pass", "", |spec| CheckSpec { requires: &["moon.load"], ..spec })
        .check("moon.a", "pass");
    stage.selection = "id(moon.load) | id(moon.after) | id(moon.a)".into();
    let played = stage.play().await;
    insta::assert_snapshot!(played.story(), @"moon.a: passed (it is there)");
    let left: Vec<_> =
        played.finished.run.left_out.iter().map(|left| format!("{}: {}", left.check, left.reason)).collect();
    insta::assert_snapshot!(left.join("\n"), @r"
    moon.after: it requires moon.load, which is left out: night's policy forbids load
    moon.load: night's policy forbids load
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_on_retry_is_flaky_and_no_retry_hides_a_failure() {
    let retry = |settings: &mut shakedown_config::CheckSettings| settings.retries.count = 2;
    let played = Stage::new()
        .check_with("moon.flaky", "fail-once", "flaky-once", |spec| spec)
        .settings("moon.flaky", retry)
        .check("moon.bad", "fail")
        .settings("moon.bad", retry)
        .play()
        .await;
    insta::assert_snapshot!(played.story(), @r"
    moon.bad: failed (it is there)
    moon.flaky: passed, flaky (it is there)
    ");
    let record = |id| played.finished.run.checks.iter().find(|record| record.info.id == id).unwrap();
    assert_eq!((record("moon.bad").attempts, record("moon.flaky").attempts), (3, 2));
    assert_eq!(record("moon.flaky").earlier.len(), 1);
    assert_eq!(played.finished.run.counts().flaky, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_sink_silences_no_other_and_is_told_of() {
    let mut stage = Stage::new().check("moon.a", "pass");
    stage.full_disk = true;
    let played = stage.play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit);
    assert_eq!(played.count(|_| true), 5, "planned, started, finished, and both ends of the run");
    let [(sink, error)] = played.finished.failed_sinks.as_slice() else {
        panic!("{:?}", played.finished.failed_sinks)
    };
    assert_eq!((sink.as_str(), error.kind()), ("full disk", std::io::ErrorKind::StorageFull));
}
