//! What each fault changes, and that nothing else does.

use super::{Focus, NOW, changed, historic, live, without};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn waiting_for_fiber_refuses_jobs_and_says_so_in_the_metadata() {
    let focus = Focus::with("focus-api.waiting-for-fiber").await;
    assert_eq!(focus.configure(&live()).await, (StatusCode::SERVICE_UNAVAILABLE, json!("")));
    let metadata = focus.get("live_metadata").await.1;
    assert_eq!((&metadata["prr"], &metadata["dx"]), (&json!(0.0), &json!(null)));
    assert_eq!(metadata["sw_version"], "waiting for fiber");
    assert_eq!(focus.get("channels").await.1["highest_channel"], 2337);
    focus.stop().await;
}

#[tokio::test]
async fn each_fault_lets_through_what_it_says() {
    for (fault, body) in [
        ("accepts-future", historic(NOW + 86_400, NOW + 90_000)),
        ("accepts-reversed-range", historic(NOW - 10, NOW - 3600)),
        ("accepts-reversed-channels", changed("/channels", json!({"min": 9, "max": 3}))),
        ("accepts-reversed-frequencies", changed("/frequencyRange", json!({"min": 500, "max": 100}))),
        ("accepts-odd-times", historic(-1000, -500)),
        ("accepts-odd-times", changed("/start_time", json!(NOW - 60))),
        ("accepts-odd-times", changed("/end_time", json!(NOW - 60))),
        ("accepts-empty-window", historic(NOW - 3600, NOW - 60)),
        ("defaults-missing-fields", without("", "channels")),
        ("defaults-missing-fields", without("/channels", "min")),
        ("defaults-missing-fields", without("/displayInfo", "height")),
        ("defaults-missing-fields", without("", "view_type")),
        ("lax-types", changed("/displayInfo/height", json!(true))),
        ("lax-types", changed("/nfftSelection", json!(1024.5))),
        ("operators-evaluated", changed("/channels/min", json!({"$ne": null}))),
        ("accepts-channels-out-of-range", changed("/channels/max", json!(2437))),
        ("accepts-nyquist", changed("/frequencyRange/max", json!(1100))),
        ("nfft-unchecked", changed("/nfftSelection", json!(0))),
        ("nfft-unchecked", changed("/nfftSelection", json!(i64::MIN))),
        ("view-unchecked", changed("/view_type", json!(999))),
        ("view-unchecked", changed("/view_type", json!("multichannel"))),
        ("heights-unchecked", changed("/displayInfo/height", json!(-100))),
        ("single-channel-range", changed("/view_type", json!(1))),
    ] {
        let healthy = Focus::healthy().await;
        assert!(healthy.configure(&body).await.0.is_client_error(), "healthy: {body}");
        healthy.stop().await;
        let broken = Focus::with(&format!("focus-api.{fault}")).await;
        broken.job(&body).await;
        broken.job(&live()).await;
        broken.stop().await;
    }
}

#[tokio::test]
async fn each_fault_crashes_where_it_says() {
    let waterfall = json!({"displayInfo": {"height": 10}, "channels": {"min": 1, "max": 2}, "view_type": 2});
    for (fault, body) in [
        ("configure-refuses", live()),
        ("historic-500", historic(NOW - 3600, NOW)),
        ("missing-field-500", without("", "channels")),
        ("missing-field-500", without("", "nfftSelection")),
        ("missing-field-500", without("/displayInfo", "height")),
        ("missing-field-500", changed("/frequencyRange", json!(null))),
        ("overflow-500", changed("/nfftSelection", json!(1_i64 << 31))),
        ("waterfall-500", waterfall.clone()),
    ] {
        let broken = Focus::with(&format!("focus-api.{fault}")).await;
        assert_eq!(
            broken.configure(&body).await,
            (StatusCode::INTERNAL_SERVER_ERROR, json!("Internal Server Error"))
        );
        if fault != "configure-refuses" {
            broken.job(&live()).await;
        }
        if fault == "missing-field-500" {
            broken.job(&waterfall).await;
        }
        broken.stop().await;
    }
}

#[tokio::test]
async fn faults_of_the_answer_change_only_that() {
    let all =
        ["empty-status", "wrong-types", "count-mismatch", "metadata-missing-fields", "channels-reversed"];
    let ids = all.map(|fault| format!("focus-api.{fault}"));
    let focus = Focus::start(json!({}), &ids.each_ref().map(String::as_str)).await;
    let (status, answer) = focus.configure(&live()).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("")));
    assert!(answer["stream_port"].is_string());
    assert_eq!((&answer["frequencies_list"], &answer["frequencies_amount"]), (&json!({}), &json!(514)));
    let metadata = focus.get("live_metadata").await.1;
    assert!(metadata.get("dtype").is_none() && metadata.get("num_samples_per_trace").is_none());
    assert_eq!(focus.get("channels").await.1, json!({"lowest_channel": 2337, "highest_channel": 1}));
    focus.stop().await;

    let focus = Focus::with("focus-api.shared-port").await;
    assert_eq!(focus.job(&live()).await.1, focus.job(&live()).await.1);
    focus.stop().await;

    let focus = Focus::with("focus-api.job-metadata-late").await;
    let (id, ..) = focus.job(&live()).await;
    assert_eq!(focus.job_status(&id).await, "404 Not Found");
    focus.advance(3);
    assert_eq!(focus.job_status(&id).await, "running");
    focus.stop().await;

    let focus = Focus::with("focus-api.vague-errors").await;
    assert_eq!(focus.refusal("/nfftSelection", json!(0)).await, "400 Bad request");
    assert_eq!(focus.refusal("/nfftSelection", json!("x")).await, "422 Bad request");
    focus.job(&live()).await;
    focus.stop().await;

    let focus = Focus::with("focus-api.ack-broken").await;
    assert_eq!(focus.get("ack").await.0.as_u16(), 500);
    assert_eq!(focus.get("channels").await.0.as_u16(), 200);
    focus.stop().await;
}

#[tokio::test]
async fn some_of_several_requests_at_once_crash() {
    let focus = Focus::with("focus-api.configure-5xx-under-concurrency").await;
    for _ in 0..3 {
        focus.job(&live()).await;
    }
    let body = live();
    let answers = futures_util::future::join_all((0..10).map(|_| focus.configure(&body))).await;
    let crashed = answers.iter().filter(|(status, _)| status.as_u16() == 500).count();
    let served = answers.iter().filter(|(status, _)| status.as_u16() == 200).count();
    assert!(crashed >= 1 && served >= 1 && crashed + served == 10, "{crashed} crashed, {served} served");
    focus.stop().await;
}

#[tokio::test]
async fn slow_answers_take_at_least_as_long_as_they_say() {
    for (fault, path, least) in
        [("configure-slow", "configure", 900), ("ack-slow", "ack", 1500), ("slow", "channels", 2000)]
    {
        let focus = Focus::with(&format!("focus-api.{fault}")).await;
        let begin = std::time::Instant::now();
        let (status, _) =
            if path == "configure" { focus.configure(&live()).await } else { focus.get(path).await };
        assert_eq!(status, StatusCode::OK);
        assert!(begin.elapsed() >= Duration::from_millis(least), "{fault}: {:?}", begin.elapsed());
        focus.stop().await;
    }
}

#[tokio::test]
async fn transport_faults_break_the_transport() {
    for fault in ["away", "garbage", "redirect-loop", "huge-headers"] {
        let focus = Focus::with(&format!("focus-api.{fault}")).await;
        let answer = focus.client.get(format!("{}ack", focus.base)).send().await;
        assert!(answer.is_err(), "{fault}: {answer:?}");
        focus.stop().await;
    }
    let impatient = Duration::from_millis(300);
    let focus = Focus::with("focus-api.silent").await;
    let answer = focus.client.get(format!("{}ack", focus.base)).timeout(impatient).send().await;
    assert!(answer.unwrap_err().is_timeout());
    focus.stop().await;

    let focus = Focus::with("focus-api.endless-body").await;
    let mut answer = focus.client.get(format!("{}channels", focus.base)).send().await.unwrap();
    let mut seen = 0;
    while seen < 1 << 20 {
        seen += answer.chunk().await.unwrap().expect("the body must not end").len();
    }
    focus.stop().await;
}
