//! One cause, one failure.

use crate::stage::{Stage, count};
use shakedown_config::Unreachable;
use shakedown_core::CheckSpec;
use shakedown_core::event::EventKind;
use shakedown_core::run::Exit;
use shakedown_core::sandbox::Unavailable;

fn of_moon(spec: CheckSpec) -> CheckSpec {
    CheckSpec { target: Some("moon"), ..spec }
}

fn three(is: &str, flag: &str) -> Stage {
    Stage::new()
        .moon(is, flag)
        .check_with("moon.up", "ask", "", of_moon)
        .check_with("moon.full", "ask", "", of_moon)
        .check_with("moon.red", "ask", "", of_moon)
}

// On one thread, so that the checks reach for the target in the order of the plan.
#[tokio::test]
async fn a_target_that_is_away_is_one_error_and_one_attempt() {
    let played = three("refused", "a-refused").play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.full: errored (moon at moon.example.com: connection refused: nothing listens)
    moon.red: skipped (moon is away: see moon.full)
    moon.up: skipped (moon is away: see moon.full)
    ");
    assert_eq!(count("connect a-refused"), 1);
    assert_eq!(played.count(|event| matches!(event, EventKind::TargetLost { .. })), 1);
    assert_eq!(played.finished.run.exit(), Exit::Errored);
}

// On one thread, so that the checks reach for the target in the order of the plan.
#[tokio::test]
async fn a_target_that_never_answers_costs_its_deadline_once() {
    let played = three("silent", "a-silent").play().await;
    insta::assert_snapshot!(played.story(), @r"
    moon.full: errored (moon at its configured address: timed out: no connection within 300ms)
    moon.red: skipped (moon is away: see moon.full)
    moon.up: skipped (moon is away: see moon.full)
    ");
    assert_eq!(count("connect a-silent"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_answers_is_connected_once() {
    let played = three("up", "a-up").play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit);
    assert_eq!(count("connect a-up"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_target_is_skipped_where_the_configuration_says_so() {
    let mut stage = three("refused", "a-skip");
    stage.profile.targets.get_mut("moon").unwrap().unreachable = Unreachable::Skip;
    let played = stage.play().await;
    assert!(played.story().lines().all(|line| line.contains("skipped")), "{}", played.story());
    assert_eq!(played.finished.run.exit(), Exit::Nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_lost_in_mid_run_is_one_error() {
    let chained = |spec| CheckSpec { requires: &[], alone: true, ..of_moon(spec) };
    let played = Stage::new()
        .moon("setting", "a-setting")
        .check_with("moon.a", "ask", "", chained)
        .check_with("moon.b", "lose", "", chained)
        .check_with("moon.c", "lose", "", chained)
        .check_with("moon.d", "ask", "", chained)
        .play()
        .await;
    insta::assert_snapshot!(played.story(), @r"
    moon.a: passed (it is there)
    moon.b: errored (moon at moon.example.com: connection lost: it set)
    moon.c: skipped (moon is away: see moon.b)
    moon.d: skipped (moon is away: see moon.b)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_back_at_once_costs_one_check_only() {
    let played = Stage::new()
        .moon("up", "a-back")
        .check_with("moon.b", "lose", "", of_moon)
        .check_with("moon.d", "ask", "", |spec| CheckSpec { alone: true, ..of_moon(spec) })
        .play()
        .await;
    insta::assert_snapshot!(played.story(), @r"
    moon.b: errored (moon at moon.example.com: connection lost: it set)
    moon.d: passed (it is there)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn dependents_of_a_failure_name_the_root() {
    let played = Stage::new()
        .check("moon.up", "fail")
        .check_with("moon.full", "pass", "", |spec| CheckSpec { requires: &["moon.up"], ..spec })
        .check_with("moon.red", "pass", "", |spec| CheckSpec { requires: &["moon.full"], ..spec })
        .check("moon.other", "pass")
        .play()
        .await;
    insta::assert_snapshot!(played.story(), @r"
    moon.other: passed (it is there)
    moon.up: failed (it is there)
    moon.full: skipped (needs moon.up, which failed)
    moon.red: skipped (needs moon.up, which failed)
    ");
    assert_eq!(played.finished.run.exit(), Exit::Failed);
    assert_eq!(played.finished.run.to_do().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_provided_is_skipped_with_the_command_that_would() {
    let mut stage = three("up", "a-unavailable");
    stage.unavailable = vec![Unavailable {
        part: "moon".into(),
        reason: "no rocket".into(),
        command: "apt-get install rocket".into(),
    }];
    let played = stage.play().await;
    assert!(played.story().lines().all(|line| line.contains("`apt-get install rocket` would provide it")));
    assert_eq!(count("connect a-unavailable"), 0);
}
