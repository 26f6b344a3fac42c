//! What is kept of a run, sent elsewhere and compared.

use crate::documents::document;
use crate::scene::{Ran, Scene};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

pub(crate) const XRAY: &str = r#"
version = 1
[project]
name = "moon"
jira = "PZ"
jira_url = "https://jira.example.com"
[environments.local]
sandbox = {}
[environments.local.policy]
allow = ["read", "create"]
[environments.local.xray]
product = "data-center"
url = "${LAB_XRAY_URL}"
token = "${LAB_XRAY_TOKEN}"
plan = "PZ-14024"
"#;

/// A scene with a run in it, of one check that has a key.
fn run() -> Scene {
    let scene = Scene::with(XRAY);
    scene.shakedown(&["run", "--env", "local", "-E", "id(focus-api.ack.ok)", "--out", "out"]).expect(0);
    scene
}

/// Answers each request with the next of these, and returns what was asked. An empty answer breaks the connection.
pub(crate) fn jira(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/rest/raven/2.0", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            let is_whole = |request: &[u8]| {
                request.ends_with(if request.starts_with(b"GET ") { b"\r\n\r\n" } else { b"--\r\n" })
            };
            while !is_whole(&request) {
                let length = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..length]);
            }
            asked.push(String::from_utf8_lossy(&request).into_owned());
            let length = answer.len();
            if length > 0 {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{answer}"
                )
                .unwrap();
            }
        }
        asked
    });
    (url, served)
}

#[test]
fn a_run_needs_none_of_the_secrets_of_an_upload() {
    let scene = run();
    assert!(scene.path("out/xray.xml").is_file() && scene.path("out/report.html").is_file());
    let ran = scene.shakedown(&["upload", "xray", "out", "--env", "local"]).expect(2);
    assert!(ran.stderr().contains("LAB_XRAY_URL"), "{}", ran.stderr());
}

#[test]
fn a_dry_run_shows_the_request_and_sends_nothing() {
    let scene = run();
    let mut command =
        scene.command(&["upload", "xray", "out", "--env", "local", "--dry-run", "--revision", "4f2a"]);
    command.env("LAB_XRAY_URL", "http://127.0.0.1:9/rest/raven/2.0").env("LAB_XRAY_TOKEN", "c4nary-token");
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in ["testPlanKey = PZ-14024", "testEnvironments = local", "revision = 4f2a", "xray.xml"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("c4nary"), "{shown}");
    let request = document(&Ran(command.args(["--format", "json"]).output().unwrap()), "upload-request");
    assert_eq!(request["query"]["testPlanKey"], "PZ-14024");
    assert_eq!((&request["parts"][0]["file"], &request["tests"]["passed"]), (&"xray.xml".into(), &2.into()));
}

#[test]
fn what_was_uploaded_is_printed_and_kept_and_can_be_uploaded_again() {
    let scene = run();
    let (url, served) =
        jira(vec![r#"{"testExecIssue":{"key":"PZ-900"}}"#, "{}", r#"{"testExecIssue":{"key":"PZ-901"}}"#]);
    let upload = |code| {
        let mut command = scene.command(&["upload", "xray", "out", "--env", "local"]);
        let output =
            command.env("LAB_XRAY_URL", &url).env("LAB_XRAY_TOKEN", "c4nary-token").output().unwrap();
        Ran(output).expect(code)
    };
    assert!(upload(0).stdout().contains("https://jira.example.com/browse/PZ-900"));
    // An answer without a key is no upload, and says how to try again.
    let failed = upload(5);
    assert!(failed.stderr().contains("without the key"), "{}", failed.stderr());
    assert!(
        failed.stderr().contains("to try again: shakedown upload xray out --env local"),
        "{}",
        failed.stderr()
    );
    let later = upload(0);
    assert!(later.stderr().contains("uploaded already, as PZ-900"), "{}", later.stderr());
    let kept = std::fs::read_to_string(scene.path("out/uploads.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((&kept[0]["key"], &kept[1]["key"]), (&"PZ-900".into(), &"PZ-901".into()));
    let asked = served.join().unwrap();
    assert!(asked[0].contains("authorization: Bearer c4nary-token"), "{}", asked[0]);
    assert!(!failed.stderr().contains("c4nary"));
}

#[test]
fn an_upload_of_which_nobody_knows_is_not_repeated_blindly() {
    let scene = run();
    let (url, served) = jira(vec!["", r#"{"testExecIssue":{"key":"PZ-902"}}"#]);
    let upload = |code, more: &[&str]| {
        let mut command = scene.command(&["upload", "xray", "out", "--env", "local", "--revision", ""]);
        command.args(more).env("LAB_XRAY_URL", &url).env("LAB_XRAY_TOKEN", "c4nary-token");
        Ran(command.output().unwrap()).expect(code)
    };
    let lost = upload(5, &[]);
    assert!(lost.stderr().contains("nobody knows whether the import happened"), "{}", lost.stderr());
    let refused = upload(5, &[]);
    assert!(refused.stderr().contains("`--again` uploads"), "{}", refused.stderr());
    let again = upload(0, &["--again", "--format", "json"]);
    let record = document(&again, "upload");
    assert_eq!((&record["key"], &record["fate"]), (&"PZ-902".into(), &"uploaded".into()));
    let kept = std::fs::read_to_string(scene.path("out/uploads.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((&kept[0]["fate"], &kept[1]), (&"unknown".into(), &record));
    let asked = served.join().unwrap();
    assert_eq!(asked.len(), 2, "what was refused was not sent");
    assert!(!asked[1].contains("revision="), "an empty option says nothing: {}", asked[1]);
}

#[test]
fn two_runs_are_compared() {
    let scene = run();
    let broken = [
        "run",
        "--env",
        "local",
        "-E",
        "id(focus-api.ack.ok)",
        "--fault",
        "focus-api.ack-broken",
        "--out",
        "later",
    ];
    scene.shakedown(&broken).expect(1);
    let ran = scene.shakedown(&["report", "--compare", "out", "later"]).expect(1);
    assert!(ran.stdout().contains("focus-api.ack.ok"), "{}", ran.stdout());
    let ran = scene.shakedown(&["report", "--compare", "later", "out", "--format", "json"]).expect(0);
    assert_eq!(document(&ran, "compare")["after"]["exit_code"], 0);
}
