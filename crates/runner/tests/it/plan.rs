//! The plan is pure, and says why.

use crate::stage::Stage;
use shakedown_core::{CheckSpec, Effect};

fn story(mut stage: Stage) -> String {
    let (_, plan) = stage.plan();
    let mut lines: Vec<String> = plan
        .checks
        .iter()
        .map(|planned| match planned.required_by {
            Some(dependent) => format!("{} (required by {dependent})", planned.spec.id),
            None => planned.spec.id.to_owned(),
        })
        .collect();
    lines.extend(plan.left_out.iter().map(|left| format!("{} left out: {}", left.check, left.reason)));
    lines.join("\n")
}

#[test]
fn requirements_come_along_and_first_and_what_runs_alone_comes_last() {
    let mut stage = Stage::new()
        .check_with("moon.a", "pass", "", |spec| CheckSpec { alone: true, ..spec })
        .check_with("moon.b", "pass", "", |spec| CheckSpec { requires: &["moon.z"], ..spec })
        .check("moon.c", "pass")
        .check("moon.z", "pass");
    stage.selection = "id(moon.a) | id(moon.b)".into();
    insta::assert_snapshot!(story(stage), @r"
    moon.z (required by moon.b)
    moon.b
    moon.a
    ");
}

#[test]
fn what_has_no_target_or_no_permission_is_left_out_with_its_reason() {
    let disrupt = |spec| CheckSpec { effect: Effect::Disrupt, ..spec };
    let stage = || {
        let mut stage = Stage::new()
            .check_with("moon.a", "pass", "", |spec| CheckSpec { target: Some("moon"), ..spec })
            .check_with("moon.b", "pass", "", disrupt)
            .check("moon.c", "pass");
        stage.profile.policy.allow.insert(Effect::Disrupt);
        stage
    };
    insta::assert_snapshot!(story(stage()), @r"
    moon.c
    moon.a left out: night has no target `moon`
    moon.b left out: disrupt in night must be confirmed with `--confirm night`
    ");
    let mut confirmed = stage();
    confirmed.confirm = Some("night".into());
    assert!(story(confirmed).starts_with("moon.c\nmoon.b"));
}
