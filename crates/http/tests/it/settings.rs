//! Settings that cannot be used are refused in words, before anything is sent.

use shakedown_core::Secret;
use shakedown_http::{HttpClient, HttpErrorKind, HttpSettings};
use std::collections::BTreeMap;

fn settings(url: &str) -> HttpSettings {
    HttpSettings::new(url.parse().unwrap())
}

fn refusal(settings: HttpSettings) -> String {
    let error = HttpClient::new(settings).unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Settings);
    error.to_string()
}

#[test]
fn only_http_addresses() {
    let refused = refusal(settings("ftp://reader:hunter2@focus.example.com/x"));
    insta::assert_snapshot!(refused, @"`ftp://focus.example.com/x` is not an http or https address");
}

#[test]
fn headers_must_be_headers() {
    let with = |name: &str, value: &str| HttpSettings {
        headers: BTreeMap::from([(name.to_owned(), Secret::new(value))]),
        ..settings("https://focus.example.com")
    };
    insta::assert_snapshot!(refusal(with("not a name", "x")), @"`not a name` is not a header name");
    insta::assert_snapshot!(refusal(with("x-key", "hunter2\n")), @"the value of the header `x-key` has characters that no header may have");
}

#[test]
fn the_authority_file_must_hold_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let with = || HttpSettings { ca_file: Some(file.clone()), ..settings("https://focus.example.com") };
    assert!(refusal(with()).contains("cannot be read: "));
    std::fs::write(&file, "nothing here\n").unwrap();
    assert!(refusal(with()).ends_with("holds no certificate"));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(refusal(with()).contains("is not PEM"), "{}", refusal(with()));
}

#[test]
fn skipping_verification_is_said_aloud() {
    let client =
        |url: &str, verify_tls| HttpClient::new(HttpSettings { verify_tls, ..settings(url) }).unwrap();
    let warned = ["TLS certificates are not verified (verify_tls = false)"];
    assert_eq!(client("https://focus.example.com", false).warnings(), warned);
    assert!(client("http://focus.example.com", false).warnings().is_empty());
}
