//! Every way not to answer ends in an error of the right kind, within its bounds.

use crate::server::{AMPLE, SHORT, Server};
use shakedown_core::TargetErrorKind;
use shakedown_http::{HttpClient, HttpError, HttpErrorKind, HttpSettings, Request};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

async fn failure(server: &Server, timeout: Duration) -> HttpError {
    server.client().send(Request::get("/ack", timeout)).await.unwrap_err()
}

#[tokio::test]
async fn garbage_violates_the_protocol() {
    let server = Server::answering("\u{0}\u{1}this is not HTTP\r\n\r\n").await;
    let error = failure(&server, AMPLE).await;
    assert_eq!(error.kind, HttpErrorKind::Protocol, "{error}");
    assert!(error.to_string().starts_with("GET /ack: "), "{error}");
    assert!(error.partial.is_none());
}

#[tokio::test]
async fn huge_headers_violate_the_protocol() {
    let mut answer = b"HTTP/1.1 200 OK\r\nx-padding: ".to_vec();
    answer.resize(4 << 20, b'x');
    let server = Server::answering(answer).await;
    let error = failure(&server, AMPLE).await;
    assert_eq!(error.kind, HttpErrorKind::Protocol, "{error}");
}

#[tokio::test]
async fn an_endless_body_ends_at_its_bound() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let mut request = Request::get("/ack", AMPLE);
    request.max_body = 10_000;
    let error = server.client().send(request).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::BodyTooLarge);
    assert_eq!(error.to_string(), "GET /ack: the body exceeds 10000 bytes");
    let partial = error.partial.unwrap();
    assert!(partial.truncated && partial.body.len() == 10_000);
    let evidence = String::from_utf8(partial.to_evidence("x").content).unwrap();
    assert!(
        evidence.ends_with("… (only the first 10000 bytes were read)\n"),
        "{}",
        &evidence[evidence.len() - 80..]
    );
}

#[tokio::test]
async fn no_answer_ends_at_the_deadline() {
    let server = Server::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let error = failure(&server, SHORT).await;
    assert_eq!(error.kind, HttpErrorKind::TimedOut);
    assert_eq!(error.to_string(), "GET /ack: no answer within 300 ms");
}

#[tokio::test]
async fn a_trickle_ends_at_the_deadline_too() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let error = failure(&server, SHORT).await;
    assert_eq!(error.kind, HttpErrorKind::TimedOut);
    assert!(error.to_string().starts_with("GET /ack: the body did not end within 300 ms ("), "{error}");
    assert_eq!(error.partial.unwrap().status, 200);
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost() {
    let silent = Server::answering("").await;
    let error = failure(&silent, AMPLE).await;
    assert_eq!(error.kind, HttpErrorKind::Lost, "{error}");

    let short = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
    let error = failure(&short, AMPLE).await;
    assert_eq!(error.kind, HttpErrorKind::Lost, "{error}");
    assert!(error.to_string().contains("the body broke off after 9 bytes"), "{error}");

    let reset = Server::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Closing without lingering sends a reset instead of an end.
        stream.set_zero_linger().unwrap();
    })
    .await;
    let error = failure(&reset, AMPLE).await;
    assert_eq!(error.kind, HttpErrorKind::Lost, "{error}");
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://reader:hunter2@{}/x", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = HttpClient::new(HttpSettings::new(url)).unwrap();
    let error = client.send(Request::get("/ack?token=hunter2", AMPLE)).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Refused, "{error}");

    let error = error.for_target("focus-api");
    assert_eq!(error.kind, TargetErrorKind::Refused);
    assert!(error.address.starts_with("http://127.0.0.1:") && error.remedy.is_some());
    let mut request = Request::get("/ack", AMPLE);
    request.query = vec![("token".to_owned(), "hunter2".to_owned())];
    let error = client.send(request).await.unwrap_err();
    assert!(!error.for_target("focus-api").to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_so() {
    // `.invalid` is reserved for exactly this.
    let client = HttpClient::new(HttpSettings::new("http://focus.invalid".parse().unwrap())).unwrap();
    let error = client.send(Request::get("/ack", AMPLE)).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Dns, "{error}");
}

#[tokio::test]
async fn tls_to_a_plain_port_is_a_tls_failure() {
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let mut url = server.url.clone();
    url.set_scheme("https").unwrap();
    let mut settings = HttpSettings::new(url);
    settings.verify_tls = false;
    let client = HttpClient::new(settings).unwrap();
    let error = client.send(Request::get("/ack", AMPLE)).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Tls, "{error}");
}
