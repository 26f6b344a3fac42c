//! Faults of single operations.

use super::planned::task;
use super::{EMPTY_SETTINGS, Focus, PREFACE, attach, changed, live};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn with_planned(fault: &str) -> Focus {
    Focus::start(json!({"planned_api": true}), &[&format!("focus-api.{fault}")]).await
}

/// A task that has been running for five seconds.
async fn running(focus: &Focus) {
    let sent = focus.send(Method::POST, "config/t-1", task().to_string().as_bytes()).await;
    assert_eq!(sent.0, StatusCode::OK);
    focus.advance(5);
}

#[tokio::test]
async fn reads_are_changed_as_they_say() {
    let focus = Focus::with("focus-api.channels-implausible").await;
    assert_eq!(focus.get("channels").await.1["highest_channel"], 1_000_000);
    focus.stop().await;
    let focus = Focus::with("focus-api.reads-unsteady").await;
    assert_ne!(focus.get("channels").await.1, focus.get("channels").await.1);
    assert_ne!(focus.get("live_metadata").await.1, focus.get("live_metadata").await.1);
    focus.stop().await;
    let focus = Focus::with("focus-api.metadata-crash").await;
    assert_eq!(focus.get("live_metadata").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    focus.stop().await;
    let focus = Focus::with("focus-api.ack-any-method").await;
    assert_eq!(focus.send(Method::PATCH, "ack", &[]).await.0, StatusCode::OK);
    focus.stop().await;
    let focus = Focus::with("focus-api.ack-header-crash").await;
    let ack = || focus.client.get(format!("{}ack", focus.base));
    assert_eq!(ack().send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ack().header("x-note", "<b>").send().await.unwrap().status().as_u16(), 500);
    focus.stop().await;
    let focus = Focus::with("focus-api.ack-crowded").await;
    let answers = futures_util::future::join_all((0..30).map(|_| focus.get("ack"))).await;
    assert!(answers.iter().any(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE));
    focus.stop().await;
    let focus = Focus::with("focus-api.clock-behind").await;
    let answer = focus.client.get(format!("{}ack", focus.base)).send().await.unwrap();
    assert_eq!(answer.headers()["date"], "Sun, 23 Nov 2025 07:30:00 GMT");
    focus.stop().await;
}

#[tokio::test]
async fn recordings_are_changed_as_they_say() {
    let ask = json!({"start_time": 2000, "end_time": 1000}).to_string();
    let focus = Focus::with("focus-api.recordings-unchecked").await;
    let answer = focus.send(Method::POST, "recordings_in_time_range", ask.as_bytes()).await;
    assert_eq!(answer, (StatusCode::OK, json!([])));
    focus.stop().await;
    let ask = json!({"start_time": 5000, "end_time": 6000}).to_string();
    let focus = Focus::with("focus-api.recordings-out-of-range").await;
    let answer = focus.send(Method::POST, "recordings_in_time_range", ask.as_bytes()).await;
    assert_eq!(answer, (StatusCode::OK, json!([[1000, 2000]])));
    focus.stop().await;
}

#[tokio::test]
async fn answers_about_jobs_are_changed_as_they_say() {
    let focus = Focus::with("focus-api.response-incomplete").await;
    let answer = focus.job(&live()).await.2;
    assert!(answer.get("lines_dt").is_none() && answer.get("stream_amount").is_none());
    focus.stop().await;
    let focus = Focus::with("focus-api.formulas-of-another-prr").await;
    assert_eq!(focus.job(&live()).await.2["lines_dt"], 0.512);
    focus.stop().await;
    let mut single = changed("/channels", json!({"min": 7, "max": 7}));
    single["view_type"] = json!(1);
    let focus = Focus::with("focus-api.single-channel-many-streams").await;
    assert_eq!(focus.job(&single).await.2["channel_to_stream_index"], json!({"7": 3}));
    focus.stop().await;
    let focus = Focus::with("focus-api.answers-mixed").await;
    let (first, second) = (focus.job(&live()).await.2, focus.job(&live()).await.2);
    assert_ne!(first.get("previous"), second.get("previous"));
    focus.stop().await;
    let focus = Focus::with("focus-api.last-channel-refused").await;
    assert_eq!(
        focus.refusal("/channels", json!({"min": 2337, "max": 2337})).await,
        "400 Invalid channels.max: must be below 2337"
    );
    focus.job(&live()).await;
    focus.stop().await;

    let focus = Focus::with("focus-api.job-metadata-unknown").await;
    let (id, ..) = focus.job(&live()).await;
    assert_eq!(focus.job_status(&id).await, "404 Not Found");
    focus.stop().await;
    let focus = Focus::with("focus-api.job-metadata-foreign").await;
    let (id, ..) = focus.job(&live()).await;
    assert_eq!(focus.get(&format!("metadata/{id}")).await.1["job_id"], "9-999");
    focus.stop().await;
    let focus = Focus::with("focus-api.job-metadata-for-anybody").await;
    assert_eq!(focus.get("metadata/none").await.0, StatusCode::OK);
    focus.stop().await;
}

#[tokio::test]
async fn streams_misbehave_as_they_say() {
    let focus = Focus::with("focus-api.stream-closed").await;
    let (_, port, _) = focus.job(&live()).await;
    super::closed(port).await;
    focus.stop().await;
    let focus = Focus::with("focus-api.stream-mute").await;
    let mut stream = TcpStream::connect(("127.0.0.1", focus.job(&live()).await.1)).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&EMPTY_SETTINGS).await.unwrap();
    let silence = timeout(Duration::from_millis(200), stream.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
    focus.stop().await;
    let focus = Focus::with("focus-api.stream-drops").await;
    let mut stream = attach(focus.job(&live()).await.1).await;
    assert!(timeout(super::BOUND, stream.read_u8()).await.unwrap().is_err(), "it is closed by itself");
    focus.stop().await;
}

#[tokio::test]
async fn cancelling_fails_as_it_says() {
    let focus = with_planned("cancel-404").await;
    let (id, ..) = focus.job(&live()).await;
    assert_eq!(focus.send(Method::DELETE, &format!("job/{id}"), &[]).await.0, StatusCode::NOT_FOUND);
    assert!(focus.get("openapi.json").await.1["paths"]["/job/{job_id}"]["delete"].is_object());
    focus.stop().await;
    let focus = with_planned("cancel-ignored").await;
    let (id, ..) = focus.job(&live()).await;
    assert_eq!(focus.send(Method::DELETE, &format!("job/{id}"), &[]).await.0, StatusCode::OK);
    assert_eq!(focus.job_status(&id).await, "pending");
    focus.stop().await;
}

#[tokio::test]
async fn the_planned_interface_misbehaves_as_it_says() {
    let focus = with_planned("sensors-empty").await;
    assert_eq!(focus.get("sensors").await.1, json!({"sensors": []}));
    focus.stop().await;
    for (fault, status) in [("tasks-refused", 500), ("tasks-unchecked", 200)] {
        let focus = with_planned(fault).await;
        assert_eq!(focus.send(Method::POST, "config/t-1", b"{}").await.0.as_u16(), status, "{fault}");
        focus.stop().await;
    }
    let focus = with_planned("task-never-runs").await;
    running(&focus).await;
    assert_eq!(focus.get("metadata/t-1").await, (StatusCode::OK, json!({})));
    assert_eq!(focus.get("waterfall/t-1/10").await, (StatusCode::OK, json!([])));
    focus.stop().await;
    let focus = with_planned("task-metadata-invalid").await;
    running(&focus).await;
    assert_eq!(focus.get("metadata/t-1").await.1["number_of_channels"], 0);
    focus.stop().await;
    let time = |row: &Value, key: &str| row[key].as_i64().unwrap();
    let focus = with_planned("waterfall-malformed").await;
    running(&focus).await;
    let row = focus.get("waterfall/t-1/10").await.1[0]["rows"][0].clone();
    assert_eq!(time(&row, "startTimestamp"), time(&row, "endTimestamp"));
    focus.stop().await;
    let focus = with_planned("waterfall-unordered").await;
    running(&focus).await;
    let rows = focus.get("waterfall/t-1/10").await.1[0]["rows"].clone();
    assert!(time(&rows[0], "startTimestamp") > time(&rows[1], "startTimestamp"));
    focus.stop().await;
}

#[tokio::test]
async fn the_description_is_wrong_as_it_says() {
    for (fault, pointer, gone) in [
        ("description-incomplete", "/paths/~1recordings_in_time_range", true),
        ("description-loose", "/components/schemas/ConfigureRequest/required", true),
        ("description-wrong", "/components/schemas/Channels/properties/lowest_channel/minimum", true),
        ("ack-any-method", "/paths/~1recordings_in_time_range", false),
    ] {
        let focus = Focus::with(&format!("focus-api.{fault}")).await;
        let description = focus.get("openapi.json").await.1;
        assert_eq!(description.pointer(pointer).is_none(), gone, "{fault}");
        focus.stop().await;
    }
}
