//! Getting in, and not getting in: each mistake is one clear error, and no error shows a credential.

use crate::target::Settings;
use crate::trial::{AMPLE, Answer, Server, connect, kubeconfig, refusal, settings, version};
use insta::assert_snapshot;
use serde_json::{Value, json};
use shakedown_core::{TargetError, TargetErrorKind};
use std::path::Path;
use std::time::Duration;

async fn fails(settings: Settings) -> TargetError {
    fails_within(settings, AMPLE).await
}

async fn fails_within(settings: Settings, timeout: Duration) -> TargetError {
    let Err(error) = connect(settings, timeout).await else { panic!("connected") };
    assert!(error.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{error} has no remedy");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    error
}

fn from(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

/// A program that does what a script says.
fn script(directory: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join("plugin");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

fn exec(command: &str) -> Value {
    json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never" } })
}

#[tokio::test]
async fn who_is_let_in_knows_where() {
    let server = Server::well(|_| None).await;
    let connected = connect(server.settings(), AMPLE).await.unwrap();
    assert_eq!(connected.info.version.as_deref(), Some("v1.33.1"));
    assert_eq!(connected.info.address, server.address.to_string());
    assert_eq!(
        connected.info.identity.into_iter().collect::<Vec<_>>(),
        [("uid".to_owned(), "u-1".to_owned())]
    );
    assert_snapshot!(connected.info.warnings.join("\n"), @"nothing is encrypted: the kubeconfig's `server` is an http:// URL");
    connected.client.probe().await.unwrap();
}

#[tokio::test]
async fn who_may_not_see_the_identity_gets_in_all_the_same() {
    let server = Server::well(|path| {
        path.starts_with("/api/v1/namespaces/")
            .then(|| refusal(403, "Forbidden", "User \"robot\" cannot get"))
    })
    .await;
    let connected = connect(server.settings(), AMPLE).await.unwrap();
    assert!(connected.info.identity.is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_know_us_is_an_error_at_once() {
    let server = Server::well(|path| {
        path.starts_with("/api/").then(|| refusal(401, "Unauthorized", "bearer s3cret-t0ken is stale"))
    })
    .await;
    let error = fails(server.settings()).await;
    assert_eq!(error.kind, TargetErrorKind::Unauthorised);
    assert!(error.message.contains("[redacted] is stale"), "{error}");
}

#[tokio::test]
async fn servers_that_are_none() {
    let silent = Server::start(|_| Answer::Silence).await;
    assert_eq!(
        fails_within(silent.settings(), Duration::from_millis(300)).await.kind,
        TargetErrorKind::TimedOut
    );
    let other = Server::start(|_| Answer::Raw(b"220 mail.example.com ESMTP\r\n".to_vec())).await;
    assert_eq!(fails(other.settings()).await.kind, TargetErrorKind::Protocol);
    let page = Server::start(|_| Answer::Json(404, json!("no such page"))).await;
    assert_eq!(fails(page.settings()).await.kind, TargetErrorKind::Protocol);
    let endless = Server::start(|_| Answer::Endless).await;
    assert_eq!(fails(endless.settings()).await.kind, TargetErrorKind::Protocol);
    let broken = Server::start(|_| refusal(500, "InternalError", "etcd is away")).await;
    assert_eq!(fails(broken.settings()).await.kind, TargetErrorKind::Lost);
}

#[tokio::test]
async fn nobody_is_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = fails(settings(&kubeconfig(&format!("https://{address}"), &json!({})))).await;
    assert_eq!(error.kind, TargetErrorKind::Refused, "{error}");
    let error = fails(settings(&kubeconfig("https://nowhere.invalid:6443", &json!({})))).await;
    assert_eq!(error.kind, TargetErrorKind::Dns, "{error}");
    assert_eq!(error.address, "nowhere.invalid:6443");
}

#[tokio::test]
async fn a_server_without_tls_where_tls_is_due() {
    let plain = Server::start(|_| Answer::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let mut config = kubeconfig(&format!("https://{}", plain.address), &json!({}));
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    // The server waits for the end of a request that never comes, so what happens is up to its patience.
    let error = fails_within(settings(&config), Duration::from_millis(500)).await;
    assert!(matches!(error.kind, TargetErrorKind::TimedOut | TargetErrorKind::Tls), "{error}");
}

#[tokio::test]
async fn settings_say_one_way_in() {
    assert_snapshot!(fails(from(json!({}))).await, @"k8s at (settings): unusable settings: nothing says how to get in");
    let two = from(json!({ "in_cluster": true, "kubeconfig": "/x" }));
    assert_snapshot!(fails(two).await, @"k8s at (settings): unusable settings: more than one thing says how to get in");
    let odd = from(json!({ "in_cluster": true, "context": "x" }));
    assert_snapshot!(fails(odd).await, @"k8s at (settings): unusable settings: `context` belongs to a kubeconfig, and `in_cluster` uses none");
    let pod = from(json!({ "in_cluster": true }));
    assert!(fails(pod).await.message.contains("this is no pod with a service account"));
    let namespace = from(json!({ "kubeconfig": "/x", "namespace": "../secrets" }));
    assert_snapshot!(fails(namespace).await, @"k8s at (settings): unusable settings: `namespace` is `../secrets`, which is no name of a namespace");
    let unknown = serde_json::from_value::<Settings>(json!({ "kubeconfg": "/x" })).unwrap_err();
    assert!(unknown.to_string().contains("kubeconfg"));
    assert!(!format!("{:?}", from(json!({ "kubeconfig_text": "token: s3cret" }))).contains("s3cret"));
}

#[tokio::test]
async fn kubeconfigs_that_cannot_be_used() {
    let missing = from(json!({ "kubeconfig": "/does/not/exist" }));
    assert_snapshot!(fails(missing).await, @"k8s at /does/not/exist: unusable settings: cannot read /does/not/exist: No such file or directory (os error 2)");
    for text in
        ["users: [{name: u, user: {token: s3cret-t0ken", "s3cret-t0ken", "[]", "apiVersion: [s3cret", "\u{0}"]
    {
        let error = fails(from(json!({ "kubeconfig_text": text }))).await;
        assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
    }
    let with = |change: &dyn Fn(&mut Value)| {
        let mut config = kubeconfig("https://k8s.example.com:6443", &json!({ "token": "s3cret-t0ken" }));
        change(&mut config);
        settings(&config)
    };
    let mut unknown = with(&|_| {});
    unknown.context = Some("production".to_owned());
    let error = fails(unknown).await;
    assert_snapshot!(error, @"k8s at (kubeconfig_text): unusable settings: the kubeconfig has no context `production`; its contexts: `here`");
    assert_snapshot!(error.remedy.unwrap(), @"name one of them in `context`");
    let error = fails(with(&|config| config["current-context"] = json!(null))).await;
    assert_snapshot!(error, @"k8s at (kubeconfig_text): unusable settings: the kubeconfig has no current context; its contexts: `here`");
    let error = fails(with(&|config| config["clusters"][0]["name"] = json!("other"))).await;
    assert_snapshot!(error, @"k8s at (kubeconfig_text): unusable settings: the kubeconfig's context leads to a cluster `c`, which the kubeconfig does not have");
    let error = fails(with(&|config| {
        config["clusters"][0]["cluster"]["proxy-url"] = json!("http://proxy.example.com");
    }))
    .await;
    assert_snapshot!(error, @"k8s at (kubeconfig_text): unusable settings: the kubeconfig leads through a proxy (`proxy-url`), which is not possible");
    let error =
        fails(with(&|config| config["clusters"][0]["cluster"]["certificate-authority-data"] = json!("!")))
            .await;
    assert!(
        error.kind == TargetErrorKind::Settings && error.message.contains("certificate authority"),
        "{error}"
    );
    let error = fails(with(&|config| {
        config["users"][0]["user"]["auth-provider"] = json!({ "name": "gcp", "config": {} });
    }))
    .await;
    assert_snapshot!(error, @"k8s at (kubeconfig_text): unusable settings: the kubeconfig's user has an `auth-provider`, which Kubernetes itself gave up");
    for server in ["", "k8s", "/x", "ftp://k8s.example.com"] {
        let error = fails(with(&|config| config["clusters"][0]["cluster"]["server"] = json!(server))).await;
        assert_eq!(error.kind, TargetErrorKind::Settings, "{server}: {error}");
    }
}

#[tokio::test]
async fn a_credential_plugin_is_asked_for_a_token() {
    let server = Server::well(|path| (path == "/version").then(version)).await;
    let directory = tempfile::tempdir().unwrap();
    let print = r#"test -n "$KUBERNETES_EXEC_INFO" && echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"s3cret-t0ken","expirationTimestamp":"2100-01-01T00:00:00Z"}}'"#;
    let config = kubeconfig(&format!("http://{}", server.address), &exec(&script(directory.path(), print)));
    let connected = connect(settings(&config), AMPLE).await.unwrap();
    assert!(
        connected.info.warnings.iter().any(|warning| warning.contains("2100-01-01")),
        "{:?}",
        connected.info
    );
}

#[tokio::test]
async fn a_credential_plugin_that_fails_is_one_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    for (text, words) in [
        (
            "echo noise >&2; echo 'the session has expired, log in again' >&2; exit 3",
            "exit status: 3): the session has expired",
        ),
        ("echo '{\"status\":{\"token\":\"s3cret-t0ken\"'", "did not print an ExecCredential"),
        ("echo 's3cret-t0ken'", "did not print an ExecCredential"),
        ("echo '{\"status\":{}}'", "neither a token nor a certificate"),
        ("echo '{}'", "did not print an ExecCredential"),
        ("kill -9 $$", "signal"),
    ] {
        let config = kubeconfig("https://k8s.example.com:6443", &exec(&script(directory.path(), text)));
        let error = fails(settings(&config)).await;
        assert_eq!(error.kind, TargetErrorKind::Unauthorised, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    let error = fails(settings(&kubeconfig("https://k8s.example.com:6443", &exec("/does/not/exist")))).await;
    assert!(error.message.contains("cannot be run: No such file"), "{error}");
    let mut wants_a_terminal = exec("login");
    wants_a_terminal["exec"]["interactiveMode"] = json!("Always");
    let error = fails(settings(&kubeconfig("https://k8s.example.com:6443", &wants_a_terminal))).await;
    assert_eq!(error.kind, TargetErrorKind::Settings);
}

#[tokio::test]
async fn a_credential_plugin_that_hangs_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let text = format!("echo $$ > {}; exec sleep 600", pid.display());
    let config = kubeconfig("https://k8s.example.com:6443", &exec(&script(directory.path(), &text)));
    let error = fails_within(settings(&config), Duration::from_secs(2)).await;
    assert_eq!(error.kind, TargetErrorKind::Unauthorised, "{error}");
    assert!(error.message.contains("printed nothing within"), "{error}");
    let pid = std::fs::read_to_string(pid).unwrap();
    let process = format!("/proc/{}/cmdline", pid.trim());
    let deadline = std::time::Instant::now() + AMPLE;
    // A process that has ended and was not yet waited for has no command line any more.
    while std::fs::read(&process).is_ok_and(|line| !line.is_empty()) {
        assert!(std::time::Instant::now() < deadline, "it is still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
