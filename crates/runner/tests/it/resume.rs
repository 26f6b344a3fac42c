//! A run that is gone on with after its process has ended.

use crate::stage::{Stage, count};
use insta::assert_snapshot;
use shakedown_core::CheckSpec;
use shakedown_core::event::{Event, EventKind};
use shakedown_core::run::Run;

fn stage() -> Stage {
    Stage::new().check("moon.climb", "climb").check("moon.dark", "fail").check("moon.waits", "pass")
}

/// The run as its journal tells it where the process ended before the check did.
fn without_the_end_of(check: &str, events: &[Event]) -> Run {
    let mut run = Run::begin(&events[0]).unwrap();
    let is_after = |kind: &EventKind| match kind {
        EventKind::CheckFinished { check: finished, .. } => finished == check,
        EventKind::RunFinished => true,
        _ => false,
    };
    events[1..].iter().filter(|event| !is_after(&event.kind)).for_each(|event| run.apply(event));
    run
}

#[tokio::test]
async fn what_had_ended_is_not_asked_again_and_what_had_not_goes_on_from_its_checkpoint() {
    let begun =
        stage().settings("moon.climb", |settings| settings.timeout = std::time::Duration::from_millis(300));
    let killed = begun.play().await;
    let run = without_the_end_of("moon.climb", &killed.events);
    let before = run.last_event().0;
    let gone_on = Stage { resume: Some(run), ..stage() }.play().await;
    assert_snapshot!(gone_on.story(), @r##"
    moon.climb: passed (step 2)
    moon.dark: failed (it is there)
    moon.waits: passed (it is there)
    "##);
    assert_eq!(gone_on.events[0].seq, before + 1, "the numbers go on");
    assert_eq!(gone_on.count(|event| matches!(event, EventKind::CheckStarted { .. })), 1);
    assert_eq!(gone_on.finished.run.resumed.len(), 1);
}

#[tokio::test]
async fn what_depended_on_a_failure_of_before_is_skipped_for_it() {
    let stage = || {
        Stage::new().check("moon.dark", "fail").check_with("moon.tide", "fail-once", "resumed tide", |spec| {
            CheckSpec { requires: &["moon.dark"], ..spec }
        })
    };
    let first = stage().play().await;
    let run = without_the_end_of("moon.tide", &first.events);
    let gone_on = Stage { resume: Some(run), ..stage() }.play().await;
    assert_eq!(count("resumed tide"), 0);
    assert_snapshot!(gone_on.story(), @r##"
    moon.dark: failed (it is there)
    moon.tide: skipped (needs moon.dark, which failed)
    "##);
}
