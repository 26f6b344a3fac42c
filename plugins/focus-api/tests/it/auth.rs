//! A server that demands a token, everywhere or at a door of its own.

use crate::host::{connect, on};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use shakedown_core::Status;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "only-for-tests-7";

struct Guarded {
    url: String,
    task: JoinHandle<()>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Guarded {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/focus-server", listener.local_addr().unwrap());
        let app = Router::new().fallback(async |headers: HeaderMap| {
            let shown = headers.get("authorization").map(|value| value.as_bytes().to_vec());
            let status = match shown {
                Some(shown) if shown == format!("Bearer {TOKEN}").into_bytes() => StatusCode::OK,
                _ => StatusCode::UNAUTHORIZED,
            };
            (status, "{}").into_response()
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, task }
    }

    fn settings(&self, auth: &Value) -> Value {
        json!({ "base_url": self.url, "auth": auth })
    }
}

#[tokio::test]
async fn the_token_goes_with_every_request_unless_it_is_for_another_door() {
    let server = Guarded::start().await;
    let rights =
        async |auth: Value| connect(server.settings(&auth)).await.unwrap().rights().await.unwrap().missing;
    assert_eq!(rights(json!({ "token": TOKEN })).await, [""; 0]);
    assert_eq!(rights(json!({ "token": "another" })).await.len(), 1);
    assert_eq!(rights(json!({ "token": TOKEN, "base_url": server.url })).await.len(), 1);
}

#[tokio::test]
async fn strangers_are_turned_away_and_the_guest_is_let_in() {
    let server = Guarded::start().await;
    let bench = on(server.settings(&json!({ "token": TOKEN })), 1).await;
    let outcome = bench.run("focus-api.sec.auth").await;
    let seen: Vec<Status> = outcome.cases.iter().map(|case| case.outcome.status).collect();
    // The settings name no expired token.
    assert_eq!(seen, [Status::Passed, Status::Passed, Status::Skipped, Status::Passed]);
    assert_eq!(outcome.status, Status::Passed);

    let bench = on(server.settings(&json!({ "token": "another" })), 1).await;
    assert_eq!(bench.codes("focus-api.sec.auth").await, ["token-refused"]);
}
