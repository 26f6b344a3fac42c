//! What the healthy server answers, and refuses.

use super::{Focus, NOW, changed, historic, live, without};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn the_plain_endpoints_answer() {
    let focus = Focus::healthy().await;
    assert_eq!(focus.get("ack").await, (StatusCode::OK, json!({})));
    assert_eq!(focus.get("channels").await.1, json!({"lowest_channel": 1, "highest_channel": 2337}));
    let (status, metadata) = focus.get("live_metadata").await;
    assert_eq!((status, &metadata["prr"]), (StatusCode::OK, &json!(2000.0)));
    assert!(metadata["num_samples_per_trace"].is_u64() && metadata["dtype"].is_string());
    assert_eq!(focus.get("openapi.json").await.1["paths"].as_object().unwrap().len(), 6);
    focus.stop().await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_as_the_framework_does() {
    let focus = Focus::healthy().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let (status, answer) = focus.send(method, "ack", &[]).await;
        assert_eq!((status.as_u16(), answer), (405, json!({"detail": "Method Not Allowed"})));
    }
    assert_eq!(focus.get("configure").await.0.as_u16(), 405);
    for path in ["health", "info", "job/1-1/status", "sensors", "waterfall/a/1", ""] {
        assert_eq!(focus.get(path).await, (StatusCode::NOT_FOUND, json!({"detail": "Not Found"})), "{path}");
    }
    assert_eq!(focus.send(Method::DELETE, "job/1-1", &[]).await.0.as_u16(), 404);
    assert_eq!(focus.send(Method::POST, "config/a", b"{}").await.0.as_u16(), 404);
    assert_eq!(
        focus.get("metadata/9-99").await,
        (StatusCode::NOT_FOUND, json!({"detail": "Invalid job_id"}))
    );
    focus.stop().await;
}

#[tokio::test]
async fn a_live_configuration_is_described_by_the_formulas() {
    let focus = Focus::healthy().await;
    let (id, port, answer) = focus.job(&live()).await;
    assert_eq!((id.as_str(), &answer["status"], &answer["view_type"]), ("1-1", &json!("success"), &json!(0)));
    assert_eq!(answer["frequencies_list"].as_array().unwrap().len(), 513);
    assert_eq!(answer["frequencies_amount"], 513);
    assert_eq!(answer["lines_dt"], 0.256);
    assert_eq!((&answer["channel_amount"], &answer["stream_amount"]), (&json!(8), &json!(8)));
    assert_eq!(answer["channel_to_stream_index"]["8"], 7);
    assert_eq!(answer["metadata"]["prr"], 2000.0);

    let mut single = changed("/view_type", json!("1"));
    single["channels"] = json!({"min": 7, "max": 7});
    single["frequencyRange"] = json!({"min": 100, "max": 150});
    let (_, other_port, answer) = focus.job(&single).await;
    assert_eq!(answer["channel_to_stream_index"], json!({"7": 0}));
    assert_eq!(answer["frequencies_amount"], 25);
    assert_ne!(port, other_port);

    let waterfall =
        json!({"displayInfo": {"height": 10.0}, "channels": {"min": 1, "max": 2222}, "view_type": 2});
    assert_eq!(focus.job(&waterfall).await.2["channel_amount"], 2222);
    focus.stop().await;
}

#[tokio::test]
async fn bad_values_are_refused_naming_the_field() {
    let focus = Focus::healthy().await;
    let cases = [
        ("/displayInfo/height", json!(0), "displayInfo.height 0"),
        ("/displayInfo/height", json!(-100), "displayInfo.height -100"),
        ("/displayTimeAxisDuration", json!(0), "displayTimeAxisDuration 0"),
        ("/channels/min", json!(0), "channels.min 0"),
        ("/channels/max", json!(2437), "channels.max 2437"),
        ("/channels/min", json!(-5), "channels.min -5: must not be negative"),
        (
            "/channels",
            json!({"min": 9, "max": 3}),
            "channels.min 9 must be less than or equal to channels.max 3",
        ),
        ("/channels", json!({"min": 1, "max": 2337}), "at most 2222"),
        ("/nfftSelection", json!(0), "nfftSelection 0: must be positive"),
        ("/nfftSelection", json!(-1), "nfftSelection -1: must be positive"),
        ("/nfftSelection", json!(1000), "nfftSelection 1000: must be a power of two"),
        ("/nfftSelection", json!(131_072), "nfftSelection 131072"),
        ("/frequencyRange/max", json!(1100), "Nyquist limit of 1000 Hz"),
        ("/frequencyRange/min", json!(-1), "frequencyRange.min -1"),
        ("/frequencyRange", json!({"min": 500, "max": 100}), "frequencyRange"),
        ("/frequencyRange", json!({"min": 500, "max": 500}), "frequencyRange"),
        ("/view_type", json!(999), "view_type 999"),
        ("/view_type", json!("3"), "view_type 3"),
        ("/view_type", json!(1), "SINGLECHANNEL"),
        ("/view_type", json!(2), "WATERFALL"),
        ("/start_time", json!(NOW - 100), "end_time is missing"),
        ("/end_time", json!(NOW - 100), "start_time is missing"),
    ];
    for (pointer, value, says) in cases {
        let refusal = focus.refusal(pointer, value.clone()).await;
        assert!(refusal.starts_with("400 ") && refusal.contains(says), "{pointer} = {value}: {refusal}");
    }
    for (start, end, says) in [
        (NOW - 10, NOW - 20, "must be before end_time"),
        (NOW - 10, NOW - 10, "must be before end_time"),
        (-1000, -500, "start_time -1000: must not be negative"),
        (NOW + 86_400, NOW + 90_000, "start_time 1763973000: must not be in the future"),
        (NOW - 10, i64::MAX, "must not be in the future"),
    ] {
        let (status, answer) = focus.configure(&historic(start, end)).await;
        assert_eq!(status.as_u16(), 400, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(says), "{answer}");
    }
    focus.stop().await;
}

#[tokio::test]
async fn bad_shapes_are_listed_field_by_field() {
    let focus = Focus::healthy().await;
    for (body, kind, loc) in [
        (without("", "channels"), "missing", json!(["body", "channels"])),
        (without("/displayInfo", "height"), "missing", json!(["body", "displayInfo", "height"])),
        (without("/frequencyRange", "max"), "missing", json!(["body", "frequencyRange", "max"])),
        (without("", "view_type"), "missing", json!(["body", "view_type"])),
        (changed("/channels", json!([1, 2])), "model_attributes_type", json!(["body", "channels"])),
        (changed("/channels/min", json!(null)), "int_type", json!(["body", "channels", "min"])),
        (changed("/channels/min", json!(true)), "int_type", json!(["body", "channels", "min"])),
        (changed("/nfftSelection", json!("1024")), "int_type", json!(["body", "nfftSelection"])),
        (changed("/nfftSelection", json!(1024.5)), "int_from_float", json!(["body", "nfftSelection"])),
        (changed("/start_time", json!("now")), "int_type", json!(["body", "start_time"])),
        (changed("/view_type", json!("multichannel")), "enum", json!(["body", "view_type"])),
        (changed("/view_type", json!(false)), "enum", json!(["body", "view_type"])),
        (changed("/view_type", json!(null)), "enum", json!(["body", "view_type"])),
    ] {
        let (status, answer) = focus.configure(&body).await;
        assert_eq!(status.as_u16(), 422, "{body}: {answer}");
        let detail = answer["detail"].as_array().unwrap();
        assert_eq!(
            (detail.len(), &detail[0]["type"], &detail[0]["loc"]),
            (1, &json!(kind), &loc),
            "{answer}"
        );
    }
    let (status, answer) = focus.configure(&json!({})).await;
    assert_eq!(status.as_u16(), 422);
    assert_eq!(answer["detail"].as_array().unwrap().len(), 3, "{answer}");
    assert_eq!(
        answer["detail"][1],
        json!({"type": "missing", "loc": ["body", "channels"], "msg": "Field required", "input": {}})
    );
    // What may be left out.
    for key in ["displayTimeAxisDuration", "nfftSelection", "frequencyRange", "start_time"] {
        focus.job(&without("", key)).await;
    }
    focus.job(&changed("/nfftSelection", json!(256.0))).await;
    focus.stop().await;
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused_and_the_server_stays_up() {
    let focus = Focus::healthy().await;
    let deep = "[".repeat(200_000);
    let wide = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    for (body, status) in [
        ("{\"channels\": ", 422),
        ("\u{fffd}", 422),
        ("[]", 422),
        ("42", 422),
        ("{\"a\": NaN}", 422),
        ("{\"view_type\": 0, \"view_type\": 1}", 400),
        (deep.as_str(), 422),
        (wide.as_str(), 413),
        ("", 422),
    ] {
        let (seen, answer) = focus.send(Method::POST, "configure", body.as_bytes()).await;
        assert_eq!(seen.as_u16(), status, "{body:.40}: {answer}");
        assert!(!answer["detail"].is_null(), "{answer}");
    }
    let url = format!("{}configure", focus.base);
    let text = focus.client.post(&url).header("content-type", "text/plain").body(live().to_string());
    assert_eq!(text.send().await.unwrap().status().as_u16(), 422);
    let untyped = focus.client.post(&url).body(live().to_string()).send().await.unwrap();
    assert_eq!(untyped.status(), StatusCode::OK);
    assert_eq!(focus.get("ack").await.0, StatusCode::OK);
    focus.stop().await;
}

#[tokio::test]
async fn without_a_database_there_is_no_history() {
    let focus = Focus::healthy().await;
    let (status, answer) = focus.configure(&historic(NOW - 3600, NOW)).await;
    assert_eq!(status.as_u16(), 404);
    assert!(answer["detail"].as_str().unwrap().starts_with("No recordings found"), "{answer}");
    let ask = async |body: Value| {
        focus.send(Method::POST, "recordings_in_time_range", body.to_string().as_bytes()).await.0.as_u16()
    };
    assert_eq!(ask(json!({"start_time": NOW - 3600, "end_time": NOW})).await, 200);
    assert_eq!(ask(json!({"start_time": NOW, "end_time": NOW})).await, 400);
    assert_eq!(ask(json!({"start_time": NOW})).await, 422);
    assert_eq!(ask(json!({"start_time": NOW + 10, "end_time": NOW + 20})).await, 200);
    focus.stop().await;
}
