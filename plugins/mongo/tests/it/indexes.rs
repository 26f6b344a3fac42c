//! The indexes that there are, and those that are used.

use crate::bench::{broken, database};
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::{Collation, IndexOptions};
use mongodb::{Collection, Database};
use serde_json::json;
use shakedown_testkit::brief;

async fn recordings(database: &Database) -> Collection<Document> {
    let path = doc! { "base_path": "/prisma/root/recordings", "is_archive": false };
    let path = database.collection::<Document>("base_paths").find_one(path).await.unwrap().unwrap();
    database.collection(path.get_str("guid").unwrap())
}

async fn replace(recordings: &Collection<Document>, name: &str, keys: Document, options: IndexOptions) {
    recordings.drop_index(name).await.unwrap();
    recordings.create_index(IndexModel::builder().keys(keys).options(options).build()).await.unwrap();
}

#[tokio::test]
async fn healthy_indexes_are_there_and_used() {
    let Some((sandbox, bench)) = broken(&[]).await else { return };
    assert_eq!(brief(&bench.run("mongo.indexes.required").await), "passed");
    let used = bench.run("mongo.indexes.used").await;
    assert_eq!(brief(&used), "passed", "{used:#?}");
    let cases: Vec<&str> = used.cases.iter().map(|case| case.name.as_str()).collect();
    insta::assert_snapshot!(cases.join("\n"), @"
    the recordings that started in the last day
    the recordings of the last day
    the recordings of the last day that are not deleted
    a recording by its uuid
    the recordings without an end
    ");
    assert!(used.cases.iter().all(|case| case.outcome.measurements.len() == 1));
    sandbox.stop().await;
}

#[tokio::test]
async fn missing_indexes_are_explained_and_duplicates_named() {
    let Some((sandbox, bench)) = broken(&["mongo.uuid-duplicate", "mongo.index-missing"]).await else {
        return;
    };
    let outcome = bench.run("mongo.indexes.required").await;
    assert_eq!(brief(&outcome), "failed index-missing index-deleted-missing");
    let missing = &outcome.findings[0];
    assert_eq!(
        (missing.fix.as_deref(), missing.remedy.as_deref()),
        (Some("mongo.indexes.create"), Some("let `fix` create them in the background, today"))
    );
    assert!(missing.details[1].contains("scans the whole collection (COLLSCAN)"), "{:?}", missing.details);
    assert!(
        missing
            .details
            .iter()
            .any(|line| line.contains("uuids occur more than once")
                || line.contains("uuid occurs more than once")),
        "{:?}",
        missing.details
    );
    assert!(bench.evidence("explain.json").contains("COLLSCAN"));
    sandbox.stop().await;
}

#[tokio::test]
async fn a_sparse_index_is_there_and_does_not_find_what_has_no_end() {
    let Some((sandbox, bench)) = broken(&["mongo.index-sparse"]).await else { return };
    let required = bench.run("mongo.indexes.required").await;
    assert_eq!(brief(&required), "passed index-sparse");
    let used = bench.run("mongo.indexes.used").await;
    assert_eq!(brief(&used), "failed query-scans");
    let failed: Vec<&str> = used
        .cases
        .iter()
        .filter(|case| !case.outcome.findings.is_empty())
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(failed, ["the recordings without an end"]);
    assert!(bench.evidence("explain-open.json").contains("COLLSCAN"));
    let patient = bench.run_with("mongo.indexes.used", json!({ "least": 100_000, "max": "1m" })).await;
    assert_eq!(brief(&patient), "passed", "few documents never matter");
    sandbox.stop().await;
}

#[tokio::test]
async fn an_index_that_is_being_built_is_a_warning_with_its_progress() {
    let Some((sandbox, bench)) = broken(&["mongo.index-building"]).await else { return };
    let outcome = bench.run("mongo.indexes.required").await;
    assert_eq!(brief(&outcome), "warned index-building");
    let finding = &outcome.findings[0];
    assert_eq!(finding.message, "the index on end_time is still being built");
    assert_eq!(finding.details, ["Index Build: 1200 of 3000 (40 %)"]);
    let used = bench.run("mongo.indexes.used").await;
    assert_eq!(brief(&used), "skipped");
    sandbox.stop().await;
}

#[tokio::test]
async fn the_server_tells_every_kind_of_index_apart() {
    let Some((sandbox, bench)) = broken(&[]).await else { return };
    let recordings = recordings(&database(&sandbox).await).await;
    let plain = IndexOptions::default;
    // A compound index with the field first, descending, will do.
    replace(&recordings, "end_time_1", doc! { "end_time": -1, "deleted": 1 }, plain()).await;
    assert_eq!(brief(&bench.run("mongo.indexes.required").await), "passed");
    // One with the field second will not.
    replace(&recordings, "start_time_1", doc! { "deleted": 1, "start_time": 1 }, plain()).await;
    assert_eq!(brief(&bench.run("mongo.indexes.required").await), "failed index-missing");
    let hidden = IndexOptions::builder().hidden(true).build();
    replace(&recordings, "deleted_1_start_time_1", doc! { "start_time": 1 }, hidden).await;
    let outcome = bench.run("mongo.indexes.required").await;
    assert!(
        outcome.findings[0]
            .details
            .iter()
            .any(|line| line == "`start_time_1` is hidden, so no query uses it"),
        "{outcome:?}"
    );
    let partial = IndexOptions::builder().partial_filter_expression(doc! { "deleted": false }).build();
    replace(&recordings, "start_time_1", doc! { "start_time": 1 }, partial).await;
    let outcome = bench.run("mongo.indexes.required").await;
    assert!(outcome.findings[0].details.iter().any(|line| line.contains("is partial")), "{outcome:?}");
    replace(&recordings, "start_time_1", doc! { "start_time": 1 }, plain()).await;
    // Text compared otherwise than by its bytes is of no use to a query without a collation.
    let collation = Collation::builder().locale("en").build();
    let collated = IndexOptions::builder().collation(collation).unique(true).build();
    replace(&recordings, "uuid_1", doc! { "uuid": 1 }, collated).await;
    let outcome = bench.run("mongo.indexes.required").await;
    assert_eq!(brief(&outcome), "failed index-missing");
    assert!(outcome.findings[0].details.iter().any(|line| line.contains("has a collation")), "{outcome:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn an_index_that_deletes_is_found() {
    let Some((sandbox, bench)) = broken(&["mongo.index-expires"]).await else { return };
    let outcome = bench.run("mongo.indexes.required").await;
    assert_eq!(brief(&outcome), "failed index-deletes-recordings");
    sandbox.stop().await;
}
