//! What the server counts, whatever the documents hold; and what nothing may upset.

use super::RULES;
use crate::site::Site;
use jiff::SignedDuration;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Binary, Bson, DateTime, Decimal128, Document, Timestamp, doc};
use shakedown_core::{Clock, Outcome, Status};
use shakedown_testkit::{brief, finding};

fn ago(hours: i64) -> DateTime {
    let then = Clock::system().now() - SignedDuration::from_hours(hours);
    DateTime::from_millis(then.as_millisecond())
}

/// A recording as it should be.
fn recording(uuid: &str, hours: i64) -> Document {
    doc! { "uuid": uuid, "start_time": ago(hours), "end_time": ago(hours - 1), "deleted": false }
}

fn with(uuid: &str, field: &str, value: impl Into<Bson>) -> Document {
    let mut document = recording(uuid, 40);
    document.insert(field, value);
    document
}

fn without(uuid: &str, field: &str) -> Document {
    let mut document = recording(uuid, 40);
    document.remove(field);
    document
}

/// What the server counted for a case, as the finding says it.
fn actual(outcome: &Outcome, code: &str) -> String {
    finding(outcome, code).actual.unwrap_or_default()
}

#[tokio::test]
async fn null_is_told_from_missing_in_every_document() {
    let Some(site) = Site::unindexed().await else { return };
    let recordings = site.recordings().await;
    let mut bad = vec![
        with("null-start", "start_time", Bson::Null),
        with("null-deleted", "deleted", Bson::Null),
        without("no-end", "end_time"),
        with("live", "end_time", Bson::Null),
        doc! { "uuid": "orphan", "end_time": Bson::Null, "deleted": Bson::Null },
        doc! { "comment": "not a recording" },
    ];
    bad.extend((0..12).map(|number| without(&format!("no-deleted-{number:02}"), "deleted")));
    recordings.insert_many(&bad).await.unwrap();
    let outcome = site.run("mongo.metadata.required").await;
    let cases: Vec<String> = outcome
        .cases
        .iter()
        .map(|case| {
            let found: Vec<String> =
                case.outcome.findings.iter().filter_map(|finding| finding.actual.clone()).collect();
            format!("{} {}: {}", case.name, case.outcome.status, found.join(" ")).trim_end().to_owned()
        })
        .collect();
    insta::assert_snapshot!(cases.join("\n"), @r"
    uuid passed:
    start_time failed: `start_time` is null (1)
    end_time warned: `end_time` is missing (1)
    deleted failed: `deleted` is missing (12), `deleted` is null (1)
    orphans failed: `deleted` is missing (1), `deleted` is null (1), `end_time` is missing (1), `start_time` is missing (2), `uuid` is missing (1)
    ");
    let deleted = outcome.cases[3].outcome.findings[0].clone();
    assert_eq!(deleted.message, "13 recordings without `deleted`");
    assert_eq!((deleted.details.len(), deleted.details[11].as_str()), (12, "and 3 more"));
    assert!(site.run("mongo.schema.recordings").await.findings.is_empty());
    site.stop().await;
}

#[tokio::test]
async fn types_are_counted_in_every_document() {
    let Some(site) = Site::unindexed().await else { return };
    let recordings = site.recordings().await;
    let bad = [
        with("text", "start_time", "2025-01-01T00:00:00"),
        with("text too", "end_time", "2025-01-01T00:00:00+02:00"),
        with("int", "start_time", 1_735_689_600),
        with("double", "start_time", 1_735_689_600.5),
        with("long", "end_time", 1_735_689_600_000_i64),
        with("flag", "deleted", "no"),
        with("number", "deleted", 0),
        with("list", "uuid", vec!["a", "b"]),
        with("document", "uuid", doc! { "$gt": "" }),
        with("id", "start_time", ObjectId::new()),
    ];
    recordings.insert_many(&bad).await.unwrap();
    let outcome = site.run("mongo.schema.recordings").await;
    assert_eq!(
        actual(&outcome, "wrong-type"),
        "`deleted` is int (1), `deleted` is string (1), `start_time` is objectId (1), `uuid` is array (1), `uuid` is object (1)"
    );
    assert_eq!(actual(&outcome, "time-as-text"), "`end_time` is string (1), `start_time` is string (1)");
    assert_eq!(
        actual(&outcome, "number-as-date"),
        "`end_time` is long (1), `start_time` is double (1), `start_time` is int (1)"
    );
    let examples = finding(&outcome, "wrong-type").details;
    assert_eq!(examples.len(), 5);
    assert!(
        examples[0].starts_with("uuid flag (_id ") && examples[0].ends_with("`deleted` is string"),
        "{examples:?}"
    );
    site.stop().await;
}

#[tokio::test]
async fn times_of_every_form_are_compared_as_what_they_mean() {
    let Some(site) = Site::unindexed().await else { return };
    let recordings = site.recordings().await;
    let second = 1_735_689_600; // 2025-01-01T00:00:00Z
    let pair = |uuid: &str, start: Bson, end: Bson| doc! { "uuid": uuid, "start_time": start, "end_time": end, "deleted": false };
    let naive = || Bson::from("2025-01-01T00:00:00");
    let decimal = || Bson::from("1735689600".parse::<Decimal128>().unwrap());
    let documents = [
        // In order, although no two of them are of one type.
        pair("a", naive(), Bson::from("2025-01-01T02:00:01+02:00")),
        pair("b", Bson::Int32(second), Bson::Int64(i64::from(second) * 1000 + 1)),
        pair(
            "c",
            Bson::Double(f64::from(second)),
            Bson::DateTime(DateTime::from_millis(i64::from(second) * 1000 + 2)),
        ),
        pair("d", decimal(), Bson::from(" 2025-01-01 00:00:05 ")),
        pair("e", Bson::Timestamp(Timestamp { time: 1_735_689_600, increment: 1 }), Bson::from("2025-01-02")),
        // Reversed.
        pair("f", naive(), Bson::from("2025-01-01T01:00:00+02:00")),
        pair("g", Bson::Int32(second), Bson::Double(f64::from(second) - 0.5)),
        // In the future.
        pair("h", Bson::from("2999-01-01T00:00:00"), Bson::Null),
        pair("i", Bson::Int64(32_472_144_000), Bson::Null),
        // No instants.
        pair("j", Bson::from("some day"), Bson::Null),
        pair("k", Bson::Double(f64::NAN), Bson::Double(f64::INFINITY)),
        pair("l", Bson::Int64(i64::MAX), Bson::Int64(i64::MIN)),
        pair("m", Bson::DateTime(DateTime::from_millis(0)), Bson::from("2025-13-45")),
        pair("n", Bson::Array(vec![naive()]), Bson::Boolean(true)),
    ];
    recordings.insert_many(&documents).await.unwrap();
    let outcome = site.run("mongo.time.order").await;
    let said: Vec<String> = outcome.findings.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(
        said,
        [
            "2 recordings end before the start",
            "2 recordings start more than 5m in the future",
            "5 recordings have a time that means no instant"
        ]
    );
    let reversed = finding(&outcome, "end-before-start").details.join("\n");
    assert!(
        reversed.contains("uuid f ")
            && reversed.contains("started 2025-01-01T00:00:00Z, ended 2024-12-31T23:00:00Z"),
        "{reversed}"
    );
    assert!(reversed.contains("uuid g ") && reversed.contains("ended 2024-12-31T23:59:59.5Z"), "{reversed}");
    // The same instant in another form is the same recording.
    let twins = [
        pair("x", naive(), Bson::from("2025-01-03")),
        pair(
            "y",
            Bson::Int32(second),
            Bson::DateTime(DateTime::from_millis((i64::from(second) + 2 * 86_400) * 1000)),
        ),
    ];
    recordings.insert_many(&twins).await.unwrap();
    let outcome = site.run("mongo.recordings.duplicates").await;
    let identical = finding(&outcome, "recording-identical");
    assert_eq!(
        identical.message,
        "1 span of time is recorded more than once under different uuids: 1 recording too many"
    );
    assert_eq!(
        identical.details,
        ["from 2025-01-01T00:00:00Z to 2025-01-03T00:00:00Z (uuid x, y), stored 2 times"]
    );
    // A deleted copy is one that has been dealt with.
    recordings.update_one(doc! { "uuid": "y" }, doc! { "$set": { "deleted": true } }).await.unwrap();
    assert_eq!(site.run("mongo.recordings.duplicates").await.status, Status::Passed);
    site.stop().await;
}

#[tokio::test]
async fn open_recordings_are_dated_whatever_the_form_of_their_start() {
    let Some(site) = Site::unindexed().await else { return };
    let old = Clock::system().now() - SignedDuration::from_hours(30);
    let new = Clock::system().now() - SignedDuration::from_hours(3);
    let open = |start: Bson| doc! { "start_time": start, "end_time": Bson::Null, "deleted": false };
    let documents = [
        open(Bson::from(old.strftime("%Y-%m-%dT%H:%M:%S").to_string())),
        open(Bson::from(old.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())),
        open(Bson::Int64(old.as_second())),
        open(Bson::from(new.strftime("%Y-%m-%dT%H:%M:%S").to_string())),
        open(Bson::Int64(new.as_millisecond())),
        open(Bson::from("soon\u{7}")),
        doc! { "deleted": false },
    ];
    site.recordings().await.insert_many(&documents).await.unwrap();
    let outcome = site.run("mongo.recordings.stale").await;
    let stale = finding(&outcome, "stale-recording");
    assert_eq!(stale.message, "3 recordings were left open, the oldest started 30.0 h ago");
    assert_eq!(stale.fix.as_deref(), Some("mongo.recordings.close"));
    assert!(outcome.summary.contains("4 are live"), "{}", outcome.summary);
    let unreadable = finding(&outcome, "start-time-unreadable");
    assert!(
        unreadable.details.iter().any(|line| line.ends_with(r": start_time soon\u{7}")),
        "{unreadable:?}"
    );
    assert_eq!(unreadable.details.len(), 2);
    site.stop().await;
}

#[tokio::test]
async fn uuids_of_any_type_are_compared_and_a_few_are_named() {
    let Some(site) = Site::unindexed().await else { return };
    let mut documents = vec![
        with("", "uuid", 7),
        with("", "uuid", 7),
        with("", "uuid", Bson::Null),
        without("", "uuid"),
        without("", "uuid"),
    ];
    documents.extend((0..36).map(|number| recording(&format!("twin-{:02}", number % 12), 100 + number)));
    site.recordings().await.insert_many(&documents).await.unwrap();
    let outcome = site.run("mongo.recordings.duplicates").await;
    let twice = finding(&outcome, "uuid-duplicate");
    assert_eq!(twice.message, "13 uuids are stored more than once: 25 documents too many");
    assert_eq!(twice.details[1], "uuid twin-00, stored 3 times");
    assert_eq!((twice.details.len(), twice.details[11].as_str()), (12, "and 3 more"));
    site.stop().await;
}

#[tokio::test]
async fn copies_under_one_uuid_are_no_identical_recordings_besides() {
    let Some(site) = Site::unindexed().await else { return };
    let copy = recording("copied", 60);
    site.recordings().await.insert_many([copy.clone(), copy]).await.unwrap();
    assert_eq!(brief(&site.run("mongo.recordings.duplicates").await), "failed uuid-duplicate");
    site.stop().await;
}

#[tokio::test]
async fn hostile_documents_do_no_harm() {
    let Some(site) = Site::unindexed().await else { return };
    let recordings = site.recordings().await;
    let nested = |name: &str| (0..95).fold(doc! { "leaf": true }, |inner, _| doc! { name: inner });
    let deep = nested("$where");
    let huge = "x".repeat(15 << 20);
    let escape = "\u{1b}[31m\u{202e}\r\nDROP";
    let hostile = [
        doc! { "$where": "while(1){}", "a.b": 1, "": 2, "uuid": escape, "start_time": { "$gt": "" }, "end_time": "$deleted", "deleted": "$$ROOT" },
        doc! { "_id": nested("a.b"), "uuid": deep.clone(), "start_time": deep.clone(), "end_time": deep, "deleted": false },
        doc! { "_id": "huge", "uuid": &huge, "start_time": ago(50), "end_time": ago(49), "deleted": false },
        doc! { "_id": "huge-start", "uuid": "h", "start_time": huge, "end_time": Bson::Null, "deleted": false },
        doc! { "_id": { "": 1 }, "uuid": Bson::Binary(Binary { subtype: mongodb::bson::spec::BinarySubtype::Generic, bytes: vec![0; 1 << 20] }), "start_time": Bson::MinKey, "end_time": Bson::MaxKey, "deleted": Bson::JavaScriptCode("x".into()) },
        doc! { "_id": escape, "deleted": [true, false], "end_time": [Bson::Null], "start_time": [ago(2)], "uuid": [Bson::Null] },
    ];
    for document in hostile {
        recordings.insert_one(document).await.unwrap();
    }
    for id in RULES {
        let outcome = site.run(id).await;
        assert_ne!(outcome.status, Status::Errored, "{id}: {}", outcome.summary);
        let said = serde_json::to_string(&outcome).unwrap();
        assert!(said.len() < 30_000, "{id} says {} bytes", said.len());
        for finding in outcome.all_findings() {
            let lines =
                finding.details.iter().chain([&finding.message, &finding.subject]).chain(&finding.actual);
            for line in lines {
                assert!(!line.contains(char::is_control) && line.len() < 700, "{id}: {line:?}");
            }
        }
    }
    let wrong = finding(&site.run("mongo.schema.recordings").await, "wrong-type");
    assert!(wrong.details.iter().any(|line| line.starts_with(r"uuid \u{1b}[31m")), "{:#?}", wrong.details);
    site.stop().await;
}

#[tokio::test]
async fn a_status_field_is_noted() {
    let Some(site) = Site::healthy().await else { return };
    site.recordings().await.insert_one(with("s", "status", "done")).await.unwrap();
    let outcome = site.run("mongo.lifecycle.classes").await;
    assert_eq!((outcome.status, outcome.cases[2].name.as_str()), (Status::Passed, "fields"));
    assert_eq!(
        finding(&outcome, "status-field").message,
        "1 recording has a field `status`, which no class follows from"
    );
    site.stop().await;
}
