//! Servers that lie: each lie costs a check its answer, and neither the run nor its memory.

use crate::bench::{at, refusal};
use crate::liar::{Liar, Say, hello};
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::{Bson, Document, doc, rawdoc};
use serde_json::json;
use shakedown_core::{Status, TargetErrorKind};
use shakedown_testkit::brief;
use std::time::Duration;

/// More than a check takes in before it gives up, with what is on its way meanwhile.
const BOUND: u64 = 200 << 20;

/// Checks that ask in each of the ways there are: a listing, explain, commands about the server, an aggregation.
const ASKING: [&str; 4] =
    ["mongo.indexes.required", "mongo.indexes.used", "mongo.server.health", "mongo.recordings.stale"];

/// Whether a command is one of those that the checks ask, after connecting and finding the recordings.
fn is_asked(command: &Document) -> bool {
    let (name, value) = command.iter().next().unwrap();
    match name.as_str() {
        "serverStatus" | "replSetGetStatus" | "explain" | "listIndexes" | "getMore" | "count" => true,
        "aggregate" | "find" => value.as_str() != Some("base_paths"),
        _ => false,
    }
}

/// Asks a server that lies to every question; each check must end without an answer, and the next one must be able to
/// ask again.
async fn survives(lie: fn(&Document) -> Say) -> Liar {
    let liar = Liar::start(move |command| is_asked(command).then(|| lie(command))).await;
    let mut bench = at(json!({ "uri": liar.uri() })).await.unwrap();
    bench.deadline = Duration::from_secs(2);
    for id in ASKING {
        let outcome = bench.run(id).await;
        assert_eq!(outcome.status, Status::Errored, "{id}: {}", outcome.summary);
        assert!(outcome.summary.len() < 1000 && !outcome.summary.contains('\n'), "{id}: {}", outcome.summary);
    }
    bench.target("mongo").probe().await.expect("the server still answers honest questions");
    assert!(liar.sent() < BOUND, "{} bytes were taken in", liar.sent());
    liar
}

/// A document within a document within …, made without going as deep.
fn nested(levels: usize) -> RawDocumentBuf {
    let innermost = RawDocumentBuf::new();
    let bytes = (0..levels).fold(innermost.into_bytes(), |inner, _| {
        let length = i32::try_from(inner.len() + 8).unwrap();
        [&length.to_le_bytes(), b"\x03a\0".as_slice(), &inner, b"\0"].concat()
    });
    RawDocumentBuf::from_bytes(bytes).unwrap()
}

/// As [`both`], with a deep value.
fn both_deep(levels: usize) -> Vec<u8> {
    let mut row = rawdoc! { "name": "x" };
    row.append(cstr!("key"), nested(levels));
    let mut answer =
        rawdoc! { "ok": 1.0, "cursor": { "id": 0_i64, "ns": "prisma.abc", "firstBatch": [row] } };
    answer.append(cstr!("value"), nested(levels));
    answer.into_bytes()
}

/// An answer that is right for a cursor as for a command, with `value` in it.
fn both(value: impl Into<Bson>) -> Document {
    let value = value.into();
    let row = doc! { "key": { "_id": 1 }, "name": "x", "value": value.clone() };
    doc! { "ok": 1.0, "value": value, "cursor": { "id": 0_i64, "ns": "prisma.abc", "firstBatch": [row] } }
}

#[tokio::test]
async fn garbage() {
    survives(|_| Say::Bytes(vec![0xa5; 512])).await;
}

#[tokio::test]
async fn lengths_that_cannot_be() {
    for length in [i32::MAX, 48_000_001 + (1 << 24), 17, 0, -1] {
        let liar = Liar::start(move |command| is_asked(command).then_some(Say::Endless(length))).await;
        let mut bench = at(json!({ "uri": liar.uri() })).await.unwrap();
        bench.deadline = Duration::from_secs(2);
        let outcome = bench.run("mongo.indexes.required").await;
        assert_eq!(outcome.status, Status::Errored, "{length}: {}", outcome.summary);
    }
}

#[tokio::test]
async fn an_answer_without_end() {
    survives(|_| Say::Endless(40_000_000)).await;
}

#[tokio::test]
async fn no_answer_at_all() {
    survives(|_| Say::Nothing).await;
}

#[tokio::test]
async fn a_cursor_without_end() {
    // Many rows to a batch, and large rows.
    for (many, large) in [(2000, 10), (20, 200_000)] {
        let liar = Liar::start(move |command| {
            let name = command.keys().next().unwrap().clone();
            let lies = is_asked(command)
                && name != "serverStatus"
                && name != "replSetGetStatus"
                && name != "explain";
            lies.then(|| {
                let row = doc! { "key": { "_id": 1 }, "name": "x", "text": "x".repeat(large) };
                let batch = vec![row; many];
                let batch_name = if name == "getMore" { "nextBatch" } else { "firstBatch" };
                Say::Document(
                    doc! { "ok": 1.0, "cursor": { "id": 7_i64, "ns": "prisma.abc", batch_name: batch } },
                )
            })
        })
        .await;
        let mut bench = at(json!({ "uri": liar.uri() })).await.unwrap();
        bench.deadline = Duration::from_secs(20);
        for id in ["mongo.indexes.required", "mongo.recordings.stale"] {
            // Rows without end are cut, and what is then judged is never right.
            assert_ne!(bench.run(id).await.status, Status::Passed, "{id}");
        }
        assert!(liar.sent() < BOUND, "{} bytes were taken in", liar.sent());
    }
}

#[tokio::test]
async fn documents_a_thousand_levels_deep() {
    let liar = Liar::start(|command| is_asked(command).then(|| Say::Encoded(both_deep(1000)))).await;
    let bench = at(json!({ "uri": liar.uri() })).await.unwrap();
    for id in ASKING {
        let outcome = bench.run(id).await;
        assert_ne!(outcome.status, Status::Passed, "{id}: {}", brief(&outcome));
    }
    let outcome = bench.run("mongo.indexes.required").await;
    assert!(outcome.summary.contains("more than 200 levels"), "{}", outcome.summary);
}

#[tokio::test]
async fn text_that_is_no_text() {
    survives(|_| {
        let mut bytes = both("TEXT").to_vec().unwrap();
        while let Some(at) = bytes.windows(4).position(|four| four == b"TEXT") {
            bytes[at..at + 4].copy_from_slice(&[0xff, 0xfe, 0xc0, 0x80]);
        }
        Say::Encoded(bytes)
    })
    .await;
}

#[tokio::test]
async fn answers_that_mean_nothing() {
    let liar = Liar::start(|command| is_asked(command).then(|| Say::Document(both(Bson::MinKey)))).await;
    let bench = at(json!({ "uri": liar.uri() })).await.unwrap();
    for id in ASKING {
        let outcome = bench.run(id).await;
        // A server that tells of its version alone is in no bad health, and the rest is skipped.
        let skipped = outcome.cases.iter().filter(|case| case.outcome.status == Status::Skipped).count();
        assert!(outcome.status != Status::Passed || skipped == 4, "{id}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_announces_longer_messages_than_mongodb_sends_is_not_trusted() {
    let liar = Liar::start(|command| {
        let is_hello = ["hello", "ismaster", "isMaster"].iter().any(|name| command.contains_key(name));
        is_hello.then(|| {
            let mut boast = hello();
            boast.insert("maxMessageSizeBytes", i32::MAX);
            Say::Document(boast)
        })
    })
    .await;
    let error = refusal(json!({ "uri": liar.uri() })).await;
    assert_eq!(error.kind, TargetErrorKind::Protocol, "{error}");
    assert!(error.message.contains("2147483647 bytes"), "{error}");
}
