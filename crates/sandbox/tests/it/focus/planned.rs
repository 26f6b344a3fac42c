//! The planned interface.

use super::{Focus, closed, live};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) fn task() -> Value {
    json!({
        "displayTimeAxisDuration": 10.5, "nfftSelection": 1024, "canvasInfo": {"height": 1000},
        "sensors": {"min": 0, "max": 9}, "frequencyRange": {"min": 0, "max": 500},
        "start_time": null, "end_time": null,
    })
}

#[tokio::test]
async fn the_planned_interface_is_served_behind_its_option() {
    let focus = Focus::start(json!({"planned_api": true}), &[]).await;
    let (status, answer) = focus.send(Method::POST, "config/t-1", task().to_string().as_bytes()).await;
    assert_eq!((status.as_u16(), &answer["status"]), (200, &json!("Config received successfully")));
    assert_eq!(focus.get("metadata/t-1").await, (StatusCode::OK, json!({})));
    assert_eq!(focus.get("waterfall/t-1/10").await, (StatusCode::OK, json!([])));
    assert_eq!(focus.get("waterfall/t-1/0").await.0.as_u16(), 400);
    assert_eq!(focus.get("waterfall/t-1/-3").await.0.as_u16(), 400);
    assert_eq!(focus.get("waterfall/t-2/10").await.0.as_u16(), 404);
    assert_eq!(focus.get("metadata/t-2").await.0.as_u16(), 404);
    focus.advance(5);
    assert_eq!(focus.get("metadata/t-1").await.0.as_u16(), 201);
    let (status, blocks) = focus.get("waterfall/t-1/100").await;
    assert_eq!((status.as_u16(), blocks[0]["rows"].as_array().unwrap().len()), (201, 100));
    assert_eq!(blocks[0]["rows"][0]["sensors"].as_array().unwrap().len(), 10);
    focus.advance(180);
    assert_eq!(focus.get("waterfall/t-1/100").await.0, StatusCode::ALREADY_REPORTED);
    focus.advance(120);
    assert_eq!(focus.get("waterfall/t-1/100").await.0.as_u16(), 404);
    assert_eq!(focus.get("sensors").await.1["sensors"].as_array().unwrap().len(), 2337);

    for (pointer, value, status) in [
        ("/sensors", json!({"min": 5, "max": 5}), 400),
        ("/frequencyRange", json!({"min": 5, "max": 1}), 400),
        ("/start_time", json!("251123083000"), 400),
        ("/start_time", json!(251_123_083_000_i64), 422),
        ("/canvasInfo", json!({}), 422),
    ] {
        let mut body = task();
        *body.pointer_mut(pointer).unwrap() = value;
        let (seen, answer) = focus.send(Method::POST, "config/t-3", body.to_string().as_bytes()).await;
        assert_eq!(seen.as_u16(), status, "{answer}");
    }
    assert_eq!(focus.send(Method::POST, "config/a%20b", task().to_string().as_bytes()).await.0.as_u16(), 400);

    let (id, port, _) = focus.job(&live()).await;
    assert_eq!(focus.send(Method::DELETE, &format!("job/{id}"), &[]).await.0, StatusCode::OK);
    closed(port).await;
    assert_eq!(focus.job_status(&id).await, "completed");
    assert_eq!(focus.send(Method::DELETE, "job/9-9", &[]).await.0.as_u16(), 404);
    focus.stop().await;
}
