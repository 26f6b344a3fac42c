//! Connecting, and removing jobs.

use crate::host::connect;
use crate::server::Server;
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::TargetErrorKind;
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::registry::Entries;
use tokio::net::TcpListener;

#[tokio::test]
async fn any_answer_to_ack_will_do() {
    let server = Server::with(|_, _| Some((500, Value::Null))).await;
    let target = connect(json!({ "base_url": server.url })).await.unwrap();
    assert_eq!(target.info().address, server.url);
    target.probe().await.unwrap();
    assert_eq!(target.rights().await.unwrap().missing, [""; 0]);

    let server = Server::with(|_, _| Some((401, Value::Null))).await;
    let target = connect(json!({ "base_url": server.url })).await.unwrap();
    let missing = target.rights().await.unwrap().missing;
    assert_eq!(
        missing,
        ["GET /ack is answered with 401 Unauthorized: give credentials in `auth` or `headers`"]
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://reader:hunter2@{address}");
    let error = connect(json!({ "base_url": url })).await.err().unwrap();
    assert_eq!(error.kind, TargetErrorKind::Refused);
    assert_eq!(error.address, format!("http://{address}"));
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn settings_are_read_before_anything_connects() {
    let entries = Entries::linked();
    let target = entries.targets.iter().find(|spec| spec.kind == "focus-api").unwrap();
    let refused = |settings: Value| (target.validate)(&settings).unwrap_err();
    assert_eq!((target.validate)(&json!({ "base_url": "https://focus.example.com/focus-server" })), Ok(()));
    insta::assert_snapshot!(refused(json!({ "base_url": "focus.example.com" })), @"`base_url` is not an address: relative URL without a base");
    insta::assert_snapshot!(refused(json!({ "base_url": "ftp://focus.example.com" })), @"`base_url` must begin with `http://` or `https://`, not `ftp:`");
    insta::assert_snapshot!(refused(json!({ "base_url": "https://focus.example.com", "base_path": "x" })), @"unknown field `base_path`, expected one of `base_url`, `verify_tls`, `ca_file`, `headers`, `auth`, `plain_url`, `job_lifetime`");
    let schema = (target.schema)();
    assert_eq!(schema.as_value().pointer("/properties/base_url/format"), Some(&json!("uri")));
    assert_eq!(schema.as_value()["required"], json!(["base_url"]));
}

#[tokio::test]
async fn a_job_is_removed_where_the_server_can() {
    let job = |id: &str, ends_by| Resource {
        target: "focus-api".to_owned(),
        kind: "job".to_owned(),
        id: id.to_owned(),
        ends_by,
    };
    let soon = Some(Timestamp::UNIX_EPOCH);
    let deployed = Server::healthy().await;
    let target = connect(json!({ "base_url": deployed.url })).await.unwrap();
    assert_eq!(target.remove(&job("1-3", soon)).await.unwrap(), Removal::EndsByItself);
    assert_eq!(target.remove(&job("1-3", None)).await.unwrap(), Removal::Unsupported);

    let server = Server::with(|asked, _| match asked {
        "GET /ack" => None,
        "DELETE /job/1-3" => Some((200, json!({}))),
        "DELETE /job/1-4" => Some((500, json!({}))),
        other => panic!("{other} was asked"),
    })
    .await;
    let target = connect(json!({ "base_url": server.url })).await.unwrap();
    assert_eq!(target.remove(&job("1-3", soon)).await.unwrap(), Removal::Removed);
    let error = target.remove(&job("1-4", soon)).await.unwrap_err();
    assert_eq!(error.message, "DELETE of job 1-4 is answered with 500 Internal Server Error");
    assert_eq!(
        target.remove(&job("../ack", soon)).await.unwrap(),
        Removal::EndsByItself,
        "nothing is sent for such an id"
    );
}
