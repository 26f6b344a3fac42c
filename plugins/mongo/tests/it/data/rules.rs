//! Each rule passes where all is well, and is the one to complain about what it owns.

use super::RULES;
use crate::site::Site;
use mongodb::bson::{Document, doc};
use serde_json::json;
use shakedown_core::Status;
use shakedown_testkit::{brief, finding, spec};
use std::collections::BTreeSet;

/// The rules that do not pass, each with its codes. What requires a rule that fails is left out, as the runner does.
async fn complaints(site: &Site) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut failed = BTreeSet::new();
    for id in RULES {
        if spec(id).requires.iter().any(|required| failed.contains(required)) {
            continue;
        }
        let outcome = site.run(id).await;
        if outcome.status == Status::Failed {
            failed.insert(id);
        }
        if outcome.status != Status::Passed {
            complaints.push(format!("{id} {}", brief(&outcome)));
        }
    }
    complaints
}

#[tokio::test]
async fn a_healthy_database_keeps_every_rule() {
    for recordings in [20, 300] {
        let Some(site) = Site::with(json!({ "recordings": recordings })).await else { return };
        assert_eq!(complaints(&site).await, [""; 0]);
        site.stop().await;
    }
}

#[tokio::test]
async fn each_fault_is_found_by_the_rule_that_owns_it_and_by_no_other() {
    for (fault, expected) in [
        ("mongo.base-path-ambiguous", vec!["mongo.basepaths.guid warned base-path-ambiguous"]),
        (
            "mongo.metadata-missing",
            vec!["mongo.metadata.required failed metadata-missing metadata-missing metadata-missing"],
        ),
        ("mongo.orphan", vec!["mongo.metadata.required failed orphan"]),
        ("mongo.uuid-duplicate", vec!["mongo.recordings.duplicates failed uuid-duplicate"]),
        ("mongo.recording-identical", vec!["mongo.recordings.duplicates failed recording-identical"]),
        ("mongo.end-before-start", vec!["mongo.time.order failed end-before-start"]),
        ("mongo.start-in-future", vec!["mongo.time.order failed start-in-future"]),
        ("mongo.deleted-share-high", vec!["mongo.softdelete.totals warned deleted-share"]),
        ("mongo.deleted-open", vec!["mongo.softdelete.totals warned deleted-open"]),
        ("mongo.live-majority", vec!["mongo.lifecycle.classes failed historical-minority"]),
        ("mongo.stale-recording", vec!["mongo.recordings.stale failed stale-recording"]),
        ("mongo.recognition-low", vec!["mongo.recognition.rate warned recognition-low"]),
        ("mongo.metadata-empty", vec!["mongo.schema.metadata failed metadata-empty"]),
        ("mongo.recordings-capped", vec!["mongo.collections.required warned collection-capped"]),
        ("mongo.recordings-view", vec!["mongo.collections.required warned collection-is-view"]),
        ("mongo.naive-dates", vec!["mongo.schema.recordings warned time-as-text number-as-date"]),
        ("mongo.unrecognized-bad", vec!["mongo.schema.unrecognized failed unrecognized-schema"]),
        (
            "mongo.start-unreadable",
            vec![
                "mongo.schema.recordings warned time-as-text",
                "mongo.recordings.stale warned start-time-unreadable",
            ],
        ),
    ] {
        let Some(site) = Site::healthy().await else { return };
        site.inject(fault).await;
        assert_eq!(complaints(&site).await, expected, "{fault}");
        site.stop().await;
    }
}

#[tokio::test]
async fn the_production_incident_raises_no_false_alarm() {
    let faults = json!(["mongo.index-missing", "mongo.stale-recording", "mongo.naive-dates"]);
    let Some(site) = Site::with(json!({ "recordings": 300, "faults": faults })).await else { return };
    assert_eq!(
        complaints(&site).await,
        [
            "mongo.schema.recordings warned time-as-text number-as-date",
            "mongo.recordings.stale failed stale-recording",
        ]
    );
    site.stop().await;
}

#[tokio::test]
async fn an_empty_collection_is_said_once_and_the_rules_are_skipped() {
    let Some(site) = Site::healthy().await else { return };
    site.inject("mongo.recordings-empty").await;
    let complaints = complaints(&site).await;
    insta::assert_snapshot!(complaints.join("\n"), @r"
    mongo.collections.required warned recordings-empty
    mongo.metadata.required skipped
    mongo.schema.recordings skipped
    mongo.softdelete.totals skipped
    mongo.lifecycle.classes skipped
    mongo.recordings.stale skipped
    mongo.recordings.duplicates skipped
    mongo.time.order skipped
    mongo.recognition.rate skipped
    ");
    site.stop().await;
}

#[tokio::test]
async fn a_view_is_counted_through() {
    let Some(site) = Site::healthy().await else { return };
    site.inject("mongo.recordings-view").await;
    let view = finding(&site.run("mongo.collections.required").await, "collection-is-view");
    assert!(
        view.message.starts_with("it is a view of `") && view.message.ends_with("-moved`"),
        "{}",
        view.message
    );
    assert!(site.run("mongo.metadata.required").await.cases[0].outcome.summary.starts_with("60 recordings"));
    site.stop().await;
}

#[tokio::test]
async fn other_base_paths_are_named_and_not_examined() {
    let Some(site) = Site::healthy().await else { return };
    let others = [
        doc! { "base_path": "/other/\u{1b}root", "is_archive": false, "guid": "other-guid" },
        doc! { "base_path": 7, "is_archive": false },
        doc! { "base_path": "/archived", "is_archive": true, "guid": "archived-guid" },
    ];
    site.database.collection::<Document>("base_paths").insert_many(others).await.unwrap();
    let outcome = site.run("mongo.collections.required").await;
    assert_eq!(outcome.status, Status::Passed);
    let note = finding(&outcome, "other-base-paths");
    assert_eq!(note.details, [r"`/other/\u{1b}root`, in `other-guid`", "`7`, without a GUID"]);
    site.stop().await;
}

#[tokio::test]
async fn thresholds_are_parameters() {
    let Some(site) = Site::healthy().await else { return };
    let none_deleted = site.run_with("mongo.softdelete.totals", json!({ "most_deleted_percent": 0 })).await;
    assert_eq!(none_deleted.status, Status::Warned);
    let all_historical =
        site.run_with("mongo.lifecycle.classes", json!({ "historical_above_percent": 100 })).await;
    assert_eq!(all_historical.status, Status::Failed);
    let few = site
        .run_with("mongo.lifecycle.classes", json!({ "historical_above_percent": 100, "too_few": 60 }))
        .await;
    assert_eq!(few.status, Status::Passed);
    let all_recognised = site.run_with("mongo.recognition.rate", json!({ "least_percent": 100 })).await;
    assert_eq!(all_recognised.status, Status::Warned);
    let early = site.run_with("mongo.recordings.stale", json!({ "max_age": "1h" })).await;
    assert_eq!(early.status, Status::Failed);
    site.stop().await;
}
