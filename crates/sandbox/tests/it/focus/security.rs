//! Hostile requests, the doors of the server, and what it remembers from one request to the next.

use super::{BOUND, Focus, changed, live, without};
use reqwest::header::{AUTHORIZATION, HeaderMap, ORIGIN};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

impl Focus {
    /// The status of a request to `channels` at the guarded door, with this token.
    async fn knock(&self, token: Option<&str>) -> u16 {
        let url = format!("{}channels", self.settings["auth"]["base_url"].as_str().unwrap());
        let mut request = self.client.get(url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.unwrap().status().as_u16()
    }

    fn token(&self, name: &str) -> &str {
        self.settings["auth"][name].as_str().unwrap()
    }

    async fn post_text(&self, content_type: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        let request =
            self.client.post(format!("{}configure", self.base)).header("content-type", content_type);
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.headers().clone(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_door_demands_a_token_and_another_leads_to_https() {
    let focus = Focus::healthy().await;
    let knocks =
        [None, Some("nobody-issued-this"), Some(focus.token("expired_token")), Some(focus.token("token"))];
    let mut seen = Vec::new();
    for token in knocks {
        seen.push(focus.knock(token).await);
    }
    assert_eq!(seen, [401, 401, 401, 200]);
    let plain = format!("{}channels", focus.settings["plain_url"].as_str().unwrap());
    let client = Client::builder().redirect(Policy::none()).no_proxy().timeout(BOUND).build().unwrap();
    let answer = client.get(&plain).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 308);
    assert_eq!(answer.headers()["location"], "https://focus.example.com/focus-server/channels");

    focus.inject("focus-api.accepts-expired-token").await.unwrap();
    assert_eq!((focus.knock(Some(focus.token("expired_token"))).await, focus.knock(None).await), (200, 401));
    focus.inject("focus-api.auth-not-enforced").await.unwrap();
    assert_eq!(focus.knock(None).await, 200);
    focus.inject("focus-api.plain-http-served").await.unwrap();
    assert_eq!(client.get(&plain).send().await.unwrap().status().as_u16(), 200);
    focus.stop().await;
}

#[tokio::test]
async fn a_parser_can_fail_in_many_ways() {
    for (fault, content_type, body, healthy, broken) in [
        ("broken-json-500", "application/json", "{\"a\":".to_owned(), 422, 500),
        ("any-content-type", "text/plain", live().to_string(), 422, 200),
        ("surrogate-500", "application/json", live().to_string().replace("1000", r#""\ud800""#), 422, 500),
    ] {
        let focus = Focus::healthy().await;
        assert_eq!(focus.post_text(content_type, &body).await.0.as_u16(), healthy, "{fault}");
        focus.inject(&format!("focus-api.{fault}")).await.unwrap();
        assert_eq!(focus.post_text(content_type, &body).await.0.as_u16(), broken, "{fault}");
        focus.job(&live()).await;
        focus.stop().await;
    }
}

#[tokio::test]
async fn a_deep_structure_takes_the_server_down_and_it_comes_back() {
    let focus = Focus::with("focus-api.deep-nesting-crash").await;
    let url = format!("{}configure", focus.base);
    let deep = focus.client.post(url).header("content-type", "application/json").body("[".repeat(5_000));
    assert!(deep.send().await.is_err());
    let back = async {
        while focus.client.get(format!("{}ack", focus.base)).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(BOUND, back).await.expect("the server comes back");
    focus.job(&live()).await;
    focus.stop().await;
}

#[tokio::test]
async fn answers_are_bent_where_a_fault_says_so() {
    let script = changed("/view_type", json!("<script>")).to_string();
    let focus = Focus::with("focus-api.reflects-script").await;
    let (_, headers, text) = focus.post_text("application/json", &script).await;
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html") && text.contains("<script>"));
    let refusal = focus.refusal("/nfftSelection", json!(0)).await;
    assert!(refusal.starts_with("400 Invalid nfftSelection"), "{refusal}");
    focus.stop().await;

    let focus = Focus::with("focus-api.stack-trace-leaked").await;
    let (status, answer) = focus.configure(&without("", "channels")).await;
    assert!(status == 422 && answer["traceback"].as_str().unwrap().starts_with("Traceback"), "{answer}");
    focus.stop().await;

    let focus = Focus::with("focus-api.trusts-any-origin").await;
    let request = focus.client.get(format!("{}channels", focus.base)).header(ORIGIN, "https://a.example.com");
    let headers = request.send().await.unwrap().headers().clone();
    assert_eq!(headers["access-control-allow-origin"], "https://a.example.com");
    assert_eq!(headers["access-control-allow-credentials"], "true");
    focus.stop().await;

    let focus = Focus::with("focus-api.serves-files").await;
    let (status, text) = focus.get("metadata/..%2f..%2fetc%2fpasswd").await;
    assert!(status == 200 && text.as_str().unwrap().contains("root:"), "{text}");
    focus.stop().await;

    let focus = Focus::with("focus-api.mixed-error-formats").await;
    let (status, page) = focus.get("no-such-path").await;
    assert!(status == 404 && page.as_str().unwrap().starts_with("<html>"), "{page}");
    assert_eq!(focus.refusal("/nfftSelection", json!("x")).await.split(' ').next(), Some("422"));
    focus.stop().await;
}

#[tokio::test]
async fn a_refusal_can_have_consequences() {
    let nonsense = changed("/nfftSelection", json!(0));
    let number = |id: &str| id.rsplit('-').next().unwrap().parse::<u64>().unwrap();
    for (fault, leaked) in [(None, 0), (Some("focus-api.refusal-leaks-job"), 1)] {
        let focus = Focus::start(json!({}), fault.as_slice()).await;
        let before = number(&focus.job(&live()).await.0);
        assert_eq!(focus.configure(&nonsense).await.0.as_u16(), 400);
        assert_eq!(number(&focus.job(&live()).await.0) - before - 1, leaked);
        focus.stop().await;
    }

    let focus = Focus::with("focus-api.refusal-poisons").await;
    focus.configure(&nonsense).await;
    assert_eq!(focus.configure(&live()).await.0.as_u16(), 500);
    focus.job(&live()).await;
    focus.stop().await;

    let focus = Focus::with("focus-api.burst-500").await;
    for _ in 0..10 {
        assert_eq!(focus.configure(&nonsense).await.0.as_u16(), 400);
    }
    assert_eq!(focus.configure(&nonsense).await.0.as_u16(), 500);
    assert_eq!(focus.configure(&changed("/nfftSelection", json!(-1))).await.0.as_u16(), 400);
    focus.stop().await;
}

#[tokio::test]
async fn outages_are_said_or_not() {
    let focus = Focus::with("focus-api.bare-503").await;
    assert_eq!(focus.configure(&live()).await, (StatusCode::SERVICE_UNAVAILABLE, json!("")));
    assert_eq!(focus.configure(&without("", "channels")).await.0.as_u16(), 422);
    focus.stop().await;
    let focus = Focus::with("focus-api.database-down").await;
    let (status, answer) = focus.configure(&super::historic(super::NOW - 3600, super::NOW - 60)).await;
    assert!(status == 503 && answer["detail"].as_str().unwrap().contains("database"), "{answer}");
    focus.stop().await;
    let focus = Focus::with("focus-api.flaky-gateway").await;
    let mut gateway = 0;
    for _ in 0..50 {
        gateway += usize::from(focus.send(Method::GET, "ack", &[]).await.0 == StatusCode::GATEWAY_TIMEOUT);
    }
    assert_eq!(gateway, 2);
    focus.stop().await;
}

#[tokio::test]
async fn a_server_can_serve_less_than_it_should() {
    let waterfall = json!({"displayInfo": {"height": 10}, "channels": {"min": 1, "max": 2}, "view_type": 2});
    let many = changed("/channels", json!({ "min": 1, "max": 101 }));
    for (fault, body) in [
        ("frequencies-from-zero-only", changed("/frequencyRange/min", json!(10))),
        ("default-nfft-only", changed("/nfftSelection", json!(512))),
        ("few-channels", many),
        ("no-waterfall", waterfall),
    ] {
        let focus = Focus::healthy().await;
        focus.job(&body).await;
        focus.inject(&format!("focus-api.{fault}")).await.unwrap();
        let (status, answer): (_, Value) = focus.configure(&body).await;
        assert_eq!(status.as_u16(), 400, "{fault}: {answer}");
        focus.job(&live()).await;
        focus.stop().await;
    }
    let focus = Focus::with("focus-api.limit-unnamed").await;
    assert_eq!(
        focus.refusal("/frequencyRange/max", json!(1100)).await,
        "400 Invalid frequencyRange.max: too high"
    );
    focus.stop().await;
}
