//! Streams that are held, soaks, and what is asked of jobs that stand.

use crate::host::Site;
use jiff::Timestamp;
use serde_json::json;
use shakedown_core::budget::Budget;
use shakedown_core::finding::Weight;
use shakedown_core::observe::{Observed, Reading};
use shakedown_core::{CheckError, Clock, Outcome, Status, Unit};

fn measured(outcome: &Outcome, name: &str) -> f64 {
    let found = outcome.measurements.iter().find(|measured| measured.name == name);
    found.unwrap_or_else(|| panic!("{name} was not measured: {outcome:#?}")).value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_climb_holds_its_streams_and_leaves_nothing_behind() {
    let Some(mut site) = Site::with(&[]).await else { return };
    let outcome = site.run("load.live.quick", json!({ "interval": "50ms" })).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    assert!((measured(&outcome, "live jobs held") - 10.0).abs() < 0.1);
    assert!(outcome.series.iter().any(|series| series.name == "live jobs up" && series.points.len() == 5));
    assert_eq!((site.created().len(), site.left_behind()), (10, Vec::new()));
    site.jobs = Budget::new(9, Clock::system());
    let error = site.answer("load.live.quick", json!({})).await.unwrap_err();
    assert!(matches!(&error, CheckError::NotApplicable(why) if why.contains("allows 9 jobs")), "{error}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_climb_finds_where_the_server_has_no_more_room() {
    let Some(site) = Site::with(&["focus-api.low-capacity"]).await else { return };
    let outcome = site.run("load.live.gradual", json!({ "interval": "20ms" })).await;
    let finding = outcome.findings.iter().find(|finding| finding.code == "live-breaks").unwrap();
    assert_eq!(finding.weight, Weight::Warn, "more than the thirty that are required were held");
    assert!(
        (measured(&outcome, "live jobs held") - 40.0).abs() < 0.1,
        "the server has 40 slots: {outcome:#?}"
    );
    let strict = site.run("load.live.gradual", json!({ "interval": "20ms", "required": 50 })).await;
    assert_eq!(strict.status, Status::Failed);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_breaks_off_is_noticed() {
    let Some(site) = Site::with(&["focus-api.stream-drops"]).await else { return };
    let life = site.codes("load.live.lifecycle", json!({ "every": "150ms" })).await;
    assert!(life.contains(&"signs-missing".to_owned()), "{life:?}");
    let climb = site.codes("load.live.quick", json!({ "interval": "200ms" })).await;
    assert!(climb.contains(&"live-breaks".to_owned()), "{climb:?}");
    let long = site.codes("load.long-job", json!({ "duration": "1s", "every": "100ms" })).await;
    assert!(long.contains(&"live-drops".to_owned()), "{long:?}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_goes_on_in_a_second_stream_before_the_first_is_left() {
    let Some(site) = Site::with(&[]).await else { return };
    let params = json!({ "duration": "1300ms", "every": "50ms", "longest": "1s", "note_every": "300ms" });
    let outcome = site.run("load.long-job", params.clone()).await;
    assert_eq!(outcome.status, Status::Passed, "{outcome:#?}");
    assert!(measured(&outcome, "streams that followed each other") >= 1.0);
    assert_eq!((site.created().len(), site.left_behind()), (1, Vec::new()), "it is one job all the time");
    // The next run finds the checkpoint of this one, as one that goes on would.
    let resumed = site.run("load.long-job", params).await;
    assert!(resumed.findings.iter().any(|finding| finding.code == "not-watched"), "{resumed:#?}");
    let life = site.run("load.live.lifecycle", json!({ "every": "10ms" })).await;
    assert_eq!(life.status, Status::Passed, "{life:#?}");
    site.close().await;
}

/// What a cluster says whose server has so many bytes.
fn memory(bytes: f64) -> Vec<Observed> {
    let readings = Ok(vec![Reading::new("pod/focus-server", "memory", bytes, Unit::Bytes)]);
    vec![Observed {
        observer: "k8s.resources".into(),
        target: "k8s".into(),
        at: Timestamp::UNIX_EPOCH,
        readings,
    }]
}

fn case<'a>(outcome: &'a Outcome, name: &str) -> &'a Outcome {
    let found = outcome.cases.iter().find(|case| case.name == name);
    &found.unwrap_or_else(|| panic!("no case {name}: {outcome:#?}")).outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_sees_memory_grow_and_goes_on_where_it_was_cut_off() {
    let Some(site) = Site::with(&[]).await else { return };
    let params = json!({
        "duration": "1500ms", "jobs": 2, "every": "100ms", "look_every": "50ms", "warn_every": "200ms", "note_every": "400ms",
    });
    let unseen = site.run("load.soak.24h", params.clone()).await;
    assert_eq!(case(&unseen, "memory").status, Status::Skipped, "{unseen:#?}");
    assert_eq!(case(&unseen, "jobs").status, Status::Passed, "{unseen:#?}");
    assert_eq!(site.left_behind(), [""; 0]);
    site.close().await;

    let Some(site) = Site::with(&[]).await else { return };
    site.observes((0..500_u32).map(|look| memory(500e6 + 20e6 * f64::from(look))).collect());
    let grown = site.run("load.soak.24h", params.clone()).await;
    assert_eq!(case(&grown, "memory").findings[0].code, "memory-grows", "{grown:#?}");
    let asked = measured(case(&grown, "jobs"), "jobs asked for");
    let resumed = site.run("load.soak.24h", params).await;
    let notes = &case(&resumed, "early warnings").findings;
    assert!(notes.iter().any(|finding| finding.code == "not-watched"), "{resumed:#?}");
    // What was seen before the checkpoint counts.
    let more = measured(case(&resumed, "jobs"), "jobs asked for");
    assert!(more >= 2.0, "{more} after {asked}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_does_not_offer_is_not_asked() {
    let Some(site) = Site::with(&["focus-api.cancel-404"]).await else { return };
    let error = site.answer("load.cancel-many", json!({ "jobs": 6 })).await.unwrap_err();
    assert!(
        matches!(&error, CheckError::NotApplicable(why) if why.contains("cancelling is not offered")),
        "{error}"
    );
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_told_apart() {
    let Some(site) = Site::with(&["focus-api.unfair"]).await else { return };
    let params = json!({ "users": 4, "during": "1s", "thinking": "50ms" });
    let outcome = site.run("load.users", params).await;
    let unfair = outcome.findings.iter().find(|finding| finding.code == "users-unfair");
    let unfair = unfair.unwrap_or_else(|| panic!("{outcome:#?}"));
    assert!(unfair.details[0].contains("user 1 (channels 1–10)"), "{unfair:#?}");
    assert_eq!(site.left_behind(), [""; 0]);
    site.close().await;
}
