//! The database: what it holds when healthy, and what each fault makes of it.

use crate::support::{registry, with_mongo};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use serde_json::json;
use shakedown_core::Clock;
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connects as a plugin would, with the settings.
async fn connect(sandbox: &Sandbox, patience: Duration) -> Database {
    let settings = &sandbox.settings()["mongo"];
    let mut options = ClientOptions::parse(settings["uri"].as_str().unwrap()).await.unwrap();
    options.server_selection_timeout = Some(patience);
    Client::with_options(options).unwrap().database(settings["database"].as_str().unwrap())
}

async fn database(sandbox: &Sandbox) -> Database {
    connect(sandbox, Duration::from_secs(20)).await
}

async fn guid(database: &Database) -> Option<String> {
    let wanted = doc! { "base_path": "/prisma/root/recordings", "is_archive": false };
    let found = database.collection::<Document>("base_paths").find_one(wanted).await.unwrap();
    found.map(|found| found.get_str("guid").unwrap().to_owned())
}

async fn recordings(database: &Database) -> Collection<Document> {
    database.collection(&guid(database).await.unwrap())
}

/// Each index as "field" or "field unique".
async fn indexes(collection: &Collection<Document>) -> Vec<String> {
    let found: Vec<_> = collection.list_indexes().await.unwrap().try_collect().await.unwrap();
    let mut names: Vec<String> = found
        .iter()
        .map(|index| {
            let unique = index.options.as_ref().and_then(|options| options.unique).unwrap_or_default();
            let fields: Vec<&str> = index.keys.keys().map(String::as_str).collect();
            format!("{}{}", fields.join("+"), if unique { " unique" } else { "" })
        })
        .collect();
    names.sort();
    names
}

async fn count(collection: &Collection<Document>, filter: Document) -> u64 {
    collection.count_documents(filter).await.unwrap()
}

/// How many documents there are for each BSON type of a field.
async fn types(collection: &Collection<Document>, field: &str) -> BTreeMap<String, u32> {
    let mut types = BTreeMap::new();
    let mut documents = collection.find(doc! {}).await.unwrap();
    while let Some(document) = documents.try_next().await.unwrap() {
        let kind =
            document.get(field).map_or("missing".to_owned(), |value| format!("{:?}", value.element_type()));
        *types.entry(kind).or_default() += 1;
    }
    types
}

#[tokio::test]
async fn a_healthy_database_is_what_plugins_expect() {
    let Some(sandbox) = with_mongo(json!({"recordings": 300})).await else {
        return;
    };
    let database = database(&sandbox).await;
    let recordings = recordings(&database).await;
    let mut names = database.list_collection_names().await.unwrap();
    names.sort();
    let guid = recordings.name();
    let mut expected =
        vec![guid.to_owned(), format!("{guid}-unrecognized_recordings"), "base_paths".to_owned()];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(count(&database.collection("base_paths"), doc! { "is_archive": true }).await, 1);
    assert_eq!(indexes(&recordings).await, ["_id", "deleted", "end_time", "start_time", "uuid unique"]);
    assert_eq!(count(&recordings, doc! {}).await, 300);
    assert_eq!(count(&recordings, doc! { "end_time": null, "deleted": false }).await, 2);
    assert_eq!(format!("{:?}", types(&recordings, "start_time").await), r#"{"DateTime": 300}"#);
    assert_eq!(format!("{:?}", types(&recordings, "deleted").await), r#"{"Boolean": 300}"#);
    let unrecognized = database.collection(&expected[usize::from(expected[0] == guid)]);
    for (field, kind) in [("folder_name", "String"), ("file_count", "Int32"), ("update_time", "DateTime")] {
        assert_eq!(types(&unrecognized, field).await, BTreeMap::from([(kind.to_owned(), 15)]));
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn sandboxes_share_a_server_and_not_a_database() {
    let Some(first) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    let second = with_mongo(json!({"recordings": 30})).await.unwrap();
    let (one, two) = (database(&first).await, database(&second).await);
    assert_ne!(one.name(), two.name());
    assert_eq!(count(&recordings(&one).await, doc! {}).await, 20);
    // The second is seen through the first one's connection: it is the same server.
    let seen = one.client().database(two.name());
    assert_eq!(count(&recordings(&seen).await, doc! {}).await, 30);
    second.stop().await;
    assert_eq!(guid(&seen).await, None, "its database is dropped");
    assert_eq!(count(&recordings(&one).await, doc! {}).await, 20);
    // A fault of one is no fault of another.
    let third = with_mongo(json!({"recordings": 20, "faults": ["mongo.away"]})).await.unwrap();
    assert_eq!(count(&recordings(&one).await, doc! {}).await, 20);
    third.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn faults_of_indexes() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    let database = database(&sandbox).await;
    let recordings = recordings(&database).await;
    sandbox.inject("mongo.index-deleted-missing").await.unwrap();
    assert_eq!(indexes(&recordings).await, ["_id", "end_time", "start_time", "uuid unique"]);
    sandbox.inject("mongo.index-not-unique").await.unwrap();
    assert_eq!(indexes(&recordings).await, ["_id", "end_time", "start_time", "uuid"]);
    sandbox.inject("mongo.index-building").await.unwrap();
    // What the server says is changed on new connections; those that there were are reset.
    let anew = crate::mongo::database(&sandbox).await;
    let recordings = anew.collection::<Document>(recordings.name());
    let listed = |builds: bool| {
        anew.run_command(doc! { "listIndexes": recordings.name(), "includeBuildUUIDs": builds })
    };
    assert!(listed(true).await.unwrap().to_string().contains("buildUUID"));
    assert!(
        !listed(false).await.unwrap().to_string().contains("buildUUID"),
        "as any other for who does not ask"
    );
    sandbox.inject("mongo.index-sparse").await.unwrap();
    sandbox.inject("mongo.index-expires").await.unwrap();
    assert_eq!(indexes(&recordings).await, ["_id", "end_time", "start_time", "uuid"]);
    sandbox.inject("mongo.index-missing").await.unwrap();
    assert_eq!(indexes(&recordings).await, ["_id"]);
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_recordings() {
    let Some(sandbox) = with_mongo(json!({"recordings": 100})).await else {
        return;
    };
    let database = database(&sandbox).await;
    let recordings = recordings(&database).await;

    sandbox.inject("mongo.stale-recording").await.unwrap();
    let hour = 3_600_000;
    let now = mongodb::bson::DateTime::now().timestamp_millis();
    let before = |hours: i64| mongodb::bson::DateTime::from_millis(now - hours * hour);
    let stale = doc! { "end_time": null, "deleted": false, "start_time": { "$lt": before(24) } };
    let found = recordings.find_one(stale).await.unwrap().unwrap();
    let started = *found.get_datetime("start_time").unwrap();
    assert!(before(118) < started && started < before(117));

    sandbox.inject("mongo.naive-dates").await.unwrap();
    assert_eq!(
        format!("{:?}", types(&recordings, "start_time").await),
        r#"{"DateTime": 93, "Double": 2, "Int64": 2, "String": 4}"#
    );

    sandbox.inject("mongo.bad-document").await.unwrap();
    let deleted = types(&recordings, "deleted").await;
    assert_eq!(format!("{deleted:?}"), r#"{"Boolean": 91, "String": 11, "missing": 1}"#);
    assert_eq!(types(&recordings, "start_time").await["missing"], 11);

    sandbox.inject("mongo.recordings-empty").await.unwrap();
    assert_eq!(count(&recordings, doc! {}).await, 0);
    assert_eq!(indexes(&recordings).await.len(), 5);

    sandbox.inject("mongo.recordings-missing").await.unwrap();
    let names = database.list_collection_names().await.unwrap();
    assert!(!names.iter().any(|name| name == recordings.name()), "{names:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_the_other_collections() {
    let Some(sandbox) = with_mongo(json!({"recordings": 100})).await else {
        return;
    };
    let database = database(&sandbox).await;
    let name = format!("{}-unrecognized_recordings", guid(&database).await.unwrap());
    let unrecognized = database.collection::<Document>(&name);
    sandbox.inject("mongo.unrecognized-bad").await.unwrap();
    let bad = doc! { "folder_name": { "$exists": false }, "start_time": { "$exists": true } };
    assert_eq!(count(&unrecognized, bad).await, 3);
    assert_eq!(count(&unrecognized, doc! {}).await, 5);
    sandbox.inject("mongo.base-path-missing").await.unwrap();
    assert_eq!(guid(&database).await, None);
    assert_eq!(count(&database.collection("base_paths"), doc! {}).await, 1);
    sandbox.stop().await;
}

/// A sandbox of 60 recordings with one fault, its database, and its recordings.
async fn broken(fault: &str) -> Option<(Sandbox, Database, Collection<Document>)> {
    let sandbox = with_mongo(json!({"recordings": 60, "faults": [fault]})).await?;
    let database = database(&sandbox).await;
    let recordings = recordings(&database).await;
    Some((sandbox, database, recordings))
}

#[tokio::test]
async fn faults_of_single_documents() {
    let hour_ahead =
        mongodb::bson::DateTime::from_millis(mongodb::bson::DateTime::now().timestamp_millis() + 3_600_000);
    let reversed = doc! { "$expr": { "$and": [{ "$ne": ["$end_time", null] }, { "$lt": ["$end_time", "$start_time"] }] } };
    for (fault, filter, documents, all) in [
        (
            "mongo.metadata-missing",
            doc! { "$or": [{ "uuid": null }, { "start_time": null }, { "deleted": null }] },
            3,
            60,
        ),
        ("mongo.orphan", doc! { "start_time": { "$exists": false }, "deleted": { "$exists": false } }, 1, 61),
        ("mongo.end-before-start", reversed, 1, 60),
        ("mongo.start-in-future", doc! { "start_time": { "$gt": hour_ahead } }, 1, 61),
        ("mongo.deleted-open", doc! { "deleted": true, "end_time": null }, 1, 60),
        ("mongo.start-unreadable", doc! { "start_time": "some day" }, 1, 61),
        ("mongo.live-majority", doc! { "end_time": null, "deleted": false }, 38, 60),
        ("mongo.uuid-duplicate", doc! {}, 62, 62),
        ("mongo.recording-identical", doc! {}, 61, 61),
    ] {
        let Some((sandbox, _, recordings)) = broken(fault).await else { return };
        assert_eq!(
            (count(&recordings, filter).await, count(&recordings, doc! {}).await),
            (documents, all),
            "{fault}"
        );
        let unique = if fault == "mongo.uuid-duplicate" { "uuid" } else { "uuid unique" };
        assert_eq!(
            indexes(&recordings).await,
            ["_id", "deleted", "end_time", "start_time", unique],
            "{fault}"
        );
        sandbox.stop().await;
    }
    let Some((sandbox, _, recordings)) = broken("mongo.deleted-share-high").await else { return };
    assert!((16..30).contains(&count(&recordings, doc! { "deleted": true }).await));
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_the_kind_of_collection() {
    let Some((sandbox, database, recordings)) = broken("mongo.recordings-capped").await else { return };
    let kind = async |database: &Database, name: &str| {
        let list = doc! { "listCollections": 1, "filter": { "name": name } };
        let reply = database.run_command(list).await.unwrap();
        reply.get_document("cursor").unwrap().get_array("firstBatch").unwrap()[0]
            .as_document()
            .unwrap()
            .clone()
    };
    let capped = kind(&database, recordings.name()).await;
    assert!(capped.get_document("options").unwrap().get_bool("capped").unwrap(), "{capped}");
    assert_eq!(count(&recordings, doc! {}).await, 60);
    assert_eq!(indexes(&recordings).await, ["_id", "deleted", "end_time", "start_time", "uuid unique"]);
    sandbox.stop().await;

    let Some((sandbox, database, recordings)) = broken("mongo.recordings-view").await else { return };
    assert_eq!(kind(&database, recordings.name()).await.get_str("type").unwrap(), "view");
    assert_eq!(count(&recordings, doc! {}).await, 60);
    sandbox.stop().await;

    let Some((sandbox, database, recordings)) = broken("mongo.recognition-low").await else { return };
    let unrecognized =
        database.collection::<Document>(&format!("{}-unrecognized_recordings", recordings.name()));
    assert_eq!(count(&unrecognized, doc! {}).await, 43);
    sandbox.inject("mongo.metadata-empty").await.unwrap();
    assert_eq!(count(&database.collection("metadata"), doc! {}).await, 2);
    sandbox.inject("mongo.base-path-ambiguous").await.unwrap();
    assert_eq!(guid(&database).await.as_deref(), Some(recordings.name()), "the right one comes first");
    sandbox.inject("mongo.guid-missing").await.unwrap();
    let base_paths = database.collection::<Document>("base_paths");
    assert_eq!(count(&base_paths, doc! { "is_archive": false, "guid": { "$exists": true } }).await, 0);
    sandbox.stop().await;
}

async fn ping(database: &Database) -> Result<Document, Error> {
    database.run_command(doc! { "ping": 1 }).await
}

#[tokio::test]
async fn faults_of_the_connection() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    let healthy = database(&sandbox).await;
    ping(&healthy).await.unwrap();

    sandbox.inject("mongo.slow").await.unwrap();
    let asked = Instant::now();
    ping(&healthy).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(300));

    let words = |error: Error| format!("{} / {:?}", error, error.kind);
    let short = Duration::from_millis(600);
    sandbox.inject("mongo.away").await.unwrap();
    let said = words(ping(&connect(&sandbox, short).await).await.unwrap_err());
    assert!(said.contains("refused"), "{said}");
    sandbox.inject("mongo.silent").await.unwrap();
    let error = ping(&connect(&sandbox, short).await).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::ServerSelection { .. }), "{error}");
    sandbox.inject("mongo.garbage").await.unwrap();
    let said = words(ping(&connect(&sandbox, short).await).await.unwrap_err());
    assert!(!said.contains("refused"), "{said}");
    sandbox.stop().await;
}

#[tokio::test]
async fn slow_queries_are_slow_and_other_commands_are_not_held_back() {
    let Some((sandbox, database, recordings)) = broken("mongo.slow-queries").await else { return };
    let begin = Instant::now();
    recordings.find_one(doc! {}).await.unwrap();
    count(&recordings, doc! {}).await;
    assert!(begin.elapsed() >= Duration::from_millis(800), "{:?}", begin.elapsed());
    ping(&database).await.unwrap();
    sandbox.stop().await;
}

#[tokio::test]
async fn connections_beyond_ten_are_closed() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20, "faults": ["mongo.connections-refused"]})).await
    else {
        return;
    };
    let uri = sandbox.settings()["mongo"]["uri"].as_str().unwrap().to_owned();
    let address = uri.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut closed = JoinSet::new();
    for _ in 0..15 {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        closed.spawn(async move { connection.read(&mut [0; 16]).await.is_ok() });
    }
    for _ in 0..5 {
        timeout(Duration::from_secs(20), closed.join_next())
            .await
            .expect("five of them are closed")
            .unwrap()
            .unwrap();
    }
    let another = timeout(Duration::from_millis(100), closed.join_next()).await;
    assert!(another.is_err(), "ten stay open");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_login_can_be_refused() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    ping(&database(&sandbox).await).await.unwrap();
    sandbox.inject("mongo.login-refused").await.unwrap();
    let error = ping(&database(&sandbox).await).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::Authentication { .. }), "{error}");
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_what_the_server_says() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    let before = database(&sandbox).await;
    ping(&before).await.unwrap();
    for fault in
        ["version-old", "connections-exhausted", "cache-pressure", "replica-lagging", "slow-operation"]
    {
        sandbox.inject(&format!("mongo.{fault}")).await.unwrap();
    }
    let database = database(&sandbox).await;
    let admin = database.client().database("admin");
    let said = |command: Document| admin.run_command(command);
    assert_eq!(said(doc! { "buildInfo": 1 }).await.unwrap().get_str("version").unwrap(), "4.4.29");
    let status = said(doc! { "serverStatus": 1 }).await.unwrap();
    assert_eq!(status.get_document("connections").unwrap().get_i32("available").unwrap(), 30);
    assert!(
        status.contains_key("wiredTiger") && status.contains_key("storageEngine"),
        "the rest is the server's"
    );
    let set = said(doc! { "replSetGetStatus": 1 }).await.unwrap();
    assert_eq!(set.get_array("members").unwrap().len(), 2);
    let busy = admin.aggregate([doc! { "$currentOp": {} }]).await.unwrap();
    let busy: Vec<Document> = busy.try_collect().await.unwrap();
    assert!(busy.iter().any(|operation| operation.get_i64("secs_running").unwrap_or(0) == 1200), "{busy:?}");
    // What no rule concerns passes unchanged, on connections old and new.
    ping(&before).await.unwrap();
    assert_eq!(count(&recordings(&database).await, doc! {}).await, 20);
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_rights_are_refusals_in_the_words_of_mongodb() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20, "faults": ["mongo.read-denied"]})).await else {
        return;
    };
    let database = database(&sandbox).await;
    let error = database.collection::<Document>("base_paths").find_one(doc! {}).await.unwrap_err();
    let ErrorKind::Command(refusal) = &*error.kind else { panic!("{error}") };
    let expected =
        format!("not authorized on {} to execute command {{ find: \"base_paths\"", database.name());
    assert_eq!((refusal.code, refusal.message.starts_with(&expected)), (13, true), "{}", refusal.message);
    assert!(!database.list_collection_names().await.unwrap().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn a_server_can_go_away_in_mid_run() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20, "faults": ["mongo.goes-away-midrun"]})).await
    else {
        return;
    };
    let database = connect(&sandbox, Duration::from_secs(2)).await;
    ping(&database).await.expect("it serves a while");
    let mut served = 0;
    while ping(&database).await.is_ok() {
        served += 1;
        assert!(served < 100);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_given_server_is_used_as_it_is() {
    let Some(owner) = with_mongo(json!({"recordings": 20})).await else {
        return;
    };
    let uri = owner.settings()["mongo"]["uri"].as_str().unwrap();
    let guest = with_mongo(json!({"recordings": 25, "mongo_uri": uri})).await.unwrap();
    let database = database(&guest).await;
    assert_eq!(count(&recordings(&database).await, doc! {}).await, 25);
    assert_ne!(guest.settings()["mongo"]["uri"], uri, "it stands behind a proxy of its own");
    let error = guest.inject("mongo.login-refused").await.unwrap_err();
    insta::assert_snapshot!(error, @"failed to turn on `mongo.login-refused`: the user of a MongoDB given by a URI is not the sandbox's to change");
    let name = database.name().to_owned();
    guest.stop().await;
    let left = crate::mongo::database(&owner).await.client().database(&name);
    assert_eq!(left.list_collection_names().await.unwrap(), Vec::<String>::new());
    owner.stop().await;
}

#[tokio::test]
async fn the_production_incident_reaches_every_part() {
    let options = json!({"recordings": 60, "incident": "production-2025-11"});
    let options = Options { clock: Clock::system(), options, kinds: None };
    let sandbox = Sandbox::start(&registry(), options).await.unwrap();
    assert!(sandbox.settings().contains_key("focus-api"));
    if sandbox.unavailable().is_empty() {
        let recordings = recordings(&database(&sandbox).await).await;
        assert_eq!(indexes(&recordings).await, ["_id"]);
        assert_eq!(count(&recordings, doc! { "end_time": null, "deleted": false }).await, 3);
        assert_eq!(types(&recordings, "start_time").await["String"], 4);
        let exported: Vec<String> = sandbox.exports().into_iter().map(|(name, _)| name).collect();
        assert!(exported.contains(&"SHAKEDOWN_LOCAL_MONGO_URI".to_owned()), "{exported:?}");
    }
    sandbox.stop().await;
}
