//! Recorded time, with the recordings of a real database.

use super::{Focus, NOW, closed, historic};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Asks for the recordings in a range.
async fn recordings(focus: &Focus, start: i64, end: i64) -> Vec<(i64, i64)> {
    let body = json!({"start_time": start, "end_time": end}).to_string();
    let (status, answer) = focus.send(Method::POST, "recordings_in_time_range", body.as_bytes()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let pair = |pair: &Value| (pair[0].as_i64().unwrap(), pair[1].as_i64().unwrap());
    answer.as_array().unwrap().iter().map(pair).collect()
}

#[tokio::test]
async fn recordings_are_listed_within_the_range() {
    let Some(focus) = Focus::with_history().await else {
        return;
    };
    let (start, end) = (NOW - 7 * 86_400, NOW);
    let all = recordings(&focus, start, end).await;
    assert!(all.len() > 10, "{all:?}");
    assert!(all.is_sorted_by_key(|(start, _)| *start), "{all:?}");
    assert!(
        all.iter().all(|(from, to)| (start..end).contains(from) && (*to == -1 || (*from..=end).contains(to)))
    );
    assert!(all.iter().any(|(_, to)| *to == -1), "some recording runs: {all:?}");
    assert_eq!(recordings(&focus, 1_000_000, 2_000_000).await, []);
    focus.stop().await;
}

#[tokio::test]
async fn what_was_recorded_is_played_back_and_ends_by_itself() {
    let Some(focus) = Focus::with_history().await else {
        return;
    };
    let (id, port, _) = focus.job(&historic(NOW - 3600, NOW - 3300)).await;
    focus.advance(30);
    assert_eq!(focus.job_status(&id).await, "running");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "completed");
    closed(port).await;
    focus.stop().await;
}

#[tokio::test]
async fn what_was_not_recorded_is_not_found() {
    let Some(focus) = Focus::with_history().await else {
        return;
    };
    let year_ago = NOW - 365 * 86_400;
    let (status, answer) = focus.configure(&historic(year_ago, year_ago + 300)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(answer["detail"].as_str().unwrap().starts_with("No recordings found"), "{answer}");
    assert_eq!(focus.get("metadata/1-1").await.0, StatusCode::NOT_FOUND, "nothing may have been started");
    focus.inject("focus-api.historic-500").await.unwrap();
    assert_eq!(focus.configure(&historic(year_ago, year_ago + 300)).await.0.as_u16(), 500);
    focus.stop().await;
}

#[tokio::test]
async fn a_deleted_recording_is_no_longer_found() {
    let Some(focus) = Focus::with_history().await else {
        return;
    };
    let range = historic(NOW - 3600, NOW);
    focus.job(&range).await;
    focus.delete_all_recordings().await;
    assert_eq!(focus.configure(&range).await.0, StatusCode::NOT_FOUND);
    assert_eq!(recordings(&focus, NOW - 3600, NOW).await, []);
    focus.stop().await;
}
