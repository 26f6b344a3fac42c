//! The sandbox for people, live validation, and waivers.

use crate::documents::document;
use crate::scene::{Ran, Scene, check, mongo_is_there};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn the_sandbox_prints_what_to_export_and_ends_on_a_signal() {
    let scene = Scene::new();
    let mut child = scene
        .command(&["sandbox", "up", "--fault", "focus-api.ack-broken"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            line.unwrap()
                .strip_prefix("export SHAKEDOWN_LOCAL_FOCUS_URL='http://")?
                .split('/')
                .next()
                .map(str::to_owned)
        })
        .expect("the address of the Focus Server is exported");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .write_all(b"GET /focus-server/ack HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(&address).is_err(), "nothing is left listening");
}

#[test]
fn live_validation_tells_ready_from_away() {
    if !mongo_is_there() {
        return;
    }
    let ran = Scene::new().shakedown(&["validate", "--env", "local", "--live", "--format", "json"]).expect(0);
    let targets = document(&ran, "validate")["targets"].as_array().cloned().unwrap();
    assert!(
        targets.len() == 3 && targets.iter().all(|target| target["condition"] == "ready"),
        "{targets:#?}"
    );
    let scene = Scene::new();
    let mut command = scene.command(&["validate", "--env", "staging", "--live"]);
    command
        .env("SHAKEDOWN_STAGING_MONGO_URI", "mongodb://127.0.0.1:1/")
        .env("SHAKEDOWN_STAGING_FOCUS_URL", "http://127.0.0.1:1/")
        .env("SHAKEDOWN_STAGING_KUBECONFIG", "/nonexistent/kubeconfig");
    let ran = Ran(command.output().unwrap()).expect(3);
    assert_eq!(ran.stdout().matches("away").count(), 3, "{}", ran.stdout());
}

#[test]
fn a_waiver_tolerates_a_failure_until_its_day_and_never_hides_it() {
    if !mongo_is_there() {
        return;
    }
    let config = std::fs::read_to_string(Scene::new().path("checks.toml")).unwrap();
    let arguments = [
        "run",
        "--env",
        "local",
        "-E",
        "id(mongo.indexes.required)",
        "--fault",
        "mongo.index-missing",
        "--out",
        "out",
    ];
    for (expires, code, gate) in [("2999-12-31", 0, "waived"), ("2001-01-01", 1, "required")] {
        let waiver = format!(
            "\n[[environments.local.waiver]]\ncheck = \"mongo.indexes.required\"\nreason = \"being rebuilt\"\nticket = \"PZ-1\"\nexpires = {expires}\n"
        );
        let scene = Scene::with(&format!("{config}{waiver}"));
        let ran = scene.shakedown(&arguments).expect(code);
        let run = scene.run_json("out");
        let check = check(&run, "mongo.indexes.required");
        assert_eq!((&check["status"], &check["gate"]), (&"failed".into(), &gate.into()), "{}", ran.stdout());
        assert!(
            ran.stdout().contains("index-missing") || ran.stdout().contains("mongo.indexes.required"),
            "{}",
            ran.stdout()
        );
        assert_eq!(ran.stderr().contains("expired"), gate == "required", "{}", ran.stderr());
    }
}
