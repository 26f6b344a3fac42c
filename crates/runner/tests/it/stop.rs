//! Ending before the end.

use crate::stage::Stage;
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, Gate};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_what_runs_and_what_waits() {
    let stage = Stage::new()
        .check("moon.hang", "hang")
        .check_with("moon.later", "pass", "", |spec| CheckSpec { requires: &["moon.hang"], ..spec });
    let interrupt = stage.interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        interrupt.raise("SIGINT");
    });
    let played = stage.play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.hang: skipped (stopped while it ran: SIGINT)
    moon.later: skipped (not begun: SIGINT)
    ");
    assert_eq!(played.finished.run.exit(), Exit::Interrupted);
    assert_eq!(Exit::Interrupted.code(), 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_the_run_is_no_pass() {
    let mut stage = Stage::new().check("moon.a", "pass").check("moon.hang", "hang");
    stage.profile.run_timeout = Some(Duration::from_millis(200));
    let played = stage.play().await;
    assert_eq!(played.finished.run.interrupted_by.as_deref(), Some("run deadline"));
    assert_eq!(played.finished.run.exit(), Exit::Errored);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_stops_at_the_first_failure_that_decides() {
    let informational = |spec| CheckSpec { gate: Gate::Informational, ..spec };
    let mut stage = Stage::new()
        .check_with("moon.a", "fail", "", informational)
        .check("moon.b", "fail")
        .check("moon.c", "pass");
    stage.fail_fast = true;
    stage.profile.concurrency = 1;
    let played = stage.play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.a: failed (it is there)
    moon.b: failed (it is there)
    moon.c: skipped (not begun: fail-fast)
    ");
    assert_eq!(played.finished.run.exit(), Exit::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_data_is_no_pass_and_an_informational_failure_decides_nothing() {
    let played = Stage::new().check("moon.a", "no-data").play().await;
    assert_eq!(played.finished.run.exit(), Exit::Errored);
    let informational = |spec| CheckSpec { gate: Gate::Informational, ..spec };
    let played =
        Stage::new().check_with("moon.a", "fail", "", informational).check("moon.b", "pass").play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit);
}
