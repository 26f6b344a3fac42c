//! What an exchange holds.

use crate::server::{AMPLE, Server};
use axum::Router;
use axum::extract::Request as Incoming;
use axum::routing::any;
use serde_json::{Value, json};
use shakedown_core::Secret;
use shakedown_http::{HttpClient, HttpSettings, Request};
use std::collections::BTreeMap;
use tokio::net::TcpListener;

/// Starts a server that reports what it was asked, and returns its address.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(any(|request: Incoming| async move {
        let (head, body) = request.into_parts();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        json!({
            "method": head.method.as_str(),
            "uri": head.uri.to_string(),
            "user-agent": header("user-agent"),
            "content-type": header("content-type"),
            "authorization": header("authorization"),
            "x-site": header("x-site"),
            "body": String::from_utf8_lossy(&body),
        })
        .to_string()
    }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.to_string()
}

#[tokio::test]
async fn sends_what_was_asked_and_shows_no_secret() {
    let address = mirror().await;
    let mut settings =
        HttpSettings::new(format!("http://reader:hunter2@{address}/focus-server/").parse().unwrap());
    settings.headers = BTreeMap::from([("X-Site".to_owned(), Secret::new("c4nary"))]);
    let client = HttpClient::new(settings).unwrap();
    assert_eq!(client.address(), format!("http://{address}/focus-server/"));

    let mut request = Request::post_json("/configure", "{not json", AMPLE);
    request.query = vec![("a b".to_owned(), "c&d".to_owned())];
    let exchange = client.send(request).await.unwrap();
    let seen: Value = exchange.json().unwrap();
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["uri"], "/focus-server/configure?a+b=c%26d");
    assert_eq!(seen["user-agent"], concat!("shakedown/", env!("CARGO_PKG_VERSION")));
    assert_eq!(seen["content-type"], "application/json");
    assert_eq!(seen["body"], "{not json");
    assert_eq!(seen["authorization"], "Basic cmVhZGVyOmh1bnRlcjI=");
    assert_eq!(seen["x-site"], "c4nary");

    let evidence = String::from_utf8(exchange.to_evidence("x.txt").content).unwrap();
    let (asked, answered) = evidence.split_once("\n< ").unwrap();
    assert!(
        asked.contains("> x-site: [redacted]") && !asked.contains("c4nary") && !asked.contains("hunter2"),
        "{asked}"
    );
    assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
    assert!(exchange.elapsed.total >= exchange.elapsed.headers && !exchange.truncated);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server =
        Server::answering("HTTP/1.1 307 Temporary Redirect\r\nlocation: /ack\r\ncontent-length: 0\r\n\r\n")
            .await;
    let exchange = server.client().send(Request::get("/ack", AMPLE)).await.unwrap();
    assert_eq!(exchange.status, 307);
    assert_eq!(exchange.headers["location"], "/ack");
}

#[tokio::test]
async fn a_body_of_exactly_the_bound_is_whole() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789").await;
    let mut request = Request::get("/", AMPLE);
    request.max_body = 10;
    assert_eq!(server.client().send(request).await.unwrap().text(), "0123456789");
}
