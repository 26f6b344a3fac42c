//! The client against servers that mean well, badly, or nothing at all.

use crate::trial::{AMPLE, Answer, Server, context, list, refusal};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};
use shakedown_core::{CheckError, TargetError, TargetErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PODS: &str = "/api/v1/namespaces/panda/pods";

fn pods(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "metadata": { "name": name, "namespace": "panda" } })).collect()
}

fn names(pods: &[Pod]) -> Vec<&str> {
    pods.iter().map(|pod| pod.metadata.name.as_deref().unwrap()).collect()
}

/// What listing the pods ends with where the server answers like this.
async fn listing(
    time: Duration,
    answer: impl Fn() -> Answer + Send + Sync + 'static,
) -> Result<usize, TargetError> {
    let server = Server::well(move |path| path.starts_with(PODS).then(&answer)).await;
    let client = server.client().await;
    match client.all::<Pod>(&context(time), "list the pods", &client.here(), ListParams::default()).await {
        Ok(pods) => Ok(pods.len()),
        Err(CheckError::Target(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let server = Server::well(|path| {
        let page = path.strip_prefix(PODS)?;
        assert!(page.contains("limit=500"), "{page}");
        Some(match page.split("continue=").nth(1) {
            None => list("Pod", pods(&["a", "b"]), 7, Some("next")),
            Some("next") => list("Pod", vec![], 7, Some("last")),
            Some(_) => list("Pod", pods(&["c"]), 7, None),
        })
    })
    .await;
    let client = server.client().await;
    let all = client
        .all::<Pod>(&context(AMPLE), "list the pods", &client.here(), ListParams::default())
        .await
        .unwrap();
    assert_eq!(names(&all), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_list_whose_continuation_has_expired_is_begun_anew_once() {
    let asked = AtomicUsize::new(0);
    let server = Server::well(move |path| {
        path.starts_with(PODS).then(|| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => list("Pod", pods(&["a"]), 7, Some("next")),
            1 => refusal(410, "Expired", "the continue token is too old"),
            2 => list("Pod", pods(&["a", "b"]), 9, None),
            _ => panic!("asked again"),
        })
    })
    .await;
    let client = server.client().await;
    let all = client
        .all::<Pod>(&context(AMPLE), "list the pods", &client.here(), ListParams::default())
        .await
        .unwrap();
    assert_eq!(names(&all), ["a", "b"]);

    let error = Server::well(|path| path.starts_with(PODS).then(|| refusal(410, "Expired", "too old"))).await;
    let client = error.client().await;
    let error =
        client.all::<Pod>(&context(AMPLE), "list the pods", &client.here(), ListParams::default()).await;
    assert!(matches!(error, Err(CheckError::Unclear(text)) if text.contains("too old")));
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let error = listing(AMPLE, || list("Pod", vec![], 7, Some("on-and-on"))).await.unwrap_err();
    assert_eq!(error.kind, TargetErrorKind::Protocol);
    assert!(error.message.contains("the list does not end after 50000 objects"), "{error}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let error = listing(AMPLE, || Answer::Endless).await.unwrap_err();
    assert_eq!(error.kind, TargetErrorKind::Protocol, "{error}");
    assert!(error.message.contains("length limit exceeded"), "{error}");
}

#[tokio::test]
async fn a_silent_server_costs_the_time_of_the_check_and_no_more() {
    let error = listing(Duration::from_millis(300), || Answer::Silence).await.unwrap_err();
    assert_eq!(error.kind, TargetErrorKind::TimedOut);
    assert!(error.message.starts_with("cannot list the pods: no answer within"), "{error}");
}

#[tokio::test]
async fn answers_that_no_api_server_gives() {
    let raw = |text: &'static str| move || Answer::Raw(text.as_bytes().to_vec());
    for (error, words) in [
        (listing(AMPLE, raw("\x00\x01\x02garbage\r\n\r\n")).await, "HTTP"),
        (
            listing(
                AMPLE,
                raw("HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>"),
            )
            .await,
            "not what Kubernetes would say",
        ),
        (
            listing(
                AMPLE,
                raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\u{7f}\u{0}"),
            )
            .await,
            "not what Kubernetes would say",
        ),
        (
            listing(AMPLE, || Answer::Json(200, json!({ "items": "none" }))).await,
            "not what Kubernetes would say",
        ),
        (
            listing(
                AMPLE,
                raw(
                    "HTTP/1.1 302 Found\r\nLocation: https://login.example.com/\r\nContent-Length: 0\r\n\r\n",
                ),
            )
            .await,
            "redirect",
        ),
        (listing(AMPLE, || Answer::Json(418, json!("teapot"))).await, "HTTP 418"),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind, TargetErrorKind::Protocol, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let error = listing(AMPLE, || Answer::Raw(Vec::new())).await.unwrap_err();
    assert_eq!(error.kind, TargetErrorKind::Lost, "{error}");
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let error =
        listing(AMPLE, || refusal(403, "Forbidden", "pods is forbidden: User \"robot\" cannot list")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, TargetErrorKind::Forbidden, "{error}");
    assert!(error.remedy.unwrap().contains("kubectl auth can-i"));
    let error = listing(AMPLE, || refusal(403, "Forbidden", "User \"system:anonymous\" cannot list")).await;
    assert_eq!(error.unwrap_err().kind, TargetErrorKind::Unauthorised);
    let error = listing(AMPLE, || refusal(401, "Unauthorized", "Unauthorized")).await;
    assert_eq!(error.unwrap_err().kind, TargetErrorKind::Unauthorised);
}

#[tokio::test]
async fn a_server_that_is_busy_now_and_then_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let found = listing(AMPLE, move || match asked.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => refusal(503, "ServiceUnavailable", "busy"),
        _ => list("Pod", pods(&["a"]), 7, None),
    });
    assert_eq!(found.await.unwrap(), 1);
}

#[tokio::test]
async fn many_who_ask_at_once_are_answered_at_once() {
    let server =
        Server::well(|path| path.starts_with(PODS).then(|| list("Pod", pods(&["a"]), 7, None))).await;
    let client = server.client().await;
    let contexts: Vec<_> = (0..20).map(|_| context(AMPLE)).collect();
    let all = futures_util::future::join_all(contexts.iter().map(|cx| client.pods(cx))).await;
    assert!(all.iter().all(|pods| names(pods.as_ref().unwrap()) == ["a"]));
    let asked = server.asked().iter().filter(|path| path.starts_with(PODS)).count();
    assert_eq!(asked, 1);
    client.pods_now(&contexts[0]).await.unwrap();
    assert_eq!(server.asked().iter().filter(|path| path.starts_with(PODS)).count(), 2);
}

#[tokio::test]
async fn of_secrets_only_certificates_are_kept() {
    let server = Server::well(|path| {
        let query = path.strip_prefix("/api/v1/namespaces/panda/secrets")?;
        assert!(query.contains("fieldSelector=type%3Dkubernetes.io%2Ftls"), "{query}");
        let data = json!({ "tls.crt": "Y2VydA==", "tls.key": "a2V5", "other": "eA==" });
        let secret =
            |name: &str, kind: &str| json!({ "metadata": { "name": name }, "type": kind, "data": data });
        Some(list("Secret", vec![secret("tls", "kubernetes.io/tls"), secret("password", "Opaque")], 7, None))
    })
    .await;
    let client = server.client().await;
    let secrets = client.secrets(&context(AMPLE)).await.unwrap();
    assert_eq!(secrets.len(), 1, "a server that knows no field selector sends all");
    let kept: Vec<_> = secrets[0].data.as_ref().unwrap().keys().collect();
    assert_eq!(kept, ["tls.crt"]);
}
