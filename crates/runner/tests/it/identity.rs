//! Where a target is not the one that the configuration pins, nothing but reading is done.

use crate::stage::{Stage, count};
use shakedown_core::event::EventKind;
use shakedown_core::run::Exit;
use shakedown_core::{CheckSpec, Effect};

fn creating(spec: CheckSpec) -> CheckSpec {
    // Not of the pinned target: an environment with one wrong address has others.
    CheckSpec { effect: Effect::Create, ..spec }
}

/// A check that reads, and two that create; the moon's identity is pinned.
fn stage(is: &str, flag: &str, pinned: &str) -> Stage {
    let mut stage = Stage::new()
        .moon(is, flag)
        .check_with("moon.a-read", "pass", "", |spec| CheckSpec { target: Some("moon"), ..spec })
        .check_with("moon.b-dig", "create", flag, creating)
        .check_with("moon.c-dig", "create", flag, |spec| CheckSpec {
            requires: &["moon.b-dig"],
            ..creating(spec)
        })
        .check_with("moon.d-dig", "create", flag, |spec| CheckSpec { alone: true, ..creating(spec) });
    let moon = stage.profile.targets.get_mut("moon").unwrap();
    moon.identity.insert("uid".to_owned(), pinned.to_owned());
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_target_changes_nothing() {
    let played = stage("up", "i-right", "LUNA").play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit, "{}", played.story());
    assert_eq!(count("connect i-right"), 1);
    let connected = |event: &EventKind| matches!(event, EventKind::TargetConnected { .. });
    assert_eq!(played.count(connected), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_target_is_one_error_and_only_reading_goes_on() {
    let played = stage("up", "i-wrong", "europa").play().await;
    insta::assert_snapshot!(played.story(), @r##"
    moon.a-read: passed (it is there)
    moon.b-dig: errored (moon at moon.example.com: mistaken identity: its uid is luna, and the configuration pins europa)
    moon.c-dig: skipped (needs moon.b-dig, which got no answer)
    moon.d-dig: skipped (nothing but reading is done here: see moon.b-dig)
    "##);
    assert_eq!(played.count(|event| matches!(event, EventKind::Created { .. })), 0);
    assert_eq!(played.finished.run.exit(), Exit::Errored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_say_who_it_is_is_not_trusted() {
    let played = stage("refused", "i-away", "luna").play().await;
    insta::assert_snapshot!(played.story(), @r##"
    moon.a-read: errored (moon at moon.example.com: connection refused: nothing listens)
    moon.b-dig: errored (moon at moon.example.com: mistaken identity: its identity cannot be confirmed: connection refused: nothing listens)
    moon.c-dig: skipped (needs moon.b-dig, which got no answer)
    moon.d-dig: skipped (nothing but reading is done here: see moon.b-dig)
    "##);
    assert_eq!(played.count(|event| matches!(event, EventKind::Created { .. })), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn disruption_asks_for_a_pinned_identity() {
    let disrupting = |pinned: bool| {
        let mut stage = Stage::new().moon("up", "i-pin").check_with("moon.e-split", "pass", "", |spec| {
            CheckSpec { effect: Effect::Disrupt, target: Some("moon"), ..spec }
        });
        stage.profile.policy.allow.insert(Effect::Disrupt);
        stage.confirm = Some("night".to_owned());
        if pinned {
            let moon = stage.profile.targets.get_mut("moon").unwrap();
            moon.identity.insert("uid".to_owned(), "luna".to_owned());
        }
        stage
    };
    let (_, plan) = disrupting(false).plan();
    insta::assert_snapshot!(plan.left_out[0].reason, @r##"disrupt in night asks for a known identity: pin `identity` in `[environments.night.targets.moon]`"##);
    let played = disrupting(true).play().await;
    assert_eq!(played.finished.run.exit(), Exit::Fit, "{}", played.story());
}
