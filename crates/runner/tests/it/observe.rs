//! What observers see, and what becomes of those that cannot.

use crate::stage::{Stage, count};
use insta::assert_snapshot;
use shakedown_core::CheckSpec;

#[tokio::test]
async fn a_check_sees_what_the_observers_of_all_targets_see() {
    let stage = Stage::new().moon("up", "observed").check("moon.look", "observe");
    assert_snapshot!(stage.play().await.story(), @r##"moon.look: passed (4)"##);
}

#[tokio::test]
async fn an_observer_that_cannot_or_panics_says_why() {
    for is in ["clouded", "panicking"] {
        let played = Stage::new().moon(is, is).check("moon.look", "observe").play().await;
        let summary = &played.finished.run.checks[0].outcome.summary;
        assert!(summary.contains(if is == "clouded" { "clouds" } else { "panicked" }), "{summary}");
    }
}

/// Looking is not asking: the check that asks for the target carries the error, not the one that only looked.
#[tokio::test]
async fn a_target_that_is_away_stays_the_error_of_the_check_that_asks_for_it() {
    let stage = Stage::new()
        .moon("refused", "unseen")
        .check("moon.look", "observe")
        .check_with("moon.look-again", "observe", "", |spec| CheckSpec { requires: &["moon.look"], ..spec })
        .check_with("moon.up", "ask", "", |spec| CheckSpec {
            requires: &["moon.look-again"],
            target: Some("moon"),
            ..spec
        });
    let played = stage.play().await;
    assert_eq!(count("connect unseen"), 2, "one look, one question");
    assert_snapshot!(played.story(), @r##"
    moon.look: passed (moon at moon.example.com: connection refused: nothing listens)
    moon.look-again: passed (moon at moon.example.com: connection refused: nothing listens)
    moon.up: errored (moon at moon.example.com: connection refused: nothing listens)
    "##);
}
